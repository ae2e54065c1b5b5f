"""`photogate consent`: a subject's consent records, for the privacy officer. Each command is one event."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

import click

from photogate.audit.event import DetailKey, EventName
from photogate.cli.audit_options import output_options
from photogate.cli.audit_output import Format, csv_cell, print_table
from photogate.cli.failing import EXIT_REFUSED
from photogate.cli.office import Office, checked_subject, empty_folder, office_options
from photogate.consent import Consent, consent_record
from photogate.subject_export import consent_file, event_file, notices_of, receipt_of

__all__ = ["consent"]

COLUMNS = ("consent", "purpose", "capacity", "event", "time", "valid until", "by", "audit event")


@click.group()
def consent() -> None:
    """Show and export a subject's consents."""


@consent.command()
@click.argument("subject")
@click.argument("record", required=False)
@office_options
@output_options
def show(office: Office, subject: str, record: str | None, format: Format) -> None:
    """Show the consent records of SUBJECT, a pseudonym, or one RECORD of them: every event, newest record first.

    As JSON each line is one record in the sections of ISO/IEC TS 27560.
    """
    found = _records(office, subject, record)
    if format is Format.JSON:
        for one in found:
            click.echo(json.dumps(consent_record(one)))
    else:
        lines = [line for one in found for line in _lines(one)]
        if format is Format.CSV:
            writer = csv.writer(sys.stdout, lineterminator="\n")
            writer.writerows([COLUMNS, *([csv_cell(cell) for cell in line] for line in lines)])
        else:
            print_table(COLUMNS, lines, sys.stdout)
    if not found:
        click.echo("No consent of such a subject. Check the pseudonym and the tenant.", err=True)
        sys.exit(EXIT_REFUSED)


@consent.command()
@click.argument("subject")
@click.argument("record", required=False)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="An empty folder.")
@office_options
def export(office: Office, subject: str, record: str | None, out: Path) -> None:
    """Write the consent records of SUBJECT, or one RECORD of them, with notices, and a receipt of each event.

    `photogate audit check RECEIPT --vkey FILE` checks a receipt, on any machine.
    """
    folder = empty_folder(out)
    found = _records(office, subject, record)
    (folder / "consents.json").write_bytes(consent_file(found))
    notices, missing = notices_of(office.world.policies, found), 0
    for notice_hash, text in notices.items():
        _write(folder / "notices" / f"{notice_hash}.txt", text.encode())
    for one in found:
        for seq in one.logged:
            receipt = receipt_of(office.world.receipts, one.chain, seq)
            missing += receipt is None
            if receipt is not None:
                _write(folder / "receipts" / event_file(one.chain, seq), receipt)
    click.echo(f"Wrote {len(found)} records to {folder}.", err=True)
    if missing:
        click.echo(f"{missing} events are not sealed yet: export again in a minute for their receipts.", err=True)
    if not found:
        sys.exit(EXIT_REFUSED)


def _records(office: Office, subject: str, record: str | None) -> list[Consent]:
    found = office.world.consents.of_subject(office.tenant, checked_subject(subject))
    if record is not None:
        found = [one for one in found if one.consent_id == record]
    office.record(EventName.CONSENT_READ, "consents", subject, {DetailKey.ROWS: len(found)})
    return found


def _lines(one: Consent) -> list[tuple[str, ...]]:
    record: dict[str, Any] = consent_record(one)
    return [
        (
            one.consent_id,
            one.purpose,
            one.capacity.value,
            event["event_state"],
            event["event_time"],
            event["valid_until"] or "",
            event["entity"],
            event["audit_event_id"],
        )
        for event in record["events"]
    ]


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.write_bytes(data)
