"""When what an upload left is due, by how it ended."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from photogate.aws.retention_index import due_keys, not_due
from photogate.errors import Reason
from photogate.uploads import Outcome, Status, Upload

THEN = datetime(2026, 11, 2, 9, 14, tzinfo=UTC)
NOW = THEN + timedelta(days=10)
UPLOAD = Upload(
    tenant="acme",
    upload_id="0b" * 16,
    subject="5f" * 16,
    status=Status.PROCESSING,
    purpose="proof_of_delivery",
    consent_id="c4" * 16,
    content_type="image/jpeg",
    size=1000,
    created_at=THEN,
    retention_days=30,
)
STORED = Outcome(Status.ACCEPTED, None, Reason.CLEAN, kept=True, photo_key="acme/x/y.jpg")


def test_a_photo_is_due_its_purpose_s_days_after_it_was_stored_and_its_row_has_no_ttl() -> None:
    keys = due_keys(UPLOAD, STORED, NOW)

    assert keys["retain_until"] == keys["due_at"] == NOW + timedelta(days=30)
    assert not_due(UPLOAD, STORED) == " REMOVE expires_at"


def test_an_appeal_does_not_begin_a_photo_s_time_anew() -> None:
    until = THEN + timedelta(days=30)

    assert due_keys(replace(UPLOAD, retain_until=until), STORED, NOW)["due_at"] == until


@pytest.mark.parametrize("status", [Status.REJECTED, Status.RETAKE])
def test_a_row_of_what_is_not_kept_goes_by_ttl_after_its_purpose_s_days(status: Status) -> None:
    outcome = Outcome(status, None, Reason.FACE)

    assert due_keys(UPLOAD, outcome, NOW) == {"expires_at": int((THEN + timedelta(days=30)).timestamp())}
    assert not_due(UPLOAD, outcome) == " REMOVE retain_until, due_shard, due_at"


def test_a_row_in_review_stays_until_the_review_ends() -> None:
    outcome = Outcome(Status.IN_REVIEW, None, Reason.FACE, kept=True)

    assert due_keys(UPLOAD, outcome, NOW) == {}
    assert not_due(UPLOAD, outcome) == " REMOVE expires_at, retain_until, due_shard, due_at"
