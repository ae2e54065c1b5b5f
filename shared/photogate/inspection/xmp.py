"""XMP packets (ISO 16684-1): properties by name, where the name is registered."""

from __future__ import annotations

from photogate.formats import xmp
from photogate.formats.container import Part
from photogate.inspection import names
from photogate.inspection.budget import Budget
from photogate.inspection.tree import goes

__all__ = ["packet"]

# Beyond this a packet is shown as one part, and so is what stands behind so many properties.
_LOOK = 1 << 20
_MOST = 2_000


def packet(data: bytes, start: int, end: int, budget: Budget) -> tuple[Part, ...]:
    """List the properties of a packet in their order; none stays."""
    if not budget.looks(32 * min(end - start, _LOOK)):  # names are searched slowly
        return ()
    found = []
    for prefixed, at in budget.take(xmp.properties(data[start : min(end, start + _LOOK)])):
        shown = prefixed.decode("ascii")
        registered = shown in names.XMP
        found.append((start + at, shown if registered else "unregistered property", xmp.category_of(prefixed)))
        if len(found) == _MOST:
            break
    if not found:
        return ()
    parts = [goes("XML", start, found[0][0] - start)] if found[0][0] > start else []
    stops = [at for at, _, _ in found[1:]] + [end]
    for (at, name, category), stop in zip(found, stops, strict=True):
        parts.append(goes(name, at, stop - at, category=category))
    return tuple(parts)
