"""One event of the audit log: what happened, to what, by whom, under which rules, and how it ended.

An event is closed on every side: names, outcomes, reasons and detail keys are enums, and every value is an integer, a
hash, a random id or a member of an enum. There is no field that a name, an address, a file name, a tag value or an IP
address could be put into, and the constructor refuses what does not fit. It refuses without repeating the value.

Only the standard library is used here, so that the offline verifier can read events anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from photogate.errors import IntegrityError, Reason

__all__ = [
    "LOG_TENANT",
    "Actor",
    "ActorKind",
    "DetailKey",
    "Event",
    "EventName",
    "Outcome",
    "photo_chain",
    "subject_chain",
    "tenant_chain",
]


LOG_TENANT = "photogate"
"""Under which the log's own events stand. No customer's tenant may have this name."""


class EventName(StrEnum):
    """What can happen: `noun.verbed`."""

    UPLOAD_REQUESTED = "upload.requested"
    UPLOAD_RECEIVED = "upload.received"
    UPLOAD_EXPIRED = "upload.expired"
    UPLOAD_COMPLETED = "upload.completed"
    PHOTO_ADMITTED = "photo.admitted"
    PHOTO_REDACTED = "photo.redacted"
    PHOTO_STORED = "photo.stored"
    PHOTO_READ = "photo.read"
    PHOTO_EXPIRED = "photo.expired"
    METADATA_STRIPPED = "metadata.stripped"
    FACES_DETECTED = "faces.detected"
    DECISION_MADE = "decision.made"
    ORIGINAL_DELETED = "original.deleted"
    CONSENT_GIVEN = "consent.given"
    CONSENT_REFUSED = "consent.refused"
    CONSENT_WITHDRAWN = "consent.withdrawn"
    CONSENT_EXPIRED = "consent.expired"
    CONSENT_RECONFIRMED = "consent.reconfirmed"
    CONSENT_READ = "consent.read"
    SUBJECT_FOUND = "subject.found"
    SUBJECT_EXPORTED = "subject.exported"
    SUBJECT_FENCED = "subject.fenced"
    SUBJECT_ERASED = "subject.erased"
    HOLD_PLACED = "hold.placed"
    HOLD_REFUSED = "hold.refused"
    HOLD_LIFTED = "hold.lifted"
    REVIEW_OPENED = "review.opened"
    REVIEW_DECIDED = "review.decided"
    POLICY_CHANGED = "policy.changed"
    ACCESS_DENIED = "access.denied"
    AUDIT_QUERIED = "audit.queried"
    AUDIT_EXPORTED = "audit.exported"
    AUDIT_VERIFIED = "audit.verified"
    INTEGRITY_ALERTED = "integrity.alerted"
    LOG_SEALED = "log.sealed"


class Outcome(StrEnum):
    """How it ended."""

    SUCCEEDED = "succeeded"
    REFUSED = "refused"
    DENIED = "denied"
    FAILED = "failed"


class ActorKind(StrEnum):
    """Who acts: a function of the service, the subject, or a member of the tenant's staff."""

    SERVICE = "service"
    SUBJECT = "subject"
    STAFF = "staff"


class DetailKey(StrEnum):
    """What an event may say beyond its fields. Each key has one validator, in `_DETAILS` below."""

    # the file
    FORMAT = "format"
    BYTES = "bytes"
    WIDTH = "width"
    HEIGHT = "height"
    FRAMES = "frames"
    SHA256 = "sha256"
    SHA256_OUT = "sha256_out"
    VERSION_HASH = "version_hash"
    # metadata: how many parts of each category were removed
    REMOVED_LOCATION = "removed_location"
    REMOVED_TIME = "removed_time"
    REMOVED_DEVICE = "removed_device"
    REMOVED_IDENTITY = "removed_identity"
    REMOVED_COMMENT = "removed_comment"
    REMOVED_THUMBNAIL = "removed_thumbnail"
    REMOVED_PROVENANCE = "removed_provenance"
    REMOVED_OTHER = "removed_other"
    # rights that a policy keeps and that stayed in this file: 1
    KEPT_COPYRIGHT = "kept_copyright"
    KEPT_CREATOR = "kept_creator"
    ORIENTATION = "orientation"
    SYNTHETIC = "synthetic"
    C2PA = "c2pa"
    # findings: how many of each kind and band
    FACE_ACT = "face_act"
    FACE_REVIEW = "face_review"
    TEXT_ACT = "text_act"
    TEXT_REVIEW = "text_review"
    CODE_ACT = "code_act"
    CODE_REVIEW = "code_review"
    UNKNOWN_FINDINGS = "unknown_findings"
    LOOK = "look"
    # decision and result
    DECISION = "decision"
    STATUS = "status"
    STATUS_BEFORE = "status_before"
    BOXES = "boxes"
    METHOD = "method"
    OBJECTS_DELETED = "objects_deleted"
    VERSIONS_DELETED = "versions_deleted"
    BUCKET = "bucket"
    RETENTION_DAYS = "retention_days"
    # consent, policy, review, erasure
    CONSENT_ID = "consent_id"
    CONSENT_DAYS = "consent_days"
    CAPACITY = "capacity"
    NOTICE_HASH = "notice_hash"
    POLICY_BEFORE = "policy_before"
    POLICY_AFTER = "policy_after"
    REVIEW_ID = "review_id"
    REVIEWERS = "reviewers"
    # what a reviewer says of the detectors: how much they missed, and how much of what they marked is not there
    MISSED_FACE = "missed_face"
    MISSED_TEXT = "missed_text"
    MISSED_CODE = "missed_code"
    WRONG_FACE = "wrong_face"
    WRONG_TEXT = "wrong_text"
    WRONG_CODE = "wrong_code"
    ERASURE_ID = "erasure_id"
    CERTIFICATE_HASH = "certificate_hash"
    MARKERS_DELETED = "markers_deleted"
    UNFINISHED_DELETED = "unfinished_deleted"
    UPLOADS_ERASED = "uploads_erased"
    KEY_RECOVERABLE_UNTIL = "key_recoverable_until"
    HOLD_GROUND = "hold_ground"
    # access and the log itself
    HTTP_STATUS = "http_status"
    LINK_SECONDS = "link_seconds"
    ROUTE = "route"
    QUERY = "query"
    ROWS = "rows"
    PHOTOS = "photos"
    PAGES = "pages"
    SEQUENCE = "sequence"
    TREE_SIZE = "tree_size"
    ROOT = "root"
    LEAF = "leaf"
    LEAF_BEFORE = "leaf_before"
    CHANGE = "change"
    EXIT_CODE = "exit_code"
    DUPLICATE = "duplicate"


Validator = Callable[[Any], bool]

_HEX32 = re.compile(r"[0-9a-f]{32}")
_HEX64 = re.compile(r"[0-9a-f]{64}")
_TENANT = re.compile(r"[a-z0-9][a-z0-9-]{1,39}")
_PURPOSE = re.compile(r"[a-z][a-z0-9_]{0,39}")
_FUNCTION = re.compile(r"[a-z][a-z0-9_]{0,63}")
_VERSION = re.compile(r"[A-Za-z0-9$._+-]{1,64}")
_EVENT_ID = re.compile(r"[A-Za-z0-9_:.=+-]{1,512}/[A-Za-z][A-Za-z0-9_.:-]{0,127}")
_MODEL_HASH = _HEX64
_MOST = 2**53 - 1


def _count(value: Any) -> bool:
    return type(value) is int and 0 <= value <= _MOST


def _hash(value: Any) -> bool:
    return isinstance(value, str) and _HEX64.fullmatch(value) is not None


def _id(value: Any) -> bool:
    return isinstance(value, str) and _HEX32.fullmatch(value) is not None


def _one_of(*members: str) -> Validator:
    allowed = frozenset(members)
    return lambda value: isinstance(value, str) and str(value) in allowed


_STATUS = _one_of(
    "AWAITING_UPLOAD",
    "PROCESSING",
    "ACCEPTED",
    "REDACTED",
    "RETAKE",
    "IN_REVIEW",
    "REJECTED",
    "EXPIRED",
    "ERASED",
)

# Everything that is not named here is a count.
_DETAILS: Mapping[DetailKey, Validator] = MappingProxyType(
    dict.fromkeys(DetailKey, _count)
    | {
        DetailKey.FORMAT: _one_of(
            "jpeg", "png", "webp", "gif", "heic", "heif", "avif", "tiff", "bmp", "jxl", "jp2", "raw", "unknown"
        ),
        DetailKey.SHA256: _hash,
        DetailKey.SHA256_OUT: _hash,
        DetailKey.VERSION_HASH: _hash,
        DetailKey.SYNTHETIC: _one_of("yes", "no", "unknown"),
        DetailKey.DECISION: _one_of("ACCEPT", "REDACT", "RETAKE", "REVIEW", "REJECT"),
        DetailKey.STATUS: _STATUS,
        DetailKey.STATUS_BEFORE: _STATUS,
        DetailKey.METHOD: _one_of("solid", "mosaic", "blur"),
        DetailKey.BUCKET: _one_of("incoming", "work", "quarantine", "vault", "ledger"),
        DetailKey.CONSENT_ID: _id,
        DetailKey.NOTICE_HASH: _hash,
        DetailKey.CAPACITY: _one_of("self", "guardian", "third_party_asserted"),
        DetailKey.POLICY_BEFORE: _hash,
        DetailKey.POLICY_AFTER: _hash,
        DetailKey.REVIEW_ID: _id,
        DetailKey.ERASURE_ID: _id,
        DetailKey.CERTIFICATE_HASH: _hash,
        DetailKey.HOLD_GROUND: _one_of("litigation", "authority", "claim"),
        DetailKey.ROUTE: _one_of(
            "uploads", "photos", "consents", "erasures", "reviews", "policy", "audit", "appeal", "unknown"
        ),
        DetailKey.QUERY: _one_of(
            "list", "show", "tail", "stats", "export", "sql", "prove", "verify", "report", "retention", "api"
        ),
        DetailKey.ROOT: _hash,
        DetailKey.LEAF: _hash,
        DetailKey.LEAF_BEFORE: _hash,
        DetailKey.CHANGE: _one_of("modified", "removed", "early_expiry", "inserted", "forked"),
    }
)


def photo_chain(tenant: str, upload_id: str) -> str:
    """Name the chain of one photo."""
    return f"{tenant}/photo/{upload_id}"


def subject_chain(tenant: str, pseudonym: str) -> str:
    """Name the chain of one subject: consents, fences, erasure."""
    return f"{tenant}/subject/{pseudonym}"


def tenant_chain(tenant: str) -> str:
    """Name the chain of a tenant: policies, denied access, queries, seals."""
    return f"{tenant}/tenant"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it: `id` is a function's name for a service, a pseudonym for a subject or a member of staff."""

    kind: ActorKind
    id: str

    def __post_init__(self) -> None:
        """Refuse what could be a person's own name or address."""
        pattern = _FUNCTION if self.kind is ActorKind.SERVICE else _HEX32
        _expect(pattern.fullmatch(self.id), "actor", "a function's name, or a pseudonym of 32 hex digits")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What is handed to `AuditLog.append`. Time, salt, sequence and the link to its predecessor are the log's to add.

    Attributes
    ----------
    event_id
        ``<execution or request id>/<step>``: the same for every retry of the same step, and for nothing else.
    chain
        `photo_chain`, `subject_chain` or `tenant_chain` of the same tenant.
    subject
        Pseudonym, 32 hex digits, or None where nobody's photo is concerned.
    upload_id
        32 hex digits, or None.
    policy_hash
        SHA-256 of the policy in force, or None before one is known.
    model_hash
        SHA-256 of the detectors that were used, or None where none was.
    details
        Counts, hashes and enum members by closed key.

    Raises
    ------
    IntegrityError
        If a field is not of its closed form. The message names the field and never repeats the value.
    """

    event_id: str
    name: EventName
    tenant: str
    chain: str
    actor: Actor
    function: str
    function_version: str
    outcome: Outcome
    duration_ms: int
    subject: str | None = None
    upload_id: str | None = None
    purpose: str | None = None
    policy_hash: str | None = None
    model_hash: str | None = None
    reason: Reason | None = None
    details: Mapping[DetailKey, int | str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check every field; copy the details so that nobody changes them afterwards."""
        _expect(_EVENT_ID.fullmatch(self.event_id), "event_id", "`<execution or request id>/<step>`")
        _expect(isinstance(self.name, EventName), "name", "an EventName")
        _expect(_TENANT.fullmatch(self.tenant), "tenant", "a tenant's name")
        _expect(isinstance(self.outcome, Outcome), "outcome", "an Outcome")
        _expect(self.reason is None or isinstance(self.reason, Reason), "reason", "a Reason or None")
        _expect(_FUNCTION.fullmatch(self.function), "function", "a function's name")
        _expect(_VERSION.fullmatch(self.function_version), "function_version", "a version")
        _expect(_count(self.duration_ms), "duration_ms", "whole milliseconds")
        _optional(self.subject, _HEX32, "subject", "a pseudonym of 32 hex digits")
        _optional(self.upload_id, _HEX32, "upload_id", "32 hex digits")
        _optional(self.purpose, _PURPOSE, "purpose", "a purpose's name")
        _optional(self.policy_hash, _HEX64, "policy_hash", "SHA-256 in hex")
        _optional(self.model_hash, _HEX64, "model_hash", "SHA-256 in hex")
        _expect(self.chain in self._chains(), "chain", "a chain of the event's own tenant, subject or upload")
        for key, value in self.details.items():
            _expect(isinstance(key, DetailKey), "details", "DetailKey members as keys")
            _expect(_DETAILS[key](value), f"details.{key}", "a count, hash, id or enum member as the key demands")
        plain = {key: value if isinstance(value, int) else str(value) for key, value in self.details.items()}
        object.__setattr__(self, "details", MappingProxyType(plain))

    def _chains(self) -> set[str]:
        chains = {tenant_chain(self.tenant)}
        if self.upload_id:
            chains.add(photo_chain(self.tenant, self.upload_id))
        if self.subject:
            chains.add(subject_chain(self.tenant, self.subject))
        return chains

    def fields(self) -> dict[str, Any]:
        """Give the event's part of a row's body, as plain JSON values."""
        return {
            "id": self.event_id,
            "name": str(self.name),
            "tenant": self.tenant,
            "chain": self.chain,
            "subject": self.subject,
            "upload_id": self.upload_id,
            "actor": {"kind": str(self.actor.kind), "id": self.actor.id},
            "purpose": self.purpose,
            "policy_hash": self.policy_hash,
            "model_hash": self.model_hash,
            "function": self.function,
            "function_version": self.function_version,
            "outcome": str(self.outcome),
            "reason": None if self.reason is None else str(self.reason),
            "duration_ms": self.duration_ms,
            "details": {str(key): value for key, value in self.details.items()},
        }


def _expect(holds: object, name: str, expected: str) -> None:
    if not holds:
        raise IntegrityError(f"Expected {expected} in the event's field {name}; found another value")


def _optional(value: str | None, pattern: re.Pattern[str], name: str, expected: str) -> None:
    _expect(value is None or pattern.fullmatch(value), name, expected + ", or None")
