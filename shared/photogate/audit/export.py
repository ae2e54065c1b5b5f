"""Exporting the log: every sealed row in the order of the tree, in files of a fixed number of rows.

As JSON lines an export is what the verifier reads: a line is a row's body to the byte, or its leaf where the row has
expired. Full files are final, so an export that stopped goes on behind the last of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from photogate.audit.row import Row
from photogate.audit.seal import Manifest, checkpoint_path
from photogate.errors import IntegrityError

__all__ = [
    "ROWS_IN_FILE",
    "ExportFormat",
    "ExportSource",
    "SealedRow",
    "export_rows",
    "sealed_rows",
    "signed_size",
    "write_lines",
]

ROWS_IN_FILE = 50_000


class ExportFormat(StrEnum):
    """What an export's files are."""

    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"
    OCSF = "ocsf"

    @property
    def suffix(self) -> str:
        """The ending of its files."""
        return {"ocsf": "ocsf.jsonl"}.get(self.value, self.value)


@dataclass(frozen=True, slots=True)
class SealedRow:
    """A leaf of the tree, with its row unless that has expired."""

    index: int
    leaf: bytes
    row: Row | None

    @property
    def line(self) -> bytes:
        """The line of an export, without its newline."""
        return (
            json.dumps({"leaf": self.leaf.hex()}, separators=(",", ":")).encode() if self.row is None else self.row.body
        )


class ExportSource(Protocol):
    """Manifests, and rows by their keys."""

    def manifest(self, number: int) -> Manifest | None:
        """Give one manifest, or None."""

    def rows(self, keys: Sequence[tuple[str, int]]) -> Mapping[tuple[str, int], Row]:
        """Give the rows that are there, by chain and sequence."""


def signed_size(source: ExportSource, version: int, exists: Callable[[str], bool]) -> int:
    """Give the size of the newest checkpoint, going back from the head's `version`; 0 where nothing is signed."""
    for number in range(version, 0, -1):
        manifest = _manifest(source, number)
        size = manifest.first + len(manifest.keys)
        if exists(checkpoint_path(size)):
            return size
    return 0


def sealed_rows(source: ExportSource, first: int, size: int) -> Iterator[SealedRow]:
    """Give the leaves ``[first, size)`` with their rows.

    Raises
    ------
    IntegrityError
        If a manifest is missing.
    """
    number = _number_of(source, first)
    index = _manifest(source, number).first if size else 0
    while index < size:
        manifest = _manifest(source, number)
        number, behind = number + 1, index + len(manifest.keys)
        if behind > first:
            found = source.rows(manifest.keys)
            for n, (key, leaf) in enumerate(zip(manifest.keys, manifest.leaves, strict=True), start=index):
                if first <= n < size:
                    yield SealedRow(n, leaf, found.get(key))
        index = behind


def export_rows(
    rows: Callable[[int], Iterable[SealedRow]],
    size: int,
    out: Path,
    format: ExportFormat,
    write: Callable[[Path, Sequence[SealedRow]], None],
    progress: Callable[[int], None] = lambda count: None,
) -> int:
    """Write files of `ROWS_IN_FILE` rows, behind those that an earlier run completed.

    Parameters
    ----------
    rows
        Gives the rows from an index on.
    size
        Where the export ends.
    write
        Writes one file.
    progress
        Called with the number of rows that are done.

    Returns
    -------
    int
        How many rows this run wrote.
    """
    out.mkdir(parents=True, exist_ok=True)
    done = 0
    while (done + 1) * ROWS_IN_FILE <= size and _file(out, format, done).exists():
        done += 1
    first = done * ROWS_IN_FILE
    batch: list[SealedRow] = []
    for row in rows(first):
        batch.append(row)
        if len(batch) == ROWS_IN_FILE or row.index == size - 1:
            path = _file(out, format, row.index // ROWS_IN_FILE)
            part = path.with_name(path.name + ".part")
            write(part, batch)
            part.replace(path)
            batch = []
            progress(row.index + 1)
    return max(0, size - first)


def write_lines(path: Path, rows: Sequence[SealedRow]) -> None:
    """Write bodies as they are."""
    with path.open("wb") as file:
        file.writelines(row.line + b"\n" for row in rows)


def _file(out: Path, format: ExportFormat, number: int) -> Path:
    return out / f"events-{number:05d}.{format.suffix}"


def _number_of(source: ExportSource, index: int) -> int:
    """Tell which manifest holds a leaf, in O(log n) reads: manifests are numbered from 1 and follow each other."""

    def begins_at_or_before(number: int) -> bool:
        manifest = source.manifest(number)
        return manifest is not None and manifest.first <= index

    low, high = 1, 2
    while begins_at_or_before(high):
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if begins_at_or_before(middle) else (low, middle)
    return low


def _manifest(source: ExportSource, number: int) -> Manifest:
    manifest = source.manifest(number)
    if manifest is None:
        raise IntegrityError(f"Expected manifest {number} of the log; found none")
    return manifest
