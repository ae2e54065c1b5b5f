"""Writing the files of an export. Rows that have expired are left out of all formats but JSON lines."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from photogate.audit.export import ExportFormat, SealedRow, write_lines
from photogate.audit.ocsf import ocsf_event
from photogate.cli.audit_output import COLUMNS, cells_of, csv_cell

__all__ = ["WRITERS"]

_NUMBERS = frozenset({"seq", "duration_ms"})


def write_csv(path: Path, rows: Sequence[SealedRow]) -> None:
    """Write one line a row, with the index in the tree first; formulas are made text."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("index", *COLUMNS))
        for sealed in rows:
            if sealed.row is not None:
                writer.writerow((sealed.index, *(csv_cell(cell) for cell in cells_of(sealed.row))))


def write_parquet(path: Path, rows: Sequence[SealedRow]) -> None:
    """Write the same columns, numbers as numbers, details as JSON text."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    present = [(sealed.index, cells_of(sealed.row)) for sealed in rows if sealed.row is not None]
    columns: dict[str, Any] = {"index": pa.array([index for index, _ in present], pa.int64())}
    for n, column in enumerate(COLUMNS):
        cells = [cells[n] for _, cells in present]
        if column in _NUMBERS:
            columns[column] = pa.array([int(cell) for cell in cells], pa.int64())
        else:
            columns[column] = pa.array([cell or None for cell in cells], pa.string())
    pq.write_table(pa.table(columns), path, compression="zstd")


def write_ocsf(path: Path, rows: Sequence[SealedRow]) -> None:
    """Write one OCSF event a line."""
    with path.open("w", encoding="utf-8") as file:
        for sealed in rows:
            if sealed.row is not None:
                file.write(json.dumps(ocsf_event(sealed.row, sealed.index), ensure_ascii=True) + "\n")


WRITERS: dict[ExportFormat, Callable[[Path, Sequence[SealedRow]], None]] = {
    ExportFormat.JSONL: write_lines,
    ExportFormat.CSV: write_csv,
    ExportFormat.PARQUET: write_parquet,
    ExportFormat.OCSF: write_ocsf,
}
