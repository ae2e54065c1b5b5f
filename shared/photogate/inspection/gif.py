"""The blocks of a GIF (GIF89a), images with their tables and data, and what stands between and behind them."""

from __future__ import annotations

from collections.abc import Iterator

from photogate.findings import MetadataCategory
from photogate.formats import gif_blocks
from photogate.formats.container import Part
from photogate.formats.gif_lzw import BEHIND, Work, walk
from photogate.inspection import jumbf, xmp
from photogate.inspection.budget import TOO_MANY, Budget
from photogate.inspection.outcome import Outcome
from photogate.inspection.tree import Search, goes, stays

__all__ = ["parts"]

_C = MetadataCategory
_APPLICATIONS = {
    b"XMP DataXMP": "XMP", b"ICCRGBG1012": "ICC profile", b"MGK8BIM0000": "Photoshop", b"MGKIPTC0000": "IPTC",
    b"MIDICTRLJon": "MIDI", b"C2PA_GIF\x01\0\0": "C2PA",
}  # fmt: skip


def parts(data: bytes, outcome: Outcome) -> Iterator[Part]:
    """List the blocks."""
    last = gif_blocks.start(data)
    yield stays("header and screen", 0, 13)
    if last > 13:
        yield stays("global colour table", 13, last - 13, "colours that no pixel uses become black")
    found = list(gif_blocks.blocks(data))
    loops = gif_blocks.loop_block(data, found)
    still = sum(block.kind == gif_blocks.IMAGE for block in found) == 1
    new = Search(outcome.data, len(data))
    work = Work()
    for block in found:
        if block.offset > last:
            yield goes("stray bytes", last, block.offset - last, "between blocks")
        last = min(block.end, len(data))
        at, size = block.offset, last - block.offset
        if block.kind == gif_blocks.TRAILER:
            yield stays("trailer", at, size, "end")
        elif block.kind == gif_blocks.IMAGE:
            yield _image(data, block, new, work, outcome.budget)
        elif block.label == gif_blocks.CONTROL and still and not data[block.body + 1] & 1:
            yield goes("graphic control", at, size, "timing, which a still image needs not")
        elif block.label == gif_blocks.CONTROL:
            yield stays("graphic control", at, size, "timing and transparency")
        elif block.label == gif_blocks.COMMENT:
            yield goes("comment", at, size, "text", category=_C.COMMENT)
        elif block.label == gif_blocks.TEXT:
            yield goes("plain text", at, size, "text", category=_C.COMMENT)
        elif block.label == gif_blocks.APPLICATION:
            yield _application(data, block, last, block is loops, outcome.budget)
        else:
            yield goes("unregistered extension", at, size)
    if last < len(data):
        yield goes("trailing bytes", last, len(data) - last, "behind the end of the image")


def _application(data: bytes, block: gif_blocks.Block, end: int, loop: bool, budget: Budget) -> Part:
    at, size = block.offset, end - block.offset
    if loop:
        return stays("application NETSCAPE2.0", at, size, "loop count")
    name = data[block.body + 1 : block.body + 12]
    shown = _APPLICATIONS.get(name, "NETSCAPE2.0" if name in gif_blocks.LOOPS else "unregistered")
    children: tuple[Part, ...] = ()
    category = _C.OTHER
    if shown == "XMP":
        children = xmp.packet(data, block.body + 12, end, budget)
        children = (goes("identifier", at, children[0].offset - at), *children) if children else ()
    elif shown == "C2PA":
        category = _C.PROVENANCE
        children = jumbf.boxes(data, block.body + 13, block.body + 13, budget)
    return goes(f"application {shown}", at, size, "another program's data", children, category)


def _image(data: bytes, block: gif_blocks.Block, new: Search, work: Work, budget: Budget) -> Part:
    at, end = block.offset, min(block.end, len(data))
    if budget.spent:
        return stays("image", at, end - at, TOO_MANY)
    budget.left -= 3
    table = at + 10
    code = min(block.body - 1, end)
    inside = [stays("image descriptor", at, 10)]
    if code > table:
        inside.append(stays("local colour table", table, code - table, "colours that no pixel uses become black"))
    stop = None if new.finds(data[block.body : end]) else _end(data, block, work)  # what stays whole has no end within
    if stop is None or stop >= end:
        inside.append(stays("image data", code, end - code, "LZW codes"))
    else:
        inside.append(stays("image data", code, stop - code, "LZW codes"))
        inside.append(goes("bytes behind the LZW end code", stop, end - stop))
    return stays("image", at, end - at, "the picture", [part for part in inside if part.size > 0])


def _end(data: bytes, block: gif_blocks.Block, work: Work) -> int | None:
    """Find where the sub-block content ends that pixels depend on; None where that is the end of the image."""
    if block.body > len(data) or not 1 <= data[block.body - 1] <= 11:
        return None
    width = int.from_bytes(data[block.offset + 5 : block.offset + 7], "little")
    height = int.from_bytes(data[block.offset + 7 : block.offset + 9], "little")
    whole = gif_blocks.join(data, block.body, BEHIND)
    codes = walk(whole, len(whole) - len(BEHIND), data[block.body - 1], width * height, work)
    need = sum(map(len, codes.needed()))
    if need >= codes.size:
        return None
    at = block.body
    while at < len(data) and (length := data[at]):
        if need < length:
            return at + 1 + need
        need -= length
        at += 1 + length
        if not need:
            return at
    return None
