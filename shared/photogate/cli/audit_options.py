"""The one set of options that all `photogate audit` commands take from."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

import click

from photogate.audit.query import Question
from photogate.audit.row import EXCEPTIONS
from photogate.cli.audit_desk import Desk
from photogate.cli.audit_output import Format
from photogate.cli.moments import MOMENT

__all__ = ["output_options", "question_options"]

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
    @click.option("--caller", help="Only one subject, by the id in their tokens; nothing of it is kept.")
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
        caller: str | None,
        actor: str | None,
        exceptions: str | None,
        **options: Any,
    ) -> None:
        if subject and caller:
            raise click.UsageError("Expected one of --subject and --caller; found both")
        kinds = tuple(kind.strip() for kind in exceptions.split(",")) if exceptions else ()
        asked = Question(
            tenant=desk.tenant,
            since=since,
            until=until,
            upload_id=upload_id,
            subject=desk.subject_of(caller) if caller else subject,
            actor=actor,
            exceptions=kinds,
        )
        command(desk=desk, question=asked, **options)

    return with_question  # type: ignore[return-value]
