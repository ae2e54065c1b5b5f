"""GIF (GIF89a specification; Netscape's looping extension).

Kept, and rebuilt from parsed fields: screen, colour tables with only the colours that a picture uses, graphic control
(timing, transparency), the loop count, and image data up to the LZW end code or the last pixel. Comments, plain text
and every other application's block go.
"""

from __future__ import annotations

import io
import struct

from photogate.errors import Reason
from photogate.findings import MetadataCategory
from photogate.formats import c2pa, limits, xmp
from photogate.formats.container import Context, ImageFormat, Measure, Rewritten, check_measure, refuse
from photogate.formats.gif_blocks import (
    APPLICATION,
    COMMENT,
    CONTROL,
    IMAGE,
    TEXT,
    TRAILER,
    Block,
    blocks,
    join,
    loop,
    loop_block,
    skip,
    split,
    start,
    table_size,
)
from photogate.formats.gif_colours import Screen, used_colours
from photogate.formats.gif_lzw import BEHIND, Work, walk

__all__ = ["measure", "rewrite", "verify"]

_C = MetadataCategory


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
    screen = Screen(width, height, background if table else 0, bool(table), still, Work())
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
    out.write(bytes((screen.background, aspect)) + used_colours(table, screen.shared, context, "global colour table"))
    return Rewritten(out.getvalue())


def _control(content: bytes) -> bytes:
    """Rebuild the graphic control fields (section 23), reserved bits zero."""
    content = content.ljust(4, b"\0")
    flags = content[0] & 0x1F
    return bytes((flags,)) + content[1:3] + (content[3:4] if flags & 1 else b"\0")


def _frame(data: bytes, block: Block, control: bytes | None, context: Context, screen: Screen, out: io.BytesIO) -> None:
    """Write an image and its control again; note the colours that it takes from the global table."""
    left, top, width, height, flags = struct.unpack_from("<HHHHB", data, block.offset + 1)
    check_measure(Measure(ImageFormat.GIF, width, height))
    start = block.offset + 10
    table = data[start : start + table_size(flags)] if flags & 0x80 else b""
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
    screen.takes(table, used, out, context)
    out.write(bytes((code_size,)))
    split(out, coded, rest)


def _control_block(control: bytes | None, still: bool, context: Context) -> bytes:
    """Write a graphic control; a still image needs its transparency only."""
    if control is not None and still:
        context.drop(_C.OTHER, "timing of a still image", bool(control[0] & 0x1E or any(control[1:3])))
        control = b"\1\0\0" + control[3:] if control[0] & 1 else None
    return b"\x21\xf9\x04" + control + b"\0" if control is not None else b""


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
            at, _ = skip(data, at + 11 + table_size(data[at + 9]))
            images += 1
        else:
            refuse("Expected a graphic control, loop count, image or trailer", at)
    if images == 1 and (loops or timed):
        refuse("Expected no timing of a still image", at)
    if not images or at + 1 != len(data):
        refuse("Expected the trailer to be the end of the file", at)
