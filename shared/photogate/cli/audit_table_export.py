"""`photogate audit export --format dynamodb`: the table's own export, fetched to a folder."""

from __future__ import annotations

import json
import time
import uuid
from pathlib import Path

import click
from pydantic import BaseModel, ConfigDict, ValidationError

from photogate.aws.session import make_client, translated
from photogate.aws.table_export import TableExport
from photogate.config import ExportsSettings
from photogate.errors import Misconfigured, NotFound

__all__ = ["export_table"]

POLL_S = 10.0
STATE = "table-export.json"


class Begun(BaseModel):
    """What is kept in the folder, so that the same export goes on: DynamoDB needs minutes, and the copy may stop."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    token: str
    arn: str | None = None


def export_table(settings: ExportsSettings, out: Path) -> None:
    """Start an export or go on with the one that the folder knows, wait until it has ended, and copy its files."""
    out.mkdir(parents=True, exist_ok=True)
    begun = _begun(out)
    dynamodb = make_client("dynamodb", settings)
    export = TableExport(
        dynamodb,
        make_client("s3", settings),
        _table_arn(settings, dynamodb.meta.region_name),
        settings.exports_bucket,
        settings.data_key,
        begun.token,
    )
    if begun.arn is None:
        _keep(out, begun)  # before the start: a command that dies in it finds the same export again
        begun = begun.model_copy(update={"arn": export.start()})
        _keep(out, begun)
    arn, started = str(begun.arn), time.monotonic()
    while not export.is_done(arn):
        click.echo(f"DynamoDB is writing the export; {time.monotonic() - started:.0f} s.", err=True)
        time.sleep(POLL_S)
    files = list(export.files())
    if not files:
        raise NotFound("Expected the files of the export in the bucket; found none. They are kept for 30 days")
    for number, (name, size) in enumerate(files, start=1):
        target = out / name
        if not target.is_file() or target.stat().st_size != size:
            export.fetch(name, target)
        click.echo(f"{number} of {len(files)} files", err=True)


def _begun(out: Path) -> Begun:
    path = out / STATE
    if not path.exists():
        return Begun(token=uuid.uuid4().hex)
    try:
        return Begun.model_validate_json(path.read_bytes())
    except ValidationError:
        raise Misconfigured(f"Expected what an earlier export left in {STATE}; found something else") from None


def _keep(out: Path, begun: Begun) -> None:
    part = out / (STATE + ".part")
    part.write_text(json.dumps(begun.model_dump()), encoding="utf-8")
    part.replace(out / STATE)


def _table_arn(settings: ExportsSettings, region: str) -> str:
    with translated():
        who = make_client("sts", settings).get_caller_identity()
    return f"arn:{who['Arn'].split(':')[1]}:dynamodb:{region}:{who['Account']}:table/{settings.audit_table}"
