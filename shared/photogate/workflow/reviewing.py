"""Reviews as the tenant's staff see them: the list, opening one, and deciding it.

The vote is a conditional write, so of two reviewers at once exactly one wins. The vote that completes the votes also
claims the review, as admission claims an upload; `photogate.workflow.settling` carries it out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from photogate.access import Caller, Scope, require_scope
from photogate.audit.event import Actor, ActorKind, DetailKey, EventName, photo_chain, tenant_chain
from photogate.audit.event import Outcome as EventOutcome
from photogate.audit.log import WINDOW
from photogate.clock import stamp
from photogate.consent import ConsentStore, require_valid
from photogate.errors import Conflict, Duplicate, ImageRefused, IntegrityError, NotFound, NotPermitted, Reason
from photogate.errors import RequestRefused as Refused
from photogate.intake import Identity
from photogate.policy import Policy, ReviewRule
from photogate.rendition import Rendition, look, picture_size
from photogate.review import DecisionRequest, Ruling, Vote, rule
from photogate.subjects import require_open
from photogate.uploads import Claim, Status, Upload, is_id
from photogate.workflow.settling import Prepared, Settlement, not_shown

__all__ = ["Reviews"]


@dataclass(frozen=True, slots=True)
class Reviews:
    """A reviewer's desk.

    Attributes
    ----------
    run
        Id of the request; it claims what the request completes.
    """

    identity: Identity
    consents: ConsentStore
    settlement: Settlement
    run: str

    def list(self, caller: Caller, limit: int, after: str | None) -> dict[str, Any]:
        """Give the tenant's open reviews, oldest first."""
        require_scope(caller, Scope.REVIEWS_DECIDE)
        page = self.settlement.uploads.reviews(caller.tenant, limit, after)
        # The index may still show what has just been decided.
        waiting = [upload for upload in page.uploads if upload.status is Status.IN_REVIEW]
        one_each = {upload.policy_hash: upload for upload in waiting}
        rules = {policy: self.settlement.rules_of(upload) for policy, upload in one_each.items()}
        return {"reviews": [self._view(u, rules[u.policy_hash]) for u in waiting], "next": page.cursor}

    def _view(self, upload: Upload, rules: ReviewRule) -> dict[str, Any]:
        since = upload.finished_at or upload.created_at
        return {
            "id": upload.upload_id,
            "reason": (upload.reason or Reason.INTERNAL).value,
            "purpose": upload.purpose,
            "policy_hash": upload.policy_hash,
            "since": stamp(since),
            "until": stamp(since + timedelta(days=rules.days)),
            "age_s": max(0, int((self.settlement.clock() - since).total_seconds())),
            "counts": dict(sorted(upload.counts.items())),
            "reviewers": rules.reviewers,
            "votes": len(upload.votes),
            "appeal": upload.appealed,
        }

    def open(self, caller: Caller, upload_id: str, *, outlines: bool) -> Rendition:
        """Show a review's photo to a reviewer, and write down that it was shown.

        Parameters
        ----------
        outlines
            Draw what the detectors saw.

        Raises
        ------
        ConsentMissing
            If the uploader has taken consent back: then nobody looks any more.
        """
        upload, reviewer = self._find(caller, upload_id)
        if upload.status is not Status.IN_REVIEW:
            raise _no_review()
        consent = self.consents.get(upload.tenant, upload.subject, upload.consent_id)
        require_valid(consent, upload.purpose, self.settlement.clock())
        stripped = self.settlement.stripped(upload)
        boxes = [finding.box for finding in self.settlement.findings(upload)] if outlines else []
        try:
            rendition = look(stripped.data, stripped.orientation, boxes)
        except ImageRefused:
            raise not_shown() from None
        # The event comes before the picture: nobody sees what the log does not know of.
        self.settlement.trail.by(Actor(ActorKind.STAFF, reviewer)).record(
            EventName.REVIEW_OPENED,
            step="opened",
            tenant=upload.tenant,
            subject=upload.subject,
            upload_id=upload.upload_id,
            purpose=upload.purpose,
            policy_hash=upload.policy_hash,
            reason=upload.reason,
            details={DetailKey.WIDTH: rendition.width, DetailKey.HEIGHT: rendition.height},
        )
        return rendition

    def decide(self, caller: Caller, upload_id: str, request: DecisionRequest) -> dict[str, Any]:
        """Cast a vote, and carry out what follows once the votes are complete; the same again changes nothing.

        Raises
        ------
        Conflict
            If somebody decided first, or this reviewer said something else before.
        RequestRefused
            If the photo cannot be kept as the reviewer wishes, or the reviewer has not opened it.
        """
        upload, reviewer = self._find(caller, upload_id)
        policy = self.settlement.policy_of(upload)
        mine = next((vote for vote in upload.votes if vote.by == reviewer), None)
        prepared: Prepared | None = None
        if mine is None:
            upload, prepared = self._vote(upload, policy, reviewer, request)
        elif mine.digest != request.digest:
            raise Conflict("Expected one decision a reviewer; found an earlier one by this reviewer")
        if upload.status is Status.IN_REVIEW:
            self.settlement.record_votes(upload)
            if len(upload.votes) >= policy.review.reviewers:
                upload = self._carry_on(upload, policy, prepared)
        return {
            "id": upload.upload_id,
            "status": upload.status.value,
            "reason": (upload.reason or Reason.INTERNAL).value,
            "votes": len(upload.votes),
            "reviewers": policy.review.reviewers,
        }

    def _find(self, caller: Caller, upload_id: str) -> tuple[Upload, str]:
        """Give a review of the caller's tenant, open or decided, and the caller's pseudonym; refuse the uploader."""
        require_scope(caller, Scope.REVIEWS_DECIDE)
        upload = self.settlement.uploads.get(caller.tenant, upload_id) if is_id(upload_id) else None
        if upload is None or not (upload.votes or (upload.status is Status.IN_REVIEW and upload.cleaned)):
            raise _no_review()
        reviewer = self.identity.of(caller)
        if reviewer == upload.subject:
            self.settlement.trail.by(Actor(ActorKind.STAFF, reviewer)).record(
                EventName.ACCESS_DENIED,
                step="denied",
                tenant=caller.tenant,
                chain=tenant_chain(caller.tenant),
                outcome=EventOutcome.DENIED,
                details={DetailKey.ROUTE: "reviews", DetailKey.HTTP_STATUS: 403},
            )
            raise NotPermitted("Expected a reviewer other than the uploader; found the uploader")
        require_open(self.identity.subjects, upload.tenant, upload.subject)
        return upload, reviewer

    def _vote(
        self, upload: Upload, policy: Policy, reviewer: str, request: DecisionRequest
    ) -> tuple[Upload, Prepared | None]:
        if upload.status is not Status.IN_REVIEW or len(upload.votes) >= policy.review.reviewers:
            raise Conflict("Expected an open review; found that it was decided")
        vote = Vote.of(reviewer, request, upload.appealed, *self._size(upload, request))
        if vote.verdict.keeps:
            self._require_opened(upload, reviewer)
        votes = (*upload.votes, vote)
        ruling = rule(votes, policy.review.reviewers)
        # Made before the vote is cast: what cannot be kept is refused, and the review stays open.
        prepared = self.settlement.prepare(upload, policy, ruling or Ruling(vote.verdict, vote.reason, vote.boxes))
        now = self.settlement.clock()
        if upload.claim is None:
            raise IntegrityError("Expected a claimed upload in review; found one without a claim")
        claim: Claim | None = replace(upload.claim, execution_id=self._execution, claimed_at=now) if ruling else None
        return self.settlement.uploads.vote(upload, votes, claim, now), prepared if ruling else None

    def _size(self, upload: Upload, request: DecisionRequest) -> tuple[int, int]:
        """Give the upright picture's width and height in pixels, where there are boxes to place in it."""
        if not request.boxes:
            return 0, 0
        stripped = self.settlement.stripped(upload)
        try:
            width, height, _ = picture_size(stripped.data, stripped.orientation)
        except ImageRefused:
            raise not_shown() from None
        return width, height

    def _require_opened(self, upload: Upload, reviewer: str) -> None:
        """Refuse to keep anything of a photo that its reviewer has not opened: the log knows who has."""
        rows = self.settlement.events.last(photo_chain(upload.tenant, upload.upload_id), WINDOW)
        opened = {row.fields["actor"]["id"] for row in rows if row.fields["name"] == EventName.REVIEW_OPENED}
        if reviewer not in opened:
            raise Refused("Expected a reviewer who has opened the photo; found that it was not opened, or long ago")

    def _carry_on(self, upload: Upload, policy: Policy, prepared: Prepared | None) -> Upload:
        """Carry out complete votes, unless somebody else is at it."""
        if upload.claim is None or upload.claim.execution_id != self._execution:
            try:
                upload = self.settlement.uploads.take_over(upload, self._execution, self.settlement.clock())
            except Duplicate:
                return self.settlement.uploads.get(upload.tenant, upload.upload_id) or upload
        return self.settlement.carry_out(upload, policy, self._execution, prepared)

    @property
    def _execution(self) -> str:
        return f"review:{self.run}"


def _no_review() -> NotFound:
    return NotFound("Expected a review of this tenant; found none")
