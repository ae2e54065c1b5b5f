"""C2PA manifest stores (C2PA 2.1, 11; ISO/IEC 19566-5): what they hold by category; they go whole."""

from __future__ import annotations

import re

from photogate.findings import MetadataCategory
from photogate.formats.container import Context

__all__ = ["read"]

_C = MetadataCategory
# Labels of assertions, and keys within them, by what they say.
_THUMBNAIL = re.compile(rb"c2pa\.thumbnail\.(?:claim|ingredient)[^\0]{0,40}\0")
_HOLDS = {
    _C.LOCATION: (b":GPSLatitude", b":GPSLongitude", b"ocationCreated"),
    _C.IDENTITY: (
        *(b"instanceID", b"InstanceID", b"instance_id", b"documentID", b"DocumentID", b"document_id"),
        *(b"schema.org", b'"author"', b"fauthor"),
    ),
    _C.COMMENT: (b"dc:title",),
    _C.TIME: (b"sigTst", b"dwhen", b":DateTime"),
}
# How much is searched, and how many files are left out first: the active manifest is the last of a store.
_LOOK, _FILES = 1 << 20, 1024


def read(store: bytes, context: Context, where: str, count: int = 1) -> None:
    """Note in `context` that a store is there, which source types it names, and what else it holds."""
    head = _without_files(store)[:_LOOK]
    context.marks.c2pa(head)
    context.drop(_C.PROVENANCE, where, count)
    context.drop(_C.THUMBNAIL, where, len(_THUMBNAIL.findall(head)))
    for category, words in _HOLDS.items():
        context.drop(category, where, sum(map(head.count, words)))


def _without_files(store: bytes) -> bytes:
    """Leave out the contents of `bidb` boxes (ISO/IEC 19566-5, B.3): thumbnails, most of a store, with no words."""
    pieces, at = [], 0
    for _ in range(_FILES):
        found = store.find(b"bidb", at)
        if found < 0:
            break
        pieces.append(store[at:found])
        at = found + max(int.from_bytes(store[max(found - 4, 0) : found]) - 4, 4)
    return b"".join((*pieces, store[at:]))
