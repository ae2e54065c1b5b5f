"""Printed rows are complete, and cannot run anything in a terminal or a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta

import pytest

from photogate.audit.canonical import canonical
from photogate.audit.event import DetailKey
from photogate.audit.row import Row, row_from_body
from photogate.cli.audit_output import COLUMNS, Format, csv_cell, elapsed, plain, print_rows
from tests.audit_builders import MemoryStore, a_log, an_event


def printed(row: Row, format: Format) -> str:
    out = io.StringIO()
    print_rows([row], format, out)
    return out.getvalue()


def a_row() -> Row:
    return a_log(MemoryStore()).append(an_event(details={DetailKey.REMOVED_LOCATION: 7}))


def tampered(function: str) -> Row:
    fields = dict(a_row().fields) | {"function": function, "name": function}
    return row_from_body(canonical(fields))


def test_json_is_the_body_with_its_leaf() -> None:
    row = a_row()
    assert json.loads(printed(row, Format.JSON)) == row.fields | {"leaf": row.leaf.hex()}


def test_csv_has_every_field_of_the_body() -> None:
    row = a_row()
    [cells] = csv.DictReader(io.StringIO(printed(row, Format.CSV)))
    assert cells["id"] == "execution-1/StripMetadata"
    assert cells["details"] == '{"removed_location":7}'
    assert cells["leaf"] == row.leaf.hex()
    covered = set(COLUMNS) | {"actor", "salt", "expires_at"}
    assert set(row.fields) <= covered


def test_a_table_cuts_nothing_off() -> None:
    text = printed(a_row(), Format.TABLE)
    assert "removed_location=7" in text
    assert "a" * 32 in text
    assert "…" not in text


@pytest.mark.parametrize("formula", ["=1+1", "+1", "-1", "@SUM(A1)", " =1+1", "\t=1+1"])
def test_a_formula_becomes_text(formula: str) -> None:
    assert csv_cell(formula).startswith("'")
    assert "'" + plain(formula) in printed(tampered(formula), Format.CSV)


@pytest.mark.parametrize("format", list(Format))
def test_control_characters_do_not_reach_the_terminal(format: Format) -> None:
    text = printed(tampered("a\x1b[2Jb\x07c\u202ed\x9be"), format)
    assert not set("\x1b\x07\u202e\x9b") & set(text)


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0.42, "0.42 s"),
        (59, "59.00 s"),
        (200, "3 min 20 s"),
        (3600, "1 h 0 min"),
        (18720, "5 h 12 min"),
        (97200, "1 d 3 h"),
    ],
)
def test_a_span_is_written_as_a_person_would(seconds: float, written: str) -> None:
    assert elapsed(timedelta(seconds=seconds)) == written
