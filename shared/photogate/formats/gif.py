"""GIF (GIF89a specification; Netscape's looping extension).

Kept, and rebuilt from parsed fields: screen, colour tables with only the colours that a picture uses, graphic control
(timing, transparency), the loop count, and image data up to the LZW end code or the last pixel. Comments, plain text
and every other application's block go.
"""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from photogate.errors import Reason
from photogate.findings import MetadataCategory
from photogate.formats import c2pa, limits, xmp
from photogate.formats.container import Context, ImageFormat, Measure, Rewritten, check_measure, refuse
from photogate.formats.gif_lzw import BEHIND, Work, walk

__all__ = ["LOOPS", "Block", "blocks", "join", "loop", "loop_block", "measure", "rewrite", "start", "verify"]

_C = MetadataCategory
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


def _table_size(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def start(data: bytes) -> int:
    if data[:6] not in (b"GIF87a", b"GIF89a") or len(data) < 13:
        refuse("Expected a GIF header and screen; found others", 0)
    at = 13 + _table_size(data[10])
    if at > len(data):
        refuse("Expected a global colour table; found the end", 13)
    return at


def _skip(data: bytes, at: int, most: int = limits.MAX_SUB_BLOCKS) -> tuple[int, int]:
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
            body = at + 10 + _table_size(data[at + 9]) + 1
            label = 0
        elif kind in (_EXTENSION, IMAGE):
            return
        else:
            found = _INTRODUCER.search(data, at)
            if found is None:
                return
            at = found.start()
            continue
        end, pieces = _skip(data, body, left)
        left -= pieces
        yield Block(kind, label, at, body, end)
        at = end
        number += 1
        if number > limits.MAX_CHUNKS:
            refuse(f"Expected at most {limits.MAX_CHUNKS} blocks; found more", at)


def measure(data: bytes) -> Measure:
    """Read the screen and count the images, up to one more than the limit."""
    start(data)
    width, height = struct.unpack_from("<HH", data, 6)
    frames = 0
    for block in blocks(data):
        if block.kind == IMAGE:
            frames += 1
            left, top, wide, high = struct.unpack_from("<HHHH", data, block.offset + 1)
            # Decoders grow the screen where a frame does not fit.
            width, height = max(width, left + wide), max(height, top + high)
            if frames > limits.MAX_FRAMES:
                break
    return Measure(ImageFormat.GIF, width, height, max(frames, 1))


def join(data: bytes, at: int, behind: bytes = b"") -> bytes:
    """Join the contents of sub-blocks, and `behind`."""
    out = io.BytesIO()
    while at < len(data) and (length := data[at]):
        out.write(data[at + 1 : at + 1 + length])
        at += 1 + length
    out.write(behind)
    return out.getvalue()


def _split(out: io.BytesIO, content: memoryview, rest: bytes) -> None:
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


@dataclass(slots=True)
class _Table:
    """A local colour table: where it was written, what it held, and which of its colours are shown so far."""

    at: int
    colours: bytes
    used: set[int]

    def write(self, out: io.BytesIO, context: Context) -> None:
        """Write it again without the others."""
        out.seek(self.at)
        out.write(_used_colours(self.colours, self.used, context, "local colour table"))
        out.seek(0, io.SEEK_END)


@dataclass(slots=True)
class _Screen:
    """What images share, and what is learnt from one to the next.

    Attributes
    ----------
    width, height
        As large as the images so far made it.
    background
        Index in the global table.
    coloured
        Whether there is a global table.
    still
        Whether there is one image only, which needs no timing and no disposal.
    work
        What reading codes may still cost.
    disposal
        Of the last graphic control that named one (section 23); decoders go on with it.
    images
        How many there were.
    shared
        Colours of the global table that are shown.
    table
        The last local table.
    """

    width: int
    height: int
    background: int
    coloured: bool
    still: bool
    work: Work
    disposal: int = 0
    images: int = 0
    shared: set[int] = field(default_factory=set)
    table: _Table | None = None

    def shows(self, box: tuple[int, int, int, int], control: bytes | None, whole: bool) -> set[int]:
        """Place an image; give the colours that decoders show for it though no pixel may name them.

        Parameters
        ----------
        box
            Left, top, width and height of the image.
        control
            Its graphic control.
        whole
            Whether its codes say all pixels.
        """
        left, top, width, height = box
        transparent = control[3] if control is not None and control[0] & 1 else None
        covers = left == top == 0 and width >= self.width and height >= self.height
        grows = left + width > self.width or top + height > self.height
        self.width, self.height = max(self.width, left + width), max(self.height, top + height)
        if control is not None and control[0] & 0x1C:
            self.disposal = control[0] >> 2 & 7
        colours = set()
        if grows:  # the screen behind an image that makes it larger
            colours.add(0)
        if not whole or (self.images == 0 and not covers):
            colours.add(0 if transparent is None else transparent)
        if self.disposal > 1 and not self.still:  # they take the first colour for one that is beyond the table
            colours |= {0, self.background if transparent is None else transparent}
        # Behind transparent pixels, pixels that no image has, and images that are disposed of.
        if self.still and whole and covers and transparent is None:
            self.background = 0
        else:
            self.shared.add(self.background)
        self.images += 1
        return colours


def rewrite(data: bytes, context: Context) -> Rewritten:
    """Write the pictures again, and nothing else."""
    first = start(data)
    width, height, flags, background, aspect = struct.unpack_from("<HHBBB", data, 6)
    table = data[13:first]
    control: bytes | None = None
    text = False
    found = list(blocks(data))
    still = sum(block.kind == IMAGE for block in found) == 1
    loops = loop_block(data, found)
    # The background is an index in the global table (section 18).
    screen = _Screen(width, height, background if table else 0, bool(table), still, Work())
    out = io.BytesIO()
    out.write(data[:10] + bytes((flags & 0xF7 if table else flags & 0x70, 0, aspect)) + table)
    if loops is not None:
        out.write(b"\x21\xff\x0bNETSCAPE2.0\x03\x01" + (loop(data, loops) or b"") + b"\0")
    last = first
    for block in found:
        context.drop(_C.OTHER, "bytes between blocks", block.offset - last)
        last = block.end
        if block.kind == TRAILER:
            context.drop(_C.OTHER, "bytes after the trailer", len(data) - last)
        elif block.kind == IMAGE:
            if screen.images >= limits.MAX_FRAMES:
                refuse(f"Expected at most {limits.MAX_FRAMES} frames; found more", reason=Reason.TOO_MANY_FRAMES)
            _frame(data, block, control, context, screen, out)
            control, text = None, False
        elif block.label == CONTROL:
            earlier, control = control, _control(join(data, block.body))
            # Section 23: at most one; decoders differ in which they take.
            if earlier not in (None, control) and not text:
                refuse("Expected one graphic control before an image; found another", block.offset)
            text = False
        elif block is not loops:
            _drop(data, block, context)
            text |= block.label == TEXT  # the control was of the text; decoders, which skip that, give it to the image
    if not screen.images:
        refuse("Expected an image; found none", last)
    out.write(b";")
    if screen.table is not None:
        screen.table.write(out, context)
    out.seek(11)
    out.write(bytes((screen.background, aspect)) + _used_colours(table, screen.shared, context, "global colour table"))
    return Rewritten(out.getvalue())


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


def _control(content: bytes) -> bytes:
    """Rebuild the graphic control fields (section 23), reserved bits zero."""
    content = content.ljust(4, b"\0")
    flags = content[0] & 0x1F
    return bytes((flags,)) + content[1:3] + (content[3:4] if flags & 1 else b"\0")


def _frame(
    data: bytes, block: Block, control: bytes | None, context: Context, screen: _Screen, out: io.BytesIO
) -> None:
    """Write an image and its control again; note the colours that it takes from the global table."""
    left, top, width, height, flags = struct.unpack_from("<HHHHB", data, block.offset + 1)
    check_measure(Measure(ImageFormat.GIF, width, height))
    start = block.offset + 10
    table = data[start : start + _table_size(flags)] if flags & 0x80 else b""
    if block.body > len(data):
        refuse("Expected image data; found the end", block.offset)
    code_size = data[block.body - 1]
    if not 1 <= code_size <= 11:
        refuse("Expected an LZW code size of 1 to 11; found another", block.body - 1)
    whole = join(data, block.body, BEHIND)
    codes = walk(whole, len(whole) - len(BEHIND), code_size, width * height, screen.work)
    coded, rest = codes.needed()
    context.drop(_C.OTHER, "bytes behind the LZW end code", max(codes.size - len(coded) - len(rest), 0))
    used = {colour & 0xFF for colour in codes.used}  # pixels have 8 bits, whatever the code size
    used |= screen.shows((left, top, width, height), control, codes.left <= 0)
    out.write(_control_block(control, screen.still, context))
    kept = (flags & 0x40) | (0x80 | flags & 7 if table else 0)
    out.write(struct.pack("<BHHHHB", IMAGE, left, top, width, height, kept))
    if not table:
        screen.shared |= used
        if screen.table is not None and not screen.coloured:  # OpenCV goes on with it
            screen.table.used |= used
    else:
        # Pillow shows the global table in place of a ramp, OpenCV in place of what is beyond the local one.
        screen.shared |= used if _is_ramp(table) else {colour for colour in used if colour >= len(table) // 3}
        if screen.table is not None:
            screen.table.write(out, context)
        screen.table = _Table(out.tell(), table, used)
    out.write(table + bytes((code_size,)))
    _split(out, coded, rest)


def _control_block(control: bytes | None, still: bool, context: Context) -> bytes:
    """Write a graphic control; a still image needs its transparency only."""
    if control is not None and still:
        context.drop(_C.OTHER, "timing of a still image", bool(control[0] & 0x1E or any(control[1:3])))
        control = b"\1\0\0" + control[3:] if control[0] & 1 else None
    return b"\x21\xf9\x04" + control + b"\0" if control is not None else b""


def _used_colours(table: bytes, used: set[int], context: Context, where: str) -> bytes:
    """Blacken the colours that no pixel uses. A grey ramp stays as it is: decoders tell grey pictures by it."""
    if _is_ramp(table):
        return table
    new = bytearray(table)
    unused = [i for i in range(len(table) // 3) if i not in used]
    for filler in (b"\0\0\0", b"\xff\xff\xff"):  # the other where the first would make a grey ramp
        for i in unused:
            new[3 * i : 3 * i + 3] = filler
        if not _is_ramp(new):
            break
    if new != table:
        context.drop(_C.OTHER, f"unused colours of the {where}")
    return bytes(new)


def _is_ramp(table: bytes | bytearray) -> bool:
    return all(table[3 * i] == table[3 * i + 1] == table[3 * i + 2] == i for i in range(len(table) // 3))


def _drop(data: bytes, block: Block, context: Context) -> None:
    if block.label == COMMENT:
        if context.look > 0:
            context.text(join(data, block.body)[:4096])
        context.drop(_C.COMMENT, "comment block")
    elif block.label == TEXT:
        context.drop(_C.COMMENT, "plain text block")
    elif block.label == APPLICATION:
        name = data[block.body + 1 : block.body + 12]
        if name == b"XMP DataXMP":
            xmp.read(data[block.body + 12 : block.end], context, "XMP application block")
        elif name.startswith(b"C2PA"):
            c2pa.read(join(data, block.body + 12), context, "C2PA application block")
        else:
            context.drop(_C.OTHER, "application block")
    else:
        context.drop(_C.OTHER, "unknown extension")


def verify(data: bytes) -> None:
    """Accept only screen, tables, one loop count, graphic controls, images and the trailer.

    Raises
    ------
    ImageRefused
        At the first byte that is on no allow-list.
    """
    at = start(data)
    images, loops, timed = 0, 0, False
    while data[at : at + 1] != b";":
        head = data[at : at + 2]
        if head == b"\x21\xf9":
            if data[at + 2 : at + 3] != b"\4" or data[at + 7 : at + 8] != b"\0" or data[at + 3] & 0xE0:
                refuse("Expected a graphic control of 4 bytes", at)
            timed |= any((data[at + 3] & 0x1E, *data[at + 4 : at + 6]))
            at += 8
            if data[at : at + 1] != b",":
                refuse("Expected an image behind its graphic control", at)
        elif head == b"\x21\xff":
            if (
                loops
                or images
                or data[at + 2 : at + 16] != b"\x0bNETSCAPE2.0\x03\x01"
                or data[at + 18 : at + 19] != b"\0"
            ):
                refuse("Expected one loop count, before the images", at)
            loops += 1
            at += 19
        elif head[:1] == b",":
            if at + 10 >= len(data) or data[at + 9] & 0x38:
                refuse("Expected an image descriptor without unused flags", at)
            at, _ = _skip(data, at + 11 + _table_size(data[at + 9]))
            images += 1
        else:
            refuse("Expected a graphic control, loop count, image or trailer", at)
    if images == 1 and (loops or timed):
        refuse("Expected no timing of a still image", at)
    if not images or at + 1 != len(data):
        refuse("Expected the trailer to be the end of the file", at)
