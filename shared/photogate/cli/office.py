"""What the privacy officer's commands reach: a tenant's subjects, and the log that says who looked."""

from __future__ import annotations

import functools
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from photogate import __version__
from photogate.audit.event import Actor, ActorKind, DetailKey, EventName, Outcome, subject_chain, tenant_chain
from photogate.audit.trail import Trail
from photogate.cli.connection import settings_of, staff_pseudonym
from photogate.cli.failing import named_errors
from photogate.config import (
    ConsentsSettings,
    LedgerSettings,
    PoliciesSettings,
    PseudonymSettings,
    UploadsSettings,
    VaultSettings,
)
from photogate.errors import NotFound
from photogate.uploads import is_id

if TYPE_CHECKING:
    from photogate.aws.world import World

__all__ = ["Office", "checked_subject", "empty_folder", "office_options"]

F = TypeVar("F", bound=Callable[..., Any])


class OfficeSettings(
    UploadsSettings, ConsentsSettings, PoliciesSettings, PseudonymSettings, VaultSettings, LedgerSettings
):
    """What these commands need of a deployment."""


class Office:
    """One command's access, in the name of the member of staff whose credentials are in use."""

    def __init__(self, settings: OfficeSettings, tenant: str) -> None:
        from photogate.aws.world import World

        self.tenant = tenant
        self.world: World = World(settings, "photogate_cli")
        staff = staff_pseudonym(settings, settings.pseudonym_key, tenant)
        self.trail: Trail = self.world.trail(uuid.uuid4().hex, __version__).by(Actor(ActorKind.STAFF, staff))

    def record(
        self,
        name: EventName,
        step: str,
        subject: str | None,
        details: dict[DetailKey, int | str],
        outcome: Outcome = Outcome.SUCCEEDED,
    ) -> None:
        """Append the one event of this command: before anything is shown or written."""
        chain = subject_chain(self.tenant, subject) if subject else tenant_chain(self.tenant)
        self.trail.record(
            name, step=step, tenant=self.tenant, chain=chain, subject=subject, outcome=outcome, details=details
        )


def office_options(command: F) -> F:
    """Add the options of every command that reaches a deployment, and give the command its `office`."""

    @click.option("--tenant", required=True, envvar="PHOTOGATE_TENANT", help="Whose subjects.")
    @click.option(
        "--outputs",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="JSON file of the stack's outputs; PHOTOGATE_* settings are read without it.",
    )
    @functools.wraps(command)
    def with_office(tenant: str, outputs: Path | None, **options: Any) -> None:
        with named_errors():
            command(office=Office(settings_of(OfficeSettings, outputs), tenant), **options)

    return with_office  # type: ignore[return-value]


def checked_subject(subject: str) -> str:
    """Give a pseudonym that has the form of one.

    Raises
    ------
    NotFound
        For anything else; it is not repeated, because it may be a person's name.
    """
    if not is_id(subject):
        raise NotFound("Expected a pseudonym of 32 hex digits; found something else. `photogate subject find` tells it")
    return subject


def empty_folder(folder: Path) -> Path:
    """Make a folder for what is exported, that nobody else of this machine reads.

    Raises
    ------
    click.UsageError
        If there is something in it: what is of another subject must not lie beside it.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise click.UsageError(f"Expected an empty folder; found files in {folder}.")
    return folder
