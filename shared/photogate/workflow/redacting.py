"""RedactPhoto: hide what the policy wants hidden."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from photogate.audit.event import DetailKey, EventName
from photogate.audit.trail import Trail
from photogate.errors import IntegrityError, PolicyRefused, RedactionFailed
from photogate.findings import Box, Finding, load_findings
from photogate.formats import measure, sniff
from photogate.policy import Decision, Policy, decide
from photogate.subjects import SubjectStore, require_open
from photogate.tenants import PolicyStore
from photogate.workflow.detection import read_findings
from photogate.workflow.ports import Objects
from photogate.workflow.state import PhotoState, Redact
from photogate.workflow.stripping import read_checked

__all__ = ["RedactPhoto", "boxes_to_hide"]


def boxes_to_hide(policy: Policy, findings: tuple[Finding, ...]) -> list[Box]:
    """Give the boxes of what the policy redacts."""
    return [f.box for f in findings if decide(policy, [f]).decision is Decision.REDACT]


@dataclass(frozen=True, slots=True)
class RedactPhoto:
    """Hides boxes in the stripped photo; in the second round also what the second look found.

    Attributes
    ----------
    redact
        `photogate.redaction.redact`.
    """

    work: Objects
    policies: PolicyStore
    subjects: SubjectStore
    trail: Trail
    redact: Callable[..., bytes]

    def run(self, state: PhotoState) -> Redact:
        """Answer with the hash of the redacted file, and the round that it was."""
        place = state.place
        require_open(self.subjects, place.tenant, place.subject)
        policy = self.policies.get(place.tenant, state.policy_hash or "")
        if policy is None:
            raise PolicyRefused("Expected the policy that admission pinned; found none")
        if state.strip is None:
            raise IntegrityError("Expected a stripped photo; found none")
        findings, _, _ = read_findings(self.work, state)
        if state.second is not None:
            findings += load_findings(read_checked(self.work, place.part("findings2.json"), state.second.sha256))[0]
        boxes = boxes_to_hide(policy, findings)
        if not boxes:
            raise RedactionFailed("Expected at least one box to hide; found none")
        data = read_checked(self.work, place.part("stripped"), state.strip.sha256)
        # The same noise in two tries of a run, and made from nothing that the photo holds: it must not tell of it.
        seed = hashlib.sha256(state.execution_id.encode()).digest()
        hidden = self.redact(
            data,
            boxes,
            rule=policy.redaction,
            orientation=state.strip.orientation,
            seed=seed,
            keep=policy.keep,
        )
        self.work.put(place.part("redacted"), hidden, "application/octet-stream")
        round_ = 1 if state.redact is None else state.redact.round + 1
        answer = Redact(
            sha256=hashlib.sha256(hidden).hexdigest(),
            format=sniff(hidden).value,
            # Of the file as it was written: HEIC and AVIF come out upright.
            orientation=measure(hidden).orientation,
            boxes=len(boxes),
            round=round_,
            seal=policy.seal_originals,
        )
        self.trail.record(
            EventName.PHOTO_REDACTED,
            step=f"redacted-{round_}",
            tenant=place.tenant,
            subject=state.subject,
            upload_id=state.upload_id,
            purpose=state.purpose,
            policy_hash=state.policy_hash,
            details={
                DetailKey.BOXES: len(boxes),
                DetailKey.METHOD: policy.redaction.method.value,
                DetailKey.SHA256_OUT: answer.sha256,
            },
        )
        return answer
