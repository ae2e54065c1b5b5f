"""The option of `strip` and `inspect` that names rights fields which may stay."""

from __future__ import annotations

import click

from photogate.findings import Keep

__all__ = ["keep_option"]


def _keeps(_: click.Context, __: click.Parameter, value: str) -> frozenset[Keep]:
    try:
        return frozenset(Keep(name.strip()) for name in value.split(",") if name.strip())
    except ValueError:
        raise click.BadParameter(f"expected a list of {', '.join(Keep)}") from None


keep_option = click.option(
    "--keep", default="", callback=_keeps, help="Rights fields that may stay: copyright,creator."
)
