"""`photogate audit export`: the whole sealed log as files, and the ledger beside it for whoever verifies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path

import click

from photogate.audit.event import LOG_TENANT, EventName
from photogate.audit.export import ExportFormat, SealedRow, export_rows, sealed_rows, signed_size
from photogate.audit.query import Question
from photogate.audit.row import Row
from photogate.audit.seal import Manifest, checkpoint_path
from photogate.aws.audit_table import AuditTable
from photogate.aws.ledger_bucket import LedgerBucket
from photogate.aws.ledger_table import LedgerTable
from photogate.aws.session import make_client
from photogate.cli.audit_desk import Desk, deployment_options
from photogate.cli.audit_files import WRITERS
from photogate.cli.audit_table_export import export_table
from photogate.cli.connection import settings_of
from photogate.config import ExportsSettings, LedgerSettings

__all__ = ["export_command"]

DYNAMODB = "dynamodb"
LOOK_BACK = timedelta(days=2)


class Deployed:
    """A deployed log: an `ExportSource`, and its published files."""

    def __init__(self, settings: LedgerSettings) -> None:
        dynamodb = make_client("dynamodb", settings)
        self._audit = AuditTable(dynamodb, settings.audit_table)
        self.ledger = LedgerTable(dynamodb, settings.ledger_table)
        self.files = LedgerBucket(make_client("s3", settings), settings.ledger_bucket)
        self.tenants = {LOG_TENANT}

    def manifest(self, number: int) -> Manifest | None:
        """Give one manifest, or None, and remember whose rows it holds."""
        manifest = self.ledger.manifest(number)
        if manifest is not None:
            self.tenants |= {chain.partition("/")[0] for chain, _ in manifest.keys}
        return manifest

    def rows(self, keys: Sequence[tuple[str, int]]) -> Mapping[tuple[str, int], Row]:
        """Give the rows that are there."""
        return self._audit.rows(keys)


@click.command("export", short_help="Write the sealed log to files.")
@deployment_options
@click.option(
    "--format",
    "format",
    type=click.Choice([*(f.value for f in ExportFormat), DYNAMODB]),
    default="jsonl",
    show_default=True,
    help="dynamodb: the table's own export, in the stack's bucket of exports and copied from there.",
)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder to write to.")
def export_command(desk: Desk, format: str, out: Path) -> None:
    """Write every sealed row, in the order of the tree, up to the newest checkpoint.

    The whole log, every tenant's: --tenant names the one in whose log the export is written down. An export that was
    stopped goes on where it was. With `jsonl` the ledger's checkpoints and tiles are written to
    OUT/ledger, so that `photogate audit verify --export OUT --checkpoints OUT/ledger` has all that it needs.
    """
    if format == DYNAMODB:
        settings = settings_of(ExportsSettings, desk.outputs)
        desk.record("export", None, name=EventName.AUDIT_EXPORTED)
        export_table(settings, out)
        return
    deployed = Deployed(settings_of(LedgerSettings, desk.outputs))
    published = set(deployed.files.paths("checkpoint/"))
    size = signed_size(deployed, deployed.ledger.head().version, published.__contains__)
    desk.record("export", size, name=EventName.AUDIT_EXPORTED)

    def rows(first: int) -> Iterable[SealedRow]:
        return sealed_rows(deployed, first, size)

    chosen = ExportFormat(format)
    written = export_rows(rows, size, out, chosen, WRITERS[chosen], lambda n: click.echo(f"{n} of {size}", err=True))
    if chosen is ExportFormat.JSONL:
        write_unsealed(deployed, desk, out / "unsealed.jsonl")
        copy_ledger(deployed.files, out / "ledger", size)
    click.echo(f"{size} rows in {out.name}, {written} of them written now.", err=True)


def write_unsealed(deployed: Deployed, desk: Desk, path: Path) -> None:
    """Write the last days' rows that no chain's mark covers: the verifier tells whether they should be sealed.

    Of every tenant that has a row in the log, as its manifests tell: they were all read for the export.
    """
    now = datetime.now(UTC)
    questions = [
        Question(tenant=tenant, since=now - LOOK_BACK, until=now + timedelta(minutes=1))
        for tenant in sorted({desk.tenant, *deployed.tenants})
    ]
    rows = [row for question in questions for row in desk.reader.rows(question)]
    sealed = deployed.ledger.sealed(row.chain for row in rows)
    left = [row for row in rows if row.chain not in sealed or row.seq > sealed[row.chain].seq]
    path.write_bytes(b"".join(row.body + b"\n" for row in left))


def copy_ledger(files: LedgerBucket, folder: Path, size: int) -> None:
    """Copy tiles, and checkpoints up to the exported size: a published file never changes."""
    for path in chain(files.paths("tile/"), files.paths("checkpoint/")):
        target = folder / path
        newer = path.startswith("checkpoint/") and path > checkpoint_path(size)
        data = None if newer or target.exists() else files.get(path)
        if data is not None:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
