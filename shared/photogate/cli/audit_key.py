"""`photogate audit vkey`: the log's public key, for whoever will verify it."""

from __future__ import annotations

from pathlib import Path

import click

from photogate.aws.checkpoint_key import CheckpointKey
from photogate.aws.session import make_client
from photogate.cli.connection import settings_of
from photogate.cli.failing import named_errors
from photogate.config import OriginSettings

__all__ = ["vkey_command"]


@click.command("vkey", short_help="Print the log's verifier key.")
@click.option(
    "--outputs",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="JSON file of the stack's outputs; PHOTOGATE_* settings are read without it.",
)
def vkey_command(outputs: Path | None) -> None:
    """Print the verifier key (C2SP vkey) of a deployed log. Give it to auditors by a way that they trust."""
    with named_errors():
        settings = settings_of(OriginSettings, outputs)
        key = CheckpointKey(make_client("kms", settings), settings.checkpoint_key, settings.log_origin).key
    click.echo(str(key))
