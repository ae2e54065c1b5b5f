"""The witness's own stack, beside the service: it reads the ledger with its role, and cosigns with a key of KMS."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from local.cloud import LocalCloud
from photogate.audit.seal import checkpoint_path
from photogate.config import REPOSITORY
from tests.e2e.test_audit_log import settled


@pytest.mark.timeout(300)
def test_a_running_log_is_cosigned_and_the_verifier_takes_it(
    cloud: LocalCloud, acme: str, run_photogate: Callable[..., str], tmp_path: Path
) -> None:
    cloud.invoke("SealAuditFunction", {"id": "schedule-witness", "source": "aws.events"})
    settled(cloud, 2)
    parameters = {
        "LogVkey": cloud.outputs["Vkey"],
        "LogBucket": cloud.outputs["LedgerBucket"],
        "LogKeyArn": cloud.outputs["DataKey"],
        "WitnessName": "witness.example",
    }
    witness = cloud.deploy_beside(REPOSITORY / "witness.yaml", parameters, "photogate-witness")
    looked = cloud.invoke(witness.resources["WitnessLogFunction"], {"id": "schedule-1", "source": "aws.events"})
    assert looked["grown"] is True

    out, log, vkey = tmp_path / "out", tmp_path / "log.vkey", tmp_path / "witness.vkey"
    run_photogate("audit", "export", "--tenant", acme, "--out", str(out))
    key = checkpoint_path(looked["size"])
    note = cloud.client("s3").get_object(Bucket=witness.outputs["WitnessBucket"], Key=key)["Body"].read()
    (out / "ledger" / "witnessed").write_bytes(note)
    log.write_text(cloud.outputs["Vkey"])
    vkey.write_text(witness.outputs["Vkey"])
    words = ["audit", "verify", "--export", out, "--checkpoints", out / "ledger", "--vkey", log]
    result = subprocess.run(
        [sys.executable, "-m", "photogate", *map(str, words), "--witness-vkey", str(vkey), "--json"],
        env={"PYTHONPATH": str(REPOSITORY / "shared")},  # no credentials, no endpoint: files alone
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["witnessed"] == looked["size"]
