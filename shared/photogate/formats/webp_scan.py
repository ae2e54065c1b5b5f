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


def needed(
    kind: bytes, coded: bytes, alpha: bytes | None, size: tuple[int, int], budget: Budget, passes: int = 4
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
    passes
        How often to look again where something was hidden, until nothing is.

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
    new: bytes = coded
    if kind == b"VP8 ":
        again = True
        while again and passes > 0:  # what reads past the end of one partition may need less of another then
            new, again = _partitions(new, lambda coded: decode(alpha, coded) == whole)
            passes -= 1
    else:
        view = memoryview(coded)
        new = coded[: _least(len(coded), lambda length: decode(alpha, view[:length]) == whole)]
    if new != coded and decode(alpha, new) != whole:
        refuse("Expected an image whose partitions are read one by one; found another")
    if alpha is None or alpha[0] & 3 == 0:
        return new, len(alpha or b"")
    return new, _least(len(alpha), lambda length: decode(alpha[:length], new) == whole)


def _partitions(coded: bytes, same: Callable[[bytes], bool]) -> tuple[bytes, bool]:
    """Cut each partition behind the last byte that a pixel depends on; tell whether any was cut. Zeros follow each."""
    parts = vp8.partitions(coded)
    padded = [parts[0], *(_padded(part.rstrip(b"\0")) for part in parts[1:])]
    if padded == parts or same(vp8.joined(padded)):
        parts = padded
    before = list(parts)
    for i in range(len(parts) - 1, 0, -1):  # the last first: it is cut most often, and no other is looked at anew then
        parts[i] = _cut(parts[i], lambda part, i=i: same(vp8.joined([*parts[:i], part, *parts[i + 1 :]])))  # type: ignore[misc]
    return vp8.joined(parts), parts != before


def _cut(part: bytes, enough: Callable[[bytes], bool]) -> bytes:
    """Give what is needed of one partition, and zeros behind it."""
    body = part.rstrip(b"\0")
    if body and part == _padded(body):
        least = body[: _least(len(body), lambda length: enough(_padded(body[:length])))]
    else:
        least = part[: _least(len(part), lambda length: enough(part[:length]))]
    new = _padded(least.rstrip(b"\0"))
    # A decoder tells missing bytes from zeros where too many are missing; no run may add to what was there.
    return new if enough(new) else _padded(least)[: len(part)]


def _padded(part: bytes) -> bytes:
    return part + bytes(_READ_AHEAD)


def _least(size: int, enough: Callable[[int], bool]) -> int:
    """Find the length from which on every length is enough.

    Hardly any file hides something, so the last bytes are tried one by one. Below the answer a shorter length may
    happen to be enough, since decoders read zeros behind the end; such luck ends within a few bytes.
    """
    good = size
    while size - good < _NEAR:
        if good == 1 or not enough(good - 1):
            return good
        good -= 1
    short, step = good, _NEAR
    while short > 1:
        short = max(short - step, 1)
        if not enough(short):
            break
        good, step = short, step * 2
    while good - short > 1:
        middle = (good + short) // 2
        if enough(middle):
            good = middle
        else:
            short = middle
    for length in range(min(good + _NEAR, size), good, -1):
        if not enough(length):
            return length + 1
    return good


# How far a VP8 decoder reads ahead (RFC 6386 7.3).
_READ_AHEAD = 2
# More than an arithmetic decoder's window.
_NEAR = 8


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
    chunks = [(kind, coded)]
    if alpha is not None:
        canvas = b"\x10\0\0\0" + (size[0] - 1).to_bytes(3, "little") + (size[1] - 1).to_bytes(3, "little")
        chunks = [(b"VP8X", canvas), (b"ALPH", alpha), *chunks]
    body = b"".join(
        b"".join((name, struct.pack("<I", len(content)), content, b"\0" * (len(content) & 1)))
        for name, content in chunks
    )
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body
