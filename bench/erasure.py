"""Erase subjects of many photos, and count: calls of AWS, invocations, and the memory of a run.

usage: PYTHONPATH=shared:. python bench/erasure.py [PHOTOS ...]

S3 and DynamoDB are moto, whose speed says nothing of AWS's: what counts here are calls, and how many entries the
largest answer had, which is what a run holds at once. tests/unit/test_erasure_size.py measures the memory itself.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.client import BaseClient

from photogate.audit.event import Actor, ActorKind
from photogate.aws.erasable_bucket import ErasableBucket
from photogate.aws.erasures_table import DynamoErasures
from photogate.aws.items import to_item
from photogate.aws.key_probe import KeyProbe
from photogate.aws.subjects_table import DynamoSubjects
from photogate.aws.upload_rows import OwnedUploads
from photogate.erasure import EraseSubject, Recovery, new_erasure
from photogate.uploads import Status, new_id
from tests.functions.cloud import TENANT, Account, account
from tests.functions.erasing import subject_keys

SIZES = (1000, 2000, 10000)


def fill(aws: Account, photos: int) -> str:
    """Give a subject so many stored photos."""
    subject, now = new_id(), datetime.now(UTC)
    DynamoSubjects(aws.dynamodb, "subjects").create(TENANT, f"mac-{subject}", subject)
    subject_keys().for_sealing(TENANT, subject)
    ids = [new_id() for _ in range(photos)]
    for upload_id in ids:
        aws.s3.put_object(Bucket="vault", Key=f"{TENANT}/{subject}/{upload_id}.jpg", Body=b"x")
    for first in range(0, photos, 25):
        rows = [row(subject, upload_id, now) for upload_id in ids[first : first + 25]]
        aws.dynamodb.batch_write_item(RequestItems={"uploads": [{"PutRequest": {"Item": r}} for r in rows]})
    return subject


def row(subject: str, upload_id: str, now: datetime) -> dict[str, Any]:
    """Give the row of an accepted upload."""
    return to_item(
        {
            "pk": f"{TENANT}#{upload_id}",
            "subject": subject,
            "owner": f"{TENANT}#{subject}",
            "status": Status.ACCEPTED.value,
            "created_at": now,
            "photo_sha256": "0" * 64,
        }
    )


def erase(aws: Account, subject: str) -> dict[str, Any]:
    """Erase it, and count."""
    calls: Counter[str] = Counter()
    real, largest = BaseClient._make_api_call, 0

    def call(client: BaseClient, operation: str, arguments: dict[str, Any]) -> Any:
        nonlocal largest
        calls[operation] += 1
        answer = real(client, operation, arguments)
        lists = [value for value in answer.values() if isinstance(value, list)]
        largest = max(largest, sum(len(entries) for entries in lists))
        return answer

    store = DynamoErasures(aws.dynamodb, "subjects")
    erasure = store.request(
        new_erasure(TENANT, new_id(), subject, Actor(ActorKind.SUBJECT, subject), datetime.now(UTC))
    )
    names = ("incoming", "work", "quarantine", "vault")
    run = EraseSubject(
        store=store,
        uploads=OwnedUploads(aws.dynamodb, "uploads"),
        buckets={name: ErasableBucket(aws.s3, name) for name in names},
        probe=KeyProbe(subject_keys()),
        trail=aws.trail(erasure.erasure_id),
        clock=lambda: datetime.now(UTC),
        wait=timedelta(0),
        recovery=Recovery(),
    )
    BaseClient._make_api_call = call  # type: ignore[method-assign]
    started, invocations, longest = time.monotonic(), 0, 0.0
    try:
        status = ""
        while status != "erased":
            before = time.monotonic()
            status = run.run(TENANT, erasure.erasure_id).status
            longest = max(longest, time.monotonic() - before)
            invocations += 1
    finally:
        BaseClient._make_api_call = real  # type: ignore[method-assign]
    record = store.get(TENANT, erasure.erasure_id)
    assert record is not None
    return {
        "calls": sum(calls.values()),
        "invocations": invocations,
        "longest_s": longest,
        "seconds": time.monotonic() - started,
        "largest": largest,
        "versions": record.found.total.versions,
        "rows": record.found.uploads,
        "by_call": dict(calls.most_common(6)),
    }


def main() -> None:
    """Print a line for each size."""
    logging.disable(logging.CRITICAL)
    os.environ.setdefault("POWERTOOLS_LOG_LEVEL", "CRITICAL")
    for photos in [int(word) for word in sys.argv[1:]] or SIZES:
        with pytest.MonkeyPatch.context() as patch, account(patch) as aws:
            seen = erase(aws, fill(aws, photos))
            assert (seen["versions"], seen["rows"]) == (photos, photos)
            print(
                f"{photos:>6} photos  {seen['calls']:>5} calls ({seen['calls'] / photos:.4f} a photo)  "
                f"{seen['invocations']:>3} invocations  longest {seen['longest_s']:.1f} s  "
                f"all {seen['seconds']:.1f} s  largest answer {seen['largest']} entries  {seen['by_call']}",
                flush=True,
            )


if __name__ == "__main__":
    main()
