"""Access of one audit command to a deployed log: it reads, and it writes down that it read."""

from __future__ import annotations

import functools
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from photogate import __version__
from photogate.audit.event import Actor, ActorKind, DetailKey, Event, EventName, Outcome, tenant_chain
from photogate.audit.log import AuditLog
from photogate.audit.query import AuditReader
from photogate.cli.connection import settings_of, staff_pseudonym
from photogate.cli.failing import named_errors
from photogate.config import AuditSettings, Name, Settings
from photogate.errors import NotFound
from photogate.subjects import find_pseudonym

__all__ = ["Desk", "deployment_options", "open_desk"]

F = TypeVar("F", bound=Callable[..., Any])


class AuditCommandSettings(AuditSettings):
    """What the audit commands need of a deployment."""

    pseudonym_key: Name


class CallerSettings(Settings):
    """What finding a subject by the caller's id needs of it."""

    pseudonym_key: Name
    subjects_table: Name


@dataclass(frozen=True, slots=True)
class Desk:
    """One command's access to the log: it reads, and it writes down that it read."""

    log: AuditLog
    reader: AuditReader
    tenant: str
    staff: str
    started: float
    outputs: Path | None = None

    def subject_of(self, caller: str) -> str:
        """Give the pseudonym of a person, by the id that they have in their tokens; it goes to KMS and nowhere else.

        Raises
        ------
        NotFound
            If there is none: nobody of that id has uploaded to this tenant, or they were erased.
        """
        from photogate.aws.kms import HmacKey
        from photogate.aws.session import make_client
        from photogate.aws.subjects_table import DynamoSubjects

        settings = settings_of(CallerSettings, self.outputs)
        subjects = DynamoSubjects(make_client("dynamodb", settings), settings.subjects_table)
        key = HmacKey(make_client("kms", settings), settings.pseudonym_key)
        found = find_pseudonym(subjects, key, self.tenant, caller)
        if found is None:
            raise NotFound("Expected a caller who has uploaded and was not erased; found none of that id")
        return found

    def record(
        self,
        query: str,
        rows: int | None,
        *,
        name: EventName = EventName.AUDIT_QUERIED,
        subject: str | None = None,
        upload_id: str | None = None,
    ) -> None:
        """Append the one event of this command; without a number of rows where nobody knows it yet."""
        details: dict[DetailKey, int | str] = {DetailKey.QUERY: query, DetailKey.PAGES: self.reader.pages}
        if rows is not None:
            details[DetailKey.ROWS] = rows
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
                details=details,
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
    return Desk(log, AuditReader(table), tenant, staff, time.monotonic(), outputs)


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
