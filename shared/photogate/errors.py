"""Everything that Photogate raises on purpose.

::

    PhotogateError
    ├── ImageRefused            the bytes are not an image that we can make safe
    ├── ModelRefused            a model file is missing or is not the one we know
    ├── DetectionFailed         a detector did not give an answer that can be used
    ├── RedactionFailed         a box could not be hidden
    ├── PolicyRefused           a policy document is not valid
    ├── NotFound                no such thing for this caller
    ├── NotPermitted            the caller's scopes do not cover it
    ├── RequestRefused          a request that cannot be carried out as it stands
    ├── ConsentMissing          no valid consent for the purpose
    ├── Fenced                  the subject is being erased
    ├── Held                    a legal hold forbids the erasure
    ├── Duplicate               another execution has the claim
    ├── Conflict                somebody else wrote first
    ├── IntegrityError          a record is not what it must be
    │   ├── OriginalGone        the bytes are not those that an earlier step saw
    │   ├── ProofError          a Merkle proof does not hold
    │   └── NoteError           a signed note is malformed or not signed by a known key
    ├── Transient               a service did not answer; try again
    ├── Misconfigured           a setting is missing or out of range
    └── Unexpected              something failed that we do not name

A message says what was expected, what was found and what to do. It never carries a personal value:
no file name, no tag value, no pixel, no address.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

__all__ = [
    "Conflict",
    "ConsentMissing",
    "DetectionFailed",
    "Duplicate",
    "Fenced",
    "Held",
    "ImageRefused",
    "IntegrityError",
    "Misconfigured",
    "ModelRefused",
    "NotFound",
    "NotPermitted",
    "NoteError",
    "OriginalGone",
    "PhotogateError",
    "PolicyRefused",
    "ProofError",
    "Reason",
    "RedactionFailed",
    "RequestRefused",
    "Transient",
    "Unexpected",
    "reason_for",
    "reason_for_name",
]


class Reason(StrEnum):
    """Why an upload ended as it did: the closed set of codes that states, events and the API carry."""

    CLEAN = "clean"
    FACE = "face"
    TEXT = "text"
    CODE = "code"
    SYNTHETIC = "synthetic"
    UNKNOWN_FINDING = "unknown_finding"
    NOT_AN_IMAGE = "not_an_image"
    UNSUPPORTED_FORMAT = "unsupported_format"
    TYPE_MISMATCH = "type_mismatch"
    MALFORMED = "malformed"
    EMPTY = "empty"
    TOO_LARGE = "too_large"
    TOO_MANY_PIXELS = "too_many_pixels"
    TOO_MANY_FRAMES = "too_many_frames"
    CHECKSUM_MISMATCH = "checksum_mismatch"
    NO_CONSENT = "no_consent"
    FENCED = "fenced"
    LEGAL_HOLD = "legal_hold"
    POLICY_UNKNOWN = "policy_unknown"
    STRIP_FAILED = "strip_failed"
    CONVERT_FAILED = "convert_failed"
    DETECT_FAILED = "detect_failed"
    REDACT_FAILED = "redact_failed"
    FACE_REMAINS = "face_remains"
    MODEL_REFUSED = "model_refused"
    INTEGRITY = "integrity"
    MISCONFIGURED = "misconfigured"
    NOT_PERMITTED = "not_permitted"
    TIMED_OUT = "timed_out"
    SERVICE_UNAVAILABLE = "service_unavailable"
    NEVER_UPLOADED = "never_uploaded"
    FALSE_ALARM = "false_alarm"
    PERMITTED = "permitted"
    PERSON = "person"
    UNUSABLE = "unusable"
    UNLAWFUL = "unlawful"
    REVIEW_OVERDUE = "review_overdue"
    REVIEWED = "reviewed"
    APPEALED = "appealed"
    INTERNAL = "internal"


class PhotogateError(Exception):
    """Something that Photogate knows how to name.

    Attributes
    ----------
    reason
        The code that goes into states and events in place of the message.
    advice
        One sentence on what to do about it.
    """

    reason: ClassVar[Reason] = Reason.INTERNAL
    advice: ClassVar[str] = "Look for the upload's id in the audit log."


class ImageRefused(PhotogateError):
    """The bytes are not an image that can be made safe.

    Parameters
    ----------
    message
        What was expected and what was found. No bytes of the file.
    offset
        Where in the file, in bytes from its start; None where no place applies.
    reason
        ``MALFORMED`` unless told otherwise.
    instead
        What the sender can do, e.g. "Send a JPEG or PNG."
    """

    def __init__(
        self,
        message: str,
        *,
        offset: int | None = None,
        reason: Reason = Reason.MALFORMED,
        instead: str = "Save the photo again as JPEG or PNG, and send that.",
    ) -> None:
        super().__init__(message if offset is None else f"{message} (at byte {offset})")
        self.offset = offset
        self.refusal = reason
        self.instead = instead

    reason = Reason.MALFORMED
    advice = "Save the photo again as JPEG or PNG, and send that."


class ModelRefused(PhotogateError):
    """A model file is missing, or its SHA-256 is not the one that we calibrated with."""

    reason = Reason.MODEL_REFUSED
    advice = "Run `make setup` again; do not replace model files by hand."


class DetectionFailed(PhotogateError):
    """A detector raised, or answered with something that is no answer."""

    reason = Reason.DETECT_FAILED
    advice = "The photo goes to review; look at it there."


class RedactionFailed(PhotogateError):
    """A box could not be hidden, so nothing of the photo may be kept as redacted."""

    reason = Reason.REDACT_FAILED
    advice = "The photo goes to review; redact it there."


class PolicyRefused(PhotogateError):
    """A policy document is not valid, or not one whose change the log records."""

    reason = Reason.POLICY_UNKNOWN
    advice = "`photogate policy test FILE` says what is wrong with it."


class NotFound(PhotogateError):
    """No such thing, for this caller."""

    advice = "Check the id, and that the token belongs to its tenant."


class NotPermitted(PhotogateError):
    """The caller's scopes do not cover this."""

    reason = Reason.NOT_PERMITTED
    advice = "Ask the tenant's administrator for the scope that the message names."


class RequestRefused(PhotogateError):
    """A request that cannot be carried out as it stands."""

    advice = "The message says which field, and what it may be."


class ConsentMissing(PhotogateError):
    """The subject has given no consent for the purpose, or has withdrawn it."""

    reason = Reason.NO_CONSENT
    advice = "Ask for consent first: POST /consents."


class Fenced(PhotogateError):
    """The subject is being erased: nothing new of it may be kept."""

    reason = Reason.FENCED
    advice = "Wait until the erasure has ended; a later upload starts under a new pseudonym."


class Held(PhotogateError):
    """A legal hold is on the subject: nothing of it may be erased until the hold is lifted.

    Parameters
    ----------
    ground
        Why it was placed: a member of `photogate.subjects.HoldGround`.
    """

    reason = Reason.LEGAL_HOLD
    advice = "Whoever placed the hold can lift it: `photogate hold lift`. Then ask again."

    def __init__(self, ground: str) -> None:
        super().__init__(f"Expected a subject that may be erased; found a legal hold, on the ground {ground}")
        self.ground = ground


class Duplicate(PhotogateError):
    """Another execution has the claim to this upload."""

    advice = "Nothing to do: the other execution goes on."


class Conflict(PhotogateError):
    """A conditional write found another value than the one it was made from."""

    advice = "Read again, and try again."


class IntegrityError(PhotogateError):
    """A record is not what it must be."""

    reason = Reason.INTEGRITY
    advice = "Do not repair it: run `photogate audit verify`, and keep what is there."


class OriginalGone(IntegrityError):
    """The bytes in a bucket are not those that an earlier step saw."""


class ProofError(IntegrityError):
    """A Merkle proof does not hold."""


class NoteError(IntegrityError):
    """A signed note is malformed, or no known key signed it."""


class Transient(PhotogateError):
    """A service did not answer, or asked to be asked again."""

    reason = Reason.SERVICE_UNAVAILABLE
    advice = "Try again; Step Functions does so by itself."


class Misconfigured(PhotogateError):
    """A setting is missing or out of range."""

    reason = Reason.MISCONFIGURED
    advice = "The message names the setting; docs/settings.md says what it may be."


class Unexpected(PhotogateError):
    """Something failed that we do not name. The message holds the error's class, and nothing that it said."""

    advice = "Look for the class in the function's log, at the same request id."


def reason_for(error: BaseException) -> Reason:
    """Give the code that may go into a state or an event in place of `error`.

    Returns
    -------
    Reason
        The error's own reason; ``INTERNAL`` for whatever is not ours.
    """
    if isinstance(error, ImageRefused):
        return error.refusal
    return error.reason if isinstance(error, PhotogateError) else Reason.INTERNAL


_REASON_OF_NAME = {
    "States.Timeout": Reason.TIMED_OUT,
    "States.HeartbeatTimeout": Reason.TIMED_OUT,
    "Sandbox.Timedout": Reason.TIMED_OUT,
    "Lambda.ServiceException": Reason.SERVICE_UNAVAILABLE,
    "Lambda.AWSLambdaException": Reason.SERVICE_UNAVAILABLE,
    "Lambda.SdkClientException": Reason.SERVICE_UNAVAILABLE,
    "Lambda.TooManyRequestsException": Reason.SERVICE_UNAVAILABLE,
    "Lambda.ClientExecutionTimeoutException": Reason.TIMED_OUT,
}


def reason_for_name(name: str) -> Reason:
    """Give the code for an error that Step Functions names, of which nothing but the name may go on.

    Returns
    -------
    Reason
        ``INTERNAL`` for a name that we do not know.
    """
    known = {cls.__name__: cls.reason for cls in _every_subclass(PhotogateError)}
    return _REASON_OF_NAME.get(name) or known.get(name.rpartition(".")[2], Reason.INTERNAL)


def _every_subclass(cls: type[PhotogateError]) -> list[type[PhotogateError]]:
    return [s for direct in cls.__subclasses__() for s in (direct, *_every_subclass(direct))]
