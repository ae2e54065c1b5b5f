"""Photoshop's image resources, and IPTC's records (IIM 4.2) within them: by number."""

from __future__ import annotations

from photogate.findings import MetadataCategory
from photogate.formats import iptc
from photogate.formats.container import Part
from photogate.inspection import names
from photogate.inspection.budget import Budget
from photogate.inspection.tree import goes, tiled

__all__ = ["records", "resources"]

_C = MetadataCategory
_CATEGORIES = {0x0404: _C.IDENTITY, 0x0409: _C.THUMBNAIL, 0x040C: _C.THUMBNAIL, 0x0424: _C.OTHER, 0x040B: _C.IDENTITY}


def resources(data: bytes, start: int, end: int, budget: Budget) -> tuple[Part, ...]:
    """List image resources; none stays."""
    if not budget.looks(end - start):
        return ()
    claims = []
    for number, first, at, stop in budget.take(iptc.resources(data[start:end])):
        name = names.RESOURCES.get(number, "unregistered resource")
        children = records(data, start + at, start + stop, budget) if number == iptc.RECORDS else ()
        size = stop + (stop - at) % 2 - first
        claims.append(
            goes(f"8BIM {name}", start + first, size, children=children, category=_CATEGORIES.get(number, _C.OTHER))
        )
    return tiled(claims, start, end, budget.rest("bytes that nothing refers to")) if claims else ()


def records(data: bytes, start: int, end: int, budget: Budget) -> tuple[Part, ...]:
    """List the data sets of IPTC's records; none stays."""
    if not budget.looks(end - start):
        return ()
    claims = []
    for record, number, first, _, stop in budget.take(iptc.data_sets(data[start:end])):
        name = names.IIM.get((record, number), "unregistered data set")
        claims.append(
            goes(f"{record}:{number:02} {name}" if (record, number) in names.IIM else name,
                 start + first, stop - first, category=iptc.category_of(record, number))
        )  # fmt: skip
    return tiled(claims, start, end, budget.rest("bytes that nothing refers to")) if claims else ()
