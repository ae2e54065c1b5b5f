"""A tenant's AWS account in process (moto), and a walk through the real handlers.

moto proves what the code does with the answers that AWS gives. It proves nothing about IAM, presigned forms or the
state machine: those are for ``tests/e2e``.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import ModuleType, SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import boto3
import pytest
from moto import mock_aws

from photogate.audit.event import Actor, ActorKind
from photogate.audit.log import AuditLog
from photogate.audit.trail import Trail
from photogate.aws.audit_table import AuditTable, row_of
from photogate.aws.ledger_bucket import LedgerBucket
from photogate.aws.ledger_table import LedgerTable
from photogate.aws.policies_table import DynamoPolicies
from photogate.config import VisionSettings
from photogate.errors import Transient
from photogate.policy import Policy
from photogate.tenants import change_policy, create_tenant
from photogate.vision import detector as vision
from tests.ledger_builders import a_sealer, inserted

real_load = vision.Detectors.load


@functools.cache
def detectors() -> vision.Detectors:
    """Load the models once for all accounts, and look at the same bytes once: a run is repeated for every write."""
    made = real_load(VisionSettings())
    made.look = functools.cache(made.look)  # type: ignore[method-assign]
    return made


TENANT = "acme"
CALLER = "driver-17@example.com"
BUCKETS = ("incoming", "work", "quarantine", "vault", "ledger")
SIMPLE_TABLES = {"uploads": False, "subjects": False, "policies": True, "consents": True, "ledger": False}


@dataclass
class Account:
    """What the tests do with the account."""

    s3: Any
    dynamodb: Any
    events: Any
    sqs: Any
    policies: DynamoPolicies
    audit: AuditTable
    queue: str
    functions: dict[str, ModuleType] = field(default_factory=dict)

    def call(self, function: str, event: dict[str, Any]) -> dict[str, Any]:
        """Run one handler, as Lambda would: JSON in, JSON out."""
        context = SimpleNamespace(
            function_name=function,
            function_version="$LATEST",
            aws_request_id="request-1",
            invoked_function_arn=f"arn:aws:lambda:eu-central-1:123456789012:function:{function}",
            memory_limit_in_mb=1769,
        )
        answer = self.function(function).handler(json.loads(json.dumps(event)), context)
        plain: dict[str, Any] = json.loads(json.dumps(answer))
        return plain

    def function(self, name: str) -> ModuleType:
        """Import a handler's module in this account, once."""
        if name not in self.functions:
            sys.modules.pop(f"functions.{name}.app", None)
            self.functions[name] = importlib.import_module(f"functions.{name}.app")
        return self.functions[name]

    def http(
        self,
        function: str,
        method: str,
        path: str,
        body: Any = None,
        *,
        caller: str = CALLER,
        tenant: str = TENANT,
        scopes: str = "uploads:write consents:write",
        headers: dict[str, str] | None = None,
        query: dict[str, str] | None = None,
        request_id: str = "http-1",
    ) -> tuple[int, Any]:
        """Call the API as the HTTP API would after its authorizer let the token through; give status and document."""
        answer = self.answer(
            function,
            method,
            path,
            body,
            caller=caller,
            tenant=tenant,
            scopes=scopes,
            headers=headers,
            request_id=request_id,
            query=query,
        )
        text = "text/plain" in answer["headers"].get("Content-Type", "")
        return answer["statusCode"], answer["body"] if text else json.loads(answer["body"])

    def answer(
        self,
        function: str,
        method: str,
        path: str,
        body: Any = None,
        *,
        caller: str = CALLER,
        tenant: str = TENANT,
        scopes: str = "uploads:write consents:write",
        headers: dict[str, str] | None = None,
        request_id: str = "http-1",
        query: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        """Call the API, and give what the function answered."""
        event = {
            "version": "2.0",
            "rawPath": path,
            "rawQueryString": urlencode(query or {}),
            "queryStringParameters": query or {},
            "headers": {"content-type": "application/json", **(headers or {})},
            "body": body if isinstance(body, str) else json.dumps(body) if body is not None else "",
            "isBase64Encoded": False,
            "requestContext": {
                "requestId": request_id,
                "stage": "$default",
                "http": {"method": method, "path": path},
                "authorizer": {"jwt": {"claims": {"sub": caller, "custom:tenant": tenant, "scope": scopes}}},
            },
        }
        return self.call(function, event)

    def consent(self, **who: Any) -> str:
        """Give the caller's consent to the default purpose."""
        purposes = self.http("manage_consents", "GET", "/consents", **who)[1]["purposes"]
        notice = purposes["proof_of_delivery"]["notice_hash"]
        status, consent = self.http(
            "manage_consents",
            "POST",
            "/consents",
            {"purpose": "proof_of_delivery", "notice_hash": notice, "decision": "given"},
            **who,
        )
        assert status == 201, consent
        return str(consent["id"])

    def upload(
        self, data: bytes, content_type: str = "image/jpeg", consent_id: str | None = None, **who: Any
    ) -> dict[str, Any]:
        """Announce a photo, under a new consent unless one is given, and put it where the link points."""
        request = {
            "content_type": content_type,
            "size": max(len(data), 1),
            "purpose": "proof_of_delivery",
            "consent_id": consent_id or self.consent(**who),
        }
        status, upload = self.http("request_upload", "POST", "/uploads", request, **who)
        assert status == 201, upload
        key = upload["post"]["fields"]["key"]
        put = self.s3.put_object(Bucket="incoming", Key=key, Body=data)
        return {**upload, "key": key, "version": put["VersionId"]}

    def created(self, upload: dict[str, Any], execution: str = "execution-1") -> dict[str, Any]:
        """What the state machine gives to AdmitUpload."""
        return {
            "bucket": "incoming",
            "object": {"key": upload["key"], "version-id": upload["version"], "size": 1},
            "execution_id": execution,
        }

    def process(self, upload: dict[str, Any], execution: str = "execution-1") -> dict[str, Any]:
        """Walk a photo through the handlers as the state machine does: retries, catches and all; give the last state.

        What Quarantine or RecordOutcome raise for good ends the workflow, here as there.
        """
        event = self.created(upload, execution)
        try:
            state = self.attempt("admit_upload", event)
        except Exception as error:
            state = self.attempt("quarantine_photo", {**event, "error": {"name": type(error).__name__}})
        admission = state["admission"]
        if admission == "duplicate":
            return state
        if admission == "rejected":
            state["reject"] = self.attempt("reject_upload", state)
        elif admission == "review" and "quarantine" not in state:
            state = self.attempt("quarantine_photo", state)
        elif admission == "admitted":
            state = self._see(state)
        state["outcome"] = self.attempt("record_outcome", state)
        return state

    def attempt(self, function: str, state: dict[str, Any]) -> dict[str, Any]:
        """Run a handler, and again on `Transient`, as the state machine's Retry does."""
        for _ in range(2):
            try:
                return self.call(function, state)
            except Transient:
                continue
        return self.call(function, state)

    def _see(self, state: dict[str, Any]) -> dict[str, Any]:
        try:
            return self._steps(state)
        except Exception as error:
            return self.attempt("quarantine_photo", {**state, "error": {"name": type(error).__name__}})

    def _steps(self, state: dict[str, Any]) -> dict[str, Any]:
        state["strip"] = self.attempt("strip_metadata", state)
        if state["strip"]["status"] == "refused":
            return {**state, "reject": self.attempt("reject_upload", state)}
        if state["strip"]["rendition_needed"]:
            state["convert"] = self.attempt("convert_photo", state)
        state["detect"] = self.attempt("detect_faces", state)
        decision = state["detect"]["decision"]
        if decision == "RETAKE":
            return {**state, "retake": self.attempt("ask_retake", state)}
        if decision == "REJECT":
            return {**state, "reject": self.attempt("reject_upload", state)}
        while decision == "REDACT":
            state["redact"] = self.attempt("redact_photo", state)
            state["second"] = self.attempt("detect_faces", state)
            if state["second"]["verdict"] != "again":
                break
        if decision == "REVIEW" or state.get("second", {}).get("verdict") == "remains":
            return self.attempt("quarantine_photo", state)
        return {**state, "stored": self.attempt("store_photo", state)}

    def sweep_later(self, seconds: int, function: str = "sweep_uploads") -> dict[str, Any]:
        """Run a sweeper as if so much time had passed; the time is back to what it is afterwards."""
        app = self.function(function)
        later, now = datetime.now(UTC) + timedelta(seconds=seconds), app.system_clock
        app.system_clock = lambda: later  # type: ignore[attr-defined]
        try:
            return self.call(function, {"source": "aws.events"})
        finally:
            app.system_clock = now  # type: ignore[attr-defined]

    def seal(self) -> None:
        """Seal every row that is not sealed yet, as seal_audit does, with the key of `EcSigner`."""
        items = self.dynamodb.scan(TableName="audit")["Items"]
        rows = sorted((row_of(item) for item in items), key=lambda row: row.seq)
        ledger, files = LedgerTable(self.dynamodb, "ledger"), LedgerBucket(self.s3, "ledger")
        a_sealer(ledger, files).seal(inserted(rows))

    def set_policy(self, policy: Policy) -> None:
        """Put another policy in force."""
        change_policy(self.policies, self.trail(policy.hash[:8]), TENANT, policy)

    def trail(self, run: str) -> Trail:
        """Append events as the operator's command line would."""
        return Trail(AuditLog(self.audit), "photogate_cli", "1", run, Actor(ActorKind.SERVICE, "photogate_cli"))

    def status(self, upload: dict[str, Any], **who: Any) -> dict[str, Any]:
        """Ask the API where an upload stands."""
        code, view = self.http("read_upload", "GET", f"/uploads/{upload['id']}", **who)
        assert code == 200, view
        return view

    def chain(self, upload_id: str) -> list[dict[str, Any]]:
        """Give the events of one photo, in order."""
        rows = self.audit.last(f"{TENANT}/photo/{upload_id}", 100)
        return [row.fields for row in reversed(rows)]

    def names(self, upload_id: str) -> list[str]:
        """Give the names of a photo's events, in order."""
        return [event["name"] for event in self.chain(upload_id)]

    def pseudonym(self) -> str:
        """Give the pseudonym of the only subject that there is."""
        rows = [item["pk"]["S"] for item in self.dynamodb.scan(TableName="subjects")["Items"]]
        (found,) = [pk.rpartition("#")[2] for pk in rows if pk.startswith("subject#")]
        return found

    def ask_erasure(self, subject: str | None = None, **who: Any) -> str:
        """Ask for an erasure through the API; of the caller, unless staff names a subject."""
        body = {} if subject is None else {"subject": subject}
        status, erasure = self.http("manage_erasures", "POST", "/erasures", body, **who)
        assert status == 202, erasure
        return str(erasure["id"])

    def erase(self, erasure_id: str) -> str:
        """Walk an erasure through its function as its state machine does, without the wait; give how it ended."""
        for _ in range(200):
            status = self.attempt("erase_subject", {"tenant": TENANT, "erasure_id": erasure_id})["status"]
            if status in ("erased", "refused"):
                return str(status)
        raise AssertionError("the erasure does not end")

    def objects(self, bucket: str) -> list[str]:
        """List what a bucket holds, old versions included."""
        return sorted(v["Key"] for v in self.s3.list_object_versions(Bucket=bucket).get("Versions", []))

    def announced(self) -> list[dict[str, Any]]:
        """Take what the customer's systems were told."""
        messages = self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(m["Body"])["detail"] for m in messages]


@contextmanager
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """Make an account with one tenant."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_REGION": "eu-central-1",
        "POWERTOOLS_METRICS_DISABLED": "1",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(vision.Detectors, "load", lambda *_: detectors())
    with mock_aws():
        s3, dynamodb = boto3.client("s3"), boto3.client("dynamodb")
        kms, events, sqs = boto3.client("kms"), boto3.client("events"), boto3.client("sqs")
        for bucket in BUCKETS:
            s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
            if bucket != "work":
                s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
            monkeypatch.setenv(f"PHOTOGATE_{bucket.upper()}_BUCKET", bucket)
        _tables(dynamodb, monkeypatch)
        mac_key = kms.create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"]["KeyId"]
        monkeypatch.setenv("PHOTOGATE_PSEUDONYM_KEY", mac_key)
        monkeypatch.setenv("PHOTOGATE_DATA_KEY", kms.create_key()["KeyMetadata"]["Arn"])
        machine = boto3.client("stepfunctions").create_state_machine(
            name="erase", definition="{}", roleArn="arn:aws:iam::123456789012:role/erase"
        )
        monkeypatch.setenv("PHOTOGATE_ERASURE_WORKFLOW", machine["stateMachineArn"])
        monkeypatch.setenv("PHOTOGATE_ERASURE_WAIT_SECONDS", "0")
        queue = sqs.create_queue(QueueName="customer")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        events.put_rule(Name="customer", EventPattern=json.dumps({"source": ["photogate"]}))
        events.put_targets(Rule="customer", Targets=[{"Id": "queue", "Arn": arn}])
        audit = AuditTable(dynamodb, "audit")
        made = Account(s3, dynamodb, events, sqs, DynamoPolicies(dynamodb, "policies"), audit, queue)
        create_tenant(made.policies, made.trail("setup"), TENANT)
        yield made


def _tables(dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for table, ranged in SIMPLE_TABLES.items():
        extra: dict[str, Any] = {}
        attributes = [("pk", "S")] + ([("sk", "S")] if ranged else [])
        if table == "uploads":
            names = ("open_shard", "open_since", "due_shard", "due_at", "review_tenant", "review_since")
            attributes += [(name, "S") for name in (*names, "owner", "created_at")]
            extra["GlobalSecondaryIndexes"] = [
                _index("open", *names[:2], "KEYS_ONLY"),
                _index("due", *names[2:4], "ALL"),
                _index("reviews", *names[4:], "ALL"),
                _index("by_owner", "owner", "created_at", "KEYS_ONLY"),
            ]
        if table == "consents":
            attributes += [("due_shard", "S"), ("due_at", "S")]
            extra["GlobalSecondaryIndexes"] = [_index("due", "due_shard", "due_at", "KEYS_ONLY")]
        _create(dynamodb, table, attributes, ranged, **extra)
        monkeypatch.setenv(f"PHOTOGATE_{table.upper()}_TABLE", table)
    names = ("by_tenant_day", "by_subject", "by_exception", "by_actor")
    indexes = [_index(name, f"gsi{n}pk", f"gsi{n}sk", "ALL") for n, name in enumerate(names, 1)]
    keys = [(f"gsi{n}{part}", "S") for n in range(1, 5) for part in ("pk", "sk")]
    _create(dynamodb, "audit", [("pk", "S"), ("sk", "N"), *keys], True, GlobalSecondaryIndexes=indexes)
    monkeypatch.setenv("PHOTOGATE_AUDIT_TABLE", "audit")


def _create(dynamodb: Any, name: str, attributes: list[tuple[str, str]], ranged: bool, **extra: Any) -> None:
    schema = [{"AttributeName": "pk", "KeyType": "HASH"}]
    if ranged:
        schema.append({"AttributeName": "sk", "KeyType": "RANGE"})
    dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=schema,
        AttributeDefinitions=[{"AttributeName": a, "AttributeType": t} for a, t in attributes],
        **extra,
    )


def _index(name: str, pk: str, sk: str, projection: str) -> dict[str, Any]:
    return {
        "IndexName": name,
        "KeySchema": [{"AttributeName": pk, "KeyType": "HASH"}, {"AttributeName": sk, "KeyType": "RANGE"}],
        "Projection": {"ProjectionType": projection},
    }


def measured(printed: str, metric: str) -> float:
    """Give the last value of a metric that was printed for CloudWatch (EMF); values wait while printing is off."""
    lines = [json.loads(line) for line in printed.splitlines() if '"_aws"' in line]
    return float(lines[-1][metric][-1])


def sha256(data: bytes) -> str:
    """Give SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()
