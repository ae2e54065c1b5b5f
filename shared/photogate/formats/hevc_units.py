"""Pictures in HEVC: the NAL units that a decoder needs, and nothing of what encoders add.

ITU-T H.265, 7.3.1 and 7.4.2.2 (NAL units); ISO/IEC 14496-15, 8.3.2 (decoder configuration). What lies behind the last
coded block *inside* a slice cannot be told without decoding it, and is left.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from photogate.formats.bmff_boxes import Fields
from photogate.formats.bmff_coded import Dropped, joined
from photogate.formats.container import refuse
from photogate.formats.hevc_sets import PPS, SPS, VPS, ParameterSet, general_profile, parameter_set, video_parameter_set
from photogate.formats.hevc_slices import IDR, slice_address, slice_pps, slice_unit

__all__ = ["HevcConfiguration", "Used", "hevc", "hevc_configuration", "hvcc"]

_PARAMETER_SETS = frozenset({VPS, SPS, PPS})
_SLICES = frozenset({*range(10), *range(16, 22)})


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
    return joined(out, data), used


def _set(sets: dict[tuple[int, int], ParameterSet], kind: int, number: int) -> ParameterSet:
    if (kind, number) not in sets:
        refuse("Expected slices to refer to parameter sets that are there; found a reference to none")
    return sets[kind, number]
