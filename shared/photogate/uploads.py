"""Uploads: one request to submit one photo, from its id to its terminal status.

::

    AWAITING_UPLOAD ──claim──▶ PROCESSING ──finish──▶ ACCEPTED │ REDACTED │ RETAKE │ IN_REVIEW │ REJECTED
          └─────────────────── sweep ───────────────▶ EXPIRED

    IN_REVIEW ──vote, settle──▶ ACCEPTED │ REDACTED │ RETAKE │ REJECTED        REDACTED ──appeal──▶ IN_REVIEW

A terminal status never changes again, except to `ERASED`, from `IN_REVIEW` to its outcome, and once from `REDACTED`
to `IN_REVIEW` by appeal. Every move is a conditional write.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Protocol

from pydantic import StringConstraints

from photogate.errors import Reason
from photogate.policy import Decision
from photogate.review import Vote

__all__ = [
    "CLAIM_LIFETIME",
    "CONTENT_TYPES",
    "DEFAULT_RETENTION_DAYS",
    "EXTENSIONS",
    "LINK_LIFETIME",
    "STATUS_OF",
    "TYPE_OF_EXTENSION",
    "Claim",
    "HexId",
    "ObjectKey",
    "Outcome",
    "ReviewPage",
    "Status",
    "TenantName",
    "Upload",
    "UploadStore",
    "is_id",
    "new_id",
    "parse_key",
]

TENANT = r"[a-z0-9][a-z0-9-]{1,39}"
HEX_ID = r"[0-9a-f]{32}"
TenantName = Annotated[str, StringConstraints(pattern=f"^{TENANT}$")]
HexId = Annotated[str, StringConstraints(pattern=f"^{HEX_ID}$")]
_KEY = re.compile(rf"(?P<tenant>{TENANT})/(?P<subject>{HEX_ID})/(?P<upload>{HEX_ID})", re.ASCII)

# A presigned link's life: DESIGN allows five minutes at most.
LINK_LIFETIME = timedelta(minutes=5)
# An Express execution ends after five minutes; after six its claim may be taken over.
CLAIM_LIFETIME = timedelta(minutes=6)

# What a client may declare, and the format that the bytes must then have.
CONTENT_TYPES = {
    "image/jpeg": "jpeg",
    "image/png": "png",
    "image/webp": "webp",
    "image/gif": "gif",
    "image/heic": "heic",
    "image/heif": "heic",
    "image/avif": "avif",
    "image/tiff": "tiff",
    "image/bmp": "bmp",
}

# How a stored photo's key ends, and what a browser is told that it is.
EXTENSIONS = {
    "jpeg": ("jpg", "image/jpeg"),
    "png": ("png", "image/png"),
    "webp": ("webp", "image/webp"),
    "gif": ("gif", "image/gif"),
    "heic": ("heic", "image/heic"),
    "avif": ("avif", "image/avif"),
    "tiff": ("tif", "image/tiff"),
    "bmp": ("bmp", "image/bmp"),
}
TYPE_OF_EXTENSION = dict(EXTENSIONS.values())


# As `photogate.policy.Purpose` has it where a policy does not say.
DEFAULT_RETENTION_DAYS = 365


class Status(StrEnum):
    """Where an upload stands."""

    AWAITING_UPLOAD = "AWAITING_UPLOAD"
    PROCESSING = "PROCESSING"
    ACCEPTED = "ACCEPTED"
    REDACTED = "REDACTED"
    RETAKE = "RETAKE"
    IN_REVIEW = "IN_REVIEW"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    ERASED = "ERASED"

    @property
    def terminal(self) -> bool:
        """Whether the workflow has nothing more to do with it."""
        return self not in (Status.AWAITING_UPLOAD, Status.PROCESSING)


STATUS_OF = {
    Decision.ACCEPT: Status.ACCEPTED,
    Decision.REDACT: Status.REDACTED,
    Decision.RETAKE: Status.RETAKE,
    Decision.REVIEW: Status.IN_REVIEW,
    Decision.REJECT: Status.REJECTED,
}


def new_id() -> str:
    """Make a random 128-bit id: 32 hex digits."""
    return secrets.token_hex(16)


def is_id(text: str) -> bool:
    """Tell whether a text is one of our ids, before it goes into a key."""
    return re.fullmatch(HEX_ID, text, re.ASCII) is not None


@dataclass(frozen=True, slots=True)
class ObjectKey:
    """The place of an upload's objects: ``tenant/subject/upload``, the same in every bucket."""

    tenant: str
    subject: str
    upload_id: str

    def __str__(self) -> str:
        """Give the key."""
        return f"{self.tenant}/{self.subject}/{self.upload_id}"

    def part(self, name: str) -> str:
        """Give the key of one intermediate in the work bucket."""
        return f"{self}/{name}"


def parse_key(key: str) -> ObjectKey | None:
    """Read an object key; None for any that we did not issue."""
    match = _KEY.fullmatch(key)
    return ObjectKey(match["tenant"], match["subject"], match["upload"]) if match else None


@dataclass(frozen=True, slots=True)
class Claim:
    """Which execution processes an upload, and exactly which bytes.

    `sha256` is that of the object version, in hex.
    """

    execution_id: str
    version_id: str
    sha256: str
    claimed_at: datetime


@dataclass(frozen=True, slots=True)
class Upload:
    """One row of the Uploads table.

    Attributes
    ----------
    retention_days
        As the policy said for the purpose when the upload was requested.
    retain_until
        Until when its photo is kept; None where none is. Then the sweep deletes photo and row.
    expires_at
        When the table itself forgets the row; None while it is the only way to find something that is kept.
    counts
        What the detectors saw of what is in review, by kind and band.
    votes
        What reviewers said in the review that is under way, or in the last one.
    rounds
        How often a review has ended it.
    sealed
        Whether the original of a redacted photo is kept, sealed, for an appeal.
    appealed
        Whether the uploader has appealed; that is done once.
    """

    tenant: str
    upload_id: str
    subject: str
    status: Status
    purpose: str
    consent_id: str
    content_type: str
    size: int
    created_at: datetime
    expires_at: datetime | None = None
    retention_days: int = DEFAULT_RETENTION_DAYS
    retain_until: datetime | None = None
    sha256: str | None = None
    claim: Claim | None = None
    policy_hash: str | None = None
    decision: Decision | None = None
    reason: Reason | None = None
    finished_at: datetime | None = None
    photo_key: str | None = None
    photo_version: str | None = None
    photo_sha256: str | None = None
    scene: dict[str, int | str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    votes: tuple[Vote, ...] = ()
    rounds: int = 0
    sealed: bool = False
    appealed: bool = False
    cleaned: bool = False

    @property
    def appealable(self) -> bool:
        """Whether its uploader may appeal."""
        return self.status is Status.REDACTED and self.sealed and not self.appealed

    @property
    def readable(self) -> bool:
        """Whether its photo can be read: that of an appeal stays readable while somebody looks at it."""
        kept = self.status in (Status.ACCEPTED, Status.REDACTED) or (self.status is Status.IN_REVIEW and self.appealed)
        return kept and self.photo_key is not None

    @property
    def key(self) -> ObjectKey:
        """Where its objects are."""
        return ObjectKey(self.tenant, self.subject, self.upload_id)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an upload ends.

    `kept` says that something of the photo is stored, so that consent and fence must still stand.
    """

    status: Status
    decision: Decision | None
    reason: Reason
    kept: bool = False
    photo_key: str | None = None
    photo_version: str | None = None
    photo_sha256: str | None = None
    scene: dict[str, int | str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    sealed: bool = False


@dataclass(frozen=True, slots=True)
class ReviewPage:
    """Some of a tenant's open reviews, oldest first; `cursor` is where to go on, None where that was all."""

    uploads: tuple[Upload, ...]
    cursor: str | None


class UploadStore(Protocol):
    """What the domain needs of the Uploads table. Every write is conditional."""

    def create(self, upload: Upload, idempotency: str | None, request_hash: str) -> Upload:
        """Put a new upload, or give the one that the same idempotency key made before.

        Raises
        ------
        RequestRefused
            If the key was used for another request.
        """

    def get(self, tenant: str, upload_id: str) -> Upload | None:
        """Read consistently."""

    def claim(self, upload: Upload, claim: Claim, policy_hash: str | None, now: datetime) -> Upload:
        """Move `AWAITING_UPLOAD` to `PROCESSING`, or take over a claim that is too old, or find one's own.

        Raises
        ------
        Duplicate
            If another execution has it, or it has ended.
        """

    def finish(self, upload: Upload, execution_id: str, outcome: Outcome, now: datetime) -> Upload:
        """Move `PROCESSING` to a terminal status, in one transaction with consent and fence where `outcome.kept`.

        Finding one's own outcome there already is no error.

        Raises
        ------
        ConsentMissing
            If the consent no longer stands.
        Fenced
            If the subject is being erased.
        Duplicate
            If another execution has the claim, or ended it.
        """

    def vote(self, upload: Upload, votes: tuple[Vote, ...], claim: Claim | None, now: datetime) -> Upload:
        """Replace the votes that `upload` has; with a claim, whoever holds it carries out what follows from them.

        Raises
        ------
        Conflict
            If somebody else voted first, or the review has ended.
        """

    def take_over(self, upload: Upload, execution_id: str, now: datetime) -> Upload:
        """Claim a review whose votes are complete, and that nobody works on any more.

        Raises
        ------
        Duplicate
            If somebody does, or it has ended.
        """

    def settle(self, upload: Upload, execution_id: str, outcome: Outcome, now: datetime) -> Upload:
        """Move `IN_REVIEW` to its outcome: as `finish`, for the holder of the review's claim."""

    def appeal(self, upload: Upload, now: datetime) -> Upload:
        """Move `REDACTED` to `IN_REVIEW`, once; finding it appealed already is no error.

        Raises
        ------
        Conflict
            If it cannot be appealed.
        """

    def postpone(self, upload: Upload, until: datetime) -> None:
        """Let the review's sweep look at it again at that time."""

    def reviews(self, tenant: str, limit: int, after: str | None) -> ReviewPage:
        """Give open reviews of a tenant, oldest first; `after` is an earlier page's cursor."""

    def reviews_before(self, moment: datetime) -> list[tuple[str, str]]:
        """Give (tenant, upload id) of the reviews that the sweep should look at by `moment`."""

    def expire(self, upload: Upload, now: datetime) -> Upload:
        """Move `AWAITING_UPLOAD` to `EXPIRED`.

        Raises
        ------
        Duplicate
            If it has been claimed meanwhile.
        """

    def mark_cleaned(self, upload: Upload) -> None:
        """Take a terminal upload out of the index of open items: what must not stay is gone.

        What is in review is in that index for the review's sweep from then on.
        """

    def open_before(self, moment: datetime) -> list[tuple[str, str]]:
        """Give (tenant, upload id) of what has been open since before `moment`."""
