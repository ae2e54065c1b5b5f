"""ICC profiles (ICC.1:2022): their tags by signature."""

from __future__ import annotations

import struct

from photogate.findings import MetadataCategory
from photogate.formats import icc, limits
from photogate.formats.container import Part
from photogate.inspection import names
from photogate.inspection.budget import Budget
from photogate.inspection.tree import goes, stays, tiled

__all__ = ["profile"]

_TEXTS = (b"desc", b"cprt")


def profile(data: bytes, start: int, end: int, budget: Budget) -> tuple[Part, ...]:
    """List header, tag table and tags of a profile, and what stands behind it."""
    if not budget.looks(end - start):
        return ()
    whole = data[start:end]
    new = icc.reduce(whole)
    if new is None or len(whole) < 132:
        return ()
    same = new == whole
    kept = icc.tags_of(new)
    (count,) = struct.unpack_from(">I", whole, 128)
    count = min(count, limits.MAX_ICC_TAGS, (len(whole) - 132) // 12)
    claims = [
        stays("header", start, 128, "" if same else "maker, model, creator, dates and identifier become zero"),
        stays("tag table", start + 128, 4 + 12 * count),
    ]
    dropped = []
    budget.left -= count
    for i in range(count):
        name, offset, size = struct.unpack_from(">4sII", whole, 132 + 12 * i)
        shown = name.decode("ascii").strip() if name.strip() in names.ICC else "unregistered tag"
        if same or (name in kept and name not in _TEXTS):
            claims.append(stays(shown, start + offset, size))
        else:
            note = "a neutral text instead" if name in _TEXTS else ""
            dropped.append(goes(shown, start + offset, size, note, category=MetadataCategory.DEVICE))
    parts = tiled([*claims, *dropped], start, end, "padding")
    if not same:
        return parts
    return tuple(stays(p.name, p.offset, p.size) if not p.stays else p for p in parts)
