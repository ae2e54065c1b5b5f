"""What the service does to a photo, as one pure function: strip, look, decide, hide, look again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from photogate.conversion import render
from photogate.errors import ImageRefused, PhotogateError, Reason, reason_for
from photogate.findings import Finding, Removed
from photogate.formats import ImageFormat, measure, strip
from photogate.policy import Decision, Policy, decide, remains
from photogate.redaction import redact

__all__ = ["Eyes", "Processed", "process"]

RENDERED = frozenset({ImageFormat.HEIC, ImageFormat.AVIF})
# As the workflow: what survives two rounds of redaction goes to a person.
ROUNDS = 2


class Seen(Protocol):
    """What a look at a photo gave."""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was seen."""


class Eyes(Protocol):
    """The detectors: `photogate.vision.detector.Detectors`."""

    def look(self, data: bytes, *, orientation: int = 1) -> Seen:
        """Find everything in a stripped photo's file."""


@dataclass(frozen=True, slots=True)
class Processed:
    """How a photo ended.

    Attributes
    ----------
    data
        What may be kept; None unless the decision is `ACCEPT` or `REDACT`.
    findings
        Of the first look.
    """

    decision: Decision
    reason: Reason
    findings: tuple[Finding, ...] = ()
    removed: tuple[Removed, ...] = ()
    data: bytes | None = None


def process(data: bytes, *, policy: Policy, eyes: Eyes, seed: bytes) -> Processed:
    """Do to a file all that the service does to a photo, without storing anything.

    Parameters
    ----------
    data
        A file as it was uploaded.
    seed
        For the noise of mosaic and blur; not made from the photo.

    Returns
    -------
    Processed
        Whatever fails is an answer too: `REJECT` for what is no image, `REVIEW` for all else.
    """
    try:
        stripped = strip(data, keep=policy.keep)
    except ImageRefused as error:
        return Processed(Decision.REJECT, error.refusal)
    try:
        rendered = stripped.format in RENDERED
        seen = eyes.look(
            render(stripped.data) if rendered else stripped.data, orientation=1 if rendered else stripped.orientation
        )
    except PhotogateError as error:
        return Processed(Decision.REVIEW, reason_for(error), removed=stripped.removed)
    verdict = decide(policy, seen.findings, stripped.provenance)
    kept: bytes | None = stripped.data if verdict.decision is Decision.ACCEPT else None
    decision, reason = verdict.decision, verdict.reason
    if decision is Decision.REDACT:
        try:
            kept = hide(stripped.data, seen.findings, stripped.orientation, policy=policy, eyes=eyes, seed=seed)
            if kept is None:
                decision, reason = Decision.REVIEW, Reason.FACE_REMAINS
        except PhotogateError as error:
            kept, decision, reason = None, Decision.REVIEW, reason_for(error)
    return Processed(decision, reason, seen.findings, stripped.removed, kept)


def hide(
    data: bytes, findings: tuple[Finding, ...], orientation: int, *, policy: Policy, eyes: Eyes, seed: bytes
) -> bytes | None:
    """Hide what the policy redacts, look again, and hide again; None if something sure survives that."""
    for _ in range(ROUNDS):
        boxes = [f.box for f in findings if decide(policy, [f]).decision is Decision.REDACT]
        hidden = redact(data, boxes, rule=policy.redaction, orientation=orientation, seed=seed, keep=policy.keep)
        again = eyes.look(hidden, orientation=measure(hidden).orientation).findings
        if not any(remains(policy, finding) for finding in again):
            return hidden
        findings += again
    return None
