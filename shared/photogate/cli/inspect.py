"""`photogate inspect`: the tree of a photo's file, and what of it stripping keeps."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from photogate.cli.keep import keep_option
from photogate.cli.removed import summed
from photogate.findings import Keep
from photogate.inspection import Inspection, Part
from photogate.inspection import inspect as inspect_bytes

__all__ = ["inspect", "lines"]

_ITEM = re.compile(r"item (\d+)")
_COLOURS = {"stays": "green", "rebuilt": "cyan", "partly": "yellow", "goes": "red"}
_TURNS = {
    1: "upright", 2: "mirrored", 3: "turned by 180°", 4: "mirrored, turned by 180°", 5: "mirrored, turned by 90°",
    6: "turned by 90°", 7: "mirrored, turned by 270°", 8: "turned by 270°",
}  # fmt: skip
_ANSWERS = {
    "yes": "it says that a machine made it",
    "no": "it says that a camera took it",
    "unknown": "it says nothing of how it was made",
}


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object a file, each part with its range.")
@click.option("--all", "everything", is_flag=True, help="Headers, counts and padding of parts as well.")
@click.option("--depth", type=click.IntRange(1), default=99, show_default=False, help="How deep to go into the tree.")
@keep_option
def inspect(files: tuple[Path, ...], as_json: bool, everything: bool, depth: int, keep: frozenset[Keep]) -> None:
    """Show what a photo's file holds, and what would stay. Never values.

    Each line is a part of the file: whether it stays, its size in bytes, and what it is. "partly" stays without some of
    what is in it; "rebuilt" stays with its sizes, places or reserved fields written again. Names are those of the
    standards; a name that a standard does not register may be personal, and is shown as "unregistered".

    \b
    photogate inspect photo.jpg
    stays         2  ├─ SOI  start of image
    goes     12,404  ├─ APP1 Exif  when, where and by what it was taken
    goes        218  │  ├─ GPS IFD  location · where it was taken
    ...
    removed      location 9, time 6, device 31, thumbnail 12

    Exit codes: 0 all can be stripped, 1 some are refused; of those it shows as much as can be read, and what to send
    instead.
    """
    refused = False
    console = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)
    for number, file in enumerate(files):
        try:
            found = inspect_bytes(file.read_bytes(), keep=keep)
        except OSError as error:
            refused = True
            click.echo(f"{file}: cannot be read: {error.strerror}", err=True)
            continue
        refused |= found.refusal is not None
        if as_json:
            click.echo(json.dumps(_plain(file, found, depth)))
            continue
        if number:
            console.print()
        for line in lines(file, found, depth, everything):
            console.print(line)
    if refused:
        sys.stdout.flush()
        raise SystemExit(1)


def _plain(file: Path, found: Inspection, depth: int) -> dict[str, Any]:
    return {
        "file": str(file),
        "format": found.format,
        "size": found.size,
        "stripped_size": found.stripped,
        "status": "stripped" if found.refusal is None else "refused",
        "reason": None if found.refusal is None else found.refusal.refusal,
        "message": None if found.refusal is None else f"{found.refusal}. {found.refusal.instead}",
        "orientation": found.orientation,
        "provenance": {
            "synthetic": found.provenance.synthetic,
            "evidence": list(found.provenance.evidence),
            "c2pa": found.provenance.c2pa,
        },
        "removed": [asdict(removed) for removed in found.removed],
        "parts": [_tree(part, depth) for part in found.parts],
    }


def _tree(part: Part, depth: int) -> dict[str, Any]:
    return {
        "name": part.name,
        "offset": part.offset,
        "size": part.size,
        "stays": part.stays,
        "rebuilt": part.rebuilt,
        "category": part.category,
        "note": part.note,
        "children": [_tree(child, depth - 1) for child in part.children] if depth > 1 else [],
    }


def lines(file: Path, found: Inspection, depth: int, everything: bool) -> Iterator[Text]:
    """Draw the tree of a file and what follows from it, a line at a time."""
    yield Text.assemble((str(file), "bold"), f": {found.format}, {found.size:,} bytes")
    width = max(len(f"{found.size:,}"), 6)
    parts = found.parts if everything else _plainer(found.parts)
    yield from _branches(parts, "", width, depth)
    yield from _summary(found)


# What every part of its kind has, and what shares the lot of what it stands in.
_FURNITURE = frozenset(
    {"header", "marker", "marker and number", "marker and identifier", "Exif identifier", "TIFF header", "entry count"}
    | {"next IFD", "padding", "box header", "chunk header", "offset of the TIFF header", "CRC", "keyword", "XML"}
)


def _plainer(parts: Sequence[Part]) -> tuple[Part, ...]:
    """Leave out headers and padding, and put each tag's value to its entry: what a person asks of a photo."""
    values: dict[str, list[Part]] = {}
    for part in parts:
        if part.name.endswith(" value") and not part.children:
            values.setdefault(part.name.removesuffix(" value"), []).append(part)
    shown = []
    for part in parts:
        if any(child.name == "entry count" for child in part.children):
            entries = []
            for child in part.children:
                mine = values.get(child.name)
                value = mine.pop(0) if mine else None
                entries.append(child if value is None else replace(child, size=child.size + value.size))
            part = replace(part, children=tuple(entries))
        shown.append(part)
    left = {id(part) for found in values.values() for part in found}
    return tuple(
        replace(part, children=_plainer(part.children))
        for part in shown
        if part.name not in _FURNITURE
        and not (part.size == 1 and part.name.startswith("bytes"))
        and not (part.name.endswith(" value") and not part.children and id(part) not in left)
    )


@dataclass(frozen=True, slots=True)
class _Row:
    """Parts of one kind that follow one another, shown as one line."""

    part: Part
    count: int
    size: int


def _rows(parts: Sequence[Part]) -> Iterator[_Row]:
    def alike(part: Part) -> tuple[object, ...]:
        # Those that hold further parts are shown one by one; items of a grid differ by their number alone.
        name = _ITEM.sub("item", part.name)
        return name, part.stays, part.rebuilt, part.category, part.note if not part.children else part.offset

    for _, group in groupby(parts, alike):
        members = list(group)
        first, last = members[0], members[-1]
        if first.name != last.name and (ends := _ITEM.search(first.name)) and (close := _ITEM.search(last.name)):
            first = replace(first, name=_ITEM.sub(f"items {ends[1]}-{close[1]}", first.name))
        yield _Row(first, len(members), sum(part.size for part in members))


def _word(part: Part) -> str:
    if not part.stays:
        return "goes"
    if _loses(part):
        return "partly"
    return "rebuilt" if part.rebuilt else "stays"


def _loses(part: Part) -> bool:
    return any(not child.stays or _loses(child) for child in part.children)


def _branches(parts: Sequence[Part], indent: str, width: int, depth: int) -> Iterator[Text]:
    rows = list(_rows(parts))
    for i, row in enumerate(rows):
        last = i == len(rows) - 1
        part, word = row.part, _word(row.part)
        line = Text.assemble(
            (f"{word:<7}", _COLOURS[word]),
            (f" {row.size:>{width},}  ", ""),
            (f"{indent}{'└─' if last else '├─'} ", "dim"),
            (part.name, _COLOURS[word]),
        )
        if row.count > 1:
            line.append(f" × {row.count}")
        told = [str(part.category)] if part.category is not None and part.category != "other" else []
        told += [part.note] if part.note and part.note not in told else []
        if told:
            line.append("  " + " · ".join(told), "dim")
        yield line
        if depth > 1:
            yield from _branches(part.children, indent + ("   " if last else "│  "), width, depth - 1)


def _summary(found: Inspection) -> Iterator[Text]:
    if found.refusal is not None:
        yield Text.assemble(
            ("refused", "bold red"), f" ({found.refusal.refusal}): {found.refusal}. {found.refusal.instead}"
        )
    else:
        listing = summed((r.category, r.where, r.count) for r in found.removed) or "nothing"
        yield Text.assemble(("removed", "bold"), f"      {listing}")
        yield Text.assemble(("left", "bold"), f"         {found.stripped:,} of {found.size:,} bytes")
        yield Text.assemble(("orientation", "bold"), f"  {_TURNS[found.orientation]} ({found.orientation})")
        yield Text.assemble(("colour", "bold"), f"       {_colour(found.parts)}")
    evidence = f"; evidence: {', '.join(found.provenance.evidence)}" if found.provenance.evidence else ""
    c2pa = "; a C2PA manifest is there, unverified" if found.provenance.c2pa else ""
    answer = found.provenance.synthetic
    yield Text.assemble(("synthetic", "bold"), f"    {answer}: {_ANSWERS[answer]}{evidence}{c2pa}")


def _colour(parts: Sequence[Part]) -> str:
    def walk(of: Sequence[Part]) -> Iterator[Part]:
        for part in of:
            yield part
            yield from walk(part.children)

    names = {part.name.removesuffix(" value") for part in walk(parts) if part.stays}
    if names & {"APP2 ICC profile", "iCCP", "ICCP", "ICC profile"}:
        return "an ICC profile, reduced to rendering"
    if any(part.name == "colr" and part.stays and part.note.startswith("ICC") for part in walk(parts)):
        return "an ICC profile, reduced to rendering"
    told = [name for name in ("cICP", "sRGB", "gAMA", "cHRM", "colr", "WhitePoint") if name in names]
    return ", ".join(told) if told else "no profile (sRGB is assumed)"
