"""JUMBF (ISO/IEC 19566-5) as C2PA uses it: boxes by their standard labels."""

from __future__ import annotations

from photogate.findings import MetadataCategory
from photogate.formats import limits
from photogate.formats.container import Part
from photogate.inspection import names
from photogate.inspection.budget import Budget
from photogate.inspection.tree import goes

__all__ = ["boxes"]

_PROVENANCE = MetadataCategory.PROVENANCE
_CONTENT = {b"jumd": "description", b"cbor": "CBOR", b"json": "JSON", b"bfdb": "file description", b"bidb": "file",
            b"uuid": "UUID", b"free": "free", b"c2sh": "salt", b"jp2c": "picture"}  # fmt: skip


def boxes(data: bytes, start: int, end: int, budget: Budget, depth: int = 0) -> tuple[Part, ...]:
    """List the boxes of a manifest store, as far as they lie within the range; none stays."""
    found: list[Part] = []
    at = start
    while at + 8 <= end and not budget.spent:
        budget.left -= 1
        size, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        if not size:
            size = end - at
        if size < 8 or not kind.isalnum():
            break
        stop = min(at + size, end)
        if kind == b"jumb":
            inside = boxes(data, at + 8, stop, budget, depth + 1) if depth < limits.MAX_NESTING else ()
            found.append(goes(f"jumb {_label(data, at + 8, stop)}".strip(), at, stop - at, children=inside,
                              category=_PROVENANCE))  # fmt: skip
        else:
            name = kind.decode("latin-1") if kind in _CONTENT else "unregistered box"
            found.append(goes(name, at, stop - at, _CONTENT.get(kind, ""), category=_PROVENANCE))
        at = stop
    return tuple(found)


def _label(data: bytes, at: int, end: int) -> str:
    """Read the label of a description box (A.2), where it is a standard one."""
    if data[at + 4 : at + 8] != b"jumd" or at + 25 > end or not data[at + 24] & 2:
        return ""
    stop = data.find(b"\0", at + 25, end)
    label = data[at + 25 : stop if stop >= 0 else end].split(b"__")[0]
    return names.JUMBF.get(label, "manifest" if label.startswith((b"urn:uuid:", b"urn:c2pa:")) else "unregistered")
