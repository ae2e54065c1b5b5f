"""`photogate audit tail` and `stats`: the log as it grows, and its sums."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import click

from photogate.audit.event import EventName
from photogate.audit.query import AuditReader, Question, cursor_of
from photogate.audit.row import Row
from photogate.cli.audit_desk import Desk, deployment_options
from photogate.cli.audit_options import output_options, question_options
from photogate.cli.audit_output import Format, print_rows, print_table
from photogate.findings import FindingKind

__all__ = ["stats_command", "tail_command"]

POLL_S = 2.0
OVERLAP = timedelta(seconds=15)
"""How long a row may take to show up in an index: polls look back so far, and leave out what was shown."""

BAR = 40
KEYS: dict[str, Callable[[Row], str | None]] = {
    "day": lambda row: row.fields["time"][:10],
    "hour": lambda row: row.fields["time"][:13],
    "name": lambda row: row.fields["name"],
    "outcome": lambda row: row.fields["outcome"],
    "reason": lambda row: row.fields["reason"],
    "function": lambda row: row.fields["function"],
    "actor": lambda row: row.fields["actor"]["kind"],
    "decision": lambda row: ending_of(row, "decision"),
    "status": lambda row: ending_of(row, "status"),
}
MARK = "mark"
"""Not a value of an event but several with a count each: what reviewers say that the detectors missed or got wrong."""
MARKS = frozenset(f"{mark}_{kind}" for mark in ("missed", "wrong") for kind in FindingKind)


def ending_of(row: Row, key: str) -> str | None:
    """Give how an upload ended, from the one event of its end: other events of a photo repeat it."""
    return row.fields["details"].get(key) if row.fields["name"] == EventName.UPLOAD_COMPLETED else None


@click.command("tail", short_help="Show the newest events, and those that follow.")
@deployment_options
@output_options
@click.option("--follow", is_flag=True, help="Go on until interrupted.")
@click.option("--minutes", type=click.IntRange(1, 1440), default=10, show_default=True, help="How far to look back.")
def tail_command(desk: Desk, format: Format, follow: bool, minutes: int) -> None:
    """Show the last minutes' events, oldest first. However long it follows, it leaves one event."""
    now = datetime.now(UTC)
    rows = list(newer(desk.reader, desk.tenant, now - timedelta(minutes=minutes), now))
    desk.record("tail", len(rows))
    print_rows(rows, format)
    sys.stdout.flush()
    shown, seen = len(rows), set(map(cursor_of, rows))
    try:
        while follow:
            time.sleep(POLL_S)
            since, now = now - OVERLAP, datetime.now(UTC)
            found = list(newer(desk.reader, desk.tenant, since, now))
            rows = [row for row in found if cursor_of(row) not in seen]
            seen = set(map(cursor_of, found))  # what the next poll may find again; it looks no further back
            shown += len(rows)
            if rows:
                print_rows(rows, format, headed=False)
                sys.stdout.flush()
    except KeyboardInterrupt:
        click.echo(f"{shown} events.", err=True)


def newer(reader: AuditReader, tenant: str, since: datetime, until: datetime) -> Iterator[Row]:
    """Give the events of a stretch of time, clocks that are a little ahead included."""
    return reader.rows(Question(tenant=tenant, since=since, until=until + OVERLAP))


@click.command("stats", short_help="Count events by decision, day, reason, ...")
@deployment_options
@question_options
@click.option("--by", "by", default="name", show_default=True, help="One or more of: " + ", ".join([*KEYS, MARK]) + ".")
@click.option("--json", "as_json", is_flag=True, help="One JSON line a group.")
def stats_command(desk: Desk, question: Question, by: str, as_json: bool) -> None:
    """Count events, with a small chart.

    Events that have none of a key are left out. `decision` and `status` count how uploads ended: one that was reviewed
    counts when it went to review, and again when that was decided. `mark` counts what reviewers say that the detectors
    missed, or saw where nothing is.
    """
    keys = [key.strip() for key in by.split(",")]
    if not set(keys) <= {*KEYS, MARK}:
        raise click.UsageError(f"Expected --by out of {', '.join([*KEYS, MARK])}; found another key")
    counts: Counter[tuple[str, ...]] = Counter()
    read = 0
    for row in desk.reader.rows(question):
        read += 1
        counts.update(groups_of(row, keys))
    desk.record("stats", read, subject=question.subject, upload_id=question.upload_id)
    if as_json:
        for group_found, count in sorted(counts.items()):
            click.echo(json.dumps(dict(zip(keys, group_found, strict=True)) | {"count": count}))
        return
    if not counts:
        click.echo(f"None of {read} events has {' and '.join(keys)}.", err=True)
        return
    most = max(counts.values())
    lines = [[*group_found, str(count), bar(count, most)] for group_found, count in sorted(counts.items())]
    print_table([*keys, "events", ""], lines, sys.stdout)


def groups_of(row: Row, keys: list[str]) -> dict[tuple[str, ...], int]:
    """Give the groups that an event counts in, and for how much: one and 1, or one for each mark."""
    details = row.fields["details"]
    marks = {name: int(details[name]) for name in details if name in MARKS} if MARK in keys else {"": 1}
    found = {}
    for mark, count in marks.items():
        group = [mark if key == MARK else KEYS[key](row) for key in keys]
        if all(group):
            found[tuple(str(value) for value in group)] = count
    return found


def bar(count: int, most: int) -> str:
    """Draw a count: at least one mark for what is not zero."""
    return "#" * max(1, round(BAR * count / most))
