"""However much a subject has: calls grow with it and no faster, and memory does not grow."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from photogate.audit.event import Actor, ActorKind
from photogate.audit.log import AuditLog
from photogate.audit.trail import Trail
from photogate.erasure import EraseSubject, Erasure, Marker, Page, Recovery, Stored, new_erasure
from photogate.uploads import ObjectKey
from tests.audit_builders import MemoryStore

TENANT, SUBJECT, ERASURE = "acme", "1" * 32, "2" * 32
NOW = datetime(2026, 11, 1, tzinfo=UTC)
ME = Actor(ActorKind.SUBJECT, SUBJECT)


class Bucket:
    """A bucket of so many versions that are made when they are listed, 1,000 a page, as S3 does; it keeps a number."""

    def __init__(self, name: str, versions: int, calls: Counter[str]) -> None:
        self.left, self.name, self.calls = versions, name, calls

    def page(self, prefix: str, after: Marker | None = None) -> Page:
        self.calls["page"] += 1
        first = int(after.key) if after else 0
        last = min(self.left, first + 1000)
        made = (Stored(f"{prefix}{n:032x}", f"{self.name}-{n:060d}", False) for n in range(first, last))
        return Page(tuple(made), Marker(str(last), "v") if last < self.left else None)

    def delete_all(self, entries: tuple[Stored, ...]) -> None:
        self.calls["delete"] += 1
        assert len(entries) <= 1000
        self.left -= len(entries)

    def unfinished(self, prefix: str) -> list[Marker]:
        self.calls["unfinished"] += 1
        return []

    def abort(self, upload: Marker) -> None:
        raise AssertionError("there is none")

    def has(self, key: str) -> bool:
        return self.left > 0


class Rows:
    """As many rows, of which it keeps the number."""

    def __init__(self, rows: int, calls: Counter[str]) -> None:
        self.left, self.calls = rows, calls

    def count_of(self, tenant: str, subject: str) -> int:
        self.calls["count"] += 1
        return self.left

    def unerased(self, tenant: str, subject: str) -> list[str]:
        self.calls["rows"] += 1
        return [f"{place:032x}" for place in range(min(100, self.left))]

    def erase(self, tenant: str, upload_ids: list[str], now: datetime) -> None:
        self.calls["erase"] += 1
        self.left -= len(upload_ids)


class Records:
    """One erasure's record."""

    def __init__(self, record: Erasure) -> None:
        self.record, self.known = record, True

    def request(self, new: Erasure) -> Erasure:
        return self.record

    def get(self, tenant: str, erasure_id: str) -> Erasure:
        return self.record

    def save(self, erasure: Erasure) -> Erasure:
        assert erasure.rev == self.record.rev
        self.record = erasure.model_copy(update={"rev": erasure.rev + 1})
        return self.record

    def fence(self, erasure: Erasure, now: datetime) -> datetime:
        return now

    def forget(self, tenant: str, subject: str) -> None:
        self.known = False

    def knows(self, tenant: str, subject: str) -> bool:
        return self.known


class NoKey:
    """A subject without a key."""

    def make(self, place: ObjectKey) -> None:
        return None

    def opens(self, place: ObjectKey, sealed: bytes) -> bool:
        return False


def erase(photos: int) -> tuple[Counter[str], int, int]:
    """Give the calls, the invocations and the most memory at once, in bytes, of an erasure of so many photos."""
    calls: Counter[str] = Counter()
    store = Records(new_erasure(TENANT, ERASURE, SUBJECT, ME, NOW))
    run = EraseSubject(
        store=store,
        uploads=Rows(photos, calls),
        buckets={name: Bucket(name, photos if name in ("vault", "work") else 0, calls) for name in NAMES},
        probe=NoKey(),
        trail=Trail(AuditLog(MemoryStore()), "erase_subject", "1", ERASURE, ME),
        clock=lambda: NOW,
        wait=timedelta(0),
        recovery=Recovery(),
    )
    tracemalloc.start()
    invocations = 0
    while run.run(TENANT, ERASURE).status != "erased":
        invocations += 1
        assert invocations < 1000
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert store.record.found.total.versions == 2 * photos
    assert store.record.found.uploads == photos
    return calls, invocations + 1, most


NAMES = ("incoming", "work", "quarantine", "vault")


def test_calls_grow_with_the_number_of_photos_and_no_faster() -> None:
    small, large = (sum(erase(photos)[0].values()) for photos in (1000, 10_000))
    assert large <= 10 * small


def test_memory_is_the_same_for_ten_times_as_many() -> None:
    erase(1000)
    small, large = erase(2000)[2], erase(20_000)[2]
    assert large < 1.2 * small
    assert large < 8 * 2**20


@pytest.mark.parametrize("photos", [0, 1, 999, 1000, 1001, 10_000])
def test_no_invocation_does_more_than_a_bounded_number_of_pages(photos: int) -> None:
    calls, invocations, _ = erase(photos)
    # Beside the pages of its budget, an invocation looks at each bucket once.
    assert sum(calls.values()) <= invocations * (2 * 40 + 2 * len(NAMES) + 2)
