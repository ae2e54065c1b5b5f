"""Boxes of the ISO base media file format (ISO/IEC 14496-12, 4.2): read within bounds, written without gaps."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass

from photogate.errors import Reason
from photogate.formats import limits
from photogate.formats.container import refuse

__all__ = ["Box", "Budget", "Fields", "box", "boxes", "full_box", "only", "same", "text"]


_STEP = 1 << 18


@dataclass(frozen=True, slots=True)
class Box:
    """One box: its four-character code, where it starts, where its body starts, and where it ends, in bytes."""

    kind: bytes
    start: int
    body: int
    end: int


class Budget:
    """Counts what one file may make us read, so that a small file cannot describe a large work."""

    def __init__(self, left: int = limits.MAX_BOXES) -> None:
        self._left = left

    def spend(self, count: int, at: int) -> None:
        """Take `count` from what is left.

        Raises
        ------
        ImageRefused
            ``MALFORMED``, where nothing is left.
        """
        self._left -= count
        if self._left < 0:
            refuse(f"Expected at most {limits.MAX_BOXES} boxes, items and associations; found more", at)


def boxes(data: bytes, start: int, end: int, budget: Budget) -> list[Box]:
    """Read the boxes that stand side by side in ``data[start:end]``.

    Fewer than 8 bytes of zeros at the end are padding. A box of size 0 ends with its surroundings.
    """
    found = []
    at = start
    while at < end:
        budget.spend(1, at)
        if end - at < 8:
            if any(data[at:end]):
                refuse("Expected a box header of 8 bytes; found fewer", at)
            break
        size, kind = struct.unpack_from(">I4s", data, at)
        body = at + 8
        if size == 1:
            if end - at < 16:
                refuse("Expected a box size of 64 bits; found the end", at)
            (size,) = struct.unpack_from(">Q", data, at + 8)
            body += 8
        elif size == 0:
            size = end - at
        if size < body - at or size > end - at:
            refuse("Expected a box that ends within its surroundings; found a size that does not fit", at)
        found.append(Box(kind, at, body, at + size))
        at += size
    return found


def only(found: list[Box], kind: bytes, at: int) -> Box:
    """Give the one box of a kind.

    Raises
    ------
    ImageRefused
        There is none, or there are several: readers would differ in which they take.
    """
    matching = [b for b in found if b.kind == kind]
    if len(matching) != 1:
        refuse(f"Expected one {kind.decode('latin-1')} box; found {len(matching)}", at)
    return matching[0]


class Fields:
    """Reads big-endian fields one after another, never beyond `end`."""

    def __init__(self, data: bytes, start: int, end: int) -> None:
        self.data, self.at, self.end = data, start, end

    def left(self) -> int:
        """Bytes not read yet."""
        return self.end - self.at

    def raw(self, count: int) -> bytes:
        """Read `count` bytes."""
        if not 0 <= count <= self.end - self.at:
            refuse(f"Expected {count} bytes more in this box; found its end", self.at)
        self.at += count
        return self.data[self.at - count : self.at]

    def uint(self, size: int) -> int:
        """Read an unsigned integer of `size` bytes; 0 for a size of 0."""
        return int.from_bytes(self.raw(size), "big")

    def many(self, layout: str) -> tuple[int, ...]:
        """Read integers by a `struct` layout without its byte order."""
        form = struct.Struct(">" + layout)
        return tuple(form.unpack(self.raw(form.size)))

    def version(self) -> tuple[int, int]:
        """Read version and flags of a full box (14496-12, 4.2.2)."""
        word = self.uint(4)
        return word >> 24, word & 0xFFFFFF

    def string(self) -> bytes:
        """Read a string up to its zero byte, or to the end of the box."""
        stop = self.data.find(b"\0", self.at, self.end)
        value = self.data[self.at : stop if stop >= 0 else self.end]
        self.at = stop + 1 if stop >= 0 else self.end
        return value


def box(kind: bytes, *body: bytes) -> bytes:
    """Write a box with a 32-bit size."""
    size = 8 + sum(map(len, body))
    if size >> 32:
        refuse("Expected a picture of less than 4 GiB; found more", reason=Reason.TOO_LARGE)
    return b"".join((struct.pack(">I4s", size, kind), *body))


def full_box(kind: bytes, version: int, flags: int, *body: bytes) -> bytes:
    """Write a full box."""
    return box(kind, struct.pack(">I", version << 24 | flags), *body)


def same(source: bytes | memoryview, pieces: Iterable[bytes | memoryview]) -> bool:
    """Whether `source` starts with the pieces, one after another: in steps, since views compare item by item."""
    source, at = memoryview(source), 0
    for piece in pieces:
        view = memoryview(piece)
        for i in range(0, len(view), _STEP):
            step = view[i : i + _STEP]
            if source[at : at + len(step)].tobytes() != step.tobytes():
                return False
            at += len(step)
    return True


def text(kind: bytes) -> str:
    """Show a four-character code where it is one; never other bytes of the file."""
    shown = kind.decode("latin-1").rstrip(" ")
    return shown if all(32 < ord(c) < 127 for c in shown) else "????"
