"""StorePhoto, AskRetake, Quarantine and Reject: the four ways that a photo can end."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from photogate.audit.event import DetailKey, EventName, Outcome
from photogate.audit.trail import Trail
from photogate.clock import Clock
from photogate.errors import Duplicate, IntegrityError, NotFound, NotPermitted, Reason, reason_for_name
from photogate.findings import Finding, dump_findings, load_findings
from photogate.policy import Decision
from photogate.subjects import SubjectStore, require_open
from photogate.uploads import EXTENSIONS, Claim, Upload, UploadStore, parse_key
from photogate.workflow.detection import counts_of, read_findings
from photogate.workflow.ports import Objects, Sealed
from photogate.workflow.state import Admission, Failed, PhotoState, Quarantined, Rejected, Retake, Stored
from photogate.workflow.stripping import read_checked

__all__ = [
    "FINDINGS",
    "KEPT_NOTHING",
    "AskRetake",
    "Quarantine",
    "StorePhoto",
    "quarantine_reason",
    "reject_reason",
    "state_of",
]

# Reasons after which nothing of the photo may be kept, not even for a person to look at.
KEPT_NOTHING = frozenset({Reason.FENCED, Reason.NO_CONSENT})
# What the detectors saw, beside an original in quarantine.
FINDINGS = "findings.json"


@dataclass(frozen=True, slots=True)
class StorePhoto:
    """Puts the result into the vault; and the original of a redacted one, sealed, where the policy keeps it."""

    incoming: Objects
    work: Objects
    vault: Objects
    quarantine: Sealed
    subjects: SubjectStore
    trail: Trail

    def run(self, state: PhotoState) -> Stored:
        """Answer with the stored object's key, version and hash."""
        place = state.place
        require_open(self.subjects, place.tenant, place.subject)
        if state.redact is not None:
            name, sha256, fmt = "redacted", state.redact.sha256, state.redact.format
        elif state.strip is not None and state.strip.sha256 and state.strip.format:
            name, sha256, fmt = "stripped", state.strip.sha256, state.strip.format
        else:
            raise IntegrityError("Expected a stripped or redacted photo; found none")
        data = read_checked(self.work, place.part(name), sha256)
        extension, content_type = EXTENSIONS[fmt]
        key = f"{place}.{extension}"
        version = self.vault.put(key, data, content_type)
        self.trail.record(
            EventName.PHOTO_STORED,
            step="stored",
            tenant=place.tenant,
            subject=state.subject,
            upload_id=state.upload_id,
            purpose=state.purpose,
            policy_hash=state.policy_hash,
            details={DetailKey.SHA256: sha256, DetailKey.BYTES: len(data), DetailKey.FORMAT: fmt},
        )
        sealed = state.redact is not None and state.redact.seal
        if sealed:
            self.quarantine.seal(place, read_checked(self.incoming, state.key, state.sha256, state.version_id))
        return Stored(key=key, version_id=version, sha256=sha256, sealed=sealed)


@dataclass(frozen=True, slots=True)
class AskRetake:
    """Keeps nothing but a few counts, from which the uploader is told what to do.

    Attributes
    ----------
    scene_of
        Turns findings and the picture's size into counts and words of a closed set: `photogate.guidance.Scene`.
    """

    work: Objects
    subjects: SubjectStore
    scene_of: Callable[[tuple[Finding, ...], int, int], dict[str, int | str]]

    def run(self, state: PhotoState) -> Retake:
        """Answer with the scene."""
        place = state.place
        require_open(self.subjects, place.tenant, place.subject)
        return Retake(scene=self.scene_of(*read_findings(self.work, state)))


def quarantine_reason(state: PhotoState) -> Reason:
    """Say why a photo goes to review: the error's name, the second look, or the decision."""
    if state.error is not None:
        return reason_for_name(state.error.name)
    if state.second is not None:
        return Reason.FACE_REMAINS
    if state.reason is not None:
        return state.reason
    return state.detect.reason if state.detect is not None else Reason.INTERNAL


def reject_reason(state: PhotoState) -> Reason:
    """Say why a photo is rejected."""
    if state.error is not None:
        return reason_for_name(state.error.name)
    if state.strip is not None and state.strip.reason is not None:
        return state.strip.reason
    if state.reason is not None:
        return state.reason
    return state.detect.reason if state.detect is not None else Reason.INTERNAL


@dataclass(frozen=True, slots=True)
class Reject:
    """Writes down why nothing of a photo is kept."""

    trail: Trail

    def run(self, state: PhotoState) -> Rejected:
        """Answer with the reason."""
        reason = reject_reason(state)
        if state.detect is None:
            # Where a detector looked, its decision is in the log already.
            self.trail.record(
                EventName.DECISION_MADE,
                step="rejected",
                tenant=state.place.tenant,
                subject=state.subject,
                upload_id=state.upload_id,
                purpose=state.purpose,
                policy_hash=state.policy_hash,
                outcome=Outcome.REFUSED,
                reason=reason,
                details={DetailKey.DECISION: Decision.REJECT.value},
            )
        return Rejected(reason=reason)


@dataclass(frozen=True, slots=True)
class Quarantine:
    """Puts the original, sealed, where only a review can get at it, and beside it what the detectors saw.

    Attributes
    ----------
    quarantine, beside
        The same bucket: originals are sealed; findings, which are boxes and no pixels, are not.
    """

    uploads: UploadStore
    incoming: Objects
    work: Objects
    quarantine: Sealed
    beside: Objects
    subjects: SubjectStore
    trail: Trail
    clock: Clock

    def claim(self, key: str, version_id: str | None, execution_id: str, error: Failed) -> PhotoState:
        """Make the photo's state where AdmitUpload failed before it could: claim the upload for this execution."""
        place = parse_key(key)
        upload = self.uploads.get(place.tenant, place.upload_id) if place else None
        duplicate = PhotoState(
            admission=Admission.DUPLICATE, execution_id=execution_id, key=key, version_id=version_id or "none"
        )
        if upload is None or upload.key != place:
            return duplicate.model_copy(update={"admission": Admission.IGNORED})
        try:
            version = version_id or self.incoming.head(key).version_id
            sha256 = hashlib.sha256(self.incoming.get(key, version)).hexdigest()
            now = self.clock()
            claimed = self.uploads.claim(upload, Claim(execution_id, version, sha256, now), upload.policy_hash, now)
        except (NotFound, Duplicate):
            return duplicate
        return state_of(claimed, execution_id).model_copy(update={"error": error})

    def run(self, state: PhotoState) -> PhotoState:
        """Answer with the state and where the original is now; or without, where nothing may be kept."""
        if state.admission is Admission.REJECTED and state.reason is not None:
            # Its outcome is known: whatever failed since, nothing of it is kept.
            return state.model_copy(update={"error": None})
        place = state.place
        reason = quarantine_reason(state)
        if not self.subjects.is_open(place.tenant, place.subject):
            reason = Reason.FENCED
        if reason in KEPT_NOTHING:
            return state.model_copy(update={"admission": Admission.REJECTED, "reason": reason, "error": None})
        data = read_checked(self.incoming, state.key, state.sha256, state.version_id)
        version = self.quarantine.seal(place, data)
        self.trail.record(
            EventName.REVIEW_OPENED,
            step="quarantined",
            tenant=place.tenant,
            subject=state.subject,
            upload_id=state.upload_id,
            purpose=state.purpose,
            policy_hash=state.policy_hash,
            reason=reason,
            outcome=Outcome.SUCCEEDED,
        )
        counts = self._keep_findings(state)
        kept = Quarantined(reason=reason, key=str(place), version_id=version, counts=counts)
        return state.model_copy(update={"quarantine": kept})

    def _keep_findings(self, state: PhotoState) -> dict[str, int]:
        """Put the findings of both looks beside the original, for a reviewer's redaction; count them."""
        if state.detect is None:
            return {}
        try:
            findings, width, height = read_findings(self.work, state)
            if state.second is not None:
                second = read_checked(self.work, state.place.part("findings2.json"), state.second.sha256)
                findings += load_findings(second)[0]
        except (NotFound, NotPermitted, IntegrityError):
            # A person looks in any case; that the findings are gone must not keep the original from them.
            return {}
        document = dump_findings(findings, width, height)
        self.beside.put(state.place.part(FINDINGS), document, "application/json")
        return counts_of(findings)


def state_of(upload: Upload, execution_id: str) -> PhotoState:
    """Make the photo's state from a claimed upload alone.

    Raises
    ------
    IntegrityError
        If the upload has no claim.
    """
    if upload.claim is None:
        raise IntegrityError("Expected a claimed upload; found one without a claim")
    return PhotoState(
        admission=Admission.REVIEW,
        execution_id=execution_id,
        key=str(upload.key),
        version_id=upload.claim.version_id,
        tenant=upload.tenant,
        subject=upload.subject,
        upload_id=upload.upload_id,
        sha256=upload.claim.sha256,
        policy_hash=upload.policy_hash,
        purpose=upload.purpose,
    )
