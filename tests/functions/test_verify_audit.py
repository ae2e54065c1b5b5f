"""verify_audit writes what it found into the log, goes on from there, and alerts on damage with a metric."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from photogate.audit.damage import Damage
from photogate.audit.event import LOG_TENANT, tenant_chain
from photogate.audit.query import Index
from photogate.config import REPOSITORY
from tests.audit_builders import a_log, ticking_clock
from tests.functions.sealing import CONTEXT, Sealing, sealing_account
from tests.ledger_builders import EcSigner, a_record

EVENT: dict[str, Any] = json.loads((REPOSITORY / "events" / "schedule.verify_audit.json").read_bytes())


@pytest.fixture
def sealing(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sealing]:
    with sealing_account(monkeypatch) as made:
        sys.modules.pop("functions.verify_audit.app", None)
        app = importlib.import_module("functions.verify_audit.app")
        monkeypatch.setattr(app, "signer", EcSigner())
        start = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=40)
        made.log = a_log(made.audit, clock=ticking_clock(start))
        made.verifier = app
        made.deliver(*map(a_record, made.append(5)))
        yield made


def run(sealing: Sealing, day: int) -> dict[str, Any]:
    answer: dict[str, Any] = sealing.verifier.handler({**EVENT, "id": f"day-{day}"}, CONTEXT)
    return answer


def results(sealing: Sealing, name: str = "audit.verified") -> list[dict[str, Any]]:
    rows = sealing.audit.last(tenant_chain(LOG_TENANT), 50)
    return [row.fields["details"] | {"outcome": row.fields["outcome"]} for row in rows if row.fields["name"] == name]


def seal_the_log_s_own(sealing: Sealing) -> None:
    rows = sealing.audit.last(tenant_chain(LOG_TENANT), 50)[::-1]
    sealing.deliver(*map(a_record, rows))


def test_what_was_verified_is_an_event_and_the_beginning_of_the_next_run(sealing: Sealing) -> None:
    assert run(sealing, 1) == {"exit_code": 0, "rows": 5}
    [first] = results(sealing)
    assert (first["tree_size"], first["root"], first["outcome"]) == (5, sealing.checkpoint(5).root.hex(), "succeeded")
    seal_the_log_s_own(sealing)
    sealing.deliver(*map(a_record, sealing.append(3, "9" * 32)))
    assert run(sealing, 2) == {"exit_code": 0, "rows": 4}
    assert [result["tree_size"] for result in results(sealing)] == [9, 5]


def test_a_run_that_is_delivered_again_writes_nothing(sealing: Sealing) -> None:
    run(sealing, 1)
    seal_the_log_s_own(sealing)
    assert run(sealing, 1) == {"exit_code": 0}
    assert len(results(sealing)) == 1


def test_damage_is_an_alert_a_metric_and_a_failed_result(sealing: Sealing, capsys: pytest.CaptureFixture[str]) -> None:
    key = {"pk": {"S": "acme/photo/" + "a" * 32}, "sk": {"N": "3"}}
    boto3.client("dynamodb").delete_item(TableName="audit", Key=key)
    capsys.readouterr()
    for day in (1, 2):
        assert run(sealing, day) == {"exit_code": Damage.DELETED}
    assert '"DamageFound":[1.0]' in capsys.readouterr().out.replace(" ", "")
    assert [(r["exit_code"], r["outcome"]) for r in results(sealing)] == [(Damage.DELETED, "failed")] * 2
    assert [r["exit_code"] for r in results(sealing, "integrity.alerted")] == [Damage.DELETED] * 2
    page = sealing.audit.index_page(
        Index.EXCEPTION, f"{LOG_TENANT}#tamper#{datetime.now(UTC).isoformat()[:7]}", "0", "~", 10
    )
    assert len(page.rows) == 2


def test_a_body_that_was_edited_in_the_table_is_damage(sealing: Sealing) -> None:
    key = {"pk": {"S": "acme/photo/" + "a" * 32}, "sk": {"N": "3"}}
    dynamodb = boto3.client("dynamodb")
    item = dynamodb.get_item(TableName="audit", Key=key)["Item"]
    item["body"]["S"] = item["body"]["S"].replace("succeeded", "refused")
    dynamodb.put_item(TableName="audit", Item=item)
    assert run(sealing, 1) == {"exit_code": Damage.EDITED}


def test_rows_that_the_stream_never_brought_are_damage(sealing: Sealing) -> None:
    sealing.append(1, "f" * 32)
    assert run(sealing, 1) == {"exit_code": Damage.UNSEALED}
