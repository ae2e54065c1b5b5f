"""What the state machine carries from step to step: ids, keys, counts and hashes, never content."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from photogate.errors import IntegrityError, Reason
from photogate.policy import Decision
from photogate.uploads import HexId, ObjectKey, TenantName

__all__ = [
    "Admission",
    "Convert",
    "Detect",
    "Failed",
    "PhotoState",
    "Quarantined",
    "Redact",
    "Rejected",
    "Retake",
    "S3Event",
    "Second",
    "Stored",
    "Strip",
    "Verdict",
]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    def plain(self) -> dict[str, Any]:
        """Give the plain JSON that Step Functions carries."""
        return self.model_dump(mode="json", exclude_none=True)


class Admission(StrEnum):
    """How admission ended."""

    ADMITTED = "admitted"
    DUPLICATE = "duplicate"
    IGNORED = "ignored"
    REJECTED = "rejected"
    REVIEW = "review"


class Strip(_Part):
    """What StripMetadata answers."""

    status: str
    reason: Reason | None = None
    sha256: str | None = None
    format: str | None = None
    orientation: int = 1
    synthetic: str = "unknown"
    c2pa: bool = False
    rendition_needed: bool = False


class Convert(_Part):
    """What ConvertPhoto answers."""

    sha256: str


class Detect(_Part):
    """What DetectFaces answers; counts are by kind and band, of the first look."""

    decision: Decision
    reason: Reason
    sha256: str
    model_hash: str
    width: int
    height: int
    counts: dict[str, int]


class Redact(_Part):
    """What RedactPhoto answers; `round` is 1 or 2, and `seal` says that the policy keeps the original for an appeal."""

    sha256: str
    format: str
    orientation: int = 1
    boxes: int
    round: int
    seal: bool = False


class Verdict(StrEnum):
    """What the second look says."""

    CLEAN = "clean"
    AGAIN = "again"
    REMAINS = "remains"


class Second(_Part):
    """What SecondLook answers."""

    verdict: Verdict
    sha256: str


class Stored(_Part):
    """What StorePhoto answers; `sealed` says that the original is kept as well, sealed, for an appeal."""

    key: str
    version_id: str
    sha256: str
    sealed: bool = False


class Retake(_Part):
    """What AskRetake answers: where things are, in counts and words of a closed set."""

    scene: dict[str, int | str]


class Quarantined(_Part):
    """What Quarantine answers; counts are of the findings that lie beside the original, by kind and band."""

    reason: Reason
    key: str
    version_id: str
    counts: dict[str, int] = Field(default_factory=dict)


class Rejected(_Part):
    """What Reject answers."""

    reason: Reason


class Failed(_Part):
    """What a Catch leaves of an error."""

    name: str


class _Created(_Part):
    key: str
    version_id: str | None = Field(default=None, alias="version-id")


class S3Event(_Part):
    """What AdmitUpload is given: EventBridge's object, and the execution's id."""

    object: _Created
    execution_id: str

    @classmethod
    def parse(cls, event: Mapping[str, Any]) -> S3Event:
        """Read the event.

        Raises
        ------
        IntegrityError
            If it is not one that S3 sent; without repeating what it holds.
        """
        try:
            return cls.model_validate(event)
        except ValidationError:
            raise IntegrityError("Expected an object-created event; found something else") from None

    @property
    def key(self) -> str:
        """The object's key."""
        return self.object.key

    @property
    def version_id(self) -> str | None:
        """The version that was created, where the event says it."""
        return self.object.version_id


class PhotoState(_Part):
    """One photo on its way. Every step reads it whole."""

    admission: Admission
    execution_id: str
    key: str
    version_id: str
    reason: Reason | None = None
    tenant: TenantName | None = None
    subject: HexId | None = None
    upload_id: HexId | None = None
    sha256: str | None = None
    format: str | None = None
    policy_hash: str | None = None
    purpose: str | None = None
    strip: Strip | None = None
    convert: Convert | None = None
    detect: Detect | None = None
    redact: Redact | None = None
    second: Second | None = None
    stored: Stored | None = None
    retake: Retake | None = None
    quarantine: Quarantined | None = None
    error: Failed | None = None

    @classmethod
    def parse(cls, state: Mapping[str, Any]) -> PhotoState:
        """Read the state machine's state.

        Raises
        ------
        IntegrityError
            If it is not one that our steps made; without repeating what it holds.
        """
        try:
            return cls.model_validate(state)
        except ValidationError as error:
            where = sorted({".".join(str(p) for p in e["loc"]) for e in error.errors(include_input=False)})
            raise IntegrityError(f"Expected a photo's state; found other values at {', '.join(where)}") from None

    @property
    def place(self) -> ObjectKey:
        """Where the upload's objects are.

        Raises
        ------
        IntegrityError
            If the state is not that of a known upload.
        """
        if self.tenant is None or self.subject is None or self.upload_id is None:
            raise IntegrityError("Expected the state of a known upload; found one without ids")
        return ObjectKey(self.tenant, self.subject, self.upload_id)
