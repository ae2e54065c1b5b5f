"""`photogate audit`: ask the log. Every command that reads it leaves one event in it, whatever it finds."""

from __future__ import annotations

import sys

import click

from photogate.audit.query import Question, check_chain
from photogate.cli.audit_desk import Desk, deployment_options
from photogate.cli.audit_export import export_command
from photogate.cli.audit_key import vkey_command
from photogate.cli.audit_offline import check_command, verify_command
from photogate.cli.audit_options import output_options, question_options
from photogate.cli.audit_output import Format, print_rows
from photogate.cli.audit_prove import prove_command
from photogate.cli.audit_sql import sql_command
from photogate.cli.audit_watch import stats_command, tail_command
from photogate.cli.failing import EXIT_REFUSED

__all__ = ["audit"]


@click.group()
def audit() -> None:
    """Query, verify and prove the audit log."""


@audit.command("list")
@deployment_options
@question_options
@output_options
@click.option("--limit", type=click.IntRange(min=1), help="Stop after so many, and say so.")
def list_events(desk: Desk, question: Question, format: Format, limit: int | None) -> None:
    """List events by tenant and time, photo, subject, actor, or exceptions; oldest first."""
    if limit is None:
        rows, cursor = list(desk.reader.rows(question)), None
    else:
        rows, cursor = desk.reader.page(question, limit)
    desk.record("list", len(rows), subject=question.subject, upload_id=question.upload_id)
    print_rows(rows, format)
    if cursor is not None:
        click.echo(f"Stopped after {limit} events; there are more from {cursor.split('#')[0]} on.", err=True)


@audit.command()
@click.argument("photo")
@deployment_options
@output_options
def show(desk: Desk, photo: str, format: Format) -> None:
    """Show one photo's events in order, and check that its chain is whole."""
    rows = desk.reader.photo(desk.tenant, photo)
    desk.record("show", len(rows), upload_id=photo)
    print_rows(rows, format)
    if not rows:
        click.echo("No event of such a photo. Check the upload id and the tenant.", err=True)
        sys.exit(EXIT_REFUSED)
    check_chain(rows)
    click.echo(f"{len(rows)} events, each linked to the one before it.", err=True)


for command in (
    tail_command,
    stats_command,
    export_command,
    sql_command,
    vkey_command,
    verify_command,
    prove_command,
    check_command,
):
    audit.add_command(command)
