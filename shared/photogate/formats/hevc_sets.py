"""Parameter sets and slice headers of HEVC (ITU-T H.265), written again from their fields.

A parameter set may end in extension data that no decoder reads, and its usability information (annex E) may hold
clocks, buffer models and windows that a picture does not need. So each is parsed (7.3.2), copied field by field, and
ends where its syntax ends; timing, hypothetical decoder, restrictions and unknown extensions are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import gcd

from photogate.formats import limits
from photogate.formats.bits import BitCopy
from photogate.formats.container import refuse

__all__ = [
    "IDR",
    "PPS",
    "SPS",
    "VPS",
    "ParameterSet",
    "general_profile",
    "parameter_set",
    "slice_address",
    "slice_pps",
    "slice_unit",
    "video_parameter_set",
]

VPS, SPS, PPS = 32, 33, 34
# Scaling lists of all sizes are 1.1 kB; a set with them, tiles and reference sets stays far below.
IDR = frozenset({19, 20})


@dataclass(frozen=True, slots=True)
class ParameterSet:
    """A parameter set without what no decoder needs.

    Attributes
    ----------
    kind, id
        NAL unit type, and the number that others refer to it by.
    refers
        The number of the set that this one refers to: of a PPS its SPS, of an SPS its VPS.
    unit
        The NAL unit.
    bits
        What slice headers depend on, by the standard's names; of an SPS, its size too.
    still
        Of an SPS, the NAL unit for pictures that refer to none (IDR); the same unit of other sets.
    general
        Of an SPS, `profile_tier_level` with the ordering of pictures, which a VPS repeats.
    """

    kind: int
    id: int
    refers: int
    unit: bytes
    bits: dict[str, int]
    still: bytes
    general: str = ""


def _unescaped(payload: bytes) -> bytes:
    """Take emulation prevention bytes out (7.3.1.1)."""
    return payload.replace(b"\0\0\3", b"\0\0")


def _escaped(rbsp: bytes) -> bytes:
    out, zeros = bytearray(), 0
    for byte in rbsp:
        if zeros == 2 and byte <= 3:
            out.append(3)
            zeros = 0
        out.append(byte)
        zeros = 0 if byte else zeros + 1
    return bytes(out)


@lru_cache(maxsize=256)  # the tiles of a grid share theirs
def parameter_set(unit: bytes) -> ParameterSet:
    """Rebuild a VPS, SPS or PPS.

    Parameters
    ----------
    unit
        A NAL unit with its header of two bytes, of type 32 to 34.

    Raises
    ------
    ImageRefused
        It does not parse, or has extensions of several views.
    """
    kind = unit[0] >> 1
    if len(unit) > limits.MAX_PARAMETER_SET:
        refuse(f"Expected HEVC parameter sets of at most {limits.MAX_PARAMETER_SET} bytes; found a longer one")
    copy = BitCopy(_unescaped(unit[2:]))
    if kind == SPS:
        return _sps(unit, copy)
    number, refers, bits = (_vps if kind == VPS else _pps)(copy)
    new = unit[:2] + _escaped(copy.ended())
    return ParameterSet(kind, number, refers, new, bits, new)


def video_parameter_set(number: int, sps: ParameterSet) -> bytes:
    """Write a VPS (7.3.2.1) of one layer by what an SPS says: it says the same of each picture (7.4.3.2.1)."""
    layers = format(sps.bits["sub_layers"], "03b") + str(sps.bits["nesting"])
    text = format(number, "04b") + "11" + "0" * 6 + layers + "1" * 16 + sps.general + "0" * 6 + "1" + "0" + "0" + "1"
    text += "0" * (-len(text) % 8)
    return bytes((VPS << 1, 1)) + _escaped(int("1" + text, 2).to_bytes(len(text) // 8 + 1, "big")[1:])


def general_profile(sps: ParameterSet) -> bytes:
    """Give what a decoder configuration repeats of an SPS (14496-15, 8.3.3.1.2): profile, flags and level."""
    return int("1" + sps.general[:96], 2).to_bytes(13, "big")[1:]


def _level(copy: BitCopy, sub_layers: int) -> None:
    """profile_tier_level (7.3.3): reserved bits become zero."""
    _profile(copy)
    copy.u(8)
    present = [(copy.u(1), copy.u(1)) for _ in range(sub_layers)]
    if sub_layers:
        copy.instead("0" * 2 * (8 - sub_layers), lambda: copy.u(2 * (8 - sub_layers)))
    for profile, level in present:
        if profile:
            _profile(copy)
        copy.u(8 if level else 0)


def _profile(copy: BitCopy) -> None:
    extended = copy.u(8) & 31 >= 4
    compatible = copy.u(32)
    copy.u(4)
    # Format range extensions and later profiles have constraint flags here.
    if extended or compatible & 0x0FFFFFFF:
        copy.u(10)
        copy.instead("0" * 34, lambda: copy.u(34))
    else:
        copy.instead("0" * 44, lambda: copy.u(44))


def _least(copy: BitCopy, most: int) -> int:
    """Read an Exp-Golomb code of a number that the standard bounds."""
    value = copy.ue()
    if value > most:
        refuse(f"Expected a number of at most {most} in a header of coded pictures; found more")
    return value


def _ordering(copy: BitCopy, sub_layers: int) -> None:
    """sub_layer_ordering_info: how long pictures wait to be shown goes; 0 says that there is no bound."""
    for _ in range(1 if not copy.u(1) else sub_layers + 1):
        waiting = _least(copy, 15)
        _least(copy, waiting)
        copy.instead("1", copy.ue)


def _vps(copy: BitCopy) -> tuple[int, int, dict[str, int]]:
    """7.3.2.1. The number alone is read: all else is written as the SPS says it."""
    number = copy.u(4)
    return number, -1, {}


def _sps(unit: bytes, copy: BitCopy) -> ParameterSet:
    """7.3.2.2."""
    refers, sub_layers = copy.u(4), copy.u(3)
    nesting = copy.u(1)
    start = len(copy.out)
    _level(copy, sub_layers)
    level = copy.out[start:]
    number, chroma = _least(copy, 15), _least(copy, 3)
    separate = copy.u(1) if chroma == 3 else 0
    width, height = copy.ue(), copy.ue()
    across, down = (1 if chroma in (0, 3) else 2), (2 if chroma == 1 else 1)
    shown = width, height
    if copy.u(1):
        left, right, top, bottom = copy.ue(), copy.ue(), copy.ue(), copy.ue()
        shown = width - across * (left + right), height - down * (top + bottom)
    if min(shown) < 1:
        refuse("Expected a window within the picture; found another")
    depth = (_least(copy, 8) + 8, _least(copy, 8) + 8)
    order_bits = _least(copy, 12) + 4
    start = len(copy.out)
    _ordering(copy, sub_layers)
    ordering = copy.out[start:]
    block = copy.ue() + 3
    block += copy.ue()
    copy.ue(), copy.ue(), _least(copy, 4), copy.ue()
    if copy.u(1) and copy.u(1):
        _scaling_lists(copy)
    copy.u(1)
    offsets = copy.u(1)
    if copy.u(1):
        copy.u(8), copy.ue(), copy.ue(), copy.u(1)
    start = len(copy.out)
    counts: list[int] = []
    for _ in copy.many(copy.ue(), 64):
        counts.append(_reference_set(copy, counts))
    if copy.u(1):
        for _ in copy.many(copy.ue(), 32):
            copy.u(min(order_bits, 16) + 1)
    end = len(copy.out)
    copy.u(2)
    if copy.u(1):
        _usability(copy, sub_layers)
    _sps_extensions(copy, chroma, depth)
    side = 1 << min(block, 16)
    blocks = -(-width // side) * -(-height // side)
    bits = {
        "blocks": blocks, "offsets": offsets, "chroma": 0 if separate else chroma, "separate": separate,
        "sub_layers": sub_layers, "nesting": nesting, "format": chroma, "luma": depth[0], "others": depth[1],
        "width": shown[0], "height": shown[1],
    }  # fmt: skip
    new = unit[:2] + _escaped(copy.ended())
    # 7.3.6.1: slice headers of IDR pictures name no reference, so the sets of them (none, and no long-term ones) go
    copy.out[start:end] = ["1", "0"]
    still = unit[:2] + _escaped(copy.ended())
    return ParameterSet(SPS, number, refers, new, bits, still, "".join(level + ordering))


def _scaling_lists(copy: BitCopy) -> None:
    """7.3.4."""
    for size in range(4):
        for _ in range(2 if size == 3 else 6):
            if not copy.u(1):
                copy.ue()
                continue
            for _ in range((size > 1) + min(64, 16 << 2 * size)):
                copy.ue()


def _reference_set(copy: BitCopy, counts: list[int]) -> int:
    """st_ref_pic_set (7.3.7); gives how many pictures it names."""
    if counts and copy.u(1):
        copy.u(1), copy.ue()
        found = 0
        for _ in range(counts[-1] + 1):
            found += copy.u(1) or copy.u(1)
        return found
    number = copy.ue() + copy.ue()
    for _ in copy.many(number, 16):
        copy.ue(), copy.u(1)
    return number


def _usability(copy: BitCopy, sub_layers: int) -> None:
    """vui_parameters (E.2.1): shape and colour of samples stay; window, clock, buffers and restrictions go."""
    if copy.u(1) and copy.u(8) == 255:
        copy.instead("", lambda: copy.out.append(_shape(copy)))
    if copy.u(1):
        copy.u(1)
    if copy.u(1):
        copy.u(4)
        if copy.u(1):
            copy.u(24)
    if copy.u(1):
        _least(copy, 5), _least(copy, 5)
    copy.u(3)

    def rest() -> None:
        if copy.u(1):
            copy.ue(), copy.ue(), copy.ue(), copy.ue()
        if copy.u(1):
            copy.u(64)
            if copy.u(1):
                copy.ue()
            if copy.u(1):
                _decoder_model(copy, sub_layers)
        if copy.u(1):
            copy.u(3)
            for _ in range(5):
                copy.ue()

    copy.instead("000", rest)


def _shape(copy: BitCopy) -> str:
    """Read sar_width and sar_height (E.3.1), and say them in lowest terms."""
    across, down = copy.u(16), copy.u(16)
    shared = gcd(across, down) if across and down else 0
    return format(across // shared << 16 | down // shared, "032b") if shared else "0" * 32


def _decoder_model(copy: BitCopy, sub_layers: int) -> None:
    """hrd_parameters (E.2.2), to get behind them."""
    models, parts = copy.u(1) + copy.u(1), 0
    if models:
        parts = copy.u(1)
        copy.u(19 * parts + 8 + 4 * parts + 15)
    for _ in range(sub_layers + 1):
        fixed = copy.u(1) or copy.u(1)
        low_delay = 0
        if fixed:
            copy.ue()
        else:
            low_delay = copy.u(1)
        buffers = 1 if low_delay else copy.ue() + 1
        for _ in copy.many(models * buffers, 64):
            for _ in range(2 + 2 * parts):
                copy.ue()
            copy.u(1)


def _extensions(copy: BitCopy) -> tuple[int, int]:
    """Read the extension flags (7.3.2.2.1, 7.3.2.3.1): (range, screen content); others are said to be absent."""
    copy.writing = False
    if not copy.u(1):
        copy.writing = True
        copy.out.append("0")
        return 0, 0
    ranges, layers, depth, screen, _ = copy.u(1), copy.u(1), copy.u(1), copy.u(1), copy.u(4)
    copy.writing = True
    if screen and (layers or depth):
        refuse("Expected HEVC of one view; found extensions of several")
    copy.out.append(f"1{ranges}00{screen}0000" if ranges or screen else "0")
    return ranges, screen


def _sps_extensions(copy: BitCopy, chroma: int, depth: tuple[int, int]) -> None:
    ranges, screen = _extensions(copy)
    if ranges:
        copy.u(9)
    if not screen:
        return
    copy.u(1)
    if copy.u(1):
        copy.ue(), copy.ue()
        if copy.u(1):
            count = copy.ue() + 1
            for plane in range(3 if chroma else 1):
                for _ in copy.many(count, 128):
                    copy.u(min(depth[plane > 0], 16))
    copy.u(3)


def _pps(copy: BitCopy) -> tuple[int, int, dict[str, int]]:
    """7.3.2.3."""
    number, refers = _least(copy, 63), _least(copy, 15)
    bits = {"dependent": copy.u(1), "output": copy.u(1), "extra": copy.u(3)}
    copy.u(2), _least(copy, 14), _least(copy, 14), copy.ue(), copy.u(1)
    skipping = copy.u(1)
    if copy.u(1):
        copy.ue()
    copy.ue(), copy.ue()
    bits["chroma_offsets"] = copy.u(1)
    copy.u(3)
    tiles, bits["rows"] = copy.u(1), copy.u(1)
    bits["tiles"] = tiles
    if tiles:
        columns, rows = copy.ue(), copy.ue()
        if not copy.u(1):
            for _ in copy.many(columns + rows, 64):
                copy.ue()
        copy.u(1)
    bits["across"] = copy.u(1)
    bits["override"] = bits["undeblocked"] = 0
    if copy.u(1):
        bits["override"], bits["undeblocked"] = copy.u(1), copy.u(1)
        if not bits["undeblocked"]:
            copy.ue(), copy.ue()
    if copy.u(1):
        _scaling_lists(copy)
    copy.u(1), copy.ue()
    bits["extension"] = copy.u(1)
    ranges, screen = _extensions(copy)
    bits["offset_lists"] = bits["screen"] = 0
    if ranges:
        if skipping:
            copy.ue()
        copy.u(1)
        bits["offset_lists"] = copy.u(1)
        if bits["offset_lists"]:
            copy.ue()
            for _ in copy.many(copy.ue() + 1, 6):
                copy.ue(), copy.ue()
        copy.ue(), copy.ue()
    if screen:
        bits["screen"] = 1
        copy.u(1)
        if copy.u(1):
            copy.u(1), copy.ue(), copy.ue(), copy.ue()
        if copy.u(1) and (count := copy.ue()):
            grey = copy.u(1)
            depth = (copy.ue() + 8, 0 if grey else copy.ue() + 8)
            for plane in range(1 if grey else 3):
                for _ in copy.many(count, 128):
                    copy.u(min(depth[plane > 0], 16))
    return number, refers, bits


def slice_pps(unit: bytes | memoryview) -> int:
    """Give the number of the picture parameter set that a slice refers to (7.3.6.1)."""
    return _slice_start(unit)[0].ue()


def slice_address(unit: bytes | memoryview, pps: ParameterSet, sps: ParameterSet) -> int:
    """Give the first block of a slice segment (7.3.6.1); refuse one of another picture, or beyond it."""
    copy, first = _slice_start(unit)
    if copy.ue() != pps.id:  # 7.4.7.1
        refuse("Expected the slices of one picture to refer to one parameter set; found others")
    if first:
        return 0
    copy.u(pps.bits["dependent"])
    address = copy.u(max(sps.bits["blocks"] - 1, 0).bit_length())
    if address >= sps.bits["blocks"]:
        refuse("Expected slices within the picture; found one outside")
    return address


def _slice_start(unit: bytes | memoryview) -> tuple[BitCopy, int]:
    """Read a slice segment header up to the number of its parameter set; tell whether it is the picture's first."""
    copy = BitCopy(_unescaped(bytes(unit[2:24])))
    first = copy.u(1)
    copy.u(16 <= unit[0] >> 1 <= 23)
    return copy, first


def slice_unit(unit: bytes | memoryview, pps: ParameterSet, sps: ParameterSet) -> bytes | memoryview:
    """Take a slice's header extension and reserved flags out, and zero words behind its data (7.3.2.9)."""
    end = len(unit)
    while end > 3 and (unit[end - 1] == 0 or bytes(unit[end - 3 : end]) == b"\0\0\3"):
        end -= 1 if unit[end - 1] == 0 else 3
    unit = unit[:end]
    if not pps.bits["extension"] and not pps.bits["extra"]:
        return unit
    head = bytes(unit[2 : limits.MAX_PARAMETER_SET])
    copy = BitCopy(_unescaped(head))
    _slice_header(copy, unit[0] >> 1, pps.bits, sps.bits)
    # byte_alignment() ends the header, and its one bit keeps escapes on either side apart
    used, at, zeros = copy.at // 8 + 1, 0, 0
    for _ in range(used):
        if zeros >= 2 and head[at] == 3:
            at, zeros = at + 1, 0
        zeros = zeros + 1 if head[at] == 0 else 0
        at += 1
    return bytes(unit[:2]) + _escaped(copy.ended()) + bytes(unit[2 + at :])


def _slice_header(copy: BitCopy, kind: int, pps: dict[str, int], sps: dict[str, int]) -> None:
    """Copy slice_segment_header (7.3.6.1) of an intra picture; what it reserves becomes zero, its extension goes."""
    first = copy.u(1)
    if 16 <= kind <= 23:
        copy.u(1)
    copy.ue()
    dependent = 0
    if not first:
        dependent = copy.u(1) if pps["dependent"] else 0
        copy.u(max(sps["blocks"] - 1, 0).bit_length())
    if not dependent:
        copy.instead("0" * pps["extra"], lambda: copy.u(pps["extra"]))
        if copy.ue() != 2 or kind not in IDR or pps["screen"]:
            refuse("Expected slice headers without extensions, but in intra pictures; found some")
        copy.u(pps["output"] + 2 * sps["separate"])
        filtered = 0
        if sps["offsets"]:
            filtered = copy.u(1) | (copy.u(1) if sps["chroma"] else 0)
        copy.ue()
        if pps["chroma_offsets"]:
            copy.ue(), copy.ue()
        copy.u(pps["offset_lists"])
        disabled = pps["undeblocked"]
        if pps["override"] and copy.u(1):
            disabled = copy.u(1)
            if not disabled:
                copy.ue(), copy.ue()
        if pps["across"] and (filtered or not disabled):
            copy.u(1)
    if (pps["tiles"] or pps["rows"]) and (points := copy.ue()):
        size = copy.ue() + 1
        for _ in copy.many(points, 440 * 20):
            copy.u(min(size, 32))
    if pps["extension"]:
        copy.instead("1", lambda: [copy.u(8) for _ in copy.many(copy.ue(), 256)])
