"""DetectFaces and SecondLook: see, decide, and look again at what was redacted."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from typing import Protocol

from photogate.audit.event import DetailKey, EventName
from photogate.audit.trail import Trail
from photogate.errors import IntegrityError, PolicyRefused
from photogate.findings import Band, Finding, FindingKind, Provenance, Synthetic, dump_findings, load_findings
from photogate.policy import Policy, decide, remains
from photogate.subjects import SubjectStore, require_open
from photogate.tenants import PolicyStore
from photogate.workflow.ports import Objects
from photogate.workflow.state import Detect, PhotoState, Second, Verdict
from photogate.workflow.stripping import read_checked

__all__ = ["DetectFaces", "Eyes", "counts_of", "read_findings"]

# What survives two rounds of redaction goes to a person.
ROUNDS = 2


class Seen(Protocol):
    """What a look at a photo gave."""

    @property
    def width(self) -> int:
        """Of the upright picture, in pixels."""

    @property
    def height(self) -> int:
        """Of the upright picture, in pixels."""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was seen."""


class Eyes(Protocol):
    """The detectors: `photogate.vision.detector.Detectors`."""

    @property
    def model_hash(self) -> str:
        """SHA-256 over the models' checksums."""

    def look(self, data: bytes, *, orientation: int = 1) -> Seen:
        """Find everything in a stripped photo's file."""


def counts_of(findings: tuple[Finding, ...]) -> dict[str, int]:
    """Count findings by kind and band, under the names that events use; what is unknown is counted as such."""
    counts: Counter[str] = Counter()
    for finding in findings:
        known = finding.kind in set(FindingKind) and finding.band in set(Band)
        counts[f"{finding.kind}_{finding.band}" if known else "unknown_findings"] += 1
    return dict(counts)


@dataclass(frozen=True, slots=True)
class DetectFaces:
    """Looks at the upright picture, and decides by the policy that admission pinned."""

    work: Objects
    policies: PolicyStore
    subjects: SubjectStore
    eyes: Eyes
    trail: Trail

    def run(self, state: PhotoState) -> Detect | Second:
        """Answer with the first look, or with the second where something was redacted."""
        place = state.place
        require_open(self.subjects, place.tenant, place.subject)
        policy = self.policies.get(place.tenant, state.policy_hash or "")
        if policy is None:
            raise PolicyRefused("Expected the policy that admission pinned; found none")
        return self._first(state, policy) if state.redact is None else self._second(state, policy)

    def _first(self, state: PhotoState, policy: Policy) -> Detect:
        if state.strip is None:
            raise IntegrityError("Expected a stripped photo; found none")
        place = state.place
        if state.convert is not None:
            # A rendition is upright already.
            data, orientation = read_checked(self.work, place.part("rendition"), state.convert.sha256), 1
        else:
            data, orientation = (
                read_checked(self.work, place.part("stripped"), state.strip.sha256),
                (state.strip.orientation),
            )
        seen = self.eyes.look(data, orientation=orientation)
        provenance = Provenance(synthetic=Synthetic(state.strip.synthetic), c2pa=state.strip.c2pa)
        verdict = decide(policy, seen.findings, provenance)
        sha256 = self._keep(place.part("findings.json"), seen)
        answer = Detect(
            decision=verdict.decision,
            reason=verdict.reason,
            sha256=sha256,
            model_hash=self.eyes.model_hash,
            width=seen.width,
            height=seen.height,
            counts=counts_of(seen.findings),
        )
        self._record(state, EventName.FACES_DETECTED, "detected", seen, 1)
        self.trail.record(
            EventName.DECISION_MADE,
            step="decided",
            tenant=place.tenant,
            subject=state.subject,
            upload_id=state.upload_id,
            purpose=state.purpose,
            policy_hash=state.policy_hash,
            reason=verdict.reason,
            details={DetailKey.DECISION: verdict.decision.value},
        )
        return answer

    def _second(self, state: PhotoState, policy: Policy) -> Second:
        """Look at the redacted picture: whatever the policy wants hidden must be gone."""
        if state.redact is None:
            raise IntegrityError("Expected a redacted photo; found none")
        place = state.place
        data = read_checked(self.work, place.part("redacted"), state.redact.sha256)
        seen = self.eyes.look(data, orientation=state.redact.orientation)
        left = [f for f in seen.findings if remains(policy, f)]
        verdict = Verdict.CLEAN if not left else Verdict.AGAIN if state.redact.round < ROUNDS else Verdict.REMAINS
        sha256 = self._keep(place.part("findings2.json"), seen)
        self._record(state, EventName.FACES_DETECTED, f"looked-{state.redact.round}", seen, 1 + state.redact.round)
        return Second(verdict=verdict, sha256=sha256)

    def _keep(self, key: str, seen: Seen) -> str:
        document = dump_findings(seen.findings, seen.width, seen.height)
        self.work.put(key, document, "application/json")
        return hashlib.sha256(document).hexdigest()

    def _record(self, state: PhotoState, name: EventName, step: str, seen: Seen, look: int) -> None:
        counts = {DetailKey(key): count for key, count in counts_of(seen.findings).items()}
        self.trail.record(
            name,
            step=step,
            tenant=state.place.tenant,
            subject=state.subject,
            upload_id=state.upload_id,
            purpose=state.purpose,
            policy_hash=state.policy_hash,
            model_hash=self.eyes.model_hash,
            details={**counts, DetailKey.LOOK: look},
        )


def read_findings(work: Objects, state: PhotoState) -> tuple[tuple[Finding, ...], int, int]:
    """Read the first look's findings, as an earlier step wrote them."""
    if state.detect is None:
        raise IntegrityError("Expected findings; found none")
    return load_findings(read_checked(work, state.place.part("findings.json"), state.detect.sha256))
