"""`photogate inspect`: the tree of a photo's file, and what of it stripping keeps."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from photogate.errors import ImageRefused
from photogate.formats import Part, sniff
from photogate.formats import inspect as inspect_bytes

__all__ = ["inspect"]


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="The tree as one JSON object.")
def inspect(file: Path, as_json: bool) -> None:
    """Show what a photo's file holds, and what would stay. Never values."""
    data = file.read_bytes()
    try:
        tree = inspect_bytes(data)
    except ImageRefused as error:
        click.echo(f"{file}: refused ({error.refusal}): {error}. {error.instead}", err=True)
        raise SystemExit(1) from None
    if as_json:
        click.echo(json.dumps({"file": str(file), "format": sniff(data), "parts": [asdict(part) for part in tree]}))
        return
    click.echo(f"{file}: {sniff(data)}, {len(data):,} bytes")
    _show(tree, "")


def _show(tree: tuple[Part, ...], indent: str) -> None:
    for i, part in enumerate(tree):
        last = i == len(tree) - 1
        word = click.style("stays", fg="green") if part.stays else click.style("goes ", fg="red")
        branch = f"{indent}{'└' if last else '├'}─ {part.name}"
        click.echo(f"{word} {part.offset:>10} {part.size:>10}  {branch}{'  ' + part.note if part.note else ''}")
        _show(part.children, indent + ("   " if last else "│  "))
