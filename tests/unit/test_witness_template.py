"""What cfn-lint, SAM and checkov do not see in the witness's template."""

from __future__ import annotations

import ast
from copy import deepcopy
from typing import Any

import pytest

from local.template import load, translate
from photogate import config
from tests.stack import ROOT, statements, text

WRITTEN = load(ROOT / "witness.yaml")
GIVEN = {
    "LogVkey": "log.example+00000000+AQ==",
    "LogBucket": "ledger",
    "LogKeyArn": "arn:aws:kms:eu-central-1:123456789012:key/1",
    "WitnessName": "witness.example",
}
RESOURCES: dict[str, Any] = translate(
    deepcopy(WRITTEN),
    {n: str(p["Default"]) for n, p in WRITTEN["Parameters"].items() if "Default" in p} | GIVEN,
)["Resources"]
FUNCTIONS = {n: r["Properties"] for n, r in RESOURCES.items() if r["Type"] == "AWS::Lambda::Function"}
SUPPRESSED = {
    "CKV_AWS_18": ["WitnessBucket"],
    "CKV_AWS_27": ["DeadLetters"],
    "CKV_AWS_115": ["PublishKeyFunction", "WitnessLogFunction"],
    "CKV_AWS_116": ["PublishKeyFunction"],
    "CKV_AWS_117": ["PublishKeyFunction", "WitnessLogFunction"],
    "CKV_AWS_119": ["WitnessTable"],
    "CKV_AWS_158": ["FunctionLogs"],
    "CKV_AWS_173": ["PublishKeyFunction", "WitnessLogFunction"],
}


def allowed(function: str) -> dict[str, list[str]]:
    role = RESOURCES[f"{function}Role"]["Properties"]
    found = [s for policy in role["Policies"] for s in statements(policy["PolicyDocument"])]
    return {s.sid: sorted(s.actions) for s in found}


def test_the_witness_reads_the_log_and_writes_its_own_table_and_bucket() -> None:
    assert allowed("WitnessLogFunction") == {
        "ReadLog": ["s3:GetObject"],
        "ListLog": ["s3:ListBucket"],
        "OpenLog": ["kms:Decrypt"],
        "Remember": ["dynamodb:GetItem", "dynamodb:PutItem"],
        "KeepCosigned": ["s3:GetObject", "s3:PutObject"],
        "MissCosigned": ["s3:ListBucket"],
        "Cosign": ["kms:GetPublicKey", "kms:Sign"],
        "": ["sqs:SendMessage"],  # SAM's, for the dead letters
    }
    assert allowed("PublishKeyFunction") == {"ReadPublicKey": ["kms:GetPublicKey"]}


def test_whoever_administers_the_witness_s_key_cannot_sign_with_it() -> None:
    administer, cosign = statements(RESOURCES["WitnessKey"]["Properties"]["KeyPolicy"])
    assert "kms:Sign" not in administer.actions
    assert "role/${AWS::StackName}/*" in cosign.condition
    assert RESOURCES["WitnessKey"]["Properties"]["KeySpec"] == "ECC_NIST_P256"


def test_what_was_cosigned_cannot_be_deleted_and_what_was_seen_is_protected() -> None:
    bucket = RESOURCES["WitnessBucket"]["Properties"]
    assert bucket["ObjectLockConfiguration"]["Rule"]["DefaultRetention"]["Mode"] == "COMPLIANCE"
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert RESOURCES["WitnessTable"]["Properties"]["DeletionProtectionEnabled"] is True


@pytest.mark.parametrize(
    ("function", "folder"), [("WitnessLogFunction", "witness_log"), ("PublishKeyFunction", "publish_key")]
)
def test_a_function_is_told_the_settings_that_it_reads_and_no_other(function: str, folder: str) -> None:
    tree = ast.parse((ROOT / "functions" / folder / "app.py").read_text(encoding="utf-8"))
    (needs,) = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Needs"]
    fields = {f for base in needs.bases if isinstance(base, ast.Name) for f in getattr(config, base.id).model_fields}
    told = set(FUNCTIONS[function]["Environment"]["Variables"])
    assert told == {config.setting_name(field) for field in fields - {"endpoint_url"}}


def test_a_refusal_and_a_witness_that_does_not_look_are_alarms() -> None:
    alarms = {n: r["Properties"] for n, r in RESOURCES.items() if r["Type"] == "AWS::CloudWatch::Alarm"}
    assert set(alarms) == {"WitnessRefusedAlarm", "WitnessBlindAlarm"}
    assert alarms["WitnessBlindAlarm"]["TreatMissingData"] == "breaching"
    for properties in alarms.values():
        condition, then, _ = properties["AlarmActions"]["Fn::If"]
        assert (condition, [text(t) for t in then]) == ("HasAlarmTopic", ["AlarmTopicArn"])


def test_what_checkov_is_told_to_skip_is_this_list_and_every_skip_has_its_reason() -> None:
    found: dict[str, list[str]] = {}
    for name, resource in WRITTEN["Resources"].items():
        for skip in resource.get("Metadata", {}).get("checkov", {}).get("skip", []):
            assert len(skip["comment"].split()) >= 5, f"{name}: {skip['id']} needs a reason"
            found.setdefault(skip["id"], []).append(name)
    assert {check: sorted(names) for check, names in found.items()} == SUPPRESSED
