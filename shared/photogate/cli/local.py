"""`photogate local`: the service on this machine."""

from __future__ import annotations

import importlib
import json
import shlex
import sys
from pathlib import Path
from typing import Any

import click

from photogate.config import REPOSITORY

__all__ = ["local"]


def _cloud(folder: Path | None, port: int | None) -> Any:
    """Give the `LocalCloud`; it lives beside `shared/`, in a checkout only."""
    if not (REPOSITORY / "local" / "cloud.py").exists() or not (REPOSITORY / "template.yaml").exists():
        raise click.UsageError(
            "Expected to run from a checkout with `local/` and `template.yaml`; found an installed package. "
            "Clone the repository and run `make setup` there."
        )
    if str(REPOSITORY) not in sys.path:
        sys.path.insert(0, str(REPOSITORY))
    module = importlib.import_module("local.cloud")
    return module.LocalCloud(folder, port=port, tell=lambda line: click.echo(line, err=True))


FOLDER = click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for all that it writes; `.local` unless given. Two clouds need two folders.",
)


@click.group()
def local() -> None:
    """Run the service on this machine: the real template, without Docker and without AWS."""


@local.command()
@FOLDER
@click.option("--port", type=click.IntRange(1024, 65535), help="Port on 127.0.0.1; a free one unless given.")
def up(folder: Path | None, port: int | None) -> None:
    """Bring it up; what is up already from the same files stays as it is."""
    cloud = _cloud(folder, port)
    cloud.start()
    _print(cloud)


@local.command()
@FOLDER
def down(folder: Path | None) -> None:
    """Stop it, and every process that it started. What was uploaded is gone."""
    _cloud(folder, None).stop()
    click.echo("down", err=True)


@local.command()
@FOLDER
def status(folder: Path | None) -> None:
    """Say whether it is up, and where; exit code 1 when it is not."""
    cloud = _cloud(folder, None)
    if not cloud.attach():
        click.echo("down", err=True)
        raise SystemExit(1)
    _print(cloud)


@local.command()
@FOLDER
@click.argument("tenant")
@click.argument("caller")
@click.option("--scope", "scopes", multiple=True, help="A scope of the token; may be repeated.")
def token(folder: Path | None, tenant: str, caller: str, scopes: tuple[str, ...]) -> None:
    """Print a token for CALLER of TENANT, good for an hour."""
    cloud = _cloud(folder, None)
    if not cloud.attach():
        raise click.ClickException("Expected a local cloud that is up; run `photogate local up` first.")
    click.echo(cloud.token(tenant, caller, scopes))


@local.command()
@FOLDER
def env(folder: Path | None) -> None:
    """Print what a shell needs so that `photogate` and `aws` reach it: eval "$(photogate local env)"."""
    cloud = _cloud(folder, None)
    if not cloud.attach():
        raise click.ClickException("Expected a local cloud that is up; run `photogate local up` first.")
    for name, value in sorted(cloud.environment().items()):
        click.echo(f"export {name}={shlex.quote(value)}")


@local.command()
@FOLDER
@click.argument("tenant")
@click.argument("caller")
def page(folder: Path | None, tenant: str, caller: str) -> None:
    """Print the address of the upload page for CALLER of TENANT, good for an hour.

    The browser has to trust the local authority's certificate, `ca.pem` in the cloud's folder.
    """
    cloud = _cloud(folder, None)
    if not cloud.attach():
        raise click.ClickException("Expected a local cloud that is up; run `photogate local up` first.")
    click.echo(cloud.page(tenant, caller))


def _print(cloud: Any) -> None:
    click.echo(json.dumps({"Endpoint": cloud.base, "CaBundle": str(cloud.ca_bundle), **cloud.outputs}, indent=2))
