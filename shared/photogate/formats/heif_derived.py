"""Pictures derived of others (ISO/IEC 23008-12, 6.6.2): grids, overlays and identities, of which each input is seen."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from photogate.formats.container import refuse

__all__ = ["DERIVED", "derived"]

DERIVED = frozenset({b"grid", b"iovl", b"iden"})
_Sizes = Collection[tuple[int, int]]


def derived(kind: bytes, raw: bytes | memoryview, inputs: Sequence[_Sizes]) -> bytes:
    """Write the data of a derived picture again from its fields.

    Parameters
    ----------
    kind
        ``grid``, ``iovl`` or ``iden``.
    raw
        Its data.
    inputs
        Of each input, the sizes that readers may take it to have.

    Raises
    ------
    ImageRefused
        The data is not complete, or an input is not seen: readers differ in such pictures, or refuse them.
    """
    if kind == b"iden":
        if len(inputs) != 1:
            refuse("Expected an identity of one picture; found others")
        return b""
    wide = 4 if len(raw) > 1 and raw[1] & 1 else 2
    size = 4 + 2 * wide if kind == b"grid" else 10 + 2 * wide + 2 * wide * len(inputs)
    if len(raw) < size:
        refuse("Expected a complete derived picture; found its end")
    # 23008-12, 6.6.2.3.2 and 6.6.2.2.2: version 0, and of the flags the one that tells the size of fields
    new = bytes((0, raw[1] & 1)) + bytes(raw[2:size])
    if kind == b"grid":
        _check_grid(new, wide, inputs)
    else:
        _check_overlay(new, wide, inputs)
    return new


def _check_grid(new: bytes, wide: int, inputs: Sequence[_Sizes]) -> None:
    """6.6.2.3.1: as many inputs as cells, and tiles that cover the canvas; MIAF 7.3.11.4: none lies outside of it."""
    rows, columns = new[2] + 1, new[3] + 1
    if len(inputs) != rows * columns:
        refuse(f"Expected {rows * columns} tiles of a grid; found {len(inputs)}")
    canvas = int.from_bytes(new[4 : 4 + wide], "big"), int.from_bytes(new[4 + wide :], "big")
    for sizes in inputs:
        for across, down in sizes:
            if not (columns - 1) * across < canvas[0] <= columns * across or not (
                (rows - 1) * down < canvas[1] <= rows * down
            ):
                refuse("Expected tiles that cover a grid, and are seen in it; found others")


def _check_overlay(new: bytes, wide: int, inputs: Sequence[_Sizes]) -> None:
    """6.6.2.2.2: inputs at offsets from the canvas's corner, which may be negative."""
    numbers = [int.from_bytes(new[i : i + wide], "big", signed=i >= 10 + 2 * wide) for i in range(10, len(new), wide)]
    width, height = numbers[:2]
    for sizes, left, top in zip(inputs, numbers[2::2], numbers[3::2], strict=True):
        for across, down in sizes:
            if not (-across < left < width and -down < top < height):
                refuse("Expected inputs that lie on an overlay's canvas; found one outside")
