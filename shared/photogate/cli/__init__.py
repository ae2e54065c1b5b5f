"""The `photogate` command: one module a command group, imported when it is called."""

from __future__ import annotations

import importlib
import io
import os
import sys
from typing import Any

import click

from photogate import __version__

__all__ = ["cli", "main"]

# name: (module, attribute, one line for `photogate --help`)
COMMANDS: dict[str, tuple[str, str, str]] = {
    "strip": ("photogate.cli.strip", "strip", "Remove metadata from photos, losslessly."),
    "inspect": ("photogate.cli.inspect", "inspect", "Show what a photo's file holds, and what would stay."),
    "detect": ("photogate.cli.detect", "detect", "Find faces, text and codes in photos."),
    "redact": ("photogate.cli.redact", "redact", "Hide what was found in photos."),
    "process": ("photogate.cli.process", "process", "Do all that the service does, on files."),
    "policy": ("photogate.cli.policy", "policy", "Show, set and test a tenant's policy."),
    "tenant": ("photogate.cli.policy", "tenant", "Create a tenant."),
    "review": ("photogate.cli.review", "review", "Look at what waits for a person, and decide it."),
    "audit": ("photogate.cli.audit", "audit", "Query, verify and prove the audit log."),
    "report": ("photogate.cli.report", "report", "Evidence for auditors, breach notices, records of processing."),
    "consent": ("photogate.cli.consent", "consent", "Show and export a subject's consents."),
    "subject": ("photogate.cli.subject", "subject", "Find a subject, and give them all that is kept of them."),
    "erase": ("photogate.cli.erase", "erase", "Erase a subject, and certify it."),
    "hold": ("photogate.cli.erase", "hold", "Place and lift legal holds."),
    "retention": ("photogate.cli.retention", "retention", "List what is due for deletion."),
    "local": ("photogate.cli.local", "local", "Run the service on this machine."),
}


class LazyGroup(click.Group):
    """Commands whose modules are imported only when they run, so that `--help` is instant."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Give the names in the order of the table above."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, _, line) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="photogate")
def cli() -> None:
    """The privacy gate for photos: strip, find, decide, redact, prove.

    Data goes to stdout, all else to stderr. Exit codes: 0 done, 1 something was refused, 2 usage, 4 not permitted,
    5 integrity failure (`audit verify`: 10-29).
    """


def main(**extra: Any) -> None:
    """Run the command line."""
    # numpy starts a thread a CPU for algebra that nothing here does, which costs more than the rest of its import.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # the names of files need not be text
            stream.reconfigure(errors="backslashreplace")
    cli(**extra)
