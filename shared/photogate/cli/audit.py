"""`photogate audit`: ask the log. Every command that reads it leaves one event in it, whatever it finds."""

from __future__ import annotations

import sys
from itertools import islice

import click

from photogate.audit.event import EventName
from photogate.audit.query import Question, check_chain, cursor_of
from photogate.cli.audit_desk import Desk, deployment_options
from photogate.cli.audit_export import export_command
from photogate.cli.audit_key import vkey_command
from photogate.cli.audit_offline import check_command, verify_command
from photogate.cli.audit_options import output_options, question_options
from photogate.cli.audit_output import Format, print_rows, print_timeline
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
@click.option(
    "--event", "names", multiple=True, type=click.Choice([n.value for n in EventName]), help="Only events of this name."
)
@click.option("--limit", type=click.IntRange(min=1), help="Stop after so many, and say so.")
def list_events(desk: Desk, question: Question, names: tuple[str, ...], format: Format, limit: int | None) -> None:
    """List events by tenant and time, photo, subject, actor, or exceptions; oldest first.

    --event picks among what was asked for: name a photo or a subject with it, or it reads all of the tenant's events.
    """
    found = desk.reader.rows(question)
    picked = (row for row in found if not names or row.fields["name"] in names)
    rows = list(picked if limit is None else islice(picked, limit + 1))
    cursor = cursor_of(rows[limit - 1]) if limit is not None and len(rows) > limit else None
    rows = rows[:limit]
    desk.record("list", len(rows), subject=question.subject, upload_id=question.upload_id)
    print_rows(rows, format)
    if cursor is not None:
        click.echo(f"Stopped after {limit} events; there are more from {cursor.split('#')[0]} on.", err=True)


@audit.command()
@click.argument("photo")
@deployment_options
@output_options
def show(desk: Desk, photo: str, format: Format) -> None:
    """Show one photo's events as a timeline, and check that its chain is whole."""
    rows = desk.reader.photo(desk.tenant, photo)
    desk.record("show", len(rows), upload_id=photo)
    if format is Format.TABLE:
        print_timeline(rows)
    else:
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
