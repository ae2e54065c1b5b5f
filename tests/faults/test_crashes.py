"""Whatever breaks, wherever: a photo completes or ends in quarantine, once, and nothing is lost.

The faults sit between the handlers and AWS (moto), at every write of a whole run: the request is lost (the call is not
made) or the response is (the call is made, and its answer is not seen). Where the writes are is counted, not listed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.client import BaseClient

from photogate.errors import Transient
from photogate.findings import FindingKind
from photogate.policy import Action, Rule, default_policy
from tests import photos
from tests.functions.cloud import TENANT, Account, account, measured

WRITES = {
    "PutObject",
    "DeleteObject",
    "PutItem",
    "UpdateItem",
    "TransactWriteItems",
    "PutEvents",
}
REVIEW_FACES = default_policy().model_copy(
    update={
        "findings": {
            **default_policy().findings,
            FindingKind.FACE: Rule(act=Action.REVIEW, review=Action.REVIEW),
        }
    }
)


class Lost(Exception):
    """A fault that no retry mends: the function's process is gone."""


class Faults:
    """Counts writes, and breaks one of them.

    Attributes
    ----------
    at
        Which write breaks, from 0; None for none.
    lost
        ``"request"`` or ``"response"``.
    error
        What the caller sees.
    """

    def __init__(self) -> None:
        self.writes: list[str] = []
        self.at: int | None = None
        self.lost = "request"
        self.error: type[Exception] = Transient

    def call(self, real: Any, client: BaseClient, operation: str, arguments: dict[str, Any]) -> Any:
        """Stand between a client and AWS."""
        if operation not in WRITES:
            return real(client, operation, arguments)
        place = len(self.writes)
        self.writes.append(operation)
        if place != self.at:
            return real(client, operation, arguments)
        if self.lost == "response":
            real(client, operation, arguments)
        raise self.error("lost")


@contextmanager
def breakable(monkeypatch: pytest.MonkeyPatch) -> Iterator[Faults]:
    """Put faults between every client and AWS."""
    faults, real = Faults(), BaseClient._make_api_call
    with monkeypatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", lambda client, op, args: faults.call(real, client, op, args))
        yield faults


def photo(name: str) -> bytes:
    """A small photo, so that a run is quick."""
    return photos.encode(photos.picture(name).resize((256, 256)))


def count_writes(monkeypatch: pytest.MonkeyPatch, kind: str) -> int:
    with account(monkeypatch) as aws:
        upload = prepare(aws, kind)
        with breakable(monkeypatch) as faults:
            aws.process(upload)
        return len(faults.writes)


def prepare(aws: Account, kind: str) -> dict[str, Any]:
    """Announce and send the photo of one way; faults come after that."""
    if kind == "in_review":
        aws.set_policy(REVIEW_FACES)
    return aws.upload(photo("coffee" if kind == "accepted" else "astronaut"))


def must_have_ended_once(aws: Account, upload: dict[str, Any], allowed: set[str]) -> None:
    """One terminal status, one whole chain, the photo in the one place that its status says."""
    status = aws.status(upload)["status"]
    assert status in allowed
    events = aws.chain(upload["id"])
    ids = [event["id"] for event in events]
    assert len(ids) == len(set(ids))
    assert [event["seq"] for event in events] == list(range(len(events)))
    names = [event["name"] for event in events]
    assert names.count("upload.completed") == 1
    assert names.count("original.deleted") == 1
    assert aws.objects("incoming") == aws.objects("work") == []
    assert len(set(aws.objects("vault"))) == (1 if status in ("ACCEPTED", "REDACTED") else 0)
    originals = {key for key in aws.objects("quarantine") if not key.endswith("/findings.json")}
    assert len(originals) == (1 if status == "IN_REVIEW" else 0)
    assert bool(aws.objects("quarantine")) == bool(originals)
    if status in ("ACCEPTED", "REDACTED"):
        assert len(aws.objects("vault")) == 1


WAYS = {"accepted": "ACCEPTED", "retake": "RETAKE", "in_review": "IN_REVIEW"}


@pytest.mark.parametrize("kind", WAYS)
@pytest.mark.parametrize("lost", ["request", "response"])
def test_a_fault_that_a_retry_mends_changes_nothing(monkeypatch: pytest.MonkeyPatch, kind: str, lost: str) -> None:
    for at in range(count_writes(monkeypatch, kind)):
        with account(monkeypatch) as aws:
            upload = prepare(aws, kind)
            with breakable(monkeypatch) as faults:
                faults.at, faults.lost = at, lost
                aws.process(upload)
            must_have_ended_once(aws, upload, {WAYS[kind]})


@pytest.mark.parametrize("kind", WAYS)
@pytest.mark.parametrize("lost", ["request", "response"])
def test_a_fault_that_no_retry_mends_ends_in_quarantine_or_completes(
    monkeypatch: pytest.MonkeyPatch, kind: str, lost: str
) -> None:
    for at in range(count_writes(monkeypatch, kind)):
        with account(monkeypatch) as aws:
            upload = prepare(aws, kind)
            with breakable(monkeypatch) as faults:
                faults.at, faults.lost, faults.error = at, lost, Lost
                try:
                    aws.process(upload)
                except Exception:
                    # Quarantine or RecordOutcome failed for good, and with it the workflow: the sweeper's case.
                    aws.sweep_later(seconds=1200)
            must_have_ended_once(aws, upload, {WAYS[kind], "IN_REVIEW"})


@pytest.mark.parametrize("kind", WAYS)
def test_a_workflow_that_dies_is_swept(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """The workflow times out after each of its steps: nothing catches that but the schedule."""
    steps = ["admit_upload", "strip_metadata", "detect_faces"]
    for last in range(len(steps)):
        with account(monkeypatch) as aws:
            upload = prepare(aws, kind)
            state = aws.call("admit_upload", aws.created(upload))
            for step, answer in zip(steps[1 : last + 1], ["strip", "detect"], strict=False):
                state[answer] = aws.call(step, state)
            assert aws.status(upload)["status"] == "PROCESSING"

            aws.sweep_later(seconds=1200)

            must_have_ended_once(aws, upload, {"IN_REVIEW"})
            assert aws.status(upload)["reason"] == "timed_out"


def test_what_was_never_uploaded_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    with account(monkeypatch) as aws:
        upload = aws.upload(photo("coffee"))
        aws.s3.delete_object(Bucket="incoming", Key=upload["key"], VersionId=upload["version"])

        aws.sweep_later(seconds=30)
        assert aws.status(upload)["status"] == "AWAITING_UPLOAD"
        aws.sweep_later(seconds=1200)

        assert aws.status(upload)["status"] == "EXPIRED"
        assert "upload.expired" in aws.names(upload["id"])


def test_a_photo_whose_event_never_came_is_quarantined(monkeypatch: pytest.MonkeyPatch) -> None:
    with account(monkeypatch) as aws:
        upload = aws.upload(photo("coffee"))

        aws.sweep_later(seconds=1200)

        must_have_ended_once(aws, upload, {"IN_REVIEW"})


def test_an_upload_that_no_sweep_can_end_is_counted_for_the_alarm_and_named_in_the_log(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with account(monkeypatch) as aws:
        monkeypatch.delenv("POWERTOOLS_METRICS_DISABLED")
        broken, whole = aws.upload(photo("coffee")), aws.upload(photo("rocket"))
        aws.call("admit_upload", aws.created(broken))
        key = {"pk": {"S": f"{TENANT}#{broken['id']}"}}
        # What no function of ours writes: a claim without its execution.
        aws.dynamodb.update_item(TableName="uploads", Key=key, UpdateExpression="REMOVE claim_execution")

        assert aws.sweep_later(seconds=1200) == {"failed_IntegrityError": 1, "in_review": 1}
        assert measured(capsys.readouterr().out, "UploadsNotEnded") == 1
        [line] = [record for record in caplog.records if record.message == "upload not ended"]
        assert (line.upload_id, line.error) == (broken["id"], "IntegrityError")  # type: ignore[attr-defined]
        assert aws.status(whole)["status"] == "IN_REVIEW"

        # Again at the next run, and so at every one: that is what the alarm waits for.
        assert aws.sweep_later(seconds=1200) == {"failed_IntegrityError": 1}
        assert measured(capsys.readouterr().out, "UploadsNotEnded") == 1


def test_a_sweep_that_ends_all_counts_zero(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with account(monkeypatch) as aws:
        monkeypatch.delenv("POWERTOOLS_METRICS_DISABLED")
        assert aws.sweep_later(seconds=1200) == {}
    assert measured(capsys.readouterr().out, "UploadsNotEnded") == 0
