"""Evidence of the running service: real events, sealed from the stream, signed by KMS, each receipt checked."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

from local.cloud import LocalCloud
from photogate.audit.note import parse_vkey
from photogate.audit.receipt import check_receipt
from tests import photos
from tests.e2e.test_audit_log import PATIENCE_S, settled

# Another test of this run replaces a row of the log, and that does show.
TOUCHED = {"log_untouched", "log_verified"}


def wait_until_sealed(cloud: LocalCloud, chain: str) -> None:
    dynamodb, key = cloud.client("dynamodb"), {"pk": {"S": f"chain#{chain}"}}
    end = time.monotonic() + PATIENCE_S
    while "Item" not in dynamodb.get_item(TableName=cloud.outputs["LedgerTable"], Key=key):
        assert time.monotonic() < end, "Expected the chain to be sealed"
        time.sleep(1)
    settled(cloud, 1)


def test_the_running_service_gives_evidence_with_receipts_that_check(
    cloud: LocalCloud, new_tenant: Callable[..., str], run_photogate: Callable[..., str], tmp_path: Path
) -> None:
    tenant = new_tenant()
    courier = cloud.as_caller(tenant, "courier-1")
    kept = courier.upload(photos.parcel())
    assert courier.wait(kept)["status"] == "ACCEPTED"
    assert courier.get(f"/photos/{kept}").status == 200
    cloud.invoke("SealAuditFunction", {"id": "schedule-report", "source": "aws.events"})
    wait_until_sealed(cloud, f"{tenant}/photo/{kept}")

    run_photogate("report", "--tenant", tenant, "--framework", "soc2", "--from", "1h", "--out", str(tmp_path))

    report = json.loads((tmp_path / "soc2.json").read_text())
    checks = {c["name"]: c["result"] for control in report["controls"] for c in control["checks"]}
    assert {name for name, result in checks.items() if result == "failing"} <= TOUCHED
    for name in ("uploads_consented", "metadata_stripped", "photos_looked_at", "originals_deleted", "log_alive"):
        assert checks[name] == "found", name
    key = parse_vkey(run_photogate("audit", "vkey").strip())
    receipts = list((tmp_path / "receipts").iterdir())
    assert len(receipts) > 4
    for receipt in receipts:
        body, _, _ = check_receipt(receipt.read_bytes(), key)
        assert json.loads(body)["tenant"] in (tenant, "photogate")
    assert "courier-1" not in (tmp_path / "soc2.html").read_text()
