"""`photogate subject`: find a subject by its caller id, and give it all that is kept. Each command is one event."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

import click

from photogate.audit.event import DetailKey, EventName, Outcome
from photogate.audit.query import AuditReader
from photogate.cli.failing import EXIT_REFUSED
from photogate.cli.office import Office, checked_subject, empty_folder, office_options
from photogate.report.subject_page import subject_page
from photogate.subject_export import SubjectExport, SubjectRecords, consent_file, event_file, photo_file, receipt_of
from photogate.subjects import find_pseudonym

__all__ = ["subject"]

# As `photogate.access.caller_from` takes it from a token.
MOST_CHARACTERS = 256


@click.group()
def subject() -> None:
    """Find a subject, and give them all that is kept of them."""


@subject.command()
@click.option(
    "--caller-id-file",
    "file",
    type=click.File("r", encoding="utf-8"),
    required=True,
    help="File of the caller's id, as the token has it; - is stdin, so that it lands in no shell's history.",
)
@office_options
def find(office: Office, file: TextIO) -> None:
    """Tell the pseudonym of the person with this caller id. The id goes through the key in KMS, and is not kept."""
    caller = file.read(MOST_CHARACTERS + 2).removesuffix("\n").removesuffix("\r")
    if not 0 < len(caller) <= MOST_CHARACTERS:
        raise click.UsageError(f"Expected a caller id of 1 to {MOST_CHARACTERS} characters; found another length.")
    identity = office.world.identity
    found = find_pseudonym(identity.subjects, identity.macs, office.tenant, caller)
    office.record(
        EventName.SUBJECT_FOUND,
        "found",
        found,
        {DetailKey.ROWS: int(found is not None)},
        Outcome.SUCCEEDED if found else Outcome.REFUSED,
    )
    if found is None:
        click.echo("No subject of this tenant has that caller id, or it was erased.", err=True)
        sys.exit(EXIT_REFUSED)
    click.echo(found)


@subject.command()
@click.argument("pseudonym", metavar="SUBJECT")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="An empty folder.")
@office_options
def export(office: Office, pseudonym: str, out: Path) -> None:
    """Write all that is kept of SUBJECT: photos, consents, events with receipts, who looked; and a page to read it.

    SUBJECT is a pseudonym; `photogate subject find` tells it. Open index.html in DIR.
    """
    world = office.world
    records = SubjectRecords(
        world.subjects, world.uploads, world.consents, world.policies, AuditReader(world.audit), world.vault
    )
    folder = empty_folder(out)
    export = records.gather(office.tenant, checked_subject(pseudonym), datetime.now(UTC))
    office.record(
        EventName.SUBJECT_EXPORTED,
        "exported",
        pseudonym,
        {DetailKey.ROWS: len(export.rows), DetailKey.PHOTOS: len(export.kept)},
    )
    for place in ("photos", "notices", "receipts"):
        (folder / place).mkdir(mode=0o700)
    for upload, data in records.photos(export):
        (folder / photo_file(upload)).write_bytes(data)
    for notice_hash, text in export.notices.items():
        (folder / "notices" / f"{notice_hash}.txt").write_text(text, encoding="utf-8", newline="")
    receipts = _write_receipts(office, folder, export)
    (folder / "consents.json").write_bytes(consent_file(export.consents))
    (folder / "events.jsonl").write_bytes(export.event_lines())
    document = json.dumps(export.document(), indent=2)
    (folder / "subject.json").write_text(document + "\n", encoding="utf-8")
    (folder / "index.html").write_text(subject_page(export, receipts), encoding="utf-8")
    click.echo(f"Wrote {len(export.kept)} photos and {len(export.rows)} events to {folder / 'index.html'}.", err=True)
    if missing := len(export.rows) - len(receipts):
        click.echo(f"{missing} events are not sealed yet: export again in a minute for their receipts.", err=True)


def _write_receipts(office: Office, folder: Path, export: SubjectExport) -> dict[tuple[str, int], str]:
    written = {}
    for row in export.rows:
        receipt = receipt_of(office.world.receipts, row.chain, row.seq)
        if receipt is not None:
            name = f"receipts/{event_file(row.chain, row.seq)}"
            (folder / name).write_bytes(receipt)
            written[row.chain, row.seq] = name
    return written
