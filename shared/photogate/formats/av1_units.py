"""Pictures in AV1: the OBUs that a decoder needs, and nothing of what encoders add.

AV1 bitstream specification, 5.3 (OBUs), 5.9 (frame headers), 7.5 (their order); AV1-ISOBMFF 2.3 (decoder
configuration). What lies behind the last coded block *inside* a tile cannot be told without decoding it, and is left.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from photogate.formats import limits
from photogate.formats.av1_sequence import Sequence, sequence_header
from photogate.formats.bmff_boxes import Fields
from photogate.formats.bmff_coded import Dropped, joined
from photogate.formats.container import refuse

__all__ = ["OF_FRAMES", "TILES", "TILE_GROUP", "Layers", "Run", "av1", "av1c", "leb128", "obus"]

_SEQUENCE_HEADER, _FRAME_HEADER, TILE_GROUP, _FRAME = 1, 3, 4, 6
TILES = frozenset({TILE_GROUP, _FRAME})
OF_FRAMES = TILES | {_FRAME_HEADER}


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
    return joined(out, data), known


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
