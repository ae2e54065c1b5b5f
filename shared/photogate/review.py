"""Reviews: what a member of the tenant's staff may say of a photo, and what follows from what they said.

A review never keeps an original: what is approved is the stripped photo. Where a policy asks for two reviewers, the
stricter of the two wins, so that of a photo no more is kept than both would keep.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from photogate.audit.canonical import canonical
from photogate.errors import Reason, RequestRefused
from photogate.findings import Band, Box, Finding, FindingKind
from photogate.policy import Action, Decision, Policy

__all__ = [
    "REASONS",
    "DecisionRequest",
    "OpenQuery",
    "ReviewsQuery",
    "Ruling",
    "Verdict",
    "Vote",
    "found_boxes",
    "rule",
    "to_picture",
]

# How many boxes a reviewer may draw, and how far a frame's sides may be off by rounding, in pixels.
MOST_BOXES = 100
ROUNDING = 2
# A page's last review: the moment at which it began, and its upload.
CURSOR = r"^[0-9T:.Z-]{24}#[0-9a-f]{32}$"


class Verdict(StrEnum):
    """What a reviewer may say, in rising precedence: of two, the later in this list wins."""

    APPROVE = "approve"
    REDACT = "redact"
    UPHOLD = "uphold"
    RETAKE = "retake"
    REJECT = "reject"

    @property
    def rank(self) -> int:
        """Place in the order of precedence, 0 for `APPROVE`."""
        return list(Verdict).index(self)

    @property
    def keeps(self) -> bool:
        """Whether something of the photo is kept."""
        return self in (Verdict.APPROVE, Verdict.REDACT, Verdict.UPHOLD)

    @property
    def decision(self) -> Decision:
        """What it means for the photo. What upholds a redaction redacts."""
        return _DECISION_OF[self]


_DECISION_OF = {
    Verdict.APPROVE: Decision.ACCEPT,
    Verdict.REDACT: Decision.REDACT,
    Verdict.UPHOLD: Decision.REDACT,
    Verdict.RETAKE: Decision.RETAKE,
    Verdict.REJECT: Decision.REJECT,
}

_SEEN = (Reason.FACE, Reason.TEXT, Reason.CODE, Reason.PERSON)
# Which reasons go with which verdict. A closed set: free text could hold what a reviewer saw, and the log is for ever.
REASONS: Mapping[Verdict, tuple[Reason, ...]] = {
    Verdict.APPROVE: (Reason.CLEAN, Reason.FALSE_ALARM, Reason.PERMITTED),
    Verdict.REDACT: _SEEN,
    Verdict.UPHOLD: _SEEN,
    Verdict.RETAKE: (*_SEEN, Reason.UNUSABLE),
    Verdict.REJECT: (*_SEEN, Reason.UNUSABLE, Reason.UNLAWFUL),
}

_Coordinate = Annotated[int, Field(ge=0, le=100_000)]
_Side = Annotated[int, Field(ge=1, le=100_000)]
_Marks = dict[FindingKind, Annotated[int, Field(ge=0, le=1000)]]


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class ReviewsQuery(_Body):
    """The query string of ``GET /reviews``."""

    limit: int = Field(default=50, ge=1, le=100)
    after: Annotated[str, StringConstraints(pattern=CURSOR)] | None = None


class OpenQuery(_Body):
    """The query string of ``GET /reviews/{id}``."""

    outlines: bool = False


class Frame(_Body):
    """Width and height, in pixels, of the picture that boxes were drawn on."""

    width: _Side
    height: _Side


class DecisionRequest(_Body):
    """``POST /reviews/{id}``."""

    verdict: Verdict = Field(description="`uphold` is for appeals: the redaction stands.")
    reason: Literal[
        Reason.CLEAN,
        Reason.FALSE_ALARM,
        Reason.PERMITTED,
        Reason.FACE,
        Reason.TEXT,
        Reason.CODE,
        Reason.PERSON,
        Reason.UNUSABLE,
        Reason.UNLAWFUL,
    ] = Field(description="Why; docs/review.md says which goes with which verdict.")
    boxes: tuple[tuple[_Coordinate, _Coordinate, _Side, _Side], ...] = Field(
        default=(), max_length=MOST_BOXES, description="To redact: x, y, width and height in pixels of `frame`."
    )
    frame: Frame | None = Field(
        default=None, description="Size of the picture that the boxes were drawn on: the rendition as it was opened."
    )
    missed: _Marks = Field(default_factory=dict, description="By kind, how many things the detectors did not see.")
    wrong: _Marks = Field(default_factory=dict, description="By kind, how many things they saw that are not there.")

    @property
    def digest(self) -> str:
        """SHA-256 of the request's canonical JSON, in hex."""
        return hashlib.sha256(canonical(self.model_dump(mode="json"))).hexdigest()


@dataclass(frozen=True, slots=True)
class Vote:
    """What one reviewer said.

    Attributes
    ----------
    by
        The reviewer's pseudonym.
    boxes
        In pixels of the upright picture.
    missed, wrong
        Counts by kind.
    digest
        SHA-256 of the request, in hex: a repeated request is told by it.
    """

    by: str
    verdict: Verdict
    reason: Reason
    digest: str
    boxes: tuple[Box, ...] = ()
    missed: Mapping[str, int] = field(default_factory=dict)
    wrong: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, by: str, request: DecisionRequest, appeal: bool, width: int, height: int) -> Vote:
        """Read a request.

        Parameters
        ----------
        appeal
            Whether the review is of an appeal.
        width, height
            Of the upright picture, in pixels; asked for boxes only.

        Raises
        ------
        RequestRefused
            If verdict, reason and boxes do not go together.
        """
        allowed = REASONS[request.verdict]
        if request.reason not in allowed:
            raise RequestRefused(
                f"Expected one of the reasons {', '.join(allowed)} with {request.verdict}; found another"
            )
        if request.verdict is Verdict.UPHOLD and not appeal:
            raise RequestRefused("Expected uphold for an appeal only; found a review without a redaction to uphold")
        if (request.verdict is Verdict.REDACT) != bool(request.boxes):
            raise RequestRefused("Expected boxes with redact, and with no other verdict")
        return cls(
            by,
            request.verdict,
            request.reason,
            request.digest,
            to_picture(request.boxes, request.frame, width, height),
            {kind.value: count for kind, count in sorted(request.missed.items()) if count},
            {kind.value: count for kind, count in sorted(request.wrong.items()) if count},
        )

    def plain(self) -> dict[str, Any]:
        """Give what the Uploads table keeps."""
        return {
            "by": self.by,
            "verdict": self.verdict.value,
            "reason": self.reason.value,
            "digest": self.digest,
            "boxes": [list(box) for box in self.boxes],
            "missed": dict(self.missed),
            "wrong": dict(self.wrong),
        }

    @classmethod
    def read(cls, plain: Mapping[str, Any]) -> Vote:
        """Read what `plain` gave."""
        boxes = tuple(Box(*box) for box in plain["boxes"])
        verdict, reason = Verdict(plain["verdict"]), Reason(plain["reason"])
        return cls(plain["by"], verdict, reason, plain["digest"], boxes, plain["missed"], plain["wrong"])


@dataclass(frozen=True, slots=True)
class Ruling:
    """What follows from all that was said. `boxes` are in pixels of the upright picture."""

    verdict: Verdict
    reason: Reason
    boxes: tuple[Box, ...] = ()


def rule(votes: Sequence[Vote], reviewers: int) -> Ruling | None:
    """Make one ruling of the votes: the strictest wins, and what any of them hides is hidden.

    Parameters
    ----------
    votes
        In the order in which they were cast, at most one a reviewer.
    reviewers
        How many the policy asks for.

    Returns
    -------
    Ruling or None
        None while votes are missing.
    """
    if len(votes) < reviewers:
        return None
    strictest = max(votes, key=lambda vote: vote.verdict.rank)
    boxes = tuple(dict.fromkeys(box for vote in votes for box in vote.boxes))
    return Ruling(strictest.verdict, strictest.reason, boxes if strictest.verdict is Verdict.REDACT else ())


def found_boxes(policy: Policy, findings: Sequence[Finding]) -> tuple[Box, ...]:
    """Give the boxes of what the detectors were sure of and the policy acts on: a redaction hides these as well."""

    def acted_on(finding: Finding) -> bool:
        known = finding.kind in set(FindingKind)
        asked = policy.findings.get(FindingKind(finding.kind)) if known else None
        return finding.band != Band.REVIEW and (asked is None or asked.act is not Action.FLAG)

    return tuple(finding.box for finding in findings if acted_on(finding))


def to_picture(
    boxes: Sequence[tuple[int, int, int, int]], frame: Frame | None, width: int, height: int
) -> tuple[Box, ...]:
    """Bring boxes from the frame that they were drawn in to the upright picture, rounded outwards.

    Parameters
    ----------
    boxes
        x, y, width and height, in pixels of `frame`.
    width, height
        Of the upright picture, in pixels.

    Raises
    ------
    RequestRefused
        If the frame is not one of this picture, or a box does not lie within it.
    """
    if not boxes:
        return ()
    if frame is None:
        raise RequestRefused("Expected a frame with the boxes: width and height of the picture that they were drawn on")
    if frame.width > width or frame.height > height or not _same_shape(frame, width, height):
        raise RequestRefused("Expected the frame of the rendition as it was opened; found another shape")
    if any(x + w > frame.width or y + h > frame.height for x, y, w, h in boxes):
        raise RequestRefused("Expected boxes within the frame; found one that reaches beyond")
    found = []
    for x, y, w, h in boxes:
        left, top = x * width // frame.width, y * height // frame.height
        right, bottom = -(-(x + w) * width // frame.width), -(-(y + h) * height // frame.height)
        found.append(Box(left, top, right - left, bottom - top))
    return tuple(found)


def _same_shape(frame: Frame, width: int, height: int) -> bool:
    """Tell whether a frame is the picture made smaller: a picture that was turned has other sides."""
    return (
        abs(frame.width * height / width - frame.height) <= ROUNDING
        or abs(frame.height * width / height - frame.width) <= ROUNDING
    )
