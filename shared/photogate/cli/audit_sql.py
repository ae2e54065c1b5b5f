"""`photogate audit sql`: DuckDB over an export, on this machine."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import click

from photogate.cli.audit_options import output_options
from photogate.cli.audit_output import Format, csv_cell, print_table

__all__ = ["sql_command"]

READERS = {
    "parquet": "read_parquet('{}')",
    "csv": "read_csv('{}', header = true, all_varchar = true)",
    "jsonl": "read_json('{}', format = 'newline_delimited', union_by_name = true)",
}


@click.command("sql", short_help="Ask an export in SQL.")
@click.argument("query")
@click.option(
    "--export",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help="Folder that `photogate audit export` wrote; Parquet is the fastest.",
)
@output_options
def sql_command(query: str, export: Path, format: Format) -> None:
    """Run QUERY over the table `events`, which is the export: "select name, count(*) from events group by all"."""
    try:
        import duckdb
    except ImportError:
        raise click.UsageError("Expected the package duckdb; found none. Install it beside photogate.") from None
    kind = next((kind for kind in READERS if any(export.glob(f"events-*.{kind}"))), None)
    if kind is None:
        raise click.UsageError("Expected events-*.parquet, .csv or .jsonl in the folder; found none.")
    files = str(export / f"events-*.{kind}").replace("'", "''")
    with duckdb.connect() as connection:
        # DuckDB takes no parameters in a view; the path is quoted above.
        connection.execute(f"create view events as select * from {READERS[kind].format(files)}")  # noqa: S608
        try:
            result = connection.execute(query)
        except duckdb.Error as error:
            raise click.UsageError(f"DuckDB says: {error}") from None
        names = [column[0] for column in result.description or []]
        rows = result.fetchall()
    if format is Format.JSON:
        for row in rows:
            click.echo(json.dumps(dict(zip(names, row, strict=True)), default=str))
    elif format is Format.CSV:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(names)
        writer.writerows([csv_cell("" if value is None else str(value)) for value in row] for row in rows)
    else:
        print_table(names, [["" if value is None else str(value) for value in row] for row in rows], sys.stdout)
