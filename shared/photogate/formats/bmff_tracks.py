"""Image sequences (ISO/IEC 23008-12, 7; AVIF 3): the picture track and its transparency, without dates and names.

ISO/IEC 14496-12: 8.2.2 (mvhd), 8.3.2 (tkhd), 8.4.2 (mdhd), 8.5.2 (stsd), 8.6 (times), 8.7 (sizes, chunks, offsets).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from photogate.errors import Reason
from photogate.formats import limits
from photogate.formats.av1_sequence import Sequence
from photogate.formats.av1_units import OF_FRAMES, TILE_GROUP, Run, av1, av1c, obus
from photogate.formats.bmff_boxes import Box, Budget, Fields, box, boxes, full_box, only
from photogate.formats.bmff_coded import Dropped
from photogate.formats.bmff_times import UNKNOWN, compositions, edit_list, keys, lasting, times
from photogate.formats.container import refuse
from photogate.formats.heif_properties import rebuild, says_alpha
from photogate.formats.hevc_sets import SPS
from photogate.formats.hevc_units import HevcConfiguration, Used, hevc, hevc_configuration

__all__ = ["Track", "frames", "read_tracks", "samples", "write_moov"]

_UNITY = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 0x40000000)


@dataclass(slots=True)
class Track:
    """One kept track: its boxes by name, where its samples are, and the HEVC parameter sets that they use."""

    alpha: bool
    shown: tuple[int, int]
    duration: int
    edits: bytes
    scale: int
    lasts: int
    kind: bytes
    size: tuple[int, int]
    entry: list[Box]
    times: dict[bytes, bytes]
    places: list[tuple[int, int]] = field(default_factory=list)
    used: Used = field(default_factory=Used)
    start: int = 0


def _inside(data: bytes, found: list[Box], path: tuple[bytes, ...], budget: Budget) -> list[Box]:
    for kind in path:
        parent = only(found, kind, found[0].start if found else 0)
        found = boxes(data, parent.body, parent.end, budget)
    return found


def read_tracks(data: bytes, moov: Box, budget: Budget) -> list[Track]:
    """Read the first picture track, and its alpha track where there is one."""
    tracks: list[Track] = []
    movie = _movie_scale(data, moov)
    for trak in boxes(data, moov.body, moov.end, budget):
        if trak.kind != b"trak":
            continue
        inner = boxes(data, trak.body, trak.end, budget)
        media = _inside(data, inner, (b"mdia",), budget)
        handler = data[only(media, b"hdlr", trak.start).body + 8 :][:4]
        if handler not in (b"pict", b"vide", b"auxv"):
            continue
        track = _read_track(data, inner, media, movie, trak, budget)
        if track.alpha != (handler == b"auxv") or any(t.alpha == track.alpha for t in tracks):
            continue
        tracks.append(track)
    tracks.sort(key=lambda t: t.alpha)
    if not tracks or tracks[0].alpha:
        refuse("Expected a picture track; found none", moov.start)
    for track in tracks[1:]:
        _follow(tracks[0], track)
    return tracks


def _follow(picture: Track, alpha: Track) -> None:
    """Give transparency the times of its pictures, by which readers show it."""
    if len(alpha.places) == len(picture.places):
        alpha.scale, alpha.lasts, alpha.duration, alpha.edits = (
            picture.scale,
            picture.lasts,
            picture.duration,
            picture.edits,
        )
        alpha.times = {**alpha.times, **{kind: table for kind, table in picture.times.items() if kind == b"stts"}}


def _read_track(data: bytes, inner: list[Box], media: list[Box], movie: int, trak: Box, budget: Budget) -> Track:
    version = _full(data, only(inner, b"tkhd", trak.start))[0]
    head = Fields(data, only(inner, b"tkhd", trak.start).body + 4, only(inner, b"tkhd", trak.start).end)
    head.raw(24 if version else 16)
    duration = head.uint(8 if version else 4)
    head.raw(52)
    shown = head.uint(4) >> 16, head.uint(4) >> 16  # whole pixels
    mdhd = only(media, b"mdhd", trak.start)
    wide = _full(data, mdhd)[0]
    clock = Fields(data, mdhd.body + 4, mdhd.end)
    clock.raw(16 if wide else 8)
    scale = clock.uint(4)
    table = _inside(data, media, (b"minf", b"stbl"), budget)
    stsd = only(table, b"stsd", trak.start)
    fields = Fields(data, stsd.body + 4, stsd.end)
    number, length = fields.many("II")
    entries = boxes(data, stsd.body + 8, min(stsd.body + 8 + length, stsd.end) if number == 1 else stsd.end, budget)
    if len(entries) != 1 or entries[0].kind not in (b"av01", b"hvc1"):
        refuse("Expected one sample entry of HEVC or AV1; found others", stsd.start, Reason.UNSUPPORTED_FORMAT)
    entry = entries[0]
    layout = Fields(data, entry.body, entry.end)
    layout.raw(24)
    size = (layout.uint(2), layout.uint(2))
    layout.raw(50)
    inside = boxes(data, layout.at, entry.end, budget)
    alpha = any(b.kind == b"auxi" and says_alpha(data, b.body + 4, b.end) for b in inside)
    track = Track(alpha, shown, _wide(duration, version), b"", scale, 0, entry.kind, size, inside, {})
    track.start = trak.start
    track.places = _places(data, table, trak, budget)
    samples = len(track.places)
    for found in table:
        if found.kind == b"stts":
            track.times[b"stts"], track.lasts = times(data, found, samples, budget)
        elif found.kind == b"ctts":
            track.times[b"ctts"] = compositions(data, found, samples, budget)
        elif found.kind == b"stss":
            track.times[b"stss"] = keys(data, found, samples, budget)
    once = track.lasts * movie // max(scale, 1)
    edits = [b for b in inner if b.kind == b"edts"]
    if edits:
        elst = only(boxes(data, edits[0].body, edits[0].end, budget), b"elst", edits[0].start)
        track.edits, once = edit_list(data, elst, once + 1, track.lasts, budget)
    track.duration = lasting(track.duration, once)
    return track


def _full(data: bytes, found: Box) -> tuple[int, int]:
    return Fields(data, found.body, found.end).version()


def _places(data: bytes, table: list[Box], trak: Box, budget: Budget) -> list[tuple[int, int]]:
    """Find the samples (offset, size) by stsz, stsc and stco or co64."""
    fields = Fields(data, only(table, b"stsz", trak.start).body + 4, only(table, b"stsz", trak.start).end)
    same, count = fields.uint(4), fields.uint(4)
    if not 1 <= count <= limits.MAX_FRAMES:
        refuse(f"Expected 1 to {limits.MAX_FRAMES} samples; found others", trak.start, Reason.TOO_MANY_FRAMES)
    sizes = [same or fields.uint(4) for _ in range(count)]
    chunks = [b for b in table if b.kind in (b"stco", b"co64")]
    if len(chunks) != 1:
        refuse("Expected one table of chunk offsets; found others", trak.start)
    fields = Fields(data, chunks[0].body + 4, chunks[0].end)
    number = fields.uint(4)
    budget.spend(number, trak.start)
    offsets = [fields.uint(8 if chunks[0].kind == b"co64" else 4) for _ in range(number)]
    stsc = only(table, b"stsc", trak.start)
    fields = Fields(data, stsc.body + 4, stsc.end)
    number = fields.uint(4)
    budget.spend(number, stsc.start)
    runs = [fields.many("III") for _ in range(number)]
    found: list[tuple[int, int]] = []
    run = 0
    for chunk, at in enumerate(offsets, 1):
        while run + 1 < len(runs) and runs[run + 1][0] <= chunk:
            run += 1
        per_chunk = runs[run][1] if runs else 0
        for size in sizes[len(found) : len(found) + per_chunk]:
            if at + size > len(data):
                refuse("Expected samples within the file; found one outside", trak.start)
            found.append((at, size))
            at += size
    if len(found) != count or sum(s for _, s in found) > len(data):
        refuse("Expected a place for each sample; found others", trak.start)
    return found


def frames(data: bytes, moov: Box) -> int:
    """Count the pictures of the sequence."""
    return len(read_tracks(data, moov, Budget())[0].places)


def samples(data: bytes, track: Track, dropped: Dropped) -> list[bytes | memoryview]:
    """Give the samples with what a decoder needs only."""
    out: list[bytes | memoryview] = []
    view = memoryview(data)
    new: bytes | memoryview
    known: Sequence | None = None
    configuration = HevcConfiguration(4, {})
    for found in track.entry:
        if found.kind == b"av1C":
            known = av1c(data, found.body, found.end, Dropped())[1]
        elif found.kind == b"hvcC":
            configuration = hevc_configuration(data, found.body, found.end, Dropped())
    run = Run()
    for number, (at, size) in enumerate(track.places):
        if track.kind == b"av01":
            run.continues = _goes_on(view, track.places[number + 1 : number + 2])
            new, known = av1(view[at : at + size], known, dropped, run=run)
        else:
            new, used = hevc(view[at : at + size], configuration, dropped, item=False)
            track.used.add(used)
        if not out:
            track.size = _coded_size(known, configuration, track)
        out.append(new)
    return out


def _coded_size(known: Sequence | None, configuration: HevcConfiguration, track: Track) -> tuple[int, int]:
    """Give the size that the stream says, which the sample entry repeats (14496-12, 12.1.3)."""
    width, height = track.size
    if known is not None:
        width, height = known.size
    for key, found in configuration.sets.items():
        if key in track.used.sets and found.kind == SPS:
            width, height = found.bits["width"], found.bits["height"]
    return min(width, limits.MAX_DIMENSION), min(height, limits.MAX_DIMENSION)


def _goes_on(view: memoryview, following: list[tuple[int, int]]) -> bool:
    """Tell whether a sample begins with tile groups of a frame before."""
    for at, size in following:
        for kind, *_ in obus(view[at : at + size]):
            if kind in OF_FRAMES:
                return kind == TILE_GROUP
    return False


def write_moov(data: bytes, moov: Box, tracks: list[Track], sizes: list[list[int]], at: int, dropped: Dropped) -> bytes:
    """Write the `moov` box anew, for tracks whose samples stand one after another from byte `at` of the new file."""
    traks = []
    for number, (track, mine) in enumerate(zip(tracks, sizes, strict=True), 1):
        traks.append(_trak(data, track, number, mine, at, dropped))
        at += sum(mine)
    scale, duration = _movie_scale(data, moov), max(track.duration for track in tracks)
    mvhd = full_box(
        b"mvhd",
        1,
        0,
        struct.pack(">QQIQIH10x", 0, 0, scale, duration, 65536, 0x100),
        _UNITY,
        bytes(24),
        struct.pack(">I", len(tracks) + 1),
    )
    return box(b"moov", mvhd, *traks)


def _movie_scale(data: bytes, moov: Box) -> int:
    budget = Budget()
    mvhd = only(boxes(data, moov.body, moov.end, budget), b"mvhd", moov.start)
    fields = Fields(data, mvhd.body, mvhd.end)
    version, _ = fields.version()
    fields.raw(16 if version else 8)
    return fields.uint(4)


def _wide(duration: int, version: int) -> int:
    """All ones say "not known" in either width."""
    return UNKNOWN if not version and duration == 0xFFFFFFFF else duration


def _trak(data: bytes, track: Track, number: int, sizes: list[int], at: int, dropped: Dropped) -> bytes:
    tkhd = full_box(
        b"tkhd",
        1,
        1 if track.alpha else 3,
        struct.pack(">QQIIQ16x", 0, 0, number, 0, track.duration),
        _UNITY,
        struct.pack(">HHHH", track.shown[0], 0, track.shown[1], 0),
    )
    # AV1 shows frames in the order of samples (AV1-ISOBMFF 2.4), and so does HEVC where all are IDR pictures
    kinds = (b"stts", b"stss") if track.kind == b"av01" or track.used.still else (b"stts", b"ctts", b"stss")
    inside = [new for found in track.entry if (new := rebuild(data, found, dropped, track.used)) is not None]
    entry = box(
        track.kind,
        struct.pack(">6xH16xHHIIIH32xHh", 1, *track.size, 0x480000, 0x480000, 0, 1, 24, -1),
        *inside,
    )
    table = box(
        b"stbl",
        full_box(b"stsd", 0, 0, struct.pack(">I", 1), entry),
        *(track.times[kind] for kind in kinds if kind in track.times),
        full_box(b"stsc", 0, 0, struct.pack(">IIII", 1, 1, len(sizes), 1)),
        full_box(b"stsz", 0, 0, struct.pack(f">II{len(sizes)}I", 0, len(sizes), *sizes)),
        full_box(b"stco", 0, 0, struct.pack(">II", 1, at)),
    )
    dinf = box(b"dinf", full_box(b"dref", 0, 0, struct.pack(">I", 1), full_box(b"url ", 0, 1)))
    media = box(
        b"mdia",
        full_box(b"mdhd", 1, 0, struct.pack(">QQIQHH", 0, 0, track.scale, track.lasts, 0x55C4, 0)),
        full_box(b"hdlr", 0, 0, bytes(4), b"auxv" if track.alpha else b"pict", bytes(13)),
        box(b"minf", full_box(b"vmhd", 0, 1, bytes(8)), dinf, table),
    )
    extra = [box(b"tref", box(b"auxl", struct.pack(">I", 1)))] if track.alpha else []
    extra += [box(b"edts", track.edits)] if track.edits else []
    return box(b"trak", tkhd, *extra, media)
