"""`photogate audit sql`: DuckDB over an export, on this machine."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import click

from photogate.audit.saved import saved_queries
from photogate.cli.audit_options import output_options
from photogate.cli.audit_output import Format, csv_cell, print_table
from photogate.cli.audit_tables import open_export

__all__ = ["sql_command"]


@click.command("sql", short_help="Ask an export in SQL, or one of the saved queries.")
@click.argument("query", required=False)
@click.option(
    "--export",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of an export, in any format; Parquet is the fastest.",
)
@click.option("--saved", metavar="NAME", help="Run a saved query.")
@click.option("--param", "parameters", multiple=True, help="What stands for a `?` of the query; once for each.")
@click.option("--list", "listed", is_flag=True, help="List the saved queries, and run nothing.")
@output_options
def sql_command(
    query: str | None,
    export: Path | None,
    saved: str | None,
    parameters: tuple[str, ...],
    listed: bool,
    format: Format,
) -> None:
    """Run QUERY over the table `events`, which is the export.

    "select name, count(*) from events group by all". The saved queries are those that the stack keeps in Athena.
    """
    if listed:
        names = ("name", "answers", "parameters")
        rows: list[tuple[object, ...]] = [(q.name, q.title, "; ".join(q.parameters)) for q in saved_queries().values()]
        print_result(names, rows, format)
        return
    if (query is None) == (saved is None) or export is None:
        raise click.UsageError("Expected --export and either a query or --saved; see --list")
    try:
        import duckdb
    except ImportError:
        raise click.UsageError("Expected the package duckdb; found none. Install it beside photogate.") from None
    text = query or ""
    if saved is not None:
        if saved not in saved_queries():
            raise click.UsageError(f"Expected --saved out of {', '.join(saved_queries())}; found another name")
        text, wanted = saved_queries()[saved].sql, saved_queries()[saved].parameters
        if len(wanted) != len(parameters):
            raise click.UsageError(f"Expected --param for each of: {'; '.join(wanted) or 'none'}")
    with open_export(export) as connection:
        try:
            result = connection.execute(text, list(parameters))
        except duckdb.Error as error:
            raise click.UsageError(f"DuckDB says: {error}") from None
        print_result([column[0] for column in result.description or []], result.fetchall(), format)


def print_result(names: list[str] | tuple[str, ...], rows: list[tuple[object, ...]], format: Format) -> None:
    """Print a result as rows of the log are printed."""
    if format is Format.JSON:
        for row in rows:
            click.echo(json.dumps(dict(zip(names, row, strict=True)), default=str))
        return
    texts = [["" if value is None else str(value) for value in row] for row in rows]
    if format is Format.CSV:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(csv_cell(name) for name in names)
        writer.writerows([csv_cell(value) for value in row] for row in texts)
    else:
        print_table(names, texts, sys.stdout)
