"""`photogate audit prove`: a receipt for one event, from the deployed log or from an export."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from photogate.audit.query import Question
from photogate.audit.receipt import Receipt, make_receipt
from photogate.audit.receipts import Receipts, place_of
from photogate.audit.verify import export_lines, read_checkpoints
from photogate.cli.audit_desk import Desk, open_desk
from photogate.cli.audit_offline import FILE, FOLDER, read_vkey
from photogate.cli.connection import settings_of
from photogate.cli.failing import named_errors
from photogate.cli.moments import MOMENT
from photogate.config import LedgerSettings
from photogate.errors import NotFound, Transient

__all__ = ["prove_command"]


@click.command("prove", short_help="Write a receipt for one event.")
@click.argument("event")
@click.option("--tenant", envvar="PHOTOGATE_TENANT", help="Whose log, where the deployed one is asked.")
@click.option(
    "--outputs", type=FILE, help="JSON file of the stack's outputs; PHOTOGATE_* settings are read without it."
)
@click.option("--since", type=MOMENT, default="7d", show_default=True, help="From when on to look for an event's id.")
@click.option("--export", "export", type=FOLDER, help="Folder of events-*.jsonl: prove from files instead.")
@click.option("--checkpoints", type=FOLDER, help="Copy of the ledger bucket, with its tiles; with --export.")
@click.option("--vkey", type=FILE, help="File of the log's verifier key; with --export.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Where to write; stdout without it.")
def prove_command(
    event: str,
    tenant: str | None,
    outputs: Path | None,
    since: datetime,
    export: Path | None,
    checkpoints: Path | None,
    vkey: Path | None,
    out: Path | None,
) -> None:
    """Write a receipt (C2SP tlog-proof) for EVENT.

    EVENT is photo.ID.SEQ, subject.ID.SEQ or tenant.SEQ, from an event's `chain` and `seq`; that takes a handful of
    reads. It may also be the event's `id`, which is looked for among the tenant's events since --since.
    """
    with named_errors():
        if export is not None:
            if checkpoints is None or vkey is None:
                raise click.UsageError("Expected --checkpoints and --vkey with --export")
            receipt = from_export(event, export, checkpoints, vkey)
        elif tenant is None:
            raise click.UsageError("Expected --tenant, or --export with --checkpoints and --vkey")
        else:
            receipt = from_deployment(event, open_desk(tenant, outputs), since)
    if out is None:
        sys.stdout.buffer.write(receipt.data)
    else:
        out.write_bytes(receipt.data)
        click.echo(f"Wrote a receipt for row {receipt.index} of the log.", err=True)


def from_deployment(event: str, desk: Desk, since: datetime) -> Receipt:
    """Prove one event of a deployed log, and write down that it was asked for.

    Raises
    ------
    NotFound
        If there is no such event of this tenant.
    Transient
        If it is there and not sealed yet.
    """
    from photogate.aws.audit_table import AuditTable
    from photogate.aws.ledger_bucket import LedgerBucket
    from photogate.aws.ledger_table import LedgerTable
    from photogate.aws.session import make_client

    settings = settings_of(LedgerSettings, desk.outputs)
    dynamodb = make_client("dynamodb", settings)
    files = LedgerBucket(make_client("s3", settings), settings.ledger_bucket)
    receipts = Receipts(
        AuditTable(dynamodb, settings.audit_table), LedgerTable(dynamodb, settings.ledger_table), files.get
    )
    chain, seq = place_of_id(event, desk, since) if "/" in event else place_of(desk.tenant, event)
    receipt = receipts.of(chain, seq)
    desk.record("prove", int(receipt is not None))
    if receipt is None:
        raise Transient("Expected the event to be covered by a checkpoint; it is not yet, which takes a few seconds")
    return receipt


def place_of_id(event: str, desk: Desk, since: datetime) -> tuple[str, int]:
    """Look for an event by its id, by queries of the tenant's days."""
    question = Question(tenant=desk.tenant, since=since, until=datetime.now(UTC))
    for row in desk.reader.rows(question):
        if row.event_id == event:
            return row.chain, row.seq
    raise NotFound(f"Expected an event with this id since {since:%Y-%m-%d %H:%M}; found none")


def from_export(event: str, export: Path, checkpoints: Path, vkey: Path) -> Receipt:
    """Prove one event by the newest checkpoint of a copy of the ledger bucket.

    Raises
    ------
    NotFound
        If the export has no such event.
    """
    newest = read_checkpoints(checkpoints, read_vkey(vkey))[0][-1]
    index, line = find_event(event, export)
    note = next(p for p in sorted(checkpoints.rglob("*")) if p.is_file() and is_note_of(p, newest.text))

    def fetch(path: str) -> bytes | None:
        file = checkpoints / path
        return file.read_bytes() if file.is_file() else None

    return make_receipt(index, line, note.read_bytes(), fetch)


def find_event(event: str, export: Path) -> tuple[int, bytes]:
    """Give an event's index and body, by its id.

    Raises
    ------
    NotFound
        If the export has no event with this id.
    """
    wanted = json.dumps(event).encode()
    for index, line in enumerate(export_lines(export)):
        if wanted in line and json.loads(line).get("id") == event:
            return index, line
    raise NotFound("Expected an event with this id in the export; found none")


def is_note_of(path: Path, text: str) -> bool:
    """Tell whether a file is the note with this text."""
    return path.read_bytes().startswith(text.encode() + b"\n")
