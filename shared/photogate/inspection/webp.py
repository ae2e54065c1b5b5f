"""The chunks of a WebP (RFC 9649), those of frames within them, and what they hold."""

from __future__ import annotations

from collections.abc import Iterator

from photogate.findings import MetadataCategory
from photogate.formats import limits, vp8
from photogate.formats.container import Part, refuse
from photogate.inspection import icc, jumbf, xmp
from photogate.inspection.directories import exif_block
from photogate.inspection.outcome import Outcome
from photogate.inspection.tree import goes, stays, tiled

__all__ = ["parts"]

_C = MetadataCategory
_NOTES = {
    b"VP8X": "what follows",
    b"VP8 ": "the picture, lossy",
    b"VP8L": "the picture, lossless",
    b"ALPH": "transparency",
    b"ANIM": "loop count and background",
    b"ANMF": "a frame",
    b"ICCP": "colour; description, identity and dates go",
    b"EXIF": "when, where and by what it was taken",
    b"XMP ": "an orientation moves to EXIF",
    b"C2PA": "provenance (C2PA)",
    b"LIST": "text",
}
_CATEGORIES = {b"C2PA": _C.PROVENANCE, b"LIST": _C.COMMENT}


def _chunks(data: bytes, at: int, end: int) -> Iterator[tuple[bytes, int, int, int]]:
    """Walk chunks: (type, where it starts, where its content ends, where the next starts)."""
    for _ in range(limits.MAX_CHUNKS):
        if at + 8 > end:
            return
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        stop, following = min(at + 8 + size, end), min(at + 8 + size + (size & 1), end)
        yield data[at : at + 4], at, stop, following
        at = following
    refuse(f"Expected at most {limits.MAX_CHUNKS} chunks; found more", at)


def _images(data: bytes) -> list[tuple[bytes, bytes]]:
    """Collect the pictures of a file that was written by `strip`, in their order."""
    found = []
    for kind, at, stop, _ in _chunks(data, 12, len(data)):
        if kind in (b"VP8 ", b"VP8L", b"ALPH"):
            found.append((kind, data[at + 8 : stop]))
        elif kind == b"ANMF":
            found += [
                (k, data[a + 8 : s]) for k, a, s, _ in _chunks(data, at + 24, stop) if k in (b"VP8 ", b"VP8L", b"ALPH")
            ]
    return found


def parts(data: bytes, outcome: Outcome) -> Iterator[Part]:
    """List the chunks, those of frames within them, and what stands behind the RIFF."""
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        refuse("Expected RIFF and WEBP; found others", 0)
    end = min(8 + int.from_bytes(data[4:8], "little"), len(data))
    yield stays("RIFF WEBP", 0, 12)
    written = [kind for kind, *_ in _chunks(outcome.data, 12, len(outcome.data))] if outcome.data else list(_NOTES)
    images = _images(outcome.data)
    animated = b"ANMF" in written and bool(outcome.data)
    seen: set[bytes] = set()
    at = 12
    for kind, first, stop, following in _chunks(data, 12, end):
        known = kind in written and (kind == b"ANMF" or kind not in seen) and kind not in _CATEGORIES
        if kind in (b"VP8 ", b"VP8L", b"ALPH") and animated:
            known = False
        seen.add(kind)
        yield _part(data, kind, first, stop, following, known, outcome, images)
        at = following
    if at < end:
        yield goes("stray bytes", at, end - at, "no whole chunk")
    if end < len(data):
        yield goes("trailing bytes", end, len(data) - end, "behind the RIFF")


def _part(
    data: bytes,
    kind: bytes,
    at: int,
    stop: int,
    following: int,
    known: bool,
    outcome: Outcome,
    images: list[tuple[bytes, bytes]],
) -> Part:
    name = kind.decode("latin-1").strip() if kind in _NOTES else "unregistered chunk"
    size, note = following - at, _NOTES.get(kind, "not needed to show the picture")
    if kind == b"EXIF":
        tags = outcome.kept_tags(data[at + 8 : stop]) if known else frozenset[int]()
        children = exif_block(data, at + 8, stop, tags, outcome.budget)
        make = stays if tags else goes
        inside = tiled([make("chunk header", at, 8), *children], at, following, "padding") if children else ()
        if tags:
            inside = tuple(stays(p.name, p.offset, p.size) if p.name == "padding" else p for p in inside)
            return stays(name, at, size, "only the orientation stays", inside)
        return goes(name, at, size, note, inside)
    if kind == b"XMP ":
        inside = tiled(
            [goes("chunk header", at, 8), *xmp.packet(data, at + 8, stop, outcome.budget)], at, following, "padding"
        )
        return goes(name, at, size, note, inside if len(inside) > 2 else ())
    if kind == b"C2PA":
        inside = tiled(
            [goes("chunk header", at, 8), *jumbf.boxes(data, at + 8, stop, outcome.budget)], at, following, "padding"
        )
        return goes(name, at, size, note, inside if len(inside) > 2 else (), _C.PROVENANCE)
    if not known:
        return goes(name, at, size, note, category=_CATEGORIES.get(kind, _C.OTHER))
    inside = ()
    if kind == b"ANMF":
        claims = [stays("frame header", at, 24)]
        for inner, first, close, behind in outcome.budget.take(_chunks(data, at + 24, stop)):
            stay = inner in (b"VP8 ", b"VP8L", b"ALPH")
            if inner == b"ALPH" and images and not outcome.budget.spent:
                stay = images[0][0] == b"ALPH"  # it goes where decoders do not show it
            claims.append(_part(data, inner, first, close, behind, stay, outcome, images))
        inside = tiled(claims, at, following, outcome.budget.rest("bytes that nothing refers to"))
    elif kind == b"ICCP":
        inside = tiled(
            [stays("chunk header", at, 8), *icc.profile(data, at + 8, stop, outcome.budget)], at, following, "padding"
        )
        inside = tuple(p if p.name != "padding" else stays(p.name, p.offset, p.size) for p in inside)
        inside = inside if len(inside) > 2 else ()
    elif kind in (b"VP8 ", b"VP8L", b"ALPH") and images and not outcome.budget.spent:
        inside = _image(data, kind, at, stop, following, images.pop(0)[1])
    return stays(name, at, size, note, inside)


def _image(data: bytes, kind: bytes, at: int, stop: int, following: int, new: bytes) -> tuple[Part, ...]:
    """Tell the bytes that no pixel depends on: behind the end of a picture, or of a partition of a lossy one."""
    coded = data[at + 8 : stop]
    hidden = []
    if kind == b"VP8 ":
        place = at + 8
        for old, short in zip(vp8.partitions(coded), vp8.partitions(new), strict=False):
            place = coded.find(old, place - at - 8) + at + 8
            if len(old) - len(short) > _FLUSH:
                hidden.append((place + len(short), len(old) - len(short)))
            place += len(old)
    elif len(coded) > len(new):
        hidden.append((at + 8 + len(new), len(coded) - len(new)))
    if not hidden:
        return ()
    claims = [goes("bytes that no pixel depends on", first, size) for first, size in hidden]
    tiles = tiled(claims, at, following, "coded data")
    return tuple(stays(p.name, p.offset, p.size) if p.name == "coded data" else p for p in tiles)


# What an encoder writes to flush its last symbols (RFC 6386 7.3) is no more than this.
_FLUSH = 8
