"""`photogate erase` and `photogate hold`: for the privacy officer."""

from __future__ import annotations

import functools
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from photogate.audit.event import DetailKey, EventName, subject_chain
from photogate.cli.connection import settings_of
from photogate.cli.failing import EXIT_REFUSED, named_errors
from photogate.cli.office import Office, OfficeSettings, checked_subject
from photogate.clock import system_clock
from photogate.config import ErasureRequestSettings, IncomingSettings, QuarantineSettings, WorkSettings
from photogate.erasure import ENDED, Counts, Erasure, Phase, preview
from photogate.erasures import ErasureDesk, erasure_view
from photogate.errors import NotFound
from photogate.subjects import HoldGround

__all__ = ["erase", "hold"]

F = TypeVar("F", bound=Callable[..., Any])
LOOK_EVERY_S = 2.0


class ErasureOfficeSettings(OfficeSettings, ErasureRequestSettings, IncomingSettings, WorkSettings, QuarantineSettings):
    """What these commands need of a deployment."""


def erasure_options(command: F) -> F:
    """Add the options of a command that reaches a deployment, and give the command its `office`."""

    @click.option("--tenant", required=True, envvar="PHOTOGATE_TENANT", help="Whose subject.")
    @click.option(
        "--outputs",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="JSON file of the stack's outputs; PHOTOGATE_* settings are read without it.",
    )
    @functools.wraps(command)
    def reached(tenant: str, outputs: Path | None, **options: Any) -> None:
        with named_errors():
            command(office=Office(settings_of(ErasureOfficeSettings, outputs), tenant), **options)

    return reached  # type: ignore[return-value]


@click.command()
@click.argument("subject")
@click.option("--dry-run", is_flag=True, help="Show what would be deleted, and delete nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@erasure_options
def erase(office: Office, subject: str, dry_run: bool, yes: bool) -> None:
    """Erase SUBJECT, a pseudonym: all photos, the data key, and the way from the person to the pseudonym.

    Waits for the end, which takes at least five minutes, and prints the certificate. Broken off, the erasure goes on;
    the same command again waits for the same erasure. `photogate subject find` tells a person's pseudonym.
    """
    subject = checked_subject(subject)
    if dry_run:
        _show_what_would_be(office, subject)
        return
    if not yes:
        click.confirm(f"Erase {subject} of {office.tenant}? This cannot be undone", abort=True, err=True)
    world = office.world
    desk = ErasureDesk(world.erasures, world.erasure_workflow, office.trail, system_clock)
    erasure = desk.ask(office.tenant, subject, office.trail.actor)
    click.echo(f"Erasure {erasure.erasure_id} has been started.", err=True)
    ended = _wait(office, erasure)
    receipt = None
    if ended.event_seq is not None:
        receipt = world.receipts.of(subject_chain(office.tenant, subject), ended.event_seq)
    click.echo(json.dumps(erasure_view(ended, receipt), indent=2))
    if ended.phase is Phase.REFUSED:
        click.echo("Refused: the subject is on legal hold.", err=True)
        sys.exit(EXIT_REFUSED)


def _wait(office: Office, erasure: Erasure) -> Erasure:
    phase: Phase | None = None
    while erasure.phase not in ENDED:
        if erasure.phase is not phase:
            phase = erasure.phase
            click.echo(f"{phase.value} ...", err=True)
        time.sleep(LOOK_EVERY_S)
        found = office.world.erasures.get(office.tenant, erasure.erasure_id)
        if found is None:
            raise NotFound("Expected the erasure that was started; found none")
        erasure = found
    return erasure


def _show_what_would_be(office: Office, subject: str) -> None:
    world = office.world
    if not world.erasures.knows(office.tenant, subject):
        raise NotFound("Expected a subject of this tenant; found none, or one that was erased")
    found = preview(world.erasable(), world.owned_uploads, office.tenant, subject)
    ground = world.erasures.hold_of(office.tenant, subject)
    shown = {
        "subject": subject,
        "would_delete": {name: found.buckets.get(name, Counts()).model_dump() for name in world.erasable()},
        "would_reduce_upload_rows": found.uploads,
        "would_forget": ["data key", "mapping to the pseudonym"],
        "hold": ground.value if ground else None,
    }
    click.echo(json.dumps(shown, indent=2))
    if ground:
        click.echo("It would be refused: the subject is on legal hold.", err=True)
        sys.exit(EXIT_REFUSED)


@click.group()
def hold() -> None:
    """Keep a subject's photos from being erased, for a legal reason."""


@hold.command()
@click.argument("subject")
@click.option("--ground", type=click.Choice([g.value for g in HoldGround]), required=True, help="Why.")
@erasure_options
def place(office: Office, subject: str, ground: str) -> None:
    """Place a legal hold on SUBJECT: erasure and retention leave it alone until the hold is lifted."""
    subject = checked_subject(subject)
    office.world.erasures.place_hold(office.tenant, subject, HoldGround(ground), system_clock())
    office.record(EventName.HOLD_PLACED, "placed", subject, {DetailKey.HOLD_GROUND: ground})
    click.echo(json.dumps({"subject": subject, "hold": ground}))


@hold.command()
@click.argument("subject")
@erasure_options
def lift(office: Office, subject: str) -> None:
    """Lift the legal hold on SUBJECT; an erasure that it refused is to be asked for again."""
    subject = checked_subject(subject)
    before = office.world.erasures.hold_of(office.tenant, subject)
    office.world.erasures.lift_hold(office.tenant, subject)
    if before is not None:
        office.record(EventName.HOLD_LIFTED, "lifted", subject, {DetailKey.HOLD_GROUND: before.value})
    click.echo(json.dumps({"subject": subject, "hold": None}))
