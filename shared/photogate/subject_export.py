"""All that is kept of one subject, for that subject: photos, consents, events with receipts, and who looked.

Whoever gets it needs nothing of ours to read it: JSON, text, pictures, and one HTML page. What is proved in it is
checked with the log's public key alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from photogate.audit.event import ActorKind, EventName
from photogate.audit.query import MOST_DAYS, AuditReader, Question
from photogate.audit.receipts import Receipts, event_reference
from photogate.audit.row import Row
from photogate.clock import stamp
from photogate.consent import Consent, ConsentStore, consent_record
from photogate.errors import IntegrityError, NotFound
from photogate.subjects import SubjectStore, require_open
from photogate.tenants import PolicyStore
from photogate.uploads import Status, Upload, UploadStore

__all__ = [
    "Disclosure",
    "SubjectExport",
    "SubjectRecords",
    "consent_file",
    "event_file",
    "notices_of",
    "photo_file",
    "receipt_of",
]

FORMAT = "photogate-subject-export/1"
STORED = (Status.ACCEPTED, Status.REDACTED)

# What says that somebody saw something of the subject, and in which words the page tells it.
DISCLOSING = {
    EventName.PHOTO_READ: "a stored photo",
    EventName.REVIEW_OPENED: "a photo under review",
    EventName.CONSENT_READ: "the consent records",
    EventName.SUBJECT_EXPORTED: "everything, as in this export",
    EventName.SUBJECT_FOUND: "which pseudonym is yours",
    EventName.AUDIT_QUERIED: "events of the audit log",
}


class Photos(Protocol):
    """The vault."""

    def get(self, key: str, version_id: str | None = None) -> bytes:
        """Read an object whole."""


@dataclass(frozen=True, slots=True)
class Disclosure:
    """Somebody saw something: when, who (a pseudonym), what, and of which upload."""

    time: str
    kind: ActorKind
    who: str
    what: str
    upload_id: str | None
    event: str


@dataclass(frozen=True, slots=True)
class SubjectExport:
    """What was found of a subject.

    Attributes
    ----------
    notices
        The texts that were shown, by their SHA-256.
    rows
        The subject's events, oldest first.
    """

    tenant: str
    subject: str
    made_at: datetime
    uploads: tuple[Upload, ...]
    consents: tuple[Consent, ...]
    notices: Mapping[str, str]
    rows: tuple[Row, ...]

    @property
    def kept(self) -> tuple[Upload, ...]:
        """The uploads whose photo is stored."""
        return tuple(u for u in self.uploads if u.status in STORED and u.photo_key)

    @property
    def disclosures(self) -> tuple[Disclosure, ...]:
        """Who saw what, oldest first: members of staff by pseudonym, and the subject itself."""
        return tuple(
            Disclosure(
                time=row.fields["time"],
                kind=ActorKind(row.fields["actor"]["kind"]),
                who=row.fields["actor"]["id"],
                what=DISCLOSING[EventName(row.fields["name"])],
                upload_id=row.fields["upload_id"],
                event=event_reference(row.chain, row.seq),
            )
            for row in self.rows
            if row.fields["name"] in DISCLOSING and row.fields["actor"]["kind"] != ActorKind.SERVICE
        )

    def document(self) -> dict[str, Any]:
        """Give it as plain JSON values; events and consents are in files of their own."""
        return {
            "format": FORMAT,
            "tenant": self.tenant,
            "subject": self.subject,
            "made_at": stamp(self.made_at),
            "uploads": [_upload_document(upload, upload in self.kept) for upload in self.uploads],
            "disclosures": [
                {
                    "time": d.time,
                    "by": d.kind.value,
                    "pseudonym": d.who,
                    "what": d.what,
                    "upload_id": d.upload_id,
                    "event": d.event,
                }
                for d in self.disclosures
            ],
            "consents": len(self.consents),
            "events": len(self.rows),
        }

    def event_lines(self) -> bytes:
        """Give the events as they stand in the log, one on a line: each line is the data of a leaf, to the byte."""
        return b"".join(row.body + b"\n" for row in self.rows)


@dataclass(frozen=True, slots=True)
class SubjectRecords:
    """Finds what is kept of a subject. Never a Scan: uploads are found by the subject's events."""

    subjects: SubjectStore
    uploads: UploadStore
    consents: ConsentStore
    policies: PolicyStore
    reader: AuditReader
    vault: Photos

    def gather(self, tenant: str, subject: str, now: datetime) -> SubjectExport:
        """Read everything but the photos themselves.

        Raises
        ------
        Fenced
            If there is no such subject, or it is being erased.
        """
        require_open(self.subjects, tenant, subject)
        asked = Question(tenant=tenant, since=now - timedelta(days=MOST_DAYS), until=now, subject=subject)
        rows = tuple(self.reader.rows(asked))
        consents = tuple(self.consents.of_subject(tenant, subject))
        found = (self.uploads.get(tenant, u) for u in dict.fromkeys(r.fields["upload_id"] for r in rows) if u)
        uploads = tuple(upload for upload in found if upload is not None and upload.subject == subject)
        notices = notices_of(self.policies, consents)
        return SubjectExport(tenant, subject, now, uploads, consents, notices, rows)

    def photos(self, export: SubjectExport) -> Iterator[tuple[Upload, bytes]]:
        """Read the stored photos, one at a time.

        Raises
        ------
        IntegrityError
            If one is not what was stored.
        """
        for upload in export.kept:
            data = self.vault.get(upload.photo_key or "", upload.photo_version)
            if hashlib.sha256(data).hexdigest() != upload.photo_sha256:
                raise IntegrityError("Expected a photo as it was stored; found other bytes")
            yield upload, data


def notices_of(policies: PolicyStore, consents: Iterable[Consent]) -> dict[str, str]:
    """Give the texts that were shown, by their hash: out of the policies that the records name."""
    found: dict[str, str] = {}
    for consent in consents:
        policy = policies.get(consent.tenant, consent.events[0].policy_hash)
        rule = policy.purposes.get(consent.purpose) if policy else None
        if rule is not None and rule.notice_hash == consent.notice_hash:
            found[consent.notice_hash] = rule.notice
    return found


def consent_file(consents: Sequence[Consent]) -> bytes:
    """Give records as JSON, in the sections of ISO/IEC TS 27560."""
    return json.dumps([consent_record(consent) for consent in consents], indent=2).encode() + b"\n"


def receipt_of(receipts: Receipts, chain: str, seq: int) -> bytes | None:
    """Give an event's receipt as it stands in a file; None where it is not sealed yet."""
    try:
        receipt = receipts.of(chain, seq)
    except NotFound:  # nothing at all is sealed yet
        return None
    return None if receipt is None else receipt.data


def event_file(chain: str, seq: int) -> str:
    """Name the file of an event's receipt."""
    return f"{event_reference(chain, seq)}.tlog-proof"


def photo_file(upload: Upload) -> str:
    """Name the file of a stored photo, by its upload and its format."""
    return f"photos/{upload.upload_id}.{(upload.photo_key or '').rpartition('.')[2]}"


def _upload_document(upload: Upload, kept: bool) -> dict[str, Any]:
    return {
        "id": upload.upload_id,
        "purpose": upload.purpose,
        "consent_id": upload.consent_id,
        "requested_at": stamp(upload.created_at),
        "status": upload.status.value,
        "reason": upload.reason.value if upload.reason else None,
        "finished_at": stamp(upload.finished_at) if upload.finished_at else None,
        "file": photo_file(upload) if kept else None,
        "sha256": upload.photo_sha256 if kept else None,
        "kept_until": stamp(upload.retain_until) if upload.retain_until else None,
    }
