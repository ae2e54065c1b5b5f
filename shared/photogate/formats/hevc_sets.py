"""Parameter sets of HEVC (ITU-T H.265), written again from their fields.

A parameter set may end in extension data that no decoder reads. So each is parsed (7.3.2), copied field by field, and
ends where its syntax ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from photogate.formats import limits
from photogate.formats.bits import BitCopy
from photogate.formats.container import refuse
from photogate.formats.hevc_syntax import (
    at_most,
    escaped,
    extension_flags,
    profile_tier_level,
    scaling_list_data,
    st_ref_pic_set,
    sub_layer_ordering,
    unescaped,
    vui_parameters,
)

__all__ = ["PPS", "SPS", "VPS", "ParameterSet", "general_profile", "parameter_set", "video_parameter_set"]

VPS, SPS, PPS = 32, 33, 34


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
    copy = BitCopy(unescaped(unit[2:]))
    if kind == SPS:
        return _sps(unit, copy)
    number, refers, bits = (_vps if kind == VPS else _pps)(copy)
    new = unit[:2] + escaped(copy.ended())
    return ParameterSet(kind, number, refers, new, bits, new)


def video_parameter_set(number: int, sps: ParameterSet) -> bytes:
    """Write a VPS (7.3.2.1) of one layer by what an SPS says: it says the same of each picture (7.4.3.2.1)."""
    layers = format(sps.bits["sub_layers"], "03b") + str(sps.bits["nesting"])
    text = format(number, "04b") + "11" + "0" * 6 + layers + "1" * 16 + sps.general + "0" * 6 + "1" + "0" + "0" + "1"
    text += "0" * (-len(text) % 8)
    return bytes((VPS << 1, 1)) + escaped(int("1" + text, 2).to_bytes(len(text) // 8 + 1, "big")[1:])


def general_profile(sps: ParameterSet) -> bytes:
    """Give what a decoder configuration repeats of an SPS (14496-15, 8.3.3.1.2): profile, flags and level."""
    return int("1" + sps.general[:96], 2).to_bytes(13, "big")[1:]


def _vps(copy: BitCopy) -> tuple[int, int, dict[str, int]]:
    """7.3.2.1. The number alone is read: all else is written as the SPS says it."""
    number = copy.u(4)
    return number, -1, {}


def _sps(unit: bytes, copy: BitCopy) -> ParameterSet:
    """7.3.2.2."""
    refers, sub_layers = copy.u(4), copy.u(3)
    nesting = copy.u(1)
    start = len(copy.out)
    profile_tier_level(copy, sub_layers)
    level = copy.out[start:]
    number, chroma = at_most(copy, 15), at_most(copy, 3)
    separate = copy.u(1) if chroma == 3 else 0
    width, height = copy.ue(), copy.ue()
    across, down = (1 if chroma in (0, 3) else 2), (2 if chroma == 1 else 1)
    shown = width, height
    if copy.u(1):
        left, right, top, bottom = copy.ue(), copy.ue(), copy.ue(), copy.ue()
        shown = width - across * (left + right), height - down * (top + bottom)
    if min(shown) < 1:
        refuse("Expected a window within the picture; found another")
    depth = (at_most(copy, 8) + 8, at_most(copy, 8) + 8)
    order_bits = at_most(copy, 12) + 4
    start = len(copy.out)
    sub_layer_ordering(copy, sub_layers)
    ordering = copy.out[start:]
    block = copy.ue() + 3
    block += copy.ue()
    copy.ue(), copy.ue(), at_most(copy, 4), copy.ue()
    if copy.u(1) and copy.u(1):
        scaling_list_data(copy)
    copy.u(1)
    offsets = copy.u(1)
    if copy.u(1):
        copy.u(8), copy.ue(), copy.ue(), copy.u(1)
    start = len(copy.out)
    counts: list[int] = []
    for _ in copy.many(copy.ue(), 64):
        counts.append(st_ref_pic_set(copy, counts))
    if copy.u(1):
        for _ in copy.many(copy.ue(), 32):
            copy.u(min(order_bits, 16) + 1)
    end = len(copy.out)
    copy.u(2)
    if copy.u(1):
        vui_parameters(copy, sub_layers)
    _sps_extensions(copy, chroma, depth)
    side = 1 << min(block, 16)
    blocks = -(-width // side) * -(-height // side)
    bits = {
        "blocks": blocks, "offsets": offsets, "chroma": 0 if separate else chroma, "separate": separate,
        "sub_layers": sub_layers, "nesting": nesting, "format": chroma, "luma": depth[0], "others": depth[1],
        "width": shown[0], "height": shown[1],
    }  # fmt: skip
    new = unit[:2] + escaped(copy.ended())
    # 7.3.6.1: slice headers of IDR pictures name no reference, so the sets of them (none, and no long-term ones) go
    copy.out[start:end] = ["1", "0"]
    still = unit[:2] + escaped(copy.ended())
    return ParameterSet(SPS, number, refers, new, bits, still, "".join(level + ordering))


def _sps_extensions(copy: BitCopy, chroma: int, depth: tuple[int, int]) -> None:
    ranges, screen = extension_flags(copy)
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
    number, refers = at_most(copy, 63), at_most(copy, 15)
    bits = {"dependent": copy.u(1), "output": copy.u(1), "extra": copy.u(3)}
    copy.u(2), at_most(copy, 14), at_most(copy, 14), copy.ue(), copy.u(1)
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
        scaling_list_data(copy)
    copy.u(1), copy.ue()
    bits["extension"] = copy.u(1)
    ranges, screen = extension_flags(copy)
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
