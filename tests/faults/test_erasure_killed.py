"""An erasure that is killed after any of its calls, and started again, ends in the same state with one certificate.

The calls are counted in a run that nothing disturbs; then each of them is the last that a process makes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from botocore.client import BaseClient

from photogate.aws.erasures_table import DynamoErasures
from photogate.errors import Conflict, Transient
from tests.functions.cloud import TENANT, Account, account
from tests.functions.erasing import Stock, events_of, left_of, rows_of, stock, subject_rows

# Of the run and its moment, and not of what was erased.
OF_THE_RUN = ("erasure_id", "subject_sha256", "requested_at", "fenced_at", "key_deleted_at", "verified_at", "recovery")


class Killed(BaseException):
    """The process is gone: nothing that it runs can catch that."""


class Calls:
    """Counts calls of AWS, and kills after one of them, before its answer is seen."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.last: int | None = None

    def call(self, real: Any, client: BaseClient, operation: str, arguments: dict[str, Any]) -> Any:
        answer = real(client, operation, arguments)
        self.made.append(operation)
        if len(self.made) - 1 == self.last:
            raise Killed
        return answer


@contextmanager
def watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[Calls]:
    calls, real = Calls(), BaseClient._make_api_call
    with monkeypatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", lambda client, op, args: calls.call(real, client, op, args))
        yield calls


def erase(aws: Account, erasure: str) -> None:
    """Run it, in pages so small that every way through the code is taken."""
    app = aws.function("erase_subject")
    whole = app.EraseSubject  # type: ignore[attr-defined]
    app.EraseSubject = lambda **needs: whole(**{**needs, "pages": 2})  # type: ignore[attr-defined]
    try:
        assert aws.erase(erasure) == "erased"
    finally:
        app.EraseSubject = whole  # type: ignore[attr-defined]


def end_of(aws: Account, made: Stock, erasure: str) -> dict[str, Any]:
    """Describe the end of an erasure, without what is of the run."""
    record = DynamoErasures(aws.dynamodb, "subjects").get(TENANT, erasure)
    assert record is not None
    assert record.certificate is not None
    certificate = {k: v for k, v in json.loads(record.certificate).items() if k not in OF_THE_RUN}
    certificate["deleted"].pop("ids_hash")
    events = events_of(aws, made.subject)
    assert events[-1]["details"]["certificate_hash"] == record.certificate_hash
    rows = [{k: v for k, v in r.items() if k not in MOMENTS} for r in rows_of(aws, made)]
    return {
        "certificate": certificate,
        "events": [(event["name"], event["outcome"], sorted(event["details"])) for event in events],
        "phase": record.phase,
        "left": left_of(aws, made),
        "subject": [key for key in subject_rows(aws) if made.subject in key],
        "rows": [sorted(row) for row in rows],
        "status": [row["status"] for row in rows],
    }


MOMENTS = ("pk", "created_at", "finished_at", "expires_at")


def test_killed_after_any_of_its_calls_it_ends_the_same_with_one_certificate(monkeypatch: pytest.MonkeyPatch) -> None:
    with account(monkeypatch) as aws:
        mine = stock(aws, uploads=2, caller="undisturbed")
        erasure = aws.ask_erasure(caller="undisturbed")
        with watched(monkeypatch) as calls:
            erase(aws, erasure)
        undisturbed = end_of(aws, mine, erasure)
        assert undisturbed["left"] == {}
        assert [name for name, _, _ in undisturbed["events"]] == ["consent.given", "subject.fenced", "subject.erased"]
        count = len(calls.made)
        assert count > 60

        for last in range(count):
            who = f"killed-after-{last}"
            mine = stock(aws, uploads=2, caller=who)
            erasure = aws.ask_erasure(caller=who)
            with watched(monkeypatch) as calls:
                calls.last = last
                with pytest.raises(Killed):
                    erase(aws, erasure)
            erase(aws, erasure)

            assert end_of(aws, mine, erasure) == undisturbed, f"killed after call {last}, {calls.made[last]}"


def test_two_runs_at_once_end_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second process goes through the whole erasure while the first one waits for an answer, at every call."""
    with account(monkeypatch) as aws:
        mine = stock(aws, uploads=1, caller="undisturbed")
        erasure = aws.ask_erasure(caller="undisturbed")
        with watched(monkeypatch) as calls:
            erase(aws, erasure)
        undisturbed, count = end_of(aws, mine, erasure), len(calls.made)

        for place in range(0, count, 5):
            who = f"overtaken-at-{place}"
            mine = stock(aws, uploads=1, caller=who)
            erasure = aws.ask_erasure(caller=who)
            overtake(monkeypatch, aws, erasure, place)

            assert end_of(aws, mine, erasure) == undisturbed, f"overtaken at call {place}"


def overtake(monkeypatch: pytest.MonkeyPatch, aws: Account, erasure: str, place: int) -> None:
    made, real = [0], BaseClient._make_api_call

    def call(client: BaseClient, operation: str, arguments: dict[str, Any]) -> Any:
        made[0] += 1
        if made[0] - 1 == place:
            erase(aws, erasure)
        return real(client, operation, arguments)

    with monkeypatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", call)
        # What the state machine tries again: another run wrote to the record.
        with suppress(Conflict, Transient):
            erase(aws, erasure)
    erase(aws, erasure)
