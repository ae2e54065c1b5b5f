"""How a review ends: what its votes keep is made and stored, and its outcome recorded as the workflow's is.

Once the votes are complete, what follows from them is fixed. Whoever holds the review's claim (the request that cast
the last vote, or the sweep after a crash) makes the same bytes and writes the same events; then comes the one
transaction with consent and fence, and the deletion of the original.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from photogate.audit.event import Actor, ActorKind, DetailKey, EventName
from photogate.audit.log import AuditStore
from photogate.audit.trail import Trail
from photogate.clock import Clock
from photogate.errors import Duplicate, ImageRefused, IntegrityError, NotFound, PolicyRefused, Reason, RedactionFailed
from photogate.errors import RequestRefused as Refused
from photogate.findings import Finding, load_findings
from photogate.formats import Stripped, sniff, strip
from photogate.guidance import Scene
from photogate.policy import Decision, Policy, ReviewRule
from photogate.rendition import picture_size
from photogate.retention import HELD_FOR, Holds
from photogate.review import Ruling, Verdict, found_boxes, rule
from photogate.tenants import PolicyStore, policy_in_force
from photogate.uploads import EXTENSIONS, STATUS_OF, Outcome, Status, Upload, UploadStore
from photogate.workflow.keeping import FINDINGS
from photogate.workflow.outcome import RecordOutcome
from photogate.workflow.ports import Objects, Sealed

__all__ = ["Prepared", "Settlement", "SweepReviews", "not_shown"]

# What a retake tells the uploader is made from a scene; all that is known here is what the reviewer saw.
_SCENE_OF = {
    Reason.FACE: Scene(faces=1),
    Reason.PERSON: Scene(faces=1),
    Reason.TEXT: Scene(texts=1),
    Reason.CODE: Scene(codes=1),
}


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a ruling keeps: bytes, their format, and how many boxes are hidden in them."""

    data: bytes
    format: str
    boxes: int = 0


@dataclass(frozen=True, slots=True)
class Settlement:
    """Makes what a review keeps, and ends the review.

    Attributes
    ----------
    record
        What ends an upload, for the workflow and for a review alike.
    redact
        `photogate.redaction.redact`.
    """

    uploads: UploadStore
    policies: PolicyStore
    events: AuditStore
    originals: Sealed
    quarantine: Objects
    vault: Objects
    record: RecordOutcome
    redact: Callable[..., bytes]
    trail: Trail
    clock: Clock

    def policy_of(self, upload: Upload) -> Policy:
        """Give the policy that admission pinned; where it pinned none, the one in force."""
        pinned = self.policies.get(upload.tenant, upload.policy_hash) if upload.policy_hash else None
        return pinned or policy_in_force(self.policies, self.events, upload.tenant)

    def rules_of(self, upload: Upload) -> ReviewRule:
        """Give how the review is done; the built-in rules where no policy is known, which is no reason to keep it."""
        try:
            return self.policy_of(upload).review
        except PolicyRefused:
            return ReviewRule()

    def stripped(self, upload: Upload) -> Stripped:
        """Decrypt an original and strip it, in memory.

        Raises
        ------
        RequestRefused
            If it cannot be stripped.
        """
        original = self.originals.open(upload.key)
        if upload.claim is None or hashlib.sha256(original).hexdigest() != upload.claim.sha256:
            raise IntegrityError("Expected the original that was quarantined; found other bytes")
        try:
            return strip(original, keep=self.policy_of(upload).keep)
        except ImageRefused:
            raise not_shown() from None

    def findings(self, upload: Upload) -> tuple[Finding, ...]:
        """Read what the detectors saw."""
        return load_findings(self.quarantine.get(upload.key.part(FINDINGS)))[0] if upload.counts else ()

    def prepare(self, upload: Upload, policy: Policy, ruling: Ruling) -> Prepared | None:
        """Make what a ruling keeps: the stripped photo, or the stripped photo with boxes hidden; None for nothing new.

        Raises
        ------
        RequestRefused
            If that cannot be made.
        """
        if ruling.verdict not in (Verdict.APPROVE, Verdict.REDACT):
            return None
        stripped = self.stripped(upload)
        try:
            if not picture_size(stripped.data, stripped.orientation)[2]:
                raise Refused(
                    "Expected a photo that its rendition shows whole; found one with several frames or transparency, "
                    "or stored turned as TIFF. Reject it, or ask for a retake"
                )
            if ruling.verdict is Verdict.APPROVE:
                return Prepared(stripped.data, str(stripped.format))
            boxes = (*ruling.boxes, *found_boxes(policy, self.findings(upload)))
            # As in the workflow: noise that is the same in two tries, and is made from nothing that the photo holds.
            seed = hashlib.sha256(f"{upload.upload_id}/{upload.rounds}".encode()).digest()
            hidden = self.redact(
                stripped.data,
                boxes,
                rule=policy.redaction,
                orientation=stripped.orientation,
                seed=seed,
                keep=policy.keep,
            )
        except (RedactionFailed, ImageRefused):
            raise Refused(
                "Expected a photo that can be redacted; found one that cannot. Reject it, or ask for a retake"
            ) from None
        return Prepared(hidden, sniff(hidden).value, len(boxes))

    def record_votes(self, upload: Upload) -> None:
        """Write an event for each vote, or find that it is there."""
        for number, vote in enumerate(upload.votes):
            marks = {DetailKey(f"missed_{kind}"): count for kind, count in vote.missed.items()}
            marks |= {DetailKey(f"wrong_{kind}"): count for kind, count in vote.wrong.items()}
            details: dict[DetailKey, int | str] = {DetailKey.DECISION: vote.verdict.decision.value, **marks}
            if vote.boxes:
                details[DetailKey.BOXES] = len(vote.boxes)
            staff = Actor(ActorKind.STAFF, vote.by)
            step = f"voted-{upload.rounds}-{number}"
            self._event(upload, EventName.REVIEW_DECIDED, step, vote.reason, details, staff)

    def carry_out(self, upload: Upload, policy: Policy, execution: str, prepared: Prepared | None = None) -> Upload:
        """Store what the votes keep, and end the review; for the holder of its claim."""
        ruling = rule(upload.votes, policy.review.reviewers)
        if ruling is None:
            raise IntegrityError("Expected complete votes; found that some are missing")
        self.record_votes(upload)
        prepared = prepared or self.prepare(upload, policy, ruling)
        return self.end(upload, execution, self._outcome(upload, ruling, prepared))

    def end(self, upload: Upload, execution: str, outcome: Outcome) -> Upload:
        """Write the decision into the log, and record the outcome; for the holder of the review's claim."""
        decision = (outcome.decision or Decision.REJECT).value
        step = f"decided-{upload.rounds}-{decision}"
        details: dict[DetailKey, int | str] = {DetailKey.DECISION: decision, DetailKey.REVIEWERS: len(upload.votes)}
        self._event(upload, EventName.DECISION_MADE, step, outcome.reason, details)
        self.record.settle(upload, execution, outcome)
        return self.uploads.get(upload.tenant, upload.upload_id) or upload

    def _outcome(self, upload: Upload, ruling: Ruling, prepared: Prepared | None) -> Outcome:
        if ruling.verdict is Verdict.UPHOLD:
            return uphold(upload, ruling.reason)
        decision = ruling.verdict.decision
        status = STATUS_OF[decision]
        if prepared is None:
            scene = _SCENE_OF.get(ruling.reason, Scene()).to_dict() if status is Status.RETAKE else {}
            return Outcome(status, decision, ruling.reason, scene=scene)
        sha256 = hashlib.sha256(prepared.data).hexdigest()
        extension, content_type = EXTENSIONS[prepared.format]
        key = f"{upload.key}.{extension}"
        version = self.vault.put(key, prepared.data, content_type)
        if ruling.verdict is Verdict.REDACT:
            hidden: dict[DetailKey, int | str] = {DetailKey.BOXES: prepared.boxes, DetailKey.SHA256_OUT: sha256}
            self._event(upload, EventName.PHOTO_REDACTED, f"redacted-{upload.rounds}", ruling.reason, hidden)
        size: dict[DetailKey, int | str] = {DetailKey.BYTES: len(prepared.data), DetailKey.FORMAT: prepared.format}
        self._event(upload, EventName.PHOTO_STORED, f"stored-{upload.rounds}", None, {DetailKey.SHA256: sha256, **size})
        stored: dict[str, Any] = {"photo_key": key, "photo_version": version, "photo_sha256": sha256}
        return Outcome(status, decision, ruling.reason, kept=True, **stored)

    def _event(
        self,
        upload: Upload,
        name: EventName,
        step: str,
        reason: Reason | None,
        details: dict[DetailKey, int | str],
        actor: Actor | None = None,
    ) -> None:
        # Its id is the upload's: whoever carries on after a crash writes the same event.
        trail = self.trail.within(upload.upload_id)
        (trail.by(actor) if actor else trail).record(
            name,
            step=step,
            tenant=upload.tenant,
            subject=upload.subject,
            upload_id=upload.upload_id,
            purpose=upload.purpose,
            policy_hash=upload.policy_hash,
            reason=reason,
            details=details,
        )


def uphold(upload: Upload, reason: Reason) -> Outcome:
    """Say that an appealed redaction stands: the photo that is stored stays as it is."""
    stored: dict[str, Any] = {
        "photo_key": upload.photo_key,
        "photo_version": upload.photo_version,
        "photo_sha256": upload.photo_sha256,
    }
    return Outcome(Status.REDACTED, Decision.REDACT, reason, kept=True, **stored)


def not_shown() -> Refused:
    """Say that a photo cannot be opened, so that nobody can decide to keep it."""
    return Refused("Expected a photo that can be shown; found one that cannot. Reject it, or ask for a retake")


@dataclass(frozen=True, slots=True)
class SweepReviews:
    """Ends what reviewers left: votes that nobody carried out, and reviews whose time has run out.

    Attributes
    ----------
    settlement
        Gives the code that ends a review, for one sweep of one upload.
    not_ended
        Called with tenant, upload id and error for each that could not be ended; the next run tries again.
    most
        How many of them one run looks at.
    """

    uploads: UploadStore
    holds: Holds
    settlement: Callable[[str], Settlement]
    not_ended: Callable[[str, str, Exception], None]
    clock: Clock
    most: int = 200

    def run(self) -> dict[str, int]:
        """Answer with how many reviews ended in which way; one that fails does not keep the others waiting."""
        now = self.clock()
        ends: Counter[str] = Counter()
        for tenant, upload_id in self.uploads.reviews_before(now)[: self.most]:
            try:
                upload = self.uploads.get(tenant, upload_id)
                if upload is not None and upload.status is Status.IN_REVIEW and upload.cleaned:
                    ends[self._end(upload, now)] += 1
            except Duplicate:
                ends["moved_on"] += 1
            except Exception as error:
                ends[f"failed_{type(error).__name__}"] += 1
                self.not_ended(tenant, upload_id, error)
        return dict(ends)

    def _end(self, upload: Upload, now: datetime) -> str:
        execution = f"sweep:{upload.upload_id}"
        settlement = self.settlement(execution)
        rules = settlement.rules_of(upload)
        complete = len(upload.votes) >= rules.reviewers
        due = (upload.finished_at or upload.created_at) + timedelta(days=rules.days)
        if not complete and now < due:
            self.uploads.postpone(upload, due)
            return "waiting"
        if not complete and self.holds.is_held(upload.tenant, upload.subject):
            # Time alone deletes nothing of a subject under a legal hold.
            self.uploads.postpone(upload, now + HELD_FOR)
            return "held"
        upload = self.uploads.take_over(upload, execution, now)
        if complete:
            return self._carry_out(settlement, upload, execution)
        # Whoever appeals must not lose the photo that was kept because nobody looked.
        overdue = Outcome(Status.REJECTED, Decision.REJECT, Reason.REVIEW_OVERDUE)
        outcome = uphold(upload, Reason.REVIEW_OVERDUE) if upload.appealed else overdue
        return settlement.end(upload, execution, outcome).status.value.lower()

    def _carry_out(self, settlement: Settlement, upload: Upload, execution: str) -> str:
        try:
            ended = settlement.carry_out(upload, settlement.policy_of(upload), execution)
        except (NotFound, IntegrityError, Refused):
            # What the votes would keep cannot be made any more: nothing is kept.
            gone = Outcome(Status.REJECTED, Decision.REJECT, Reason.INTEGRITY)
            ended = settlement.end(upload, execution, gone)
        return ended.status.value.lower()
