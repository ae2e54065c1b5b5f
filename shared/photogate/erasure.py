"""Erasure: everything of one subject goes, and a certificate says what went.

::

    REQUESTED ──fence──▶ WAITING ──quiet──▶ COUNTING ◀──────┐
                                             │ something   │ another pass
                                             ├───────▶ DELETING
                                             │ nothing, for the second time
                                             └───────▶ FORGETTING ──▶ VERIFYING ──▶ CERTIFYING ──▶ ERASED
    REQUESTED ──legal hold──▶ REFUSED

`EraseSubject.run` does as much as one invocation should, and is called until it says that it has ended. Whatever it did
is either seen again in the buckets and tables or stands in the erasure's record, which is written by compare-and-set;
so it can be killed anywhere and called again, by two at a time, and ends the same. What a pass found is recorded
before it is deleted: the certificate's counts do not depend on how often it was killed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from pydantic import BaseModel, ConfigDict

from photogate.audit.canonical import canonical
from photogate.audit.event import Actor, ActorKind, DetailKey, EventName, Outcome, subject_chain
from photogate.audit.row import Row
from photogate.audit.trail import Trail
from photogate.clock import Clock, stamp
from photogate.errors import Held, IntegrityError, NotFound
from photogate.uploads import HexId, ObjectKey, TenantName

__all__ = [
    "ENDED",
    "Counts",
    "EraseSubject",
    "Erasure",
    "ErasureStore",
    "Marker",
    "Page",
    "Phase",
    "Prefix",
    "Probe",
    "Progress",
    "Recovery",
    "Stored",
    "UploadRows",
    "new_erasure",
    "preview",
    "subject_hash",
]

# Pages of 1,000 object versions, or of 100 upload rows, in one invocation: about 20 seconds of work.
PAGES = 40

# What lies there is sealed under the subject's key.
SEALED = "quarantine"


class Phase(StrEnum):
    """What an erasure does next."""

    REQUESTED = "requested"
    WAITING = "waiting"
    COUNTING = "counting"
    DELETING = "deleting"
    FORGETTING = "forgetting"
    VERIFYING = "verifying"
    CERTIFYING = "certifying"
    ERASED = "erased"
    REFUSED = "refused"


ENDED = frozenset({Phase.ERASED, Phase.REFUSED})


class Stored(NamedTuple):
    """One object version, or delete marker, of a key."""

    key: str
    version_id: str
    marker: bool


class Marker(NamedTuple):
    """Where a listing goes on."""

    key: str
    version_id: str


@dataclass(frozen=True, slots=True)
class Page:
    """At most 1,000 versions of a listing, and where it goes on."""

    entries: tuple[Stored, ...]
    after: Marker | None


class Prefix(Protocol):
    """A bucket, as far as everything below a prefix is concerned."""

    def page(self, prefix: str, after: Marker | None = None) -> Page:
        """List versions and delete markers."""

    def delete_all(self, entries: tuple[Stored, ...]) -> None:
        """Delete a page's versions and markers for good; what is gone is no error."""

    def unfinished(self, prefix: str) -> list[Marker]:
        """List unfinished multipart uploads; the id stands as `version_id`."""

    def abort(self, upload: Marker) -> None:
        """Delete the parts of an unfinished multipart upload."""

    def has(self, key: str) -> bool:
        """Ask for an object by its name."""


class UploadRows(Protocol):
    """The Uploads table, as far as a subject's uploads are concerned."""

    def count_of(self, tenant: str, subject: str) -> int:
        """Count a subject's uploads that are not erased."""

    def unerased(self, tenant: str, subject: str) -> list[str]:
        """Give ids of a subject's uploads that are not erased, 100 at most, as consistent reads have them."""

    def erase(self, tenant: str, upload_ids: list[str], now: datetime) -> None:
        """Move uploads to `ERASED`, and drop what their rows say of the photo."""


class Probe(Protocol):
    """Shows that a subject's data key opens what it sealed, and later that nothing does."""

    def make(self, place: ObjectKey) -> bytes | None:
        """Seal something under the subject's key, and open it; None where the subject has no key."""

    def opens(self, place: ObjectKey, sealed: bytes) -> bool:
        """Try to open it."""


class Counts(BaseModel):
    """What was found in one bucket."""

    model_config = ConfigDict(frozen=True)

    versions: int = 0
    delete_markers: int = 0
    unfinished_uploads: int = 0

    def __add__(self, other: Counts) -> Counts:
        """Add, number by number."""
        return Counts(
            versions=self.versions + other.versions,
            delete_markers=self.delete_markers + other.delete_markers,
            unfinished_uploads=self.unfinished_uploads + other.unfinished_uploads,
        )


class Found(BaseModel):
    """What a pass found, or all of them.

    `ids_hash` is a hash chain over what was found, in order: SHA-256 of the hash before and of
    ``bucket/key?version``, from 32 zero bytes on.
    """

    model_config = ConfigDict(frozen=True)

    buckets: dict[str, Counts] = {}
    uploads: int = 0
    ids_hash: str = "0" * 64

    @property
    def total(self) -> Counts:
        """All buckets together."""
        return sum(self.buckets.values(), Counts())

    @property
    def nothing(self) -> bool:
        """Whether there was nothing at all."""
        return self.total == Counts() and self.uploads == 0

    def with_page(self, bucket: str, entries: tuple[Stored, ...]) -> Found:
        """Add a page of versions."""
        markers = sum(entry.marker for entry in entries)
        chain = bytes.fromhex(self.ids_hash)
        for entry in entries:
            chain = hashlib.sha256(chain + f"{bucket}/{entry.key}?{entry.version_id}".encode()).digest()
        counts = Counts(versions=len(entries) - markers, delete_markers=markers)
        return self._with(bucket, counts).model_copy(update={"ids_hash": chain.hex()})

    def with_unfinished(self, bucket: str, count: int) -> Found:
        """Add unfinished multipart uploads."""
        return self._with(bucket, Counts(unfinished_uploads=count))

    def _with(self, bucket: str, counts: Counts) -> Found:
        return self.model_copy(
            update={"buckets": {**self.buckets, bucket: self.buckets.get(bucket, Counts()) + counts}}
        )


class Recovery(BaseModel):
    """For how many days a table can be put back to an earlier moment; an S3 version that was deleted cannot."""

    model_config = ConfigDict(frozen=True)

    subjects_days: int = 1
    tables_days: int = 35


class Erasure(BaseModel):
    """One erasure's record: ids, counts and moments. It outlives the subject, and names nobody.

    Attributes
    ----------
    rev
        Number of the record's last write, for compare-and-set.
    place
        Where the present count goes on: a bucket's name, and a marker in it.
    tally
        What the present pass has found so far.
    found
        What the earlier passes found, and deleted.
    samples
        One key of each bucket, asked for by name at the end.
    probe
        Sealed under the subject's key at the start, in hex; it must not open at the end.
    certificate
        The canonical JSON whose hash the event `subject.erased` carries.
    event_seq
        That event's sequence in the subject's chain.
    """

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    tenant: TenantName
    erasure_id: HexId
    subject: HexId
    phase: Phase = Phase.REQUESTED
    rev: int = 0
    requested_by: ActorKind
    requester: str
    requested_at: datetime
    fenced_at: datetime | None = None
    probe: str | None = None
    passes: int = 0
    place: tuple[str, str, str] | None = None
    tally: Found = Found()
    found: Found = Found()
    samples: dict[str, str] = {}
    key_deleted_at: datetime | None = None
    certificate: str | None = None
    event_seq: int | None = None

    @property
    def prefix(self) -> str:
        """What all the subject's keys begin with."""
        return f"{self.tenant}/{self.subject}/"

    @property
    def certificate_hash(self) -> str:
        """SHA-256 of the certificate, in hex."""
        return hashlib.sha256((self.certificate or "").encode()).hexdigest()


class ErasureStore(Protocol):
    """What the domain needs of the Subjects table for an erasure."""

    def request(self, new: Erasure) -> Erasure:
        """Put the record and bind it to the subject, or give the one that the subject has and that was not refused.

        Raises
        ------
        Held
            If the subject is on legal hold.
        NotFound
            If there is no such subject.
        """

    def get(self, tenant: str, erasure_id: str) -> Erasure | None:
        """Read consistently."""

    def save(self, erasure: Erasure) -> Erasure:
        """Replace the record of revision `rev`; raise `Conflict` where it is another's by now."""

    def fence(self, erasure: Erasure, now: datetime) -> datetime:
        """Set the fence, and give the moment since when it stands; raise `Held` or `NotFound`."""

    def forget(self, tenant: str, subject: str) -> None:
        """Delete the wrapped key and the pseudonym's mapping, in one transaction; again is no error."""

    def knows(self, tenant: str, subject: str) -> bool:
        """Tell whether anything of the subject is left."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run came. `until` is the moment before which another run has nothing to do."""

    status: str
    until: datetime | None = None

    def plain(self) -> dict[str, str]:
        """Give what the state machine looks at."""
        return {"status": self.status} | ({"until": stamp(self.until)} if self.until else {})


@dataclass(slots=True)
class _Budget:
    pages: int

    def spend(self) -> bool:
        """Take a page; tell whether another is left."""
        self.pages -= 1
        return self.pages > 0


def new_erasure(tenant: str, erasure_id: str, subject: str, requester: Actor, now: datetime) -> Erasure:
    """Make the record of an erasure that somebody asks for."""
    return Erasure(
        tenant=tenant,
        erasure_id=erasure_id,
        subject=subject,
        requested_by=requester.kind,
        requester=requester.id,
        requested_at=now,
    )


def subject_hash(tenant: str, subject: str) -> str:
    """Give SHA-256 of ``tenant/pseudonym`` in hex: what a certificate calls the subject."""
    return hashlib.sha256(f"{tenant}/{subject}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class EraseSubject:
    """Erases one subject, a bounded piece at a time.

    Attributes
    ----------
    buckets
        By the name that the certificate gives them; in this order.
    wait
        What an execution of the workflow can last, and an upload link: nothing new comes after it.
    pages
        How much one run does.
    """

    store: ErasureStore
    uploads: UploadRows
    buckets: Mapping[str, Prefix]
    probe: Probe
    trail: Trail
    clock: Clock
    wait: timedelta
    recovery: Recovery
    pages: int = PAGES

    def run(self, tenant: str, erasure_id: str) -> Progress:
        """Go on with an erasure.

        Returns
        -------
        Progress
            ``erased``, ``refused``, ``waiting`` until a moment, or ``running``: call again.

        Raises
        ------
        NotFound
            If there is no such erasure.
        Conflict
            If another run wrote to the record; call again.
        IntegrityError
            If what must be gone is not.
        """
        erasure = self.store.get(tenant, erasure_id)
        if erasure is None:
            raise NotFound("Expected an erasure of this tenant; found none")
        steps: Mapping[Phase, Callable[[Erasure, _Budget], Erasure]] = {
            Phase.REQUESTED: self._fence,
            Phase.WAITING: self._begin,
            Phase.COUNTING: self._count,
            Phase.DELETING: self._delete,
            Phase.FORGETTING: self._forget,
            Phase.VERIFYING: self._verify,
            Phase.CERTIFYING: self._certify,
        }
        budget = _Budget(self.pages)
        while erasure.phase not in ENDED:
            quiet = (erasure.fenced_at or self.clock()) + self.wait
            if erasure.phase is Phase.WAITING and self.clock() < quiet:
                return Progress("waiting", quiet)
            if budget.pages <= 0:
                return Progress("running")
            erasure = steps[erasure.phase](erasure, budget)
        return Progress(erasure.phase.value)

    def _save(self, erasure: Erasure, **changes: Any) -> Erasure:
        return self.store.save(erasure.model_copy(update=changes))

    def _fence(self, erasure: Erasure, budget: _Budget) -> Erasure:
        try:
            fenced_at = self.store.fence(erasure, self.clock())
        except Held as held:
            self._record(erasure, EventName.HOLD_REFUSED, "held", Outcome.REFUSED, held.ground)
            return self._save(erasure, phase=Phase.REFUSED)
        self._record(erasure, EventName.SUBJECT_FENCED, "fenced", Outcome.SUCCEEDED)
        # Behind the fence no key is made any more: what there is now is all there will be.
        sealed = self.probe.make(self._probe_place(erasure))
        return self._save(erasure, phase=Phase.WAITING, fenced_at=fenced_at, probe=sealed.hex() if sealed else None)

    def _begin(self, erasure: Erasure, budget: _Budget) -> Erasure:
        return self._save(erasure, phase=Phase.COUNTING, passes=1)

    def _count(self, erasure: Erasure, budget: _Budget) -> Erasure:
        """List a pass's versions, unfinished uploads and rows: everything, before any of it is deleted."""
        names = list(self.buckets)
        first, key, version = erasure.place or (names[0], "", "")
        after = Marker(key, version) if key else None
        tally, samples = erasure.tally, dict(erasure.samples)
        for name in names[names.index(first) :]:
            bucket = self.buckets[name]
            while True:
                page = bucket.page(erasure.prefix, after)
                tally, after = tally.with_page(name, page.entries), page.after
                if page.entries:
                    samples.setdefault(name, page.entries[0].key)
                if after is None:
                    break
                if not budget.spend():
                    return self._save(erasure, place=(name, *after), tally=tally, samples=samples)
            tally = tally.with_unfinished(name, len(bucket.unfinished(erasure.prefix)))
        rows = self.uploads.count_of(erasure.tenant, erasure.subject)
        tally = tally.model_copy(update={"uploads": rows})
        budget.spend()
        rest: dict[str, Any] = {"place": None, "tally": Found(ids_hash=tally.ids_hash), "samples": samples}
        if not tally.nothing:
            return self._save(erasure, phase=Phase.DELETING, found=_sum(erasure.found, tally), **rest)
        if erasure.passes < 2:
            return self._save(erasure, passes=erasure.passes + 1, found=_sum(erasure.found, tally), **rest)
        return self._save(erasure, phase=Phase.FORGETTING, **rest)

    def _delete(self, erasure: Erasure, budget: _Budget) -> Erasure:
        """Delete what is there, from the front, until nothing is."""
        for bucket in self.buckets.values():
            while entries := bucket.page(erasure.prefix).entries:
                bucket.delete_all(entries)
                if not budget.spend():
                    return erasure
            while unfinished := bucket.unfinished(erasure.prefix):
                for upload in unfinished:
                    bucket.abort(upload)
                if not budget.spend():
                    return erasure
        while ids := self.uploads.unerased(erasure.tenant, erasure.subject):
            self.uploads.erase(erasure.tenant, ids, self.clock())
            if not budget.spend():
                return erasure
        return self._save(erasure, phase=Phase.COUNTING, passes=erasure.passes + 1)

    def _forget(self, erasure: Erasure, budget: _Budget) -> Erasure:
        self.store.forget(erasure.tenant, erasure.subject)
        # Taken after the deletion, so that what is said of backups errs to the later side.
        return self._save(erasure, phase=Phase.VERIFYING, key_deleted_at=self.clock())

    def _verify(self, erasure: Erasure, budget: _Budget) -> Erasure:
        """Look again: by list, by name, by row and by key."""
        for name, bucket in self.buckets.items():
            sample = erasure.samples.get(name)
            left = bucket.page(erasure.prefix).entries or bucket.unfinished(erasure.prefix)
            if left or (sample and bucket.has(sample)):
                budget.spend()
                return self._save(erasure, phase=Phase.COUNTING, passes=erasure.passes + 1)
        if self.store.knows(erasure.tenant, erasure.subject):
            raise IntegrityError("Expected no row of an erased subject; found one")
        if erasure.probe and self.probe.opens(self._probe_place(erasure), bytes.fromhex(erasure.probe)):
            raise IntegrityError("Expected that nothing opens what an erased subject's key sealed; found that it opens")
        document = canonical(self._certificate(erasure)).decode()
        return self._save(erasure, phase=Phase.CERTIFYING, certificate=document, samples={}, probe=None)

    def _certify(self, erasure: Erasure, budget: _Budget) -> Erasure:
        total, until = erasure.found.total, self._recoverable_until(erasure)
        row = self._record(
            erasure,
            EventName.SUBJECT_ERASED,
            "erased",
            Outcome.SUCCEEDED,
            {
                DetailKey.CERTIFICATE_HASH: erasure.certificate_hash,
                DetailKey.VERSIONS_DELETED: total.versions,
                DetailKey.MARKERS_DELETED: total.delete_markers,
                DetailKey.UNFINISHED_DELETED: total.unfinished_uploads,
                DetailKey.UPLOADS_ERASED: erasure.found.uploads,
                DetailKey.KEY_RECOVERABLE_UNTIL: int(until.timestamp()),
            },
        )
        return self._save(erasure, phase=Phase.ERASED, event_seq=row.seq)

    def _recoverable_until(self, erasure: Erasure) -> datetime:
        if erasure.key_deleted_at is None:
            raise IntegrityError("Expected the moment at which the key was deleted; found none")
        return erasure.key_deleted_at + timedelta(days=self.recovery.subjects_days)

    def _certificate(self, erasure: Erasure) -> dict[str, Any]:
        if erasure.fenced_at is None or erasure.key_deleted_at is None:
            raise IntegrityError("Expected an erasure that was fenced and forgotten; found another")
        rows_until = erasure.key_deleted_at + timedelta(days=self.recovery.tables_days)
        return {
            "version": 1,
            "erasure_id": erasure.erasure_id,
            "tenant": erasure.tenant,
            "subject_sha256": subject_hash(erasure.tenant, erasure.subject),
            "requested_at": stamp(erasure.requested_at),
            "requested_by": erasure.requested_by.value,
            "fenced_at": stamp(erasure.fenced_at),
            "key_deleted_at": stamp(erasure.key_deleted_at),
            "verified_at": stamp(self.clock()),
            "deleted": {
                "buckets": {n: erasure.found.buckets.get(n, Counts()).model_dump() for n in self.buckets},
                "upload_rows_reduced": erasure.found.uploads,
                "ids_hash": erasure.found.ids_hash,
            },
            "unreadable_without_the_key": [SEALED],
            "verified": {
                "listed_empty": list(self.buckets),
                "asked_for_by_name": sorted(erasure.samples),
                "decryption_failed": erasure.probe is not None,
            },
            "recovery": {
                "buckets": {n: {"days": 0} for n in self.buckets},
                "subjects_table": {
                    "days": self.recovery.subjects_days,
                    "until": stamp(self._recoverable_until(erasure)),
                    "brings_back": ["data key", "mapping to the pseudonym"],
                },
                "uploads_table": {
                    "days": self.recovery.tables_days,
                    "until": stamp(rows_until),
                    "brings_back": ["status, purpose, type, size and hashes of uploads"],
                },
            },
        }

    def _probe_place(self, erasure: Erasure) -> ObjectKey:
        return ObjectKey(erasure.tenant, erasure.subject, erasure.erasure_id)

    def _record(
        self,
        erasure: Erasure,
        name: EventName,
        step: str,
        outcome: Outcome,
        details: Mapping[DetailKey, int | str] | str | None = None,
    ) -> Row:
        more = {DetailKey.HOLD_GROUND: details} if isinstance(details, str) else dict(details or {})
        actor = Actor(erasure.requested_by, erasure.requester)
        return (
            self.trail.by(actor)
            .within(erasure.erasure_id)
            .record(
                name,
                step=step,
                tenant=erasure.tenant,
                chain=subject_chain(erasure.tenant, erasure.subject),
                subject=erasure.subject,
                outcome=outcome,
                reason=Held.reason if outcome is Outcome.REFUSED else None,
                details={DetailKey.ERASURE_ID: erasure.erasure_id, **more},
            )
        )


def preview(buckets: Mapping[str, Prefix], uploads: UploadRows, tenant: str, subject: str) -> Found:
    """Count what an erasure would delete now; changes nothing."""
    prefix, found = f"{tenant}/{subject}/", Found()
    for name, bucket in buckets.items():
        after: Marker | None = None
        while True:
            page = bucket.page(prefix, after)
            found, after = found.with_page(name, page.entries), page.after
            if after is None:
                break
        found = found.with_unfinished(name, len(bucket.unfinished(prefix)))
    return found.model_copy(update={"uploads": uploads.count_of(tenant, subject)})


def _sum(earlier: Found, tally: Found) -> Found:
    names = {**earlier.buckets, **tally.buckets}
    none = Counts()
    return Found(
        buckets={n: earlier.buckets.get(n, none) + tally.buckets.get(n, none) for n in names},
        uploads=earlier.uploads + tally.uploads,
        ids_hash=tally.ids_hash,
    )
