"""What can be seen in a photo or its metadata: kinds, places and confidence, never content."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from photogate.errors import IntegrityError

__all__ = [
    "Band",
    "Box",
    "Evidence",
    "Finding",
    "FindingKind",
    "Keep",
    "MetadataCategory",
    "Provenance",
    "Removed",
    "Synthetic",
    "dump_findings",
    "load_findings",
]


class FindingKind(StrEnum):
    """What a detector looks for in the pixels."""

    FACE = "face"
    TEXT = "text"
    CODE = "code"


class Band(StrEnum):
    """How sure a detector is: `ACT` on it, or let a person (or the policy) `REVIEW` it."""

    ACT = "act"
    REVIEW = "review"


class Box(NamedTuple):
    """A rectangle in pixels of the upright picture, from its upper left corner."""

    x: int
    y: int
    width: int
    height: int

    @property
    def right(self) -> int:
        """First column to the right of the box."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """First row below the box."""
        return self.y + self.height


@dataclass(frozen=True, slots=True)
class Finding:
    """Something personal seen in the pixels.

    `kind` and `band` are strings, because a finding may come from a newer detector or a damaged file:
    whoever decides must meet a value that it does not know with `REVIEW`.
    """

    kind: FindingKind | str
    box: Box
    score: float
    band: Band | str


class MetadataCategory(StrEnum):
    """What kind of personal information a removed part held."""

    LOCATION = "location"
    TIME = "time"
    DEVICE = "device"
    IDENTITY = "identity"
    COMMENT = "comment"
    THUMBNAIL = "thumbnail"
    PROVENANCE = "provenance"
    OTHER = "other"


class Keep(StrEnum):
    """Rights information that stripping may leave, when a policy asks for it (EU directive 2019/790, article 4)."""

    COPYRIGHT = "copyright"
    CREATOR = "creator"


@dataclass(frozen=True, slots=True)
class Removed:
    """One kind of thing that stripping took out.

    `where` names the carrier in the format's own words ("APP1 Exif GPS IFD", "iTXt chunk"), never a value.
    """

    category: MetadataCategory
    where: str
    count: int


class Synthetic(StrEnum):
    """Whether a photo says of itself that it was made by a machine."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Evidence(StrEnum):
    """What kind of mark the answer rests on."""

    C2PA = "c2pa"
    IPTC = "iptc"
    GENERATOR = "generator"
    AIGC = "aigc"


@dataclass(frozen=True, slots=True)
class Provenance:
    """What the file claims about its own origin, read before stripping. Unverified, and never kept in the file."""

    synthetic: Synthetic = Synthetic.UNKNOWN
    evidence: tuple[Evidence, ...] = ()
    c2pa: bool = False


def dump_findings(findings: Sequence[Finding], width: int, height: int) -> bytes:
    """Write findings as the JSON document that one step leaves for another.

    Parameters
    ----------
    width, height
        Of the upright picture, in pixels.
    """
    import json  # here and below, because most who import this module never write findings

    rows = [[str(f.kind), *f.box, round(f.score, 4), str(f.band)] for f in findings]
    return json.dumps({"width": width, "height": height, "findings": rows}).encode()


def load_findings(document: bytes) -> tuple[tuple[Finding, ...], int, int]:
    """Read what `dump_findings` wrote.

    Returns
    -------
    findings, width, height

    Raises
    ------
    IntegrityError
        If the document is anything else.
    """
    import json

    try:
        plain = json.loads(document)
        found = tuple(
            Finding(kind, Box(int(x), int(y), int(w), int(h)), float(score), band)
            for kind, x, y, w, h, score, band in plain["findings"]
        )
        return found, int(plain["width"]), int(plain["height"])
    except (ValueError, KeyError, TypeError):
        raise IntegrityError("Expected a findings document; found something else") from None
