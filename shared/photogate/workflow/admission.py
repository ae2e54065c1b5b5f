"""AdmitUpload: claim the upload, and look at the file from outside before anything decodes it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from photogate.audit.event import DetailKey, EventName, Outcome, tenant_chain
from photogate.audit.log import AuditStore
from photogate.audit.trail import Trail
from photogate.clock import Clock
from photogate.consent import ConsentStore, require_valid
from photogate.errors import (
    ConsentMissing,
    Duplicate,
    Fenced,
    ImageRefused,
    NotFound,
    PolicyRefused,
    Reason,
)
from photogate.formats.sniff import ImageFormat, measure, sniff
from photogate.subjects import SubjectStore, require_open
from photogate.tenants import InForce, PolicyStore, find_policy
from photogate.uploads import CONTENT_TYPES, Claim, Upload, UploadStore, parse_key
from photogate.workflow.ports import Objects
from photogate.workflow.state import Admission, PhotoState

__all__ = ["UNASSIGNED", "AdmitUpload", "chain_of_key", "version_hash"]

# The chain of what belongs to no tenant: objects under keys that we never issued.
UNASSIGNED = "unassigned"


@dataclass(frozen=True, slots=True)
class AdmitUpload:
    """Claims an upload for one execution, and admits its file or says why not.

    Attributes
    ----------
    max_bytes
        Above this nothing is read.
    policy_found
        Called with the tenant and its policy, whose event must not expire unnoticed.
    """

    uploads: UploadStore
    consents: ConsentStore
    subjects: SubjectStore
    policies: PolicyStore
    events: AuditStore
    incoming: Objects
    trail: Trail
    clock: Clock
    max_bytes: int
    policy_found: Callable[[str, InForce], None]

    def run(self, key: str, version_id: str | None, execution_id: str) -> PhotoState:
        """Answer with the photo's state; its `admission` says where it goes from here."""
        upload = self.announced(key)
        if upload is None:
            return self._ignore(key, version_id, execution_id)
        try:
            head = self.incoming.head(key, version_id)
        except NotFound:
            # Deleted since: an earlier execution has ended, or nobody lost anything.
            return PhotoState(admission=Admission.DUPLICATE, execution_id=execution_id, key=key, version_id="none")
        version = version_id or head.version_id
        data = self.incoming.get(key, version) if 0 < head.size <= self.max_bytes else b""
        try:
            return self._admit(upload, version, head.size, data, execution_id)
        except Duplicate:
            return self._second_comer(upload, key, version, execution_id)

    def announced(self, key: str) -> Upload | None:
        """Give the upload that this key was issued for."""
        place = parse_key(key)
        upload = self.uploads.get(place.tenant, place.upload_id) if place else None
        return upload if upload and upload.key == place else None

    def _admit(self, upload: Upload, version: str, size: int, data: bytes, execution_id: str) -> PhotoState:
        try:
            found = find_policy(self.policies, self.events, upload.tenant)
            self.policy_found(upload.tenant, found)
            policy = found.policy
        except PolicyRefused:
            policy = None
        sha256 = hashlib.sha256(data).hexdigest()
        claim = Claim(execution_id, version, sha256, self.clock())
        claimed = self.uploads.claim(upload, claim, policy.hash if policy else None, self.clock())
        if claimed.claim is None:
            raise Duplicate("Expected to hold the claim; found none")
        self.trail.record(
            EventName.UPLOAD_RECEIVED,
            step="received",
            tenant=upload.tenant,
            subject=upload.subject,
            upload_id=upload.upload_id,
            purpose=upload.purpose,
            details={DetailKey.SHA256: sha256, DetailKey.BYTES: size},
        )
        state = PhotoState(
            admission=Admission.ADMITTED,
            execution_id=execution_id,
            key=str(upload.key),
            version_id=claimed.claim.version_id,
            tenant=upload.tenant,
            subject=upload.subject,
            upload_id=upload.upload_id,
            sha256=sha256,
            policy_hash=claimed.policy_hash,
            purpose=upload.purpose,
        )
        try:
            fmt, details = self._look(upload, size, data)
        except (ImageRefused, ConsentMissing, Fenced) as error:
            reason = error.refusal if isinstance(error, ImageRefused) else error.reason
            return self._answer(state, Admission.REJECTED, reason, {})
        state = state.model_copy(update={"format": fmt.value})
        if policy is None or claimed.policy_hash != policy.hash:
            return self._answer(state, Admission.REVIEW, Reason.POLICY_UNKNOWN, details)
        return self._answer(state, Admission.ADMITTED, None, details)

    def _look(self, upload: Upload, size: int, data: bytes) -> tuple[ImageFormat, dict[DetailKey, int | str]]:
        """Check consent and fence, then the file: size, checksum, magic bytes, dimensions."""
        require_open(self.subjects, upload.tenant, upload.subject)
        consent = self.consents.get(upload.tenant, upload.subject, upload.consent_id)
        require_valid(consent, upload.purpose, self.clock())
        if size == 0:
            raise ImageRefused("Expected a file; found no bytes", reason=Reason.EMPTY)
        if size > min(self.max_bytes, upload.size):
            raise ImageRefused("Expected the announced size at most; found more", reason=Reason.TOO_LARGE)
        if upload.sha256 is not None and hashlib.sha256(data).hexdigest() != upload.sha256:
            raise ImageRefused("Expected the announced SHA-256; found another", reason=Reason.CHECKSUM_MISMATCH)
        fmt = sniff(data)
        if fmt is ImageFormat.UNKNOWN:
            raise ImageRefused("Expected a picture; found no format's signature", reason=Reason.NOT_AN_IMAGE)
        if fmt.value != CONTENT_TYPES[upload.content_type]:
            raise ImageRefused("Expected the declared format; found another", reason=Reason.TYPE_MISMATCH)
        size_of = measure(data)
        return fmt, {
            DetailKey.FORMAT: fmt.value,
            DetailKey.WIDTH: size_of.width,
            DetailKey.HEIGHT: size_of.height,
            DetailKey.FRAMES: size_of.frames,
        }

    def _answer(
        self, state: PhotoState, admission: Admission, reason: Reason | None, details: dict[DetailKey, int | str]
    ) -> PhotoState:
        self.trail.record(
            EventName.PHOTO_ADMITTED,
            step="admitted",
            tenant=state.place.tenant,
            subject=state.subject,
            upload_id=state.upload_id,
            purpose=state.purpose,
            policy_hash=state.policy_hash,
            outcome=Outcome.SUCCEEDED if admission is Admission.ADMITTED else Outcome.REFUSED,
            reason=reason,
            details=details,
        )
        return state.model_copy(update={"admission": admission, "reason": reason})

    def _second_comer(self, upload: Upload, key: str, version: str, execution_id: str) -> PhotoState:
        """Tell a repeated event from a later upload through the same link."""
        now = self.uploads.get(upload.tenant, upload.upload_id) or upload
        if now.claim is not None and now.claim.version_id == version:
            return PhotoState(admission=Admission.DUPLICATE, execution_id=execution_id, key=key, version_id=version)
        return self._ignore(key, version, execution_id)

    def _ignore(self, key: str, version_id: str | None, execution_id: str) -> PhotoState:
        """Leave an object that nobody announced to RecordOutcome, which deletes it and writes the event."""
        if version_id is None:
            try:
                version_id = self.incoming.head(key).version_id
            except NotFound:
                version_id = "none"
        return PhotoState(admission=Admission.IGNORED, execution_id=execution_id, key=key, version_id=version_id)


def chain_of_key(key: str) -> tuple[str, str]:
    """Give (tenant, chain) for events about an object that no upload announced."""
    place = parse_key(key)
    tenant = place.tenant if place else UNASSIGNED
    return tenant, tenant_chain(tenant)


def version_hash(version_id: str) -> str:
    """Give SHA-256 of a version id, in hex: events carry hashes only."""
    return hashlib.sha256(version_id.encode()).hexdigest()
