"""What stripping made of a file, as far as its tree asks for it."""

from __future__ import annotations

from dataclasses import dataclass, field

from photogate.findings import Keep
from photogate.formats import exif
from photogate.formats.container import ImageFormat
from photogate.formats.rights import NO_RIGHTS
from photogate.inspection.budget import Budget

__all__ = ["Outcome"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The new file (empty where stripping refused), its orientation, and what was asked for.

    Parts that stay are told from it rather than by the rules once more, so that the two cannot differ.
    """

    format: ImageFormat
    data: bytes = b""
    orientation: int = 1
    keep: frozenset[Keep] = frozenset()
    budget: Budget = field(default_factory=Budget, compare=False)

    def kept_tags(self, block: bytes) -> frozenset[int]:
        """Give the tags of an Exif block's first directory that stay."""
        found = set()
        if self.data:
            if self.orientation != 1 and exif.orientation_of(block) == self.orientation:
                found.add(exif.ORIENTATION)
            rights = exif.rights_of(block) if self.keep else NO_RIGHTS
            if Keep.CREATOR in self.keep and rights.creator:
                found.add(exif.ARTIST)
            if Keep.COPYRIGHT in self.keep and rights.copyright:
                found.add(exif.COPYRIGHT)
        return frozenset(found)
