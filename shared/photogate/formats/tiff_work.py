"""What writing the strips and tiles of a TIFF may cost, over all pages together."""

from __future__ import annotations

from dataclasses import dataclass, field

from photogate.errors import Reason
from photogate.formats import limits
from photogate.formats.container import refuse

__all__ = ["Work"]

# A byte of deflate that is looked through, and a start of its decoder, in decoded bytes of LZW of 13 ns.
_INFLATED, _START = 0.2, 3_000


@dataclass(slots=True)
class Work:
    """Budgets of a file of `size` bytes: strips and tiles, bytes of them written, and what is decoded.

    Strips may share their bytes, and a few bytes can stand for very many, so that neither bounds the third.
    """

    size: int
    strips: int = limits.MAX_STRIPS
    written: int = field(init=False)
    spent: float = 0.0

    def __post_init__(self) -> None:
        self.written = 4 * self.size + 65_536

    def place(self, strips: int, offset: int) -> None:
        """Count strips or tiles of the page at `offset`."""
        self.strips -= strips
        if self.strips < 0:
            refuse(f"Expected at most {limits.MAX_STRIPS} strips and tiles; found more", offset, Reason.TOO_LARGE)

    def write(self, size: int, offset: int) -> None:
        """Count bytes of strips or tiles of the page at `offset`."""
        self.written -= size
        if self.written < 0:
            refuse("Expected strips and tiles that use each byte once; found more", offset)

    def decode(self, size: float, starts: float = 0) -> None:
        """Count decoded bytes, as many as take the time of one of LZW, and a decoder's starts."""
        self._spend((size + starts) / limits.decoded_bytes(self.size))

    def inflate(self, size: int) -> None:
        """Count bytes of a zlib stream that are only looked through, and its decoder's start."""
        self.decode(_INFLATED * size, _START)

    def decode_fax(self, pixels: int, starts: float) -> None:
        """Count pixels of CCITT, of which a byte of a scan stands for hundreds."""
        self._spend(pixels / limits.decoded_pixels(self.size) + starts / limits.decoded_bytes(self.size))

    def _spend(self, share: float) -> None:
        self.spent += share
        if self.spent > 1:
            refuse("Expected strips and tiles of a decoded size that fits the file's; found more",
                   reason=Reason.TOO_LARGE)  # fmt: skip
