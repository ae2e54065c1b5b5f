"""Taking consent back starts the erasure, in one call."""

from __future__ import annotations

from datetime import UTC, datetime

from photogate.aws.erasures_table import DynamoErasures
from photogate.subjects import HoldGround
from tests.functions.cloud import TENANT, Account
from tests.functions.erasing import events_of, left_of, stock


def withdraw(aws: Account) -> dict[str, object]:
    consents = aws.http("manage_consents", "GET", "/consents")[1]["consents"]
    status, consent = aws.http("manage_consents", "POST", f"/consents/{consents[0]['id']}/withdraw")
    assert (status, consent["state"]) == (200, "withdrawn")
    return dict(consent)


def test_withdrawal_starts_the_erasure_of_everything(aws: Account) -> None:
    mine = stock(aws)
    erasure = withdraw(aws)["erasure"]
    assert aws.erase(str(erasure)) == "erased"
    assert left_of(aws, mine) == {}
    names = [event["name"] for event in events_of(aws, mine.subject)]
    assert names == ["consent.given", "consent.withdrawn", "subject.fenced", "subject.erased"]


def test_withdrawing_again_is_the_same_erasure(aws: Account) -> None:
    stock(aws)
    assert withdraw(aws)["erasure"] == withdraw(aws)["erasure"]


def test_a_hold_refuses_the_erasure_and_not_the_withdrawal(aws: Account) -> None:
    mine = stock(aws)
    holds = DynamoErasures(aws.dynamodb, "subjects")
    holds.place_hold(TENANT, mine.subject, HoldGround.CLAIM, datetime(2026, 11, 1, tzinfo=UTC))
    assert withdraw(aws)["erasure"] is None
    assert set(left_of(aws, mine)) == {"incoming", "work", "quarantine", "vault"}
    assert [e["name"] for e in events_of(aws, mine.subject)] == ["consent.given", "consent.withdrawn", "hold.refused"]
