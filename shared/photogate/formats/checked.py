"""How many pixels of a file may be decoded whole to find where its coded data ends (WebP and AVIF)."""

from __future__ import annotations

from photogate.formats import limits
from photogate.formats.container import refuse

__all__ = ["Budget"]


class Budget:
    """Pixels that may be decoded in all, over the frames or items of a file of `size` bytes."""

    def __init__(self, size: int) -> None:
        self.left = limits.checked_whole_pixels(size)

    def plan(self, pixels: int) -> None:
        """Refuse, before anything is decoded, what takes two decodes of each pixel beyond the budget."""
        if 2 * pixels > self.left:
            self.take(2 * pixels)

    def take(self, pixels: int) -> None:
        """Count one decode."""
        self.left -= pixels
        if self.left < 0:
            refuse("Expected fewer pixels in all, for the size of the file; found more than may be checked")
