"""`photogate audit verify` and `check`: what an auditor runs, on files alone."""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from pathlib import Path

import click

from photogate.audit.damage import Damage, DamageFound
from photogate.audit.note import NoteError, VerifierKey, parse_vkey
from photogate.audit.receipt import check_receipt
from photogate.audit.verify import HEARTBEAT, Report, verify
from photogate.cli.failing import named_errors

__all__ = ["FILE", "FOLDER", "check_command", "read_vkey", "verify_command"]

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)

CODES = ", ".join(f"{kind.value} {kind.title}" for kind in Damage)


@click.command("verify", epilog=f"Exit codes: 0 nothing is wrong, 2 usage, and for the first damage found: {CODES}.")
@click.option("--export", "export", type=FOLDER, required=True, help="Folder of events-*.jsonl.")
@click.option("--checkpoints", type=FOLDER, required=True, help="Copy of the ledger bucket, or its checkpoints.")
@click.option("--vkey", type=FILE, required=True, help="File of the log's verifier key.")
@click.option("--witness-vkey", type=FILE, help="File of the witness's verifier key.")
@click.option("--since", type=FILE, help="A checkpoint that you kept from before.")
@click.option(
    "--heartbeat",
    type=click.IntRange(min=1),
    default=int(HEARTBEAT.total_seconds() // 3600),
    show_default=True,
    help="Hours that the log may be silent.",
)
@click.option("--json", "as_json", is_flag=True, help="The result as one JSON line.")
def verify_command(
    export: Path,
    checkpoints: Path,
    vkey: Path,
    witness_vkey: Path | None,
    since: Path | None,
    heartbeat: int,
    as_json: bool,
) -> None:
    """Verify the whole log offline: rows, chains, checkpoints, signatures."""
    try:
        report = verify(
            export,
            checkpoints,
            read_vkey(vkey),
            witness=None if witness_vkey is None else read_vkey(witness_vkey),
            since=None if since is None else since.read_bytes(),
            heartbeat=timedelta(hours=heartbeat),
        )
    except DamageFound as found:
        if as_json:
            click.echo(json.dumps({"ok": False, "damage": found.damage.title, "place": found.place}))
        click.echo(f"{found}. {found.advice}", err=True)
        sys.exit(int(found.damage))
    print_report(report, as_json)


def print_report(report: Report, as_json: bool) -> None:
    """Print what was verified, and what that means."""
    if as_json:
        click.echo(
            json.dumps(
                {
                    "ok": True,
                    "rows": report.rows,
                    "expired": report.expired,
                    "chains": report.chains,
                    "heartbeats": report.heartbeats,
                    "checkpoints": report.checkpoints,
                    "size": report.newest.size,
                    "root": report.newest.root.hex(),
                    "witnessed": report.witnessed,
                    "last_time": report.last_time,
                }
            )
        )
        return
    click.echo(f"{report.rows} rows in {report.chains} chains agree with {report.checkpoints} signed checkpoints.")
    if report.expired:
        click.echo(f"{report.expired} rows have expired in their turn; their leaves are still in the tree.")
    click.echo(f"Newest checkpoint: {report.newest.size} rows, root {report.newest.root.hex()}.")
    if report.witnessed is not None:
        click.echo(f"The witness signed up to {report.witnessed} rows.")
    click.echo(f"{report.heartbeats} heartbeats; the last row is of {report.last_time or 'no time: the log is empty'}.")
    click.echo("Keep the newest checkpoint: whoever holds it can tell any later change of what it covers.")


@click.command("check", short_help="Check a receipt.")
@click.argument("receipt", type=FILE)
@click.option("--vkey", type=FILE, required=True, help="File of the log's verifier key.")
@click.option("--event", "event", type=FILE, help="File of the event's body, where the receipt does not carry it.")
def check_command(receipt: Path, vkey: Path, event: Path | None) -> None:
    """Check RECEIPT, and print the event that it proves."""
    with named_errors():
        given = None if event is None else event.read_bytes()
        body, index, checkpoint = check_receipt(receipt.read_bytes(), read_vkey(vkey), given)
    click.echo(body.decode())
    click.echo(f"Row {index} of {checkpoint.size} in the log {checkpoint.origin}.", err=True)


def read_vkey(path: Path) -> VerifierKey:
    """Read a verifier key from a file; white space around it is no part of it."""
    try:
        return parse_vkey(path.read_text(encoding="utf-8").strip())
    except (NoteError, UnicodeDecodeError) as error:
        raise click.UsageError(f"Expected a verifier key in {path.name}: {error}") from None
