"""C2PA manifest stores (C2PA 2.1, 11; ISO/IEC 19566-5): what they hold by category; they go whole."""

from __future__ import annotations

import re

from photogate.findings import MetadataCategory
from photogate.formats.container import Context

__all__ = ["read"]

_C = MetadataCategory
# Labels of assertions, and keys within them, by what they say.
_HOLDS = (
    (_C.THUMBNAIL, re.compile(rb"c2pa\.thumbnail\.(?:claim|ingredient)[^\0]{0,40}\0")),
    (_C.LOCATION, re.compile(rb"exif:GPS(?:Latitude|Longitude)|locationCreated", re.IGNORECASE)),
    (_C.IDENTITY, re.compile(rb"instance_?ID|document_?ID|schema\.org|\"author\"", re.IGNORECASE)),
    (_C.COMMENT, re.compile(rb"dc:title")),
    (_C.TIME, re.compile(rb"sigTst|dwhen|exif:DateTime")),
)
_LOOK = 1 << 20


def read(store: bytes, context: Context, where: str, count: int = 1) -> None:
    """Note in `context` that a store is there, which source types it names, and what else it holds."""
    context.marks.c2pa(store)
    context.drop(_C.PROVENANCE, where, count)
    head = store[:_LOOK]
    for category, pattern in _HOLDS:
        context.drop(category, where, len(pattern.findall(head)))
