"""Syntax structures that headers of HEVC (ITU-T H.265) are made of, copied field by field.

Usability information (annex E) may hold clocks, buffer models and windows that a picture does not need: these, and
extensions that no decoder reads, are left out.
"""

from __future__ import annotations

from math import gcd

from photogate.formats.bits import BitCopy
from photogate.formats.container import refuse

__all__ = [
    "at_most",
    "escaped",
    "extension_flags",
    "profile_tier_level",
    "scaling_list_data",
    "st_ref_pic_set",
    "sub_layer_ordering",
    "unescaped",
    "vui_parameters",
]


def unescaped(payload: bytes) -> bytes:
    """Take emulation prevention bytes out (7.3.1.1)."""
    return payload.replace(b"\0\0\3", b"\0\0")


def escaped(rbsp: bytes) -> bytes:
    """Put emulation prevention bytes in."""
    out, zeros = bytearray(), 0
    for byte in rbsp:
        if zeros == 2 and byte <= 3:
            out.append(3)
            zeros = 0
        out.append(byte)
        zeros = 0 if byte else zeros + 1
    return bytes(out)


def at_most(copy: BitCopy, most: int) -> int:
    """Read an Exp-Golomb code of a number that the standard bounds."""
    value = copy.ue()
    if value > most:
        refuse(f"Expected a number of at most {most} in a header of coded pictures; found more")
    return value


def profile_tier_level(copy: BitCopy, sub_layers: int) -> None:
    """Copy profile and level (7.3.3); reserved bits become zero."""
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


def sub_layer_ordering(copy: BitCopy, sub_layers: int) -> None:
    """Copy sub_layer_ordering_info; how long pictures wait to be shown goes, and 0 says that there is no bound."""
    for _ in range(1 if not copy.u(1) else sub_layers + 1):
        waiting = at_most(copy, 15)
        at_most(copy, waiting)
        copy.instead("1", copy.ue)


def scaling_list_data(copy: BitCopy) -> None:
    """Copy scaling lists (7.3.4)."""
    for size in range(4):
        for _ in range(2 if size == 3 else 6):
            if not copy.u(1):
                copy.ue()
                continue
            for _ in range((size > 1) + min(64, 16 << 2 * size)):
                copy.ue()


def st_ref_pic_set(copy: BitCopy, counts: list[int]) -> int:
    """Copy a reference picture set (7.3.7); give how many pictures it names."""
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


def vui_parameters(copy: BitCopy, sub_layers: int) -> None:
    """Copy usability (E.2.1): shape and colour of samples stay; window, clock, buffers and restrictions go."""
    if copy.u(1) and copy.u(8) == 255:
        copy.instead("", lambda: copy.out.append(_shape(copy)))
    if copy.u(1):
        copy.u(1)
    if copy.u(1):
        copy.u(4)
        if copy.u(1):
            copy.u(24)
    if copy.u(1):
        at_most(copy, 5), at_most(copy, 5)
    copy.u(3)

    def rest() -> None:
        if copy.u(1):
            copy.ue(), copy.ue(), copy.ue(), copy.ue()
        if copy.u(1):
            copy.u(64)
            if copy.u(1):
                copy.ue()
            if copy.u(1):
                _hrd_parameters(copy, sub_layers)
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


def _hrd_parameters(copy: BitCopy, sub_layers: int) -> None:
    """Read the decoder model (E.2.2), to get behind it."""
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


def extension_flags(copy: BitCopy) -> tuple[int, int]:
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
