"""sweep_uploads: nothing is stuck.

A Catch does not run when the workflow itself times out, or when quarantine fails. So a schedule looks at everything
that has been open for too long, and ends it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from photogate.audit.event import DetailKey, EventName
from photogate.audit.trail import Trail
from photogate.clock import Clock
from photogate.errors import Duplicate, IntegrityError, NotFound, OriginalGone, Reason
from photogate.policy import Decision
from photogate.uploads import LINK_LIFETIME, Outcome, Status, Upload, UploadStore
from photogate.workflow.keeping import Quarantine, state_of
from photogate.workflow.outcome import RecordOutcome, is_there, outcome_of
from photogate.workflow.ports import Objects
from photogate.workflow.state import Failed

__all__ = ["GRACE", "PATIENCE", "SweepUploads", "failures"]

# An Express execution ends after five minutes; after ten nobody is working on the photo any more.
PATIENCE = timedelta(minutes=10)
# An upload may begin at a link's last moment, and its event takes its time.
GRACE = LINK_LIFETIME + timedelta(minutes=10)

FAILED = "failed_"

# One name for all that nobody ended: a sweep that goes on where another broke off must write the same event.
STUCK = Failed(name="States.Timeout")


def failures(ends: Mapping[str, int]) -> int:
    """Count the uploads that a run could not end, whatever the error was."""
    return sum(count for end, count in ends.items() if end.startswith(FAILED))


@dataclass(frozen=True, slots=True)
class SweepUploads:
    """Ends what nobody else will.

    Attributes
    ----------
    steps
        Gives Quarantine and RecordOutcome for one upload, whose events then belong to that upload's sweep.
    not_ended
        Called with tenant, upload id and error for each upload that could not be ended.
    """

    uploads: UploadStore
    incoming: Objects
    steps: Callable[[str], tuple[Trail, Quarantine, RecordOutcome]]
    not_ended: Callable[[str, str, Exception], None]
    clock: Clock
    patience: timedelta = PATIENCE
    grace: timedelta = GRACE

    def run(self) -> dict[str, int]:
        """Answer with how many uploads ended in which way; one that fails does not keep the others waiting.

        What failed stays open and is tried again on the next run: `failures` counts it, for an alarm.
        """
        now = self.clock()
        ends: Counter[str] = Counter()
        for tenant, upload_id in self.uploads.open_before(now - min(self.patience, self.grace)):
            try:
                upload = self.uploads.get(tenant, upload_id)
                if upload is None:
                    continue
                ends[self._end(upload, now)] += 1
            except Duplicate:
                ends["moved_on"] += 1
            except Exception as error:
                ends[f"{FAILED}{type(error).__name__}"] += 1
                self.not_ended(tenant, upload_id, error)
        return dict(ends)

    def _end(self, upload: Upload, now: datetime) -> str:
        # One id for all sweeps of this upload: a sweep that was interrupted is the same as the next.
        execution_id = f"sweep:{upload.upload_id}"
        trail, quarantine, record = self.steps(execution_id)
        if upload.status.terminal:
            record.clean(upload)
            return "cleaned"
        if upload.status is Status.AWAITING_UPLOAD:
            if now - upload.created_at < self.grace:
                return "waiting"
            if not is_there(self.incoming, str(upload.key)):
                return self._expire(upload, trail, record)
            # The object came, and its event did not.
            state = quarantine.claim(str(upload.key), None, execution_id, STUCK)
        else:
            claim = upload.claim
            if claim is None:
                raise IntegrityError("Expected a claim on what is being processed; found none")
            if claim.execution_id != execution_id and now - claim.claimed_at < self.patience:
                return "waiting"
            claim = replace(claim, execution_id=execution_id, claimed_at=now)
            upload = self.uploads.claim(upload, claim, upload.policy_hash, now)
            state = state_of(upload, execution_id).model_copy(update={"error": STUCK})
        try:
            state = quarantine.run(state)
            outcome = outcome_of(state)
        except (OriginalGone, NotFound):
            # There is no original that a person could look at.
            outcome = Outcome(Status.REJECTED, Decision.REJECT, Reason.INTEGRITY)
        fresh = self.uploads.get(upload.tenant, upload.upload_id) or upload
        return str(record.end(fresh, execution_id, outcome)["status"]).lower()

    def _expire(self, upload: Upload, trail: Trail, record: RecordOutcome) -> str:
        expired = self.uploads.expire(upload, self.clock())
        trail.record(
            EventName.UPLOAD_EXPIRED,
            step="expired",
            tenant=upload.tenant,
            subject=upload.subject,
            upload_id=upload.upload_id,
            purpose=upload.purpose,
            reason=Reason.NEVER_UPLOADED,
            details={DetailKey.STATUS: Status.EXPIRED.value},
        )
        record.clean(expired)
        return "expired"
