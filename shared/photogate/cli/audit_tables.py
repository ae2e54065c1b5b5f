"""An export in a folder as tables of DuckDB: `events`, whatever the format, and behind it the export as it lies there.

Formats: what `photogate audit export` writes (Parquet, CSV, JSON lines), and what DynamoDB writes when it exports the
table itself (DYNAMODB_JSON: gzipped lines of ``{"Item": {"body": {"S": ...}}}``), in one file or hundreds.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from photogate.audit.saved import event_view

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

__all__ = ["open_export"]

# What Athena calls so is called otherwise in DuckDB; the views and the saved queries use these names.
ATHENA_FUNCTIONS = (
    "create macro json_extract_scalar(document, path) as json_extract_string(document, path)",
    "create macro json_format(document) as cast(document as varchar)",
)
OURS = "events-" + "[0-9]" * 5
PARQUET = f"{OURS}.parquet"
CSV = f"{OURS}.csv"
LINES = f"{OURS}.jsonl"
DYNAMODB = ("AWSDynamoDB/*/data/*.gz", "*/AWSDynamoDB/*/data/*.gz", "data/*.gz")

_READ_CSV = (
    "select * replace (cast(seq as bigint) as seq, cast(duration_ms as bigint) as duration_ms) from read_csv({}, "
    "header = true, all_varchar = true, nullstr = '')"
)
_READ_ITEMS = (
    "select Item as item from read_json({}, format = 'newline_delimited', "
    "columns = {{'Item': 'STRUCT(body STRUCT(S VARCHAR), leaf STRUCT(S VARCHAR))'}})"
)
SOURCES = {
    "parquet": ("parquet_export", "select * from read_parquet({})"),
    "csv": ("parquet_export", _READ_CSV),
    # A line is a body to the byte, or the leaf of a row that has expired.
    "jsonl": (
        "table_export",
        "select {{'body': {{'s': json}}, 'leaf': {{'s': sha256('\\x00'::blob || encode(json))}}}} as item "
        "from (select cast(json as varchar) as json from read_json_objects({}, format = 'newline_delimited')) "
        "where not starts_with(json, '{{\"leaf\"')",
    ),
    "dynamodb": ("table_export", _READ_ITEMS),
}


def open_export(folder: Path) -> DuckDBPyConnection:
    """Open an export as the table `events`.

    Parameters
    ----------
    folder
        What `photogate audit export` wrote, or a copy of an export of the table by DynamoDB.

    Raises
    ------
    click.UsageError
        If there is no export in the folder.
    """
    import duckdb

    kind, files = find_export(folder)
    table, select = SOURCES[kind]
    listed = "[" + ", ".join("'" + str(file).replace("'", "''") + "'" for file in files) + "]"
    view = event_view(table)
    if kind == "dynamodb" and len({file.parent for file in files}) > 1:
        view = f"select distinct * from ({view})"  # noqa: S608 (ours; several exports hold the same rows)
    connection = duckdb.connect(config={"autoinstall_known_extensions": "false"})
    # DuckDB takes no parameters in a view; paths are quoted above.
    for statement in (*ATHENA_FUNCTIONS, f"create view {table} as {select.format(listed)}"):
        connection.execute(statement)
    connection.execute(f"create view events as {view}")
    return connection


def find_export(folder: Path) -> tuple[str, list[Path]]:
    """Tell what kind of export lies in a folder, and give its files; the fastest where there are several."""
    for kind, pattern in (("parquet", PARQUET), ("csv", CSV), ("jsonl", LINES)):
        if files := sorted(folder.glob(pattern)):
            return kind, files
    for pattern in DYNAMODB:
        if files := sorted(folder.glob(pattern)):
            return "dynamodb", files
    raise click.UsageError("Expected events-*.parquet, .csv or .jsonl, or AWSDynamoDB/*/data/*.gz; found none")
