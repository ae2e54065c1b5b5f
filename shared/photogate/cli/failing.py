"""How a command ends when something of ours is raised: one line on stderr, and the exit code for it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from photogate.errors import IntegrityError, Misconfigured, NotPermitted, PhotogateError

__all__ = ["EXIT_REFUSED", "named_errors"]

EXIT_REFUSED = 1
EXIT_CODES = {Misconfigured: 2, NotPermitted: 4, IntegrityError: 5}


@contextmanager
def named_errors() -> Iterator[None]:
    """Print an error of ours with its advice, and end with its exit code."""
    try:
        yield
    except PhotogateError as error:
        click.echo(f"{type(error).__name__}: {error}. {error.advice}", err=True)
        sys.exit(next((code for kind, code in EXIT_CODES.items() if isinstance(error, kind)), EXIT_REFUSED))
