"""The blocks of a GIF (GIF89a specification; Netscape's looping extension), and the sub-blocks that they hold."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass

from photogate.formats import limits
from photogate.formats.container import refuse

__all__ = [
    "APPLICATION",
    "COMMENT",
    "CONTROL",
    "IMAGE",
    "LOOPS",
    "TEXT",
    "TRAILER",
    "Block",
    "blocks",
    "join",
    "loop",
    "loop_block",
    "skip",
    "split",
    "start",
    "table_size",
]

LOOPS = (b"NETSCAPE2.0", b"ANIMEXTS1.0")
IMAGE, _EXTENSION, TRAILER = 0x2C, 0x21, 0x3B
CONTROL, COMMENT, TEXT, APPLICATION = 0xF9, 0xFE, 0x01, 0xFF
_INTRODUCER = re.compile(rb"[\x21\x2c\x3b]")


@dataclass(frozen=True, slots=True)
class Block:
    """An extension or image: where it stands, and where its first data sub-block begins."""

    kind: int
    label: int
    offset: int
    body: int
    end: int


def start(data: bytes) -> int:
    """Give where the blocks begin: behind header, screen and global colour table (17 to 19)."""
    if data[:6] not in (b"GIF87a", b"GIF89a") or len(data) < 13:
        refuse("Expected a GIF header and screen; found others", 0)
    at = 13 + table_size(data[10])
    if at > len(data):
        refuse("Expected a global colour table; found the end", 13)
    return at


def table_size(flags: int) -> int:
    """Give the bytes of the colour table that the flags of a screen or image announce."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def blocks(data: bytes) -> Iterator[Block]:
    """Walk the blocks up to the trailer; bytes that start no block are passed over, as decoders do."""
    at, number, left = start(data), 0, limits.MAX_SUB_BLOCKS
    while at < len(data):
        kind = data[at]
        if kind == TRAILER:
            yield Block(kind, 0, at, at + 1, at + 1)
            return
        if kind == _EXTENSION and at + 2 < len(data):
            body = at + 2
            label = data[at + 1]
        elif kind == IMAGE and at + 10 < len(data):
            body = at + 10 + table_size(data[at + 9]) + 1
            label = 0
        elif kind in (_EXTENSION, IMAGE):
            return
        else:
            found = _INTRODUCER.search(data, at)
            if found is None:
                return
            at = found.start()
            continue
        end, pieces = skip(data, body, left)
        left -= pieces
        yield Block(kind, label, at, body, end)
        at = end
        number += 1
        if number > limits.MAX_CHUNKS:
            refuse(f"Expected at most {limits.MAX_CHUNKS} blocks; found more", at)


def skip(data: bytes, at: int, most: int = limits.MAX_SUB_BLOCKS) -> tuple[int, int]:
    """Go behind a sequence of sub-blocks (section 15), or to the file's end; give that place, and how many they are."""
    size, number = len(data), 0
    while at < size:
        length = data[at]
        at += 1 + length
        if not length:
            return at, number
        number += 1
        if number > most:
            refuse(f"Expected at most {limits.MAX_SUB_BLOCKS} sub-blocks; found more", at)
    return size, number


def join(data: bytes, at: int, behind: bytes = b"") -> bytes:
    """Join the contents of sub-blocks, and `behind`."""
    out = io.BytesIO()
    while at < len(data) and (length := data[at]):
        out.write(data[at + 1 : at + 1 + length])
        at += 1 + length
    out.write(behind)
    return out.getvalue()


def split(out: io.BytesIO, content: memoryview, rest: bytes) -> None:
    """Write sub-blocks of the greatest length, and the terminator; `rest` stands behind the content."""
    full = len(content) // 255 * 255
    for i in range(0, full, 255):
        out.write(b"\xff")
        out.write(content[i : i + 255])
    last = bytes(content[full:]) + rest
    for piece in (last[:255], last[255:]):
        if piece:
            out.write(bytes((len(piece),)) + piece)
    out.write(b"\0")


def loop_block(data: bytes, found: list[Block]) -> Block | None:
    """Find the loop count to keep; a still image needs none.

    Pillow takes the last NETSCAPE2.0 before the first image; OpenCV, where none is there, the last of all.
    """
    images = [block.offset for block in found if block.kind == IMAGE]
    if len(images) < 2:
        return None

    def order(block: Block) -> tuple[bool, bool, int]:
        known = data[block.body + 1 : block.body + 12] == LOOPS[0]
        return known, block.offset < images[0], block.offset

    return max((block for block in found if loop(data, block) is not None), key=order, default=None)


def loop(data: bytes, block: Block) -> bytes | None:
    """Read Netscape's loop count: an application block whose data is 1 and a 16-bit number."""
    body = block.body
    if block.label != APPLICATION or data[body] != 11 or data[body + 1 : body + 12] not in LOOPS:
        return None
    content = join(data, body + 12)
    return content[1:3] if len(content) >= 3 and content[0] == 1 else None
