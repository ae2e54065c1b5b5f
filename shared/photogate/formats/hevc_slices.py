"""Slices of HEVC (ITU-T H.265): what their headers refer to, and the headers written again without extensions."""

from __future__ import annotations

from photogate.formats import limits
from photogate.formats.bits import BitCopy
from photogate.formats.container import refuse
from photogate.formats.hevc_sets import ParameterSet
from photogate.formats.hevc_syntax import escaped, unescaped

__all__ = ["IDR", "slice_address", "slice_pps", "slice_unit"]

IDR = frozenset({19, 20})  # NAL unit types IDR_W_RADL and IDR_N_LP (table 7-1)


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
    copy = BitCopy(unescaped(bytes(unit[2:24])))
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
    copy = BitCopy(unescaped(head))
    _slice_header(copy, unit[0] >> 1, pps.bits, sps.bits)
    # byte_alignment() ends the header, and its one bit keeps escapes on either side apart
    used, at, zeros = copy.at // 8 + 1, 0, 0
    for _ in range(used):
        if zeros >= 2 and head[at] == 3:
            at, zeros = at + 1, 0
        zeros = zeros + 1 if head[at] == 0 else 0
        at += 1
    return bytes(unit[:2]) + escaped(copy.ended()) + bytes(unit[2 + at :])


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
