"""Coded data of WebP: bytes that no decoder reads, behind the last macroblock or pixel (RFC 6386 9.5, RFC 9649 3).

A chunk's length says nothing of where its coded data ends, nor do the lengths of the partitions within a VP8 frame.
What is needed is found by decoding: the least length that gives the same pixels. An arithmetic decoder may read up to
two bytes ahead, for which zeros follow.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from photogate.errors import ImageRefused, Reason
from photogate.formats import vp8
from photogate.formats.checked import Budget, digest, least
from photogate.formats.container import refuse

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["least_price", "needed"]


def needed(
    kind: bytes, coded: bytes, alpha: bytes | None, size: tuple[int, int], budget: Budget, opaque: bool
) -> tuple[bytes, int]:
    """Leave out of a frame's image the bytes that no pixel depends on, and find how many of its alpha any depends on.

    Parameters
    ----------
    kind, coded
        ``VP8 `` or ``VP8L``, and its chunk's content.
    alpha
        ALPH's content, or None.
    size
        Width and height in pixels.
    budget
        What may still be decoded.
    opaque
        Whether no alpha is shown, unless the image itself says so.

    Returns
    -------
    tuple of bytes and int
        The image, and the length of the alpha (0 without alpha).

    Raises
    ------
    ImageRefused
        The image does not decode, or has a channel that is not shown and says something, or Pillow is not installed
        with WebP.
    """
    decode = _Decoder(kind, size, budget)
    view = memoryview(coded)
    if kind == b"VP8L" and opaque and len(coded) > _ALPHA_AT and not coded[_ALPHA_AT] & _ALPHA_IS_USED:
        # It has alpha all the same (RFC 9649 3.4), which encoders code as one value, in no bits.
        view = memoryview(coded[:_ALPHA_AT] + bytes((coded[_ALPHA_AT] | _ALPHA_IS_USED,)) + coded[_ALPHA_AT + 1 :])
        whole = decode(alpha, view, _check_opaque)
    else:
        whole = decode(alpha, view)
    if whole is None:
        refuse("Expected an image that decodes; found damage")
    if kind == b"VP8 ":
        new = _partitions(coded, size, lambda coded: decode(alpha, coded) == whole, budget)
    else:
        new = _even(coded[: least(len(coded), lambda length: decode(alpha, view[:length]) == whole, budget)])
    if alpha is None or alpha[0] & 3 == 0:
        return new, len(alpha or b"")
    # A second picture may be in it, of which only green is shown (RFC 9649 2.7.1.2): the stream of a VP8L image.
    head = 0x2F | size[0] - 1 << 8 | size[1] - 1 << 22 | _ALPHA_IS_USED << 8 * _ALPHA_AT
    inside = head.to_bytes(5, "little") + alpha[1:] + bytes(_GENEROUS)
    if decode(None, inside, _check_alpha, b"VP8L") is None:
        refuse("Expected alpha that decodes; found damage")
    return new, least(len(alpha), lambda length: decode(alpha[:length], new) == whole, budget)


def _check_opaque(picture: Image.Image) -> None:
    if not _one_value(picture, "A"):
        refuse("Expected one value of alpha, which is not shown; found more")


def _check_alpha(picture: Image.Image) -> None:
    if not _one_value(picture, "RBA"):
        refuse("Expected one value of red, blue and alpha, which are not shown; found more")


def _one_value(picture: Image.Image, bands: str) -> bool:
    return all(picture.getchannel(band).getcolors(1) for band in bands)


def _partitions(coded: bytes, size: tuple[int, int], same: Callable[[bytes], bool], budget: Budget) -> bytes:
    """Cut each partition behind the last byte that a decoder asks for.

    It refuses a partition that ends too soon. So what is cut was never read, and the coded picture stays as it is, what
    RGB does not show of it included.
    """
    head, *parts = vp8.partitions(_even(coded))
    parts = [part[:most] for part, most in zip(parts, vp8.most_bytes(size, len(parts)), strict=True)]
    return _Cut(head, parts, same, budget).found(len(coded) & 1)


class _Cut:
    """Partitions of a frame; one without rows of the picture is empty here, and written as zeros."""

    def __init__(self, head: bytes, parts: list[bytes], same: Callable[[bytes], bool], budget: Budget) -> None:
        self.head, self.parts, self.same, self.budget = head, parts, same, budget

    def found(self, padding: int) -> bytes:
        """Write the partitions as far as they are needed.

        All are tried at once, where encoders end them; then each with one byte less, which is too few of an honest one.
        """
        whole = [len(part) for part in self.parts]
        lengths = self._likely(padding) or whole
        for i, part in enumerate(self.parts):
            if part:
                length = least(lengths[i], partial(self._ends, lengths, i), self.budget)
                lengths = [*lengths[:i], length, *lengths[i + 1 :]]
        new = self._written(lengths, [_READ_AHEAD] * len(lengths))
        if lengths == whole and not self.same(new):
            refuse("Expected an image whose partitions are read one by one; found another")
        return new

    def _likely(self, padding: int) -> list[int] | None:
        """Find lengths that are enough, and not much more: libwebp flushes one zero or two, and we leave two."""
        zeros = [len(part) - len(part.rstrip(b"\0")) for part in self.parts]
        for most in (_READ_AHEAD, 1):
            cut = [min(found, most) for found in zeros]
            cut[-1] = min(zeros[-1], most + padding)
            lengths = [len(part) - fewer for part, fewer in zip(self.parts, cut, strict=True)]
            if any(cut) and self.parts[-1] and len(self._written(lengths)) & 1:
                lengths[cut.index(max(cut))] += 1  # or a zero would pad the last, and be read in place of another byte
            if lengths != [len(part) for part in self.parts] and self.same(self._written(lengths)):
                return lengths
        return None

    def _ends(self, lengths: list[int], which: int, length: int) -> bool:
        """Find out whether one partition may have this length; the others are longer than they need be."""
        lengths = [*lengths[:which], length, *lengths[which + 1 :]]
        zeros = [0 if i == which else _GENEROUS for i in range(len(lengths))]
        zeros[0 if which else -1] += len(self._written(lengths, zeros)) & 1  # or one would pad the last
        return self.same(self._written(lengths, zeros))

    def _written(self, lengths: list[int], zeros: list[int] | None = None) -> bytes:
        """Put together partitions of these lengths, with so many zeros behind each."""
        zeros = zeros or [0 if part else _READ_AHEAD for part in self.parts]
        cut = [part[:length] + bytes(more) for part, length, more in zip(self.parts, lengths, zeros, strict=True)]
        return vp8.joined([self.head, *cut])


def _even(coded: bytes) -> bytes:
    """Make the zero that pads a chunk of odd length (RFC 9649 2.3) part of it: decoders read it, so it may count."""
    return coded + bytes(len(coded) & 1)


# Where a VP8L image says whether it has alpha (RFC 9649 3.4).
_ALPHA_AT, _ALPHA_IS_USED = 4, 0x10
# How far a VP8 decoder may read ahead (RFC 6386 7.3), and further than any does.
_READ_AHEAD = 2
_GENEROUS = 8
# What a decode costs besides its pixels, in pixels of 10 ns: opening a file, and each coded byte. No more are needed
# where nothing hides; those beyond are dear, or a file of 2,000 frames with something behind each would take long.
_PRICE, _DEAR_PRICE, _PRICE_A_BYTE = 10_000, 100_000, 6
_USUAL = 8


def least_price(kind: bytes, pixels: int) -> int:
    """Give what the decodes of a frame cost at least, in pixels; one of too few bytes costs a third."""
    return 2 * (pixels + _PRICE) if kind == b"VP8 " else pixels + pixels // 3 + 2 * _PRICE


class _Decoder:
    """Decodes of one frame."""

    def __init__(self, kind: bytes, size: tuple[int, int], budget: Budget) -> None:
        try:
            from PIL import WebPImagePlugin  # noqa: F401
        except ImportError as error:
            raise ImageRefused(
                "Expected Pillow, to look for bytes behind the last pixel; it is not installed",
                reason=Reason.STRIP_FAILED,
            ) from error
        self.kind, self.size, self.budget, self.tries = kind, size, budget, 0

    def __call__(
        self,
        alpha: bytes | None,
        coded: bytes | memoryview,
        check: Callable[[Image.Image], None] | None = None,
        kind: bytes | None = None,
    ) -> bytes | None:
        """Give a digest of the pixels, or nothing where they do not decode."""
        from PIL import Image

        pixels = self.size[0] * self.size[1]
        self.tries += 1
        price = _PRICE if self.tries <= _USUAL else _DEAR_PRICE
        self.budget.take(pixels + price + _PRICE_A_BYTE * (len(coded) + len(alpha or b"")))
        with (
            suppress(OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError),
            Image.open(io.BytesIO(_still(kind or self.kind, self.size, alpha, coded)), formats=["WEBP"]) as picture,
        ):
            found = digest(picture)
            if check:
                check(picture)
            return found
        self.budget.give_back(2 * pixels // 3)  # it was not copied
        return None


def _still(kind: bytes, size: tuple[int, int], alpha: bytes | None, coded: bytes | memoryview) -> bytes:
    chunks = [(kind, _even(bytes(coded)))]
    if alpha is not None:
        canvas = b"\x10\0\0\0" + (size[0] - 1).to_bytes(3, "little") + (size[1] - 1).to_bytes(3, "little")
        chunks = [(b"VP8X", canvas), (b"ALPH", alpha), *chunks]
    body = b"".join(
        b"".join((name, struct.pack("<I", len(content)), content, b"\0" * (len(content) & 1)))
        for name, content in chunks
    )
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body
