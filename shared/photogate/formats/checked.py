"""Decoding a picture whole to find where its coded data ends: how often, and whether two show the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from photogate.formats import limits
from photogate.formats.container import refuse

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["Budget", "digest", "least"]

# Pixels that are read from a picture at once: small enough for a processor's cache.
_BAND = 1 << 18
# More than any encoder writes in vain, and how many bytes are tried first where so many are found behind a picture.
_MUCH = 12_288
_FIRST = 64


class Budget:
    """Pixels that may be decoded in all, over the frames or items of a file of `size` bytes.

    `most` says how many; those of an AVIF where it is not given.
    """

    def __init__(self, size: int, most: Callable[[int], int] | None = None) -> None:
        self.size, self.most = size, most or limits.checked_whole_pixels
        self.left = self.most(size)

    def plan(self, pixels: int) -> None:
        """Refuse, before anything is decoded, what will surely cost more than there is."""
        if pixels > self.left:
            self.take(pixels)

    def without(self, count: int) -> None:
        """Take back what `count` bytes bought that no pixel depends on."""
        self.left -= self.most(self.size) - self.most(self.size - count)
        self.size -= count

    def give_back(self, pixels: int) -> None:
        """Note that a decode cost less than was counted."""
        self.left += pixels

    def take(self, pixels: int) -> None:
        """Count one decode."""
        self.left -= pixels
        if self.left < 0:
            refuse("Expected fewer pixels in all, for the size of the file; found more than may be checked")


def digest(picture: Image) -> bytes:
    """Give SHA-256 of a picture's pixels, row by row; they are not copied as a whole.

    Raises
    ------
    OSError, SyntaxError, ValueError, EOFError
        The picture does not decode.
    """
    import hashlib  # its import costs as much as ten JPEGs, which hardly ever need it

    digest = hashlib.sha256()
    rows = max(_BAND // picture.width, 1)
    for top in range(0, picture.height, rows):
        band = picture.crop((0, top, picture.width, min(top + rows, picture.height)))
        digest.update(band.tobytes())
    return digest.digest()


def least(size: int, enough: Callable[[int], bool], budget: Budget) -> int:
    """Find a length that is enough, where one byte less is not; hardly any file hides something, so from the end.

    Where much hides, what is needed may be little: then from the beginning, where too few bytes fail at once.
    """
    good, short = size, max(size - 1, 0)
    if not good or not enough(short):
        return good
    good, short = short, max(size - _MUCH, 0)
    if short and enough(short):
        good, short, length = short, 0, _FIRST
        while length < good and not enough(length):
            short, length = length, 2 * length
        good = min(good, length)
        budget.without(size - good)
    else:
        for fewer in (2, 3, 48, 768):  # encoders write up to three in vain
            if size - fewer <= short:
                break
            if not enough(size - fewer):
                short = size - fewer
                break
            good = size - fewer
    while good - short > 1:
        middle = (good + short) // 2
        if enough(middle):
            good = middle
        else:
            short = middle
    return 0 if good == 1 and enough(0) else good
