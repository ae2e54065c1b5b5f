"""witness_log against a table and two buckets: it remembers, cosigns, and refuses with a metric.

moto's KMS signs with keys that nobody can verify, so the witness's signer here is our own; the e2e test has a real one.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import boto3
import pytest
from moto import mock_aws

from photogate.audit.damage import Damage, DamageFound
from photogate.audit.seal import checkpoint_path
from photogate.audit.verify import verify
from photogate.aws.ledger_bucket import LedgerBucket
from photogate.config import REPOSITORY
from tests.export_builders import KEY, SealedLog
from tests.functions.sealing import CONTEXT
from tests.ledger_builders import EcSigner

SIGNER = EcSigner("witness.example", "witness")
EVENT = json.loads((REPOSITORY / "events" / "schedule.witness_log.json").read_bytes())


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "PHOTOGATE_CHECKPOINT_KEY": "unused",
        "PHOTOGATE_LOG_ORIGIN": SIGNER.key.name,
        "PHOTOGATE_LOG_VKEY": str(KEY),
        "PHOTOGATE_LOG_BUCKET": "log",
        "PHOTOGATE_WITNESS_TABLE": "seen",
        "PHOTOGATE_WITNESS_BUCKET": "cosigned",
    }.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        for bucket in ("log", "cosigned"):
            boto3.client("s3").create_bucket(
                Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
            )
        boto3.client("dynamodb").create_table(
            TableName="seen",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        )
        sys.modules.pop("functions.witness_log.app", None)
        module = importlib.import_module("functions.witness_log.app")
        monkeypatch.setattr(module, "signer", SIGNER)
        yield module


def publish(log: SealedLog, size: int = 10**9) -> None:
    bucket = LedgerBucket(boto3.client("s3"), "log")
    for path, data in log.files.files.items():
        if path <= checkpoint_path(size) or not path.startswith("checkpoint/"):
            bucket.put_new(path, data)


def test_a_growing_log_is_cosigned_look_after_look(app: ModuleType) -> None:
    log = SealedLog(photos=10)
    assert app.handler(EVENT, CONTEXT) == {"size": 0, "grown": False}
    publish(log, 21)
    assert app.handler(EVENT, CONTEXT) == {"size": 21, "grown": True}
    assert app.handler(EVENT, CONTEXT) == {"size": 21, "grown": False}
    publish(log)
    assert app.handler(EVENT, CONTEXT) == {"size": 60, "grown": True}


def test_the_verifier_takes_what_it_cosigned(app: ModuleType, tmp_path: Path) -> None:
    log = SealedLog(photos=4)
    publish(log)
    app.handler(EVENT, CONTEXT)
    export, ledger = log.write(tmp_path)
    cosigned = LedgerBucket(boto3.client("s3"), "cosigned").get(checkpoint_path(24))
    assert cosigned is not None
    (ledger / "witnessed").write_bytes(cosigned)
    assert verify(export, ledger, KEY, witness=SIGNER.key).witnessed == 24


def test_another_history_is_refused_with_a_metric_and_named_in_the_log(
    app: ModuleType, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    publish(SealedLog(photos=4))
    app.handler(EVENT, CONTEXT)
    boto3.resource("s3").Bucket("log").objects.delete()
    publish(SealedLog(photos=5, seed="other"))
    capsys.readouterr()
    with pytest.raises(DamageFound) as found:
        app.handler(EVENT, CONTEXT)
    assert found.value.damage is Damage.REWRITTEN
    assert '"WitnessRefusals":[1.0]' in capsys.readouterr().out.replace(" ", "")
    [line] = [record for record in caplog.records if record.message == "checkpoint refused"]
    assert (line.__dict__["damage"], line.__dict__["place"]) == ("rewritten", "size 30")
    assert list(LedgerBucket(boto3.client("s3"), "cosigned").paths("checkpoint/")) == [checkpoint_path(24)]
