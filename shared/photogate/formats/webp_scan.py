"""Coded data of WebP: bytes that no decoder reads, behind the last macroblock or pixel (RFC 6386 9.5, RFC 9649 3).

A chunk's length says nothing of where its coded data ends, nor do the lengths of the partitions within a VP8 frame.
What is needed is found by decoding: the least length that gives the same pixels. An arithmetic decoder may read up to
two bytes ahead, for which zeros follow.
"""

from __future__ import annotations

import hashlib
import io
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from photogate.errors import ImageRefused, Reason
from photogate.formats import vp8
from photogate.formats.checked import Budget, digest
from photogate.formats.container import refuse

__all__ = ["needed"]


class _Decode(Protocol):
    def __call__(self, alpha: bytes | None, coded: bytes | memoryview) -> bytes | None: ...


def needed(kind: bytes, coded: bytes, alpha: bytes | None, size: tuple[int, int], budget: Budget) -> tuple[bytes, int]:
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

    Returns
    -------
    tuple of bytes and int
        The image, and the length of the alpha (0 without alpha).

    Raises
    ------
    ImageRefused
        The image does not decode, or Pillow is not installed with WebP.
    """
    decode = _decoder(kind, size, budget)
    whole = decode(alpha, coded)
    if whole is None:
        refuse("Expected an image that decodes; found damage")
    if kind == b"VP8 ":
        new = _partitions(coded, lambda coded: decode(alpha, coded) == whole)
    else:
        view = memoryview(coded)
        new = _even(coded[: _least(len(coded), lambda length: decode(alpha, view[:length]) == whole)])
    if alpha is None or alpha[0] & 3 == 0:
        return new, len(alpha or b"")
    return new, _least(len(alpha), lambda length: decode(alpha[:length], new) == whole)


def _partitions(coded: bytes, same: Callable[[bytes], bool]) -> bytes:
    """Cut each partition behind the last byte that a decoder asks for.

    It refuses a partition that ends too soon. So what is cut was never read, and the coded picture stays as it is, what
    RGB does not show of it included.
    """
    head, *parts = vp8.partitions(_even(coded))
    kept = []
    for i, part in enumerate(parts):

        def ends(length: int, i: int = i, part: bytes = part) -> bool:
            # The others are longer than they need be, and one of them has the zero that would pad the chunk.
            others = [other + bytes(_GENEROUS) for other in parts]
            others[i] = part[:length]
            others[0 if i else -1] += bytes(len(vp8.joined([head, *others])) & 1)
            return same(vp8.joined([head, *others]))

        zeros = len(part) - len(part.rstrip(b"\0"))
        size = len(part) - zeros if zeros and ends(len(part) - zeros) else len(part)
        kept.append(part[: _least(size, ends)] + bytes(_READ_AHEAD))
    new = vp8.joined([head, *kept])
    if not same(new):
        refuse("Expected an image whose partitions are read one by one; found another")
    return new


def _even(coded: bytes) -> bytes:
    """Make the zero that pads a chunk of odd length (RFC 9649 2.3) part of it: decoders read it, so it may count."""
    return coded + bytes(len(coded) & 1)


def _least(size: int, enough: Callable[[int], bool]) -> int:
    """Find a length that is enough, where one byte less is not; hardly any file hides something, so from the end."""
    good, short, step = size, 0, 1
    while good > 0:
        short = max(good - step, 0)
        if not enough(short):
            break
        good, step = short, max(1, 2 * step * (size - short >= _FLUSHED))
    while good - short > 1:
        middle = (good + short) // 2
        if enough(middle):
            good = middle
        else:
            short = middle
    return good


# How far a VP8 decoder may read ahead (RFC 6386 7.3), and further than any does.
_READ_AHEAD = 2
_GENEROUS = 8
# So many bytes are tried one by one: those that encoders write in vain.
_FLUSHED = 3


def _decoder(kind: bytes, size: tuple[int, int], budget: Budget) -> _Decode:
    try:
        from PIL import Image, WebPImagePlugin  # noqa: F401
    except ImportError as error:
        raise ImageRefused(
            "Expected Pillow, to look for bytes behind the last pixel; it is not installed", reason=Reason.STRIP_FAILED
        ) from error

    known: dict[bytes, bytes | None] = {}

    def decode(alpha: bytes | None, coded: bytes | memoryview) -> bytes | None:
        """Give a digest of the pixels, or nothing where they do not decode; the same bytes are decoded once."""
        file = _still(kind, size, alpha, coded)
        name = hashlib.sha256(file).digest()
        if name not in known:
            budget.take(size[0] * size[1])
            known[name] = None
            with (
                suppress(OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError),
                Image.open(io.BytesIO(file), formats=["WEBP"]) as picture,
            ):
                known[name] = digest(picture)
        return known[name]

    return decode


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
