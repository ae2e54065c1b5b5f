"""Claim: whoever withdraws at any moment before the final transaction leaves nothing stored.

Withdraw before each step, which is after the one before it; and, finer, between any two writes of all steps together.
"""

from __future__ import annotations

from typing import Any

import pytest
from botocore.client import BaseClient

from photogate.errors import Fenced, PhotogateError
from photogate.findings import FindingKind
from photogate.policy import Action, Policy, Rule, default_policy
from tests import photos
from tests.faults.test_crashes import WRITES
from tests.functions.cloud import CALLER, TENANT, Account, account


def rules(action: Action) -> Policy:
    findings = {**default_policy().findings, FindingKind.FACE: Rule(act=action, review=action)}
    return default_policy().model_copy(update={"findings": findings})


WAYS = {
    "accepted": (default_policy(), "coffee"),
    "redacted": (rules(Action.REDACT), "astronaut"),
    "in_review": (rules(Action.REVIEW), "astronaut"),
}


class Interrupted:
    """An account in which something happens just before the nth call of a step."""

    def __init__(self, aws: Account, at: int, what: Any) -> None:
        self.calls = 0
        self._call, self._at, self._what = aws.call, at, what
        aws.call = self.call  # type: ignore[method-assign]

    def call(self, function: str, event: dict[str, Any]) -> dict[str, Any]:
        if not function.startswith(("manage_", "read_", "request_")):
            if self.calls == self._at:
                self._what()
            self.calls += 1
        return self._call(function, event)


def prepare(aws: Account, way: str) -> dict[str, Any]:
    policy, picture = WAYS[way]
    if policy.hash != default_policy().hash:
        aws.set_policy(policy)
    return aws.upload(photos.encode(photos.picture(picture).resize((256, 256))))


def steps_of(monkeypatch: pytest.MonkeyPatch, way: str) -> int:
    with account(monkeypatch) as aws:
        upload = prepare(aws, way)
        counted = Interrupted(aws, -1, None)
        aws.process(upload)
        return counted.calls


def withdraw(aws: Account) -> None:
    """Withdraw as the uploader would, through the API."""
    mine = aws.dynamodb.scan(TableName="consents")["Items"][0]["sk"]["S"]
    status, consent = aws.http("manage_consents", "POST", f"/consents/{mine}/withdraw")
    assert (status, consent["state"]) == (200, "withdrawn")


def fence(aws: Account) -> None:
    """Set the fence that an erasure sets."""
    for item in aws.dynamodb.scan(TableName="subjects")["Items"]:
        if item["pk"]["S"].startswith("subject#"):
            aws.dynamodb.update_item(
                TableName="subjects",
                Key={"pk": item["pk"]},
                UpdateExpression="SET fenced_at = :now",
                ExpressionAttributeValues={":now": {"S": "2026-11-01T00:00:00.000Z"}},
            )


def must_hold_nothing(aws: Account) -> None:
    assert {b: aws.objects(b) for b in ("incoming", "work", "vault", "quarantine")} == {
        "incoming": [],
        "work": [],
        "vault": [],
        "quarantine": [],
    }


@pytest.mark.parametrize("way", WAYS)
def test_a_consent_withdrawn_before_any_step_leaves_nothing(monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    for at in range(steps_of(monkeypatch, way)):
        with account(monkeypatch) as aws:
            upload = prepare(aws, way)
            Interrupted(aws, at, lambda aws=aws: withdraw(aws))

            aws.process(upload)

            view = aws.status(upload)
            assert (view["status"], view["reason"]) == ("REJECTED", "no_consent")
            must_hold_nothing(aws)
            assert aws.names(upload["id"])[-2:] == ["upload.completed", "original.deleted"]


def run_with(aws: Account, upload: dict[str, Any], monkeypatch: pytest.MonkeyPatch, after: int) -> list[str]:
    """Process, and withdraw right after so many writes, -1 for none of them; give the writes of the run."""
    writes: list[str] = []
    real = BaseClient._make_api_call  # type: ignore[attr-defined]

    def call(client: BaseClient, operation: str, arguments: dict[str, Any]) -> Any:
        answer = real(client, operation, arguments)
        if operation in WRITES:
            writes.append(operation)
            if len(writes) - 1 == after:
                with monkeypatch.context() as own:
                    own.setattr(BaseClient, "_make_api_call", real)
                    withdraw(aws)
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", call)
        aws.process(upload)
    return writes


def test_a_consent_withdrawn_after_any_write_leaves_nothing_unless_it_was_the_transaction_or_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with account(monkeypatch) as aws:
        writes = run_with(aws, prepare(aws, "accepted"), monkeypatch, -1)
    transaction = len(writes) - 1 - writes[::-1].index("TransactWriteItems")
    assert transaction > 5

    for after in range(len(writes)):
        with account(monkeypatch) as aws:
            upload = prepare(aws, "accepted")
            run_with(aws, upload, monkeypatch, after)

            view = aws.status(upload)
            if after >= transaction:
                # The photo was kept by right; the erasure that the withdrawal starts is what deletes it.
                assert view["status"] == "ACCEPTED", after
            else:
                assert (view["status"], view["reason"]) == ("REJECTED", "no_consent"), after
                must_hold_nothing(aws)


@pytest.mark.parametrize("way", WAYS)
def test_a_fence_set_before_any_step_leaves_nothing(monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    for at in range(steps_of(monkeypatch, way)):
        with account(monkeypatch) as aws:
            upload = prepare(aws, way)
            Interrupted(aws, at, lambda aws=aws: fence(aws))

            aws.process(upload)

            stored = aws.dynamodb.scan(TableName="uploads")["Items"][0]
            assert (stored["status"]["S"], stored["reason"]["S"]) == ("REJECTED", "fenced")
            must_hold_nothing(aws)


def test_an_upload_after_withdrawal_is_refused(aws: Account) -> None:
    aws.upload(photos.parcel())
    withdraw(aws)
    mine = aws.dynamodb.scan(TableName="consents")["Items"][0]["sk"]["S"]
    request = {"content_type": "image/jpeg", "size": 10, "purpose": "proof_of_delivery", "consent_id": mine}

    status, problem = aws.http("request_upload", "POST", "/uploads", request)

    assert (status, problem["reason"]) == (403, "no_consent")


def test_withdrawing_twice_is_one_event(aws: Account) -> None:
    aws.consent()
    withdraw(aws)
    withdraw(aws)

    subject = next(
        i["pk"]["S"].rpartition("#")[2]
        for i in aws.dynamodb.scan(TableName="subjects")["Items"]
        if i["pk"]["S"].startswith("subject#")
    )
    names = [row.fields["name"] for row in reversed(aws.audit.last(f"{TENANT}/subject/{subject}", 50))]
    assert names == ["consent.given", "consent.withdrawn"]


def test_nobody_withdraws_for_another(aws: Account) -> None:
    mine = aws.consent(caller=CALLER)
    status, _ = aws.http("manage_consents", "POST", f"/consents/{mine}/withdraw", caller="somebody-else")
    assert status == 404


def test_an_erased_subject_is_fenced_for_good(aws: Account) -> None:
    """A subject whose row is gone is one whose erasure has ended: a step that comes later must not go on."""
    upload = aws.upload(photos.parcel())
    state = aws.call("admit_upload", aws.created(upload))
    for item in aws.dynamodb.scan(TableName="subjects")["Items"]:
        aws.dynamodb.delete_item(TableName="subjects", Key={"pk": item["pk"]})

    with pytest.raises(PhotogateError) as caught:
        aws.call("strip_metadata", state)

    assert isinstance(caught.value, Fenced)
