"""A photo's file as a picture of its parts: what each is, whether stripping keeps it, and why a file is refused.

Parts cover every byte of the file once; children lie within their parent, apart from each other. Names are the
standards' own, and never the file's: what is in no register is called "unregistered". No value is ever shown.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import cast

from photogate.errors import ImageRefused
from photogate.findings import Keep, Provenance, Removed
from photogate.formats import limits, strip_with
from photogate.formats.container import MODULES, Context, ImageFormat, Part, guarded
from photogate.formats.sniff import sniff
from photogate.inspection.budget import TOO_MANY
from photogate.inspection.outcome import Outcome
from photogate.inspection.tree import Search, compared, covered, goes, stays, tiled

__all__ = ["Inspection", "Part", "inspect"]


# Bytes that may be searched for parts that stay as they are: searching takes 1 s for 2 GB.
_SEARCHED = 1 << 28


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a file holds.

    Attributes
    ----------
    format
        By its first bytes.
    size
        Of the file, in bytes.
    parts
        Cover the file from its first byte to its last.
    removed
        What stripping takes out, by category and carrier; empty where it refuses.
    orientation
        How the picture is shown (Exif, 1-8).
    provenance
        What the file says about its own origin, as far as it could be read.
    stripped
        Size of the new file in bytes; None where stripping refuses.
    refusal
        Why stripping refuses the file; None where it does not.
    """

    format: ImageFormat
    size: int
    parts: tuple[Part, ...]
    removed: tuple[Removed, ...]
    orientation: int
    provenance: Provenance
    stripped: int | None
    refusal: ImageRefused | None


def inspect(data: bytes, *, keep: frozenset[Keep] = frozenset()) -> Inspection:
    """Strip a file in memory, and show what it held and what stays of each part.

    A file that stripping refuses is shown as far as it can be read; what of it was not is one part.

    Parameters
    ----------
    data
        A whole file.
    keep
        Rights fields that may stay.
    """
    kind = sniff(data)
    context = Context(keep=keep, format=kind)
    refusal: ImageRefused | None = None
    outcome = Outcome(kind, keep=keep)
    try:
        new = strip_with(data, context)
        outcome = Outcome(kind, new.data, new.orientation, keep)
        removed, provenance = new.removed, new.provenance
    except ImageRefused as error:
        refusal, removed = error, ()
        provenance = context.provenance()
    parts = _parts(data, outcome)
    stripped = None if refusal is not None else len(outcome.data)
    return Inspection(kind, len(data), parts, removed, outcome.orientation, provenance, stripped, refusal)


def _parts(data: bytes, outcome: Outcome) -> tuple[Part, ...]:
    found: list[Part] = []
    rest = "bytes"
    if outcome.format in MODULES:
        module = importlib.import_module(f"photogate.inspection.{MODULES[outcome.format]}")
        walk = cast(Callable[[bytes, Outcome], Iterator[Part]], module.parts)
        try:
            with guarded():
                for part in walk(data, outcome):
                    if len(found) == limits.MAX_PARTS and part.offset < len(data):
                        # Some of them may stay, so it may not be said that they go.
                        further = stays if outcome.data else goes
                        found.append(further("further parts", part.offset, len(data) - part.offset, TOO_MANY))
                        break
                    found.append(part)
        except ImageRefused:
            rest = "bytes that could not be read"
    if not found and data:
        return (goes(f"{outcome.format} file" if outcome.format is not ImageFormat.UNKNOWN else "file", 0, len(data)),)
    parts = tuple(covered(part) for part in tiled(found, 0, len(data), rest))
    search = Search(outcome.data, _SEARCHED)
    return tuple(compared(part, data, search) for part in parts) if outcome.data else parts
