"""Printing rows of the audit log: a table, JSON lines, or CSV.

Every value of a row is of a closed form, but a row that was tampered with can hold anything: control characters never
reach a terminal, and a cell that a spreadsheet would run as a formula is made plain text.
"""

from __future__ import annotations

import csv
import json
import shutil
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from photogate.audit.canonical import canonical
from photogate.audit.row import Row

__all__ = ["COLUMNS", "Format", "cells_of", "document_of", "plain", "print_rows", "print_timeline"]

COLUMNS = (
    "time",
    "name",
    "outcome",
    "reason",
    "tenant",
    "subject",
    "upload_id",
    "actor_kind",
    "actor_id",
    "purpose",
    "policy_hash",
    "model_hash",
    "function",
    "function_version",
    "duration_ms",
    "details",
    "id",
    "chain",
    "seq",
    "prev",
    "leaf",
)


class Format(StrEnum):
    """How rows are printed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


def document_of(row: Row) -> dict[str, Any]:
    """Give a row's body with its leaf."""
    return row.fields | {"leaf": row.leaf.hex()}


def cells_of(row: Row) -> list[str]:
    """Give a row as one text for each of `COLUMNS`."""
    fields = document_of(row)
    flat = fields | {
        "actor_kind": fields["actor"]["kind"],
        "actor_id": fields["actor"]["id"],
        "details": canonical(fields["details"]).decode() if fields["details"] else "",
    }
    return ["" if flat[column] is None else str(flat[column]) for column in COLUMNS]


def plain(text: str) -> str:
    """Take control and format characters out of a text."""
    return "".join(c for c in text if unicodedata.category(c) not in ("Cc", "Cf", "Co", "Cs", "Zl", "Zp"))


def csv_cell(text: str) -> str:
    """Make a cell that no spreadsheet runs: what begins like a formula gets an apostrophe before it."""
    clean = plain(text)
    return "'" + clean if clean.lstrip().startswith(("=", "+", "-", "@")) else clean


def print_rows(rows: Iterable[Row], format: Format, out: TextIO | None = None, *, headed: bool = True) -> None:
    """Print rows on stdout, or to `out`; without column names where rows before them had some."""
    stream = sys.stdout if out is None else out
    if format is Format.JSON:
        for row in rows:
            stream.write(json.dumps(document_of(row), ensure_ascii=True) + "\n")
    elif format is Format.CSV:
        writer = csv.writer(stream, lineterminator="\n")
        if headed:
            writer.writerow(COLUMNS)
        writer.writerows([csv_cell(cell) for cell in cells_of(row)] for row in rows)
    else:
        headers = ("time", "event", "outcome", "photo or subject", "actor", "details")
        print_table(headers, map(_table_cells, rows), stream, headed=headed)


def print_timeline(rows: Sequence[Row], out: TextIO | None = None) -> None:
    """Print one photo's events with the time that passed since the first: each line is a step of its way."""
    if not rows:
        return
    start = datetime.fromisoformat(rows[0].fields["time"])
    lines = []
    for row in rows:
        time, event, outcome, _, actor, details = _table_cells(row)
        passed = elapsed(datetime.fromisoformat(row.fields["time"]) - start)
        lines.append((str(row.seq), time, passed, event, outcome, actor, details))
    print_table(
        ("#", "time", "since", "event", "outcome", "actor", "details"), lines, sys.stdout if out is None else out
    )


def elapsed(span: timedelta) -> str:
    """Write a span as a person would: `0.42 s`, `3 min 20 s`, `5 h 12 min`, `12 d 3 h`."""
    seconds = span.total_seconds()
    if seconds < 60:
        return f"{seconds:.2f} s"
    hours, minutes = int(seconds) // 3600, int(seconds) % 3600 // 60
    if not hours:
        return f"{minutes} min {int(seconds) % 60} s"
    return f"{hours} h {minutes} min" if hours < 24 else f"{hours // 24} d {hours % 24} h"


def print_table(headers: Iterable[str], lines: Iterable[Iterable[str]], stream: TextIO, *, headed: bool = True) -> None:
    """Print a table that folds what is too wide, and cuts nothing off."""
    table = Table(box=None, pad_edge=False, header_style="bold", show_header=headed)
    for header in headers:
        table.add_column(header, overflow="fold")
    for line in lines:
        table.add_row(*(Text(plain(cell)) for cell in line))
    width = shutil.get_terminal_size().columns if stream.isatty() else 240
    Console(file=stream, width=width, highlight=False).print(table)


def _table_cells(row: Row) -> list[str]:
    f = row.fields
    outcome = f["outcome"] if f["reason"] is None else f"{f['outcome']} ({f['reason']})"
    details = " ".join(f"{key}={value}" for key, value in f["details"].items())
    actor = f["actor"]["id"] if f["actor"]["kind"] == "service" else f"{f['actor']['kind']} {f['actor']['id']}"
    return [f["time"], f["name"], outcome, f["upload_id"] or f["subject"] or "", actor, details]
