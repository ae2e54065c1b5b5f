"""`photogate retention`: what is due for deletion, and when."""

from __future__ import annotations

import csv
import json
import sys
from datetime import UTC, datetime, timedelta

import click

from photogate.audit.event import DetailKey, EventName
from photogate.cli.audit_options import output_options
from photogate.cli.audit_output import Format, csv_cell, print_table
from photogate.cli.office import Office, office_options
from photogate.clock import stamp
from photogate.retention import HELD_FOR

__all__ = ["retention"]

COLUMNS = ("kept until", "state", "purpose", "photo", "subject")


@click.group()
def retention() -> None:
    """List what is due for deletion."""


@retention.command()
@click.option("--within", type=click.IntRange(min=0, max=3650), default=0, show_default=True, help="Days from now.")
@office_options
@output_options
def due(office: Office, within: int, format: Format) -> None:
    """List the photos whose time is over, or will be within so many days, the earliest first.

    The sweep runs every hour: what is overdue for longer is under a legal hold, in review, or could not be deleted.
    """
    now = datetime.now(UTC)
    by = now + timedelta(days=within)
    # What is held is looked at again a day later each time: it stands in the index that much behind its date.
    listed = [
        p for p in office.world.retention.due(by + HELD_FOR) if p.tenant == office.tenant and p.retain_until <= by
    ]
    office.record(
        EventName.AUDIT_QUERIED, "retention", None, {DetailKey.QUERY: "retention", DetailKey.ROWS: len(listed)}
    )
    held = {s: office.world.subjects.is_held(office.tenant, s) for s in {p.subject for p in listed}}
    lines = [
        (stamp(p.retain_until), _state(p.retain_until <= now, held[p.subject]), p.purpose, p.upload_id, p.subject)
        for p in sorted(listed, key=lambda p: (p.retain_until, p.upload_id))
    ]
    if format is Format.JSON:
        for line in lines:
            click.echo(json.dumps(dict(zip((c.replace(" ", "_") for c in COLUMNS), line, strict=True))))
    elif format is Format.CSV:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerows([COLUMNS, *([csv_cell(cell) for cell in line] for line in lines)])
    else:
        print_table(COLUMNS, lines, sys.stdout)
    click.echo(f"{len(lines)} photos; {sum(line[1] == 'held' for line in lines)} under a legal hold.", err=True)


def _state(over: bool, held: bool) -> str:
    return "held" if held else "due" if over else "kept"
