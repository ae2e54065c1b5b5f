"""Appeals: an uploader asks, once, that a person look at a redaction; the policy has kept the original for that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from photogate.access import Caller, Scope, require_scope
from photogate.audit.event import Actor, ActorKind, DetailKey, EventName
from photogate.audit.trail import Trail
from photogate.clock import Clock
from photogate.errors import NotFound, Reason
from photogate.intake import Identity
from photogate.subjects import require_open
from photogate.uploads import Status, Upload, UploadStore, is_id

__all__ = ["Appeals"]


@dataclass(frozen=True, slots=True)
class Appeals:
    """Appeals of the calling subject."""

    identity: Identity
    uploads: UploadStore
    trail: Trail
    clock: Clock

    def appeal(self, caller: Caller, upload_id: str) -> dict[str, Any]:
        """Put a redacted photo into review; again, while it is there, changes nothing.

        Raises
        ------
        NotFound
            For any upload that is not the caller's own.
        Conflict
            If it is not redacted, its original was not kept, or it was appealed before.
        """
        require_scope(caller, Scope.UPLOADS_WRITE)
        upload = self.uploads.get(caller.tenant, upload_id) if is_id(upload_id) else None
        if upload is None or self.identity.known(caller) != upload.subject:
            raise NotFound("Expected an upload of this caller; found none")
        require_open(self.identity.subjects, upload.tenant, upload.subject)
        appealed = self.uploads.appeal(upload, self.clock())
        self._record(appealed)
        return {"id": appealed.upload_id, "status": appealed.status.value}

    def _record(self, upload: Upload) -> None:
        # One event an upload, whichever request writes it: an appeal is made once.
        self.trail.by(Actor(ActorKind.SUBJECT, upload.subject)).within(upload.upload_id).record(
            EventName.REVIEW_OPENED,
            step="appealed",
            tenant=upload.tenant,
            subject=upload.subject,
            upload_id=upload.upload_id,
            purpose=upload.purpose,
            policy_hash=upload.policy_hash,
            reason=Reason.APPEALED,
            details={DetailKey.STATUS_BEFORE: Status.REDACTED.value, DetailKey.STATUS: Status.IN_REVIEW.value},
        )
