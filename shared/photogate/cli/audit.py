"""`photogate audit`: ask the log. Every command that reads it leaves one event in it, whatever it finds."""

from __future__ import annotations

import functools
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from photogate import __version__
from photogate.audit.event import Actor, ActorKind, DetailKey, Event, EventName, Outcome, tenant_chain
from photogate.audit.log import AuditLog
from photogate.audit.query import AuditReader, Question, check_chain
from photogate.audit.row import EXCEPTIONS
from photogate.cli.audit_output import Format, print_rows
from photogate.cli.connection import settings_of, staff_pseudonym
from photogate.cli.failing import EXIT_REFUSED, named_errors
from photogate.cli.moments import MOMENT
from photogate.config import AuditSettings, Name

__all__ = ["audit"]

F = TypeVar("F", bound=Callable[..., Any])


class AuditCommandSettings(AuditSettings):
    """What the audit commands need of a deployment."""

    pseudonym_key: Name


@dataclass(frozen=True, slots=True)
class Desk:
    """One command's access to the log: it reads, and it writes down that it read."""

    log: AuditLog
    reader: AuditReader
    tenant: str
    staff: str
    started: float

    def record(
        self,
        query: str,
        rows: int,
        *,
        name: EventName = EventName.AUDIT_QUERIED,
        subject: str | None = None,
        upload_id: str | None = None,
    ) -> None:
        """Append the one event of this command."""
        self.log.append(
            Event(
                event_id=f"{uuid.uuid4().hex}/{query}",
                name=name,
                tenant=self.tenant,
                chain=tenant_chain(self.tenant),
                actor=Actor(ActorKind.STAFF, self.staff),
                function="photogate_cli",
                function_version=__version__,
                outcome=Outcome.SUCCEEDED,
                duration_ms=int((time.monotonic() - self.started) * 1000),
                subject=subject,
                upload_id=upload_id,
                details={DetailKey.QUERY: query, DetailKey.ROWS: rows, DetailKey.PAGES: self.reader.pages},
            )
        )


def open_desk(tenant: str, outputs: Path | None) -> Desk:
    """Reach the deployment, as the member of staff whose credentials are in use.

    The pseudonym of a member of staff is an HMAC of the caller's ARN with the key that KMS keeps.
    """
    from photogate.aws.audit_table import AuditTable
    from photogate.aws.session import make_client

    settings = settings_of(AuditCommandSettings, outputs)
    table = AuditTable(make_client("dynamodb", settings), settings.audit_table)
    staff = staff_pseudonym(settings, settings.pseudonym_key, tenant)
    log = AuditLog(table, retention_days=settings.audit_retention_days)
    return Desk(log, AuditReader(table), tenant, staff, time.monotonic())


def deployment_options(command: F) -> F:
    """Add the options of every command that reads a deployed log, and give the command its `desk`."""

    @click.option("--tenant", required=True, envvar="PHOTOGATE_TENANT", help="Whose log.")
    @click.option(
        "--outputs",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="JSON file of the stack's outputs; PHOTOGATE_* settings are read without it.",
    )
    @functools.wraps(command)
    def with_desk(tenant: str, outputs: Path | None, **options: Any) -> None:
        with named_errors():
            command(desk=open_desk(tenant, outputs), **options)

    return with_desk  # type: ignore[return-value]


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
