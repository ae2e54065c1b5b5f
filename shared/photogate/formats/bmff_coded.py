"""Coded pictures within HEIF and AVIF: what a decoder needs of HEVC and AV1 streams, and nothing of what encoders add.

HEVC: ITU-T H.265, 7.3.1 and 7.4.2.2 (NAL units), ISO/IEC 14496-15, 8.3.2 (decoder configuration). AV1: the AV1
bitstream specification, 5.3 (OBUs) and 5.5 (sequence header), AV1-ISOBMFF 2.3 (decoder configuration).

What lies behind the last coded block *inside* a slice or a tile cannot be told without decoding it, and is left.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from photogate.formats import limits
from photogate.formats.av1_sequence import Sequence, sequence_header
from photogate.formats.bmff_boxes import Fields, same
from photogate.formats.container import refuse
from photogate.formats.hevc_sets import (
    IDR,
    PPS,
    SPS,
    VPS,
    ParameterSet,
    general_profile,
    parameter_set,
    slice_address,
    slice_pps,
    slice_unit,
    video_parameter_set,
)

__all__ = [
    "OF_FRAMES",
    "TILES",
    "TILE_GROUP",
    "Dropped",
    "HevcConfiguration",
    "Layers",
    "Run",
    "Used",
    "av1",
    "av1c",
    "hevc",
    "hevc_configuration",
    "hvcc",
    "leb128",
    "obus",
]

_PARAMETER_SETS = frozenset({VPS, SPS, PPS})
_SLICES = frozenset({*range(10), *range(16, 22)})

_SEQUENCE_HEADER, _FRAME_HEADER, TILE_GROUP, _FRAME = 1, 3, 4, 6
TILES = frozenset({TILE_GROUP, _FRAME})
OF_FRAMES = TILES | {_FRAME_HEADER}


@dataclass(slots=True)
class Dropped:
    """How many units of a file went that are no picture, and how many units and parameter sets were read of it."""

    count: int = 0
    units: int = 0
    sets: int = 0

    def read(self, units: int = 1, sets: int = 0) -> None:
        """Count what was read; refuse what is beyond the limits."""
        self.units += units
        self.sets += sets
        if self.units > limits.MAX_UNITS or self.sets > limits.MAX_PARAMETER_SETS:
            refuse("Expected fewer units of coded pictures in a file; found more than may be read")


@dataclass(frozen=True, slots=True)
class HevcConfiguration:
    """A decoder configuration: bytes of each NAL unit's length, and parameter sets by (type, number)."""

    length_size: int
    sets: dict[tuple[int, int], ParameterSet]


def hevc_configuration(data: bytes, start: int, end: int, dropped: Dropped) -> HevcConfiguration:
    """Read an HEVC decoder configuration record: its parameter sets, and none of its SEI."""
    fields = Fields(data, start, end)
    head = fields.raw(22)
    if head[0] != 1:
        refuse("Expected version 1 of the HEVC configuration; found another", start)
    sets: dict[tuple[int, int], ParameterSet] = {}
    for _ in range(fields.uint(1)):
        kind = fields.uint(1) & 63
        for _ in range(fields.uint(2)):
            unit = fields.raw(fields.uint(2))
            dropped.read(sets=1)
            if kind in _PARAMETER_SETS and _hevc_kind(unit) == kind:
                known = parameter_set(unit)
                dropped.count += known.unit != unit
                sets[known.kind, known.id] = known
            else:
                dropped.count += 1
    dropped.count += bool(fields.left())
    return HevcConfiguration((head[21] & 3) + 1, sets)


@dataclass(slots=True)
class Used:
    """Parameter sets that kept pictures use, by (type, number), and whether none of these refers to another."""

    sets: set[tuple[int, int]] = field(default_factory=set)
    still: bool = True

    def add(self, other: Used) -> None:
        """Take in what other pictures use."""
        self.sets |= other.sets
        self.still &= other.still


def hvcc(data: bytes, start: int, end: int, dropped: Dropped, used: Used) -> bytes:
    """Rebuild an HEVC decoder configuration record with the parameter sets that slices use.

    14496-15, 8.3.3.1.2: profile and level are those of the SPS, and so must chroma and depth be; frame rate and
    segmentation are hints, and 0 says none.
    """
    configuration = hevc_configuration(data, start, end, dropped)
    size = configuration.length_size - 1
    arrays: dict[int, list[bytes]] = {}
    for key, known in configuration.sets.items():
        if key in used.sets:
            arrays.setdefault(known.kind, []).append(_written(known, configuration.sets, used, used.still))
        else:
            dropped.count += 1
    sps = next((known for key, known in configuration.sets.items() if known.kind == SPS and key in used.sets), None)
    chroma, luma, others = data[start + 16] & 3, data[start + 17] & 7, data[start + 18] & 7
    if sps is None:  # all sets are in the pictures' data
        head = bytes((1, *data[start + 1 : start + 6], *bytes(6), data[start + 12]))
        said = data[start + 21] & 0x3C | size
    else:
        bits = sps.bits
        head = bytes((1,)) + general_profile(sps)
        said = (bits["sub_layers"] + 1) << 3 | bits["nesting"] << 2 | size
        if (chroma, luma + 8, others + 8) != (bits["format"], bits["luma"], bits["others"]):
            # libheif shows by one what it decodes by the other
            refuse("Expected chroma and depth in the configuration as in the parameter set; found others", start)
    depths = bytes((chroma | 0xFC, luma | 0xF8, others | 0xF8))
    new = head + bytes((0xF0, 0, 0xFC)) + depths + bytes((0, 0, said))
    dropped.count += new != data[start : start + 22]
    out = [new, bytes((len(arrays),))]
    for kind, units in arrays.items():
        out.append(bytes((0x80 | kind,)) + len(units).to_bytes(2, "big"))
        out += [len(unit).to_bytes(2, "big") + unit for unit in units]
    return b"".join(out)


def _written(known: ParameterSet, sets: dict[tuple[int, int], ParameterSet], used: Used, still: bool) -> bytes:
    """Give the NAL unit of a parameter set: a VPS by the first SPS in use that refers to it."""
    if known.kind != VPS:
        return known.still if still else known.unit
    users = (sps for key, sps in sets.items() if key in used.sets and sps.kind == SPS and sps.refers == known.id)
    sps = next(users, None)
    if sps is None:
        refuse("Expected a sequence parameter set beside that of the video; found none")
    return video_parameter_set(known.id, sps)


def _hevc_kind(unit: bytes | memoryview) -> int:
    """Give the type of a NAL unit of the base layer; -1 for any other (H.265, 7.3.1.2)."""
    if len(unit) < 3 or unit[0] & 0x81 or unit[1] & 0xF8 or not unit[1] & 7:
        return -1
    return unit[0] >> 1


def hevc(
    data: bytes | memoryview, configuration: HevcConfiguration, dropped: Dropped, *, item: bool = True
) -> tuple[bytes | memoryview, Used]:
    """Keep the slices of one picture, and the parameter sets among them that they use.

    Parameters
    ----------
    data
        Length-prefixed NAL units of one access unit.
    configuration
        The sets in force; those within `data` are added.
    dropped
        Counts what goes: SEI (encoder names, user data), delimiters, fillers, other layers, and a second picture.
    item
        Whether no picture behind refers to this one's parameter sets, as those of a track may.

    Returns
    -------
    tuple of bytes and Used
        The NAL units, and the sets that they use.
    """
    size_of_length, sets = configuration.length_size, configuration.sets
    inner: list[ParameterSet] = []
    slices: list[bytes | memoryview] = []
    at, pictures, first = 0, 0, -1
    while at < len(data):
        dropped.read()
        size = int.from_bytes(data[at : at + size_of_length], "big")
        start = at + size_of_length
        at = start + size
        if at > len(data):
            refuse("Expected NAL units that fill the picture's data; found a length that does not fit")
        kind = _hevc_kind(data[start : start + 3])
        if kind in _SLICES:
            # H.265, 7.3.6.1: first_slice_segment_in_pic_flag is the first bit behind the header
            pictures += data[start + 2] >> 7
            first = kind if first < 0 and pictures else first
            # 7.4.2.2: all slices of a picture are of one type, so decoders pass over others
            if pictures == 1 and kind == first:
                slices.append(data[start:at])
                continue
        elif kind in _PARAMETER_SETS and not pictures:
            dropped.read(sets=1)
            known = parameter_set(bytes(data[start:at]))
            sets[known.kind, known.id] = known
            inner.append(known)
            continue
        dropped.count += 1
    if not slices:
        refuse("Expected a coded picture; found none")
    pps = _set(sets, PPS, slice_pps(slices[0]))
    sps = _set(sets, SPS, pps.refers)
    used = Used({(PPS, pps.id), (SPS, sps.id), (VPS, sps.refers)}, first in IDR)
    before_this = -1
    for unit in slices:
        if (address := slice_address(unit, pps, sps)) <= before_this:
            refuse("Expected the slices of one picture in their order; found others")
        before_this = address
    pieces = [slice_unit(unit, pps, sps) for unit in slices]
    before = [_written(s, sets, used, item and used.still) for s in inner if (s.kind, s.id) in used.sets]
    out: list[bytes | memoryview] = []
    for piece in (*before, *pieces):
        out += [len(piece).to_bytes(size_of_length, "big"), piece]
    return _joined(out, data), used


def _set(sets: dict[tuple[int, int], ParameterSet], kind: int, number: int) -> ParameterSet:
    if (kind, number) not in sets:
        refuse("Expected slices to refer to parameter sets that are there; found a reference to none")
    return sets[kind, number]


def _joined(pieces: list[bytes | memoryview], source: bytes | memoryview) -> bytes | memoryview:
    """Join the pieces; give the source itself where they say the same, so that a photo is not held twice."""
    if same(source, pieces):
        return source[: sum(map(len, pieces))]
    return b"".join(pieces)


def leb128(value: int) -> bytes:
    """Write an unsigned integer of variable length (AV1 4.10.5)."""
    out = bytearray()
    while True:
        out.append(value & 127 | (128 if value > 127 else 0))
        value >>= 7
        if not value:
            return bytes(out)


def obus(data: bytes | memoryview) -> list[tuple[int, int, int, int]]:
    """Read OBU headers (AV1 5.3): (type, extension or -1, start of the payload, its end)."""
    found: list[tuple[int, int, int, int]] = []
    at = 0
    while at < len(data):
        if len(found) >= limits.MAX_UNITS:
            refuse(f"Expected at most {limits.MAX_UNITS} OBUs; found more")
        first = data[at]
        if first & 0x80:
            refuse("Expected an OBU header; found a forbidden bit")
        at += 1
        extension = -1
        if first & 4:
            extension = data[at]
            at += 1
        size = len(data) - at
        if first & 2:
            size = 0
            for i in range(8):
                byte = data[at]
                at += 1
                size |= (byte & 127) << (7 * i)
                if byte < 128:
                    break
        if size > len(data) - at:
            refuse("Expected OBUs that fill the picture's data; found a size that does not fit")
        found.append((first >> 3 & 15, extension, at, at + size))
        at += size
    return found


@dataclass(frozen=True, slots=True)
class Layers:
    """Which layers of an AV1 picture a reader shows: an operating point, and no spatial layer above `highest`."""

    point: int = 0
    highest: int = 3


@dataclass(slots=True)
class Run:
    """Samples of a track, one after another: whether the next goes on with a frame of this, and that frame."""

    continues: bool = False
    begun: _Frame | None = None


@dataclass(slots=True)
class _Frame:
    """A frame with its tile groups, and the sequence header before it, where that is in the same data."""

    layer: int
    shown: bool
    key: bool
    sequence: Sequence | None
    units: list[bytes | memoryview] = field(default_factory=list)


def av1(
    data: bytes | memoryview,
    known: Sequence | None,
    dropped: Dropped,
    layers: Layers | None = None,
    run: Run | None = None,
) -> tuple[bytes | memoryview, Sequence | None]:
    """Keep the sequence header and the frames of one temporal unit that what is shown depends on.

    Parameters
    ----------
    data
        OBUs of an image item or of one sample.
    known
        The sequence header in force, where `data` need not hold one.
    dropped
        Counts what goes: metadata (ITU-T T.35), padding, tile lists, delimiters, layers that are not shown, and
        pictures before a key frame or behind the shown one.
    layers
        What the item's properties choose.
    run
        Of a sample, the samples around it.

    Returns
    -------
    tuple of bytes and Sequence
        The OBUs, each with its size, and the sequence header in force.
    """
    frames, last = _frames(data, known, dropped, layers or Layers(), run)
    kept = _needed(frames, run)
    dropped.count += sum(len(frame.units) // 3 for frame in frames) - sum(len(frame.units) // 3 for frame in kept)
    if run is None and not all(frame.shown for frame in kept):
        refuse("Expected a picture that needs no hidden frames; found one that does")
    if not kept or not (any(frame.shown for frame in kept) or (run is not None and run.continues)):
        refuse("Expected a coded frame that is shown; found none")
    out: list[bytes | memoryview] = []
    for frame in kept:
        sequence = frame.sequence
        if sequence is not None and (not out or known is None or sequence.payload != known.payload):
            if out and run is None:
                refuse("Expected one sequence header of a picture; found several")
            out += [bytes((_SEQUENCE_HEADER << 3 | 2,)), leb128(len(sequence.payload)), sequence.payload]
        known = sequence or known
        out += frame.units
    if run is not None and last is not None and (known is None or last.payload != known.payload):
        refuse("Expected sequence headers before the frames of a sample; found one behind")
    return _joined(out, data), known


def _frames(
    data: bytes | memoryview, known: Sequence | None, dropped: Dropped, layers: Layers, run: Run | None
) -> tuple[list[_Frame], Sequence | None]:
    """Collect the frames of the operating point (AV1 5.3.1); give them with the last sequence header in force."""
    frames = [run.begun] if run is not None and run.begun is not None else []
    frame = frames[0] if frames else None
    own: Sequence | None = None
    units = obus(data)
    dropped.read(len(units))
    for kind, extension, start, end in units:
        payload: bytes | memoryview = data[start:end]
        if kind == _SEQUENCE_HEADER:
            known = own = sequence_header(payload)
            dropped.count += known.payload != payload
            continue
        if kind not in OF_FRAMES:
            dropped.count += 1
            continue
        if known is None or not payload:
            refuse("Expected a sequence header before the first frame; found none")
        point = _point(known, layers)
        inside = extension if point else -1  # 5.3.2: without layers nothing reads the extension
        layer = inside >> 3 & 3 if inside >= 0 else 0
        if layer > layers.highest or (inside >= 0 and not (point >> (inside >> 5) & 1 and point >> (layer + 8) & 1)):
            frame = None if kind != TILE_GROUP else frame
            dropped.count += 1
            continue
        if kind != TILE_GROUP:
            if kind == _FRAME_HEADER:
                if len(payload) > limits.MAX_FRAME_HEADER:
                    refuse(f"Expected a frame header of at most {limits.MAX_FRAME_HEADER} bytes; found a longer one")
                payload = bytes(payload).rstrip(b"\0")  # 5.3.4: zeros behind the stop bit say nothing
                if known.plain and payload[:1] >= b"\x80":  # 5.9.2: a header that shows a frame again ends here
                    payload = bytes((payload[0] & 0xF0 | 8,))
            # 5.9.2: show_existing_frame, frame_type (2 bits), show_frame
            first = 0x10 if known.reduced or not payload else payload[0]
            frame = _Frame(layer, bool(first & 0x90), first & 0xF0 == 0x10, own)
            frames.append(frame)
        elif frame is None or frame.layer != layer:
            dropped.count += 1
            continue
        head = bytes((kind << 3 | (4 if inside >= 0 else 0) | 2, *([inside & 0xF8] if inside >= 0 else [])))
        frame.units += [head, leb128(len(payload)), payload]
    return frames, known


def _point(known: Sequence, layers: Layers) -> int:
    """Give the layers of the chosen operating point; 0 where there are none."""
    point = known.points[layers.point] if layers.point < len(known.points) else -1
    if point < 0 or (point and not known.points[0]):
        refuse("Expected an operating point that the sequence header has; found another")
    return point


def _needed(frames: list[_Frame], run: Run | None) -> list[_Frame]:
    """Choose what is shown and what it may depend on: one shown frame of each layer, the layers upwards (AV1 7.5).

    A key frame that is shown takes the place of all that was decoded before (7.20). A frame whose tile groups go on in
    the next sample is shown there.
    """
    going_on = frames[-1] if run is not None and run.continues and frames else None
    kept: list[_Frame] = []
    shown = -1
    for frame in frames:
        if frame.layer <= shown and frame is not going_on:
            continue
        if frame.key and frame is not going_on:
            kept = [other for other in kept if run is not None and other is run.begun]
        kept.append(frame)
        if frame.shown and frame is not going_on:
            shown = frame.layer
    if run is not None:
        run.begun = None if going_on is None else _Frame(going_on.layer, going_on.shown, going_on.key, None)
    return kept


def av1c(data: bytes, start: int, end: int, dropped: Dropped) -> tuple[bytes, Sequence | None]:
    """Rebuild an AV1 codec configuration record: of its OBUs, the sequence header stays."""
    fields = Fields(data, start, end)
    head = bytearray(fields.raw(4))
    if head[0] != 0x81:
        refuse("Expected version 1 of the AV1 configuration; found another", start)
    head[3] = 0  # the delay before presentation is a hint, and 0 says none
    known: Sequence | None = None
    rest = fields.raw(fields.left())
    out = [bytes(head)]
    for kind, _, at, stop in obus(rest):
        if kind == _SEQUENCE_HEADER and known is None:
            known = sequence_header(rest[at:stop])
            out += [bytes((_SEQUENCE_HEADER << 3 | 2,)), leb128(len(known.payload)), known.payload]
        else:
            dropped.count += 1
    return b"".join(out), known
