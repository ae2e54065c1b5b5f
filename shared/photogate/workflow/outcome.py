"""RecordOutcome: one transaction for the status, then nothing of the original stays.

The transaction holds the conditions that consent and fence still stand. The upload stays in the index of open items
until the originals are gone, so that whatever breaks after the transaction is finished by the sweeper.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from photogate.audit.event import Actor, ActorKind, DetailKey, EventName
from photogate.audit.event import Outcome as EventOutcome
from photogate.audit.trail import Trail
from photogate.clock import Clock, stamp
from photogate.errors import ConsentMissing, Duplicate, Fenced, IntegrityError, NotFound, Reason
from photogate.policy import Decision
from photogate.uploads import STATUS_OF, Outcome, Status, Upload, UploadStore
from photogate.workflow.admission import chain_of_key, version_hash
from photogate.workflow.keeping import reject_reason
from photogate.workflow.ports import Announcer, Objects
from photogate.workflow.state import Admission, PhotoState

__all__ = ["IGNORED", "RecordOutcome", "completion", "is_there", "outcome_of"]

IGNORED = "IGNORED"
STEP = Actor(ActorKind.SERVICE, "record_outcome")


def outcome_of(state: PhotoState) -> Outcome:
    """Say how an upload ends, by what the steps answered.

    Raises
    ------
    IntegrityError
        If no step ended it.
    """
    if state.quarantine is not None:
        kept = state.quarantine
        return Outcome(Status.IN_REVIEW, Decision.REVIEW, kept.reason, kept=True, counts=kept.counts)
    if state.retake is not None and state.detect is not None:
        return Outcome(Status.RETAKE, Decision.RETAKE, state.detect.reason, scene=state.retake.scene)
    if state.stored is not None and state.detect is not None:
        return Outcome(
            STATUS_OF[state.detect.decision],
            state.detect.decision,
            state.detect.reason,
            kept=True,
            photo_key=state.stored.key,
            photo_version=state.stored.version_id,
            photo_sha256=state.stored.sha256,
            sealed=state.stored.sealed,
        )
    rejected = (
        state.admission is Admission.REJECTED
        or (state.strip is not None and state.strip.reason is not None)
        or (state.detect is not None and state.detect.decision is Decision.REJECT)
    )
    if rejected:
        return Outcome(Status.REJECTED, Decision.REJECT, reject_reason(state))
    raise IntegrityError("Expected a photo that a step has ended; found one on its way")


@dataclass(frozen=True, slots=True)
class RecordOutcome:
    """Ends an upload, and deletes what must not stay."""

    uploads: UploadStore
    incoming: Objects
    work: Objects
    vault: Objects
    quarantine: Objects
    announcer: Announcer
    trail: Trail
    clock: Clock

    def run(self, state: PhotoState) -> dict[str, Any]:
        """Answer with the status that was recorded."""
        if state.admission is Admission.IGNORED:
            return self._forget(state)
        place = state.place
        upload = self.uploads.get(place.tenant, place.upload_id)
        if upload is None:
            raise IntegrityError("Expected an upload to end; found none")
        return self.end(upload, state.execution_id, outcome_of(state))

    def end(self, upload: Upload, execution_id: str, outcome: Outcome) -> dict[str, Any]:
        """Record an outcome; where consent or fence no longer stand, the outcome is that nothing is kept."""
        return self._end(self.uploads.finish, upload, execution_id, outcome)

    def settle(self, upload: Upload, execution_id: str, outcome: Outcome) -> dict[str, Any]:
        """Record the outcome of a review, under the same conditions and with the same consequences."""
        return self._end(self.uploads.settle, upload, execution_id, outcome)

    def _end(
        self,
        record: Callable[[Upload, str, Outcome, datetime], Upload],
        upload: Upload,
        execution_id: str,
        outcome: Outcome,
    ) -> dict[str, Any]:
        try:
            ended = record(upload, execution_id, outcome, self.clock())
        except (ConsentMissing, Fenced) as error:
            refused = Outcome(Status.REJECTED, Decision.REJECT, error.reason)
            ended = record(upload, execution_id, refused, self.clock())
        except Duplicate:
            self._take_back(upload, outcome)
            raise
        self.clean(ended)
        return {"status": ended.status.value, "reason": (ended.reason or Reason.INTERNAL).value}

    def clean(self, upload: Upload) -> None:
        """Write the event, delete what must not stay, tell the customer; again, if it was interrupted."""
        if upload.cleaned:
            return
        # A review ends an upload once more: its events are events of their own.
        again = f"-{upload.rounds}" if upload.rounds else ""
        self._record(upload, EventName.UPLOAD_COMPLETED, "completed" + again)
        self._delete_objects(upload)
        self._record(upload, EventName.ORIGINAL_DELETED, "deleted" + again)
        self.announcer.announce(completion(upload))
        self.uploads.mark_cleaned(upload)

    def _delete_objects(self, upload: Upload) -> None:
        key = str(upload.key)
        for bucket in (self.incoming, self.work):
            for version in list(bucket.versions(key)):
                bucket.delete(version.key, version.version_id)
        if upload.status is not Status.IN_REVIEW and not upload.appealable:
            for version in list(self.quarantine.versions(key)):
                self.quarantine.delete(version.key, version.version_id)
        for version in list(self.vault.versions(key)):
            if version.version_id != upload.photo_version:
                self.vault.delete(version.key, version.version_id)

    def _take_back(self, upload: Upload, outcome: Outcome) -> None:
        """Delete what this execution stored where another one ended the upload otherwise."""
        now = self.uploads.get(upload.tenant, upload.upload_id)
        if outcome.photo_key and (now is None or now.photo_version != outcome.photo_version):
            self.vault.delete(outcome.photo_key, outcome.photo_version)

    def _record(self, upload: Upload, name: EventName, step: str) -> None:
        # Run and function are the upload's and this step's: whoever finishes the work, the events are written once.
        details: dict[DetailKey, int | str] = {DetailKey.STATUS: upload.status.value}
        if name is EventName.ORIGINAL_DELETED and (upload.status is Status.IN_REVIEW or upload.appealable):
            # Not everywhere: a sealed one stays in quarantine.
            details[DetailKey.BUCKET] = "incoming"
        if upload.decision is not None:
            details[DetailKey.DECISION] = upload.decision.value
        if upload.photo_sha256 is not None:
            details[DetailKey.SHA256_OUT] = upload.photo_sha256
        whole = replace(self.trail, run=upload.upload_id, function=STEP.id, actor=STEP)
        whole.record(
            name,
            step=step,
            tenant=upload.tenant,
            subject=upload.subject,
            upload_id=upload.upload_id,
            purpose=upload.purpose,
            policy_hash=upload.policy_hash,
            reason=upload.reason,
            details=details,
        )

    def _forget(self, state: PhotoState) -> dict[str, Any]:
        """Delete an object that no upload announced, or a later version of one that has been admitted."""
        tenant, chain = chain_of_key(state.key)
        if state.version_id != "none":
            self.trail.record(
                EventName.ORIGINAL_DELETED,
                step="ignored",
                tenant=tenant,
                chain=chain,
                outcome=EventOutcome.REFUSED,
                details={DetailKey.VERSION_HASH: version_hash(state.version_id), DetailKey.BUCKET: "incoming"},
            )
            self.incoming.delete(state.key, state.version_id)
        return {"status": IGNORED}


def completion(upload: Upload) -> dict[str, Any]:
    """Give the detail of ``photo.completed``."""
    return {
        "version": 1,
        "tenant": upload.tenant,
        "upload_id": upload.upload_id,
        "purpose": upload.purpose,
        "status": upload.status.value,
        "reason": (upload.reason or Reason.INTERNAL).value,
        "completed_at": stamp(upload.finished_at) if upload.finished_at else None,
        "photo": {"id": upload.upload_id, "sha256": upload.photo_sha256} if upload.photo_key else None,
    }


def is_there(bucket: Objects, key: str) -> bool:
    """Tell whether a key has a current object."""
    try:
        bucket.head(key)
    except NotFound:
        return False
    return True
