"""What HEVC and AV1 pictures of HEIF and AVIF have in common: their units are counted, and put together again."""

from __future__ import annotations

from dataclasses import dataclass

from photogate.formats import limits
from photogate.formats.bmff_boxes import same
from photogate.formats.container import refuse

__all__ = ["Dropped", "joined"]


@dataclass(slots=True)
class Dropped:
    """How many units of a file went that are no picture, and how many units and parameter sets were read of it."""

    count: int = 0
    units: int = 0
    sets: int = 0

    def read(self, units: int = 1, sets: int = 0) -> None:
        """Count what was read; refuse what is beyond the limits."""
        self.units += units
        self.sets += sets
        if self.units > limits.MAX_UNITS or self.sets > limits.MAX_PARAMETER_SETS:
            refuse("Expected fewer units of coded pictures in a file; found more than may be read")


def joined(pieces: list[bytes | memoryview], source: bytes | memoryview) -> bytes | memoryview:
    """Join the pieces; give the source itself where they say the same, so that a photo is not held twice."""
    if same(source, pieces):
        return source[: sum(map(len, pieces))]
    return b"".join(pieces)
