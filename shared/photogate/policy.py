"""A tenant's rules, and the one pure function that turns findings into a decision.

A policy is a document addressed by the SHA-256 of its canonical JSON (RFC 8785). Admission pins that hash for the whole
run, so that a change of policy never applies to half a photo. What a policy or this version of the code does not know
(a kind, a band, an action) is decided as `REVIEW`: closed, with the reason recorded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from photogate.audit.canonical import canonical
from photogate.errors import PolicyRefused, Reason
from photogate.findings import Band, Finding, FindingKind, Keep, Provenance, Synthetic

__all__ = [
    "Action",
    "Decision",
    "Keep",
    "Policy",
    "Purpose",
    "RedactionMethod",
    "RedactionRule",
    "RedactionShape",
    "ReviewRule",
    "Rule",
    "Verdict",
    "decide",
    "default_policy",
    "parse_policy",
    "remains",
]


class Decision(StrEnum):
    """What happens to a photo, in rising precedence: the strictest of all findings wins."""

    ACCEPT = "ACCEPT"
    REDACT = "REDACT"
    RETAKE = "RETAKE"
    REVIEW = "REVIEW"
    REJECT = "REJECT"

    @property
    def rank(self) -> int:
        """Place in the order of precedence, 0 for `ACCEPT`."""
        return list(Decision).index(self)


class Action(StrEnum):
    """What a rule asks for when its finding is seen."""

    FLAG = "flag"
    REDACT = "redact"
    RETAKE = "retake"
    REVIEW = "review"
    REJECT = "reject"


_DECISION_OF = {
    Action.FLAG: Decision.ACCEPT,
    Action.REDACT: Decision.REDACT,
    Action.RETAKE: Decision.RETAKE,
    Action.REVIEW: Decision.REVIEW,
    Action.REJECT: Decision.REJECT,
}

_REASON_OF = {FindingKind.FACE: Reason.FACE, FindingKind.TEXT: Reason.TEXT, FindingKind.CODE: Reason.CODE}


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Rule(_Document):
    """What to do about one kind of finding, by band."""

    act: Action = Field(description="When the detector is sure.")
    review: Action = Field(description="When a person should look.")


class RedactionMethod(StrEnum):
    """What a redacted box shows. None of them reads the pixels inside the box."""

    SOLID = "solid"
    MOSAIC = "mosaic"
    BLUR = "blur"


class RedactionShape(StrEnum):
    """The outline of what is hidden."""

    BOX = "box"
    ELLIPSE = "ellipse"


class RedactionRule(_Document):
    """How to hide."""

    method: RedactionMethod = RedactionMethod.SOLID
    shape: RedactionShape = RedactionShape.BOX
    padding_percent: int = Field(
        default=15, ge=0, le=100, description="Percent of a box's width and height that is added on each side."
    )


class Purpose(_Document):
    """One purpose that photos are taken for; each needs a consent of its own."""

    notice: str = Field(min_length=1, max_length=8192, description="The text that the subject is shown.")
    consent_days: int = Field(default=365, ge=1, le=3650, description="How long a consent is valid.")
    retention_days: int = Field(default=365, ge=1, le=3650, description="How long a result is kept.")

    @property
    def notice_hash(self) -> str:
        """SHA-256 of the notice's UTF-8, in hex."""
        return hashlib.sha256(self.notice.encode()).hexdigest()


class ReviewRule(_Document):
    """How reviews are done."""

    reviewers: Literal[1, 2] = 1
    days: int = Field(default=14, ge=1, le=90, description="An untouched review is rejected after that.")


PurposeName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


def _default_rules() -> dict[FindingKind, Rule]:
    return {
        FindingKind.FACE: Rule(act=Action.RETAKE, review=Action.REVIEW),
        FindingKind.TEXT: Rule(act=Action.FLAG, review=Action.FLAG),
        FindingKind.CODE: Rule(act=Action.FLAG, review=Action.FLAG),
    }


def _default_purposes() -> dict[str, Purpose]:
    return {
        "proof_of_delivery": Purpose(
            notice="Your photo shows that the parcel arrived. We remove its location and time data, and look for faces "
            "before anything is stored. You can withdraw your consent at any time."
        )
    }


class Policy(_Document):
    """A tenant's rules.

    A kind without a rule is decided as `REVIEW`.
    """

    version: Literal[1] = 1
    findings: dict[FindingKind, Rule] = Field(default_factory=_default_rules)
    synthetic: Action = Field(default=Action.FLAG, description="When the file says that a machine made it.")
    redaction: RedactionRule = RedactionRule()
    review: ReviewRule = ReviewRule()
    purposes: dict[PurposeName, Purpose] = Field(default_factory=_default_purposes, min_length=1)
    keep: frozenset[Keep] = Field(default=frozenset(), description="Rights fields that stay in the file.")
    seal_originals: bool = Field(
        default=False, description="Keep a sealed original so that a redaction can be appealed."
    )

    def document(self) -> bytes:
        """Give the canonical JSON that the hash is made of."""
        plain: dict[str, Any] = self.model_dump(mode="json")
        plain["keep"] = sorted(plain["keep"])
        return canonical(plain)

    @property
    def hash(self) -> str:
        """SHA-256 of `document`, in hex."""
        return hashlib.sha256(self.document()).hexdigest()


def default_policy() -> Policy:
    """Give the rules that a new tenant starts with: faces are asked to be retaken."""
    return Policy()


def parse_policy(document: bytes | str) -> Policy:
    """Read a policy from JSON.

    Raises
    ------
    PolicyRefused
        With each field that is wrong, and what it may be.
    """
    try:
        return Policy.model_validate_json(document)
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False)
        wrong = "; ".join(".".join(str(p) for p in e["loc"]) + ": " + e["msg"] for e in found)
        raise PolicyRefused(f"Expected a policy document; found {wrong}") from None


@dataclass(frozen=True, slots=True)
class Verdict:
    """A decision and what led to it, most important first."""

    decision: Decision
    reasons: tuple[Reason, ...]

    @property
    def reason(self) -> Reason:
        """What decided."""
        return self.reasons[0]


def decide(policy: Policy, findings: Iterable[Finding], provenance: Provenance | None = None) -> Verdict:
    """Turn what was seen into one decision: the strictest that any finding asks for.

    Parameters
    ----------
    policy
        The tenant's rules, as pinned at admission.
    findings
        What the detectors saw. A kind or band that is unknown, or has no rule, is `REVIEW`.
    provenance
        What the file claimed about its origin.

    Returns
    -------
    Verdict
        The decision with the reasons for it; ``CLEAN`` where nothing asked for more than a flag.
    """
    asked = [(_for_finding(policy, finding)) for finding in findings]
    if provenance is not None and provenance.synthetic is Synthetic.YES:
        asked.append((_DECISION_OF[policy.synthetic], Reason.SYNTHETIC))
    strictest = max((decision for decision, _ in asked), key=lambda d: d.rank, default=Decision.ACCEPT)
    if strictest is Decision.ACCEPT:
        return Verdict(Decision.ACCEPT, (Reason.CLEAN,))
    return Verdict(strictest, tuple(dict.fromkeys(reason for decision, reason in asked if decision is strictest)))


def remains(policy: Policy, finding: Finding) -> bool:
    """Tell whether a finding in a redacted picture means that it may not be kept as it is.

    What a detector is sure of must be gone. What it is not sure of may stay where the policy would redact it, because
    a painted box can look like something; where the policy wants a person or more, and where the kind or the band is
    unknown, it may not.
    """
    decision = decide(policy, [finding]).decision
    return decision.rank > Decision.REDACT.rank or (decision is Decision.REDACT and finding.band == Band.ACT)


def _for_finding(policy: Policy, finding: Finding) -> tuple[Decision, Reason]:
    try:
        kind, band = FindingKind(finding.kind), Band(finding.band)
    except ValueError:
        return Decision.REVIEW, Reason.UNKNOWN_FINDING
    rule = policy.findings.get(kind)
    if rule is None:
        return Decision.REVIEW, Reason.UNKNOWN_FINDING
    return _DECISION_OF[rule.act if band is Band.ACT else rule.review], _REASON_OF[kind]
