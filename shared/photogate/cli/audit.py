"""`photogate audit`: ask the log. Every command that reads it leaves one event in it, whatever it finds."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

import click

from photogate.audit.query import Question, check_chain
from photogate.audit.row import EXCEPTIONS
from photogate.cli.audit_desk import Desk, deployment_options
from photogate.cli.audit_export import export_command
from photogate.cli.audit_key import vkey_command
from photogate.cli.audit_offline import check_command, prove_command, verify_command
from photogate.cli.audit_output import Format, print_rows
from photogate.cli.failing import EXIT_REFUSED
from photogate.cli.moments import MOMENT

__all__ = ["audit"]

F = TypeVar("F", bound=Callable[..., Any])


def output_options(command: F) -> F:
    """Add `--format`: a table on a terminal, JSON lines elsewhere."""

    @click.option("--format", "format", type=click.Choice([str(f) for f in Format]), help="Default: table or json.")
    @functools.wraps(command)
    def with_format(format: str | None, **options: Any) -> None:
        chosen = Format(format) if format else (Format.TABLE if sys.stdout.isatty() else Format.JSON)
        command(format=chosen, **options)

    return with_format  # type: ignore[return-value]


def question_options(command: F) -> F:
    """Add the options that say which events are meant."""

    @click.option("--since", type=MOMENT, default="24h", show_default=True, help="From: 24h, 7d, 2026-11-01, ...")
    @click.option("--until", type=MOMENT, default="now", show_default=True, help="Up to and excluding.")
    @click.option("--photo", "upload_id", help="Only one photo, by its upload id.")
    @click.option("--subject", help="Only one subject, by pseudonym.")
    @click.option("--actor", help="Only one member of staff, by pseudonym.")
    @click.option(
        "--exceptions",
        is_flag=False,
        flag_value=",".join(EXCEPTIONS),
        help="Only exceptions, or some kinds of them: " + ", ".join(EXCEPTIONS) + ".",
    )
    @functools.wraps(command)
    def with_question(
        desk: Desk,
        since: datetime,
        until: datetime,
        upload_id: str | None,
        subject: str | None,
        actor: str | None,
        exceptions: str | None,
        **options: Any,
    ) -> None:
        kinds = tuple(kind.strip() for kind in exceptions.split(",")) if exceptions else ()
        asked = Question(
            tenant=desk.tenant,
            since=since,
            until=until,
            upload_id=upload_id,
            subject=subject,
            actor=actor,
            exceptions=kinds,
        )
        command(desk=desk, question=asked, **options)

    return with_question  # type: ignore[return-value]


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


for command in (export_command, vkey_command, verify_command, prove_command, check_command):
    audit.add_command(command)
