"""AV1's sequence header (AV1 bitstream specification, 5.5), written again from its fields.

Clocks, buffer models and delays before display tell when a stream is shown, and nothing of how a picture looks. They go
where frame headers do not depend on them; otherwise their values do.
"""

from __future__ import annotations

from dataclasses import dataclass

from photogate.formats.bits import BitCopy

__all__ = ["Sequence", "sequence_header"]

_ONE = format(1, "032b")


@dataclass(frozen=True, slots=True)
class Sequence:
    """A sequence header without what no decoder needs, and what of it other readers ask.

    Attributes
    ----------
    payload
        The header.
    reduced
        Whether it is of one key frame that is shown (reduced_still_picture_header).
    points
        Of each operating point the layers that it takes (operating_point_idc); 0 where there are no layers.
    size
        Width and height of the largest frame.
    plain
        Whether frame headers hold neither times nor numbers of frames.
    """

    payload: bytes
    reduced: bool
    points: tuple[int, ...]
    size: tuple[int, int]
    plain: bool


def sequence_header(payload: bytes | memoryview) -> Sequence:
    """Rebuild a sequence header (5.5.1); bytes behind its last field go."""
    copy = BitCopy(bytes(payload[:512]))  # 32 operating points of 6 bytes, and change
    profile = copy.u(3)
    reduced = copy.u(2) & 1
    points, model = [0], False
    if reduced:
        copy.u(5)
    else:
        points, model = _operating_points(copy)
    across, down = copy.u(4) + 1, copy.u(4) + 1
    size = copy.u(across) + 1, copy.u(down) + 1
    numbered = not reduced and copy.u(1)
    copy.u(7 if numbered else 0)
    copy.u(3)
    if not reduced:
        _tools(copy)
    copy.u(3)
    _colour(copy, profile)
    copy.u(1)
    return Sequence(copy.ended(), bool(reduced), tuple(points), size, not model and not numbered)


def _timing(copy: BitCopy) -> int:
    """Pass over timing_info and decoder_model_info (5.5.3, 5.5.4); give the bits of a buffer delay, 0 without model."""
    copy.writing = False
    clock = copy.u(1)
    equal = model = delay = lengths = 0
    if clock:
        copy.u(64)
        equal = copy.u(1)
        if equal:
            copy.ue()
        model = copy.u(1)
        if model:
            delay = copy.u(5) + 1
            copy.u(32)
            lengths = copy.u(10)
    copy.writing = True
    if not model:
        copy.out.append("0")
        return 0
    # 5.9.2: frame headers hold removal times where there is a model, so it stays, and says nothing
    copy.out += ["1", _ONE, _ONE, "11" if equal else "0", "1", format(delay - 1, "05b"), _ONE, format(lengths, "010b")]
    return delay


def _operating_points(copy: BitCopy) -> tuple[list[int], bool]:
    """Give the layers of each point, and whether there is a decoder model."""
    delay = _timing(copy)
    display = 0

    def delays() -> None:
        nonlocal display
        display = copy.u(1)

    copy.instead("0", delays)
    place = len(copy.out)
    count = copy.u(5) + 1
    points: list[int] = []
    for point in range(count):
        before = len(copy.out)
        points.append(copy.u(12))
        if copy.u(5) > 7:
            copy.u(1)
        if delay and copy.u(1):
            copy.instead("0" * (2 * delay + 1), lambda: copy.u(2 * delay + 1))
        if display:
            copy.instead("", lambda: copy.u(4) if copy.u(1) else 0)
        if point and not points[0] and not delay:
            del copy.out[before:]
    if not points[0] and not delay:  # without layers all operating points are the whole stream
        copy.out[place] = "00000"
    return points, delay > 0


def _tools(copy: BitCopy) -> None:
    copy.u(4)
    order_hint = copy.u(1)
    if order_hint:
        copy.u(2)
    screen = 2 if copy.u(1) else copy.u(1)
    if screen and not copy.u(1):
        copy.u(1)
    if order_hint:
        copy.u(3)


def _colour(copy: BitCopy, profile: int) -> None:
    """Copy color_config (5.5.2)."""
    deep = copy.u(1)
    twelve = profile == 2 and deep and copy.u(1)
    mono = profile != 1 and copy.u(1)
    description = (copy.u(8), copy.u(8), copy.u(8)) if copy.u(1) else (2, 2, 2)
    if mono:
        copy.u(1)
        return
    if description != (1, 13, 0):
        copy.u(1)
        across, down = profile != 1, profile == 0
        if profile == 2:
            across = bool(copy.u(1)) if twelve else True
            down = bool(copy.u(1)) if twelve and across else False
        if across and down:
            copy.u(2)
    copy.u(1)
