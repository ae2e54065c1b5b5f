"""What cfn-lint, SAM and checkov do not see in the template."""

from __future__ import annotations

import ast
import json
import re
from collections import defaultdict
from typing import Any

import pytest

from photogate import config
from tests.stack import (
    ROOT,
    Statement,
    amazon_policies_of_role,
    functions,
    machine,
    of_type,
    role_of,
    statements,
    statements_of_role,
    text,
    translated,
    written,
)

BUCKETS = ("IncomingBucket", "WorkBucket", "QuarantineBucket", "VaultBucket", "LedgerBucket", "ExportsBucket")
TABLES = ("UploadsTable", "AuditTable", "LedgerTable", "PoliciesTable", "ConsentsTable", "SubjectsTable")

# Every wildcard that a role of this stack is allowed, and why there is no other way.
WILDCARDS = {
    ("ProcessPhotoRole", "DeliverLogs"): "CloudWatch Logs has no resources for the delivery of a service's logs",
    ("EraseSubjectRole", "DeliverLogs"): "the same",
    ("QueryAuditFunctionRole", "QueryIndexes"): "the four indexes of the Audit table, all of them for queries",
    ("SecurityAnalystRole", "AwaitExport"): "DynamoDB gives an export a name when it begins",
    ("SecurityAnalystRole", "ReadSchema"): "tables of the one database that the stack has for the audit log",
}
AMAZON_POLICIES = {
    "AWSLambdaBasicExecutionRole": "writing logs; SAM gives it to every function",
    "AWSXrayWriteOnlyAccess": "X-Ray has no resources to name",
}
# Who may read what lies in quarantine.
READS_QUARANTINE = {"ReviewPhotosFunction"}
# Who may use subjects' data keys to seal, and reads nothing that is sealed.
SEALS = {"QuarantinePhotoFunction", "StorePhotoFunction", "SweepUploadsFunction"}

# Who may show that a subject's key opens something, and later that it does not.
PROBES = {"EraseSubjectFunction"}

LEFT_AT_DEFAULT = {
    *("endpoint_url", "threads", "patience_s", "grace_s"),
    *("subjects_recovery_days", "tables_recovery_days"),
}

SCHEDULED = (
    "ReviewPhotosFunction",
    "SweepUploadsFunction",
    "SweepRetentionFunction",
    "SealAuditFunction",
    "VerifyAuditFunction",
)
STAFF = ("AuditorRole", "OperatorRole", "PrivacyOfficerRole", "ReviewerRole", "SecurityAnalystRole")
SYNCHRONOUS = [f for f in functions() if f not in SCHEDULED]
# Checks of checkov that the template suppresses, each with its reason beside the resource.
SUPPRESSED = {
    "CKV_AWS_7": ["PseudonymKey"],
    "CKV_AWS_18": sorted(BUCKETS),
    "CKV_AWS_21": ["WorkBucket"],
    "CKV_AWS_27": ["DeadLetters"],
    "CKV_AWS_115": sorted(functions()),
    "CKV_AWS_116": sorted(SYNCHRONOUS),
    "CKV_AWS_117": sorted(functions()),
    "CKV_AWS_173": sorted(functions()),
}


def roles() -> list[str]:
    return sorted(of_type("AWS::IAM::Role"))


def own_statements(function: str) -> list[Statement]:
    return statements_of_role(role_of(function))


def bucket_statements(bucket: str) -> list[dict[str, Any]]:
    policies = [p for p in of_type("AWS::S3::BucketPolicy").values() if text(p["Bucket"]) == bucket]
    assert len(policies) == 1
    return [s["Fn::If"][1] if "Fn::If" in s else s for s in policies[0]["PolicyDocument"]["Statement"]]


def denial(bucket: str, sid: str) -> dict[str, Any]:
    found = [s for s in bucket_statements(bucket) if s["Sid"] == sid]
    assert len(found) == 1, f"{bucket} has no statement {sid}"
    assert found[0]["Effect"] == "Deny"
    assert found[0]["Principal"] == "*"
    return found[0]


# ------------------------------------------------------------------------------------------------------------- roles


def test_no_role_has_a_wildcard_but_those_listed_with_a_reason() -> None:
    found = set()
    for role in roles():
        for statement in statements_of_role(role):
            wild_action = any("*" in action for action in statement.actions)
            # All objects of one bucket are not a wildcard: keys begin with a tenant that no template knows.
            named = [r for r in statement.resources if not re.fullmatch(r"\$\{\w+Bucket\.Arn\}/\*", r)]
            if wild_action or any("*" in resource for resource in named):
                found.add((role, statement.sid))
    assert found == set(WILDCARDS)


def test_roles_have_no_policy_of_amazon_but_those_listed_with_a_reason() -> None:
    assert {name for role in roles() for name in amazon_policies_of_role(role)} == set(AMAZON_POLICIES)


def test_every_function_has_a_role_of_its_own_below_the_path_that_the_keys_trust() -> None:
    owners = [role_of(function) for function in functions()]
    assert len(set(owners)) == len(owners)
    for role in owners:
        assert text(of_type("AWS::IAM::Role")[role]["Path"]) == "/${AWS::StackName}/"


@pytest.mark.parametrize("function", functions())
def test_no_function_may_delete_or_update_audit_rows(function: str) -> None:
    table = re.compile(r"\$?\{?AuditTable\.Arn")  # and its indexes; a stream can only be read
    allowed = {a for s in own_statements(function) if any(table.match(r) for r in s.resources) for a in s.actions}
    assert allowed <= {"dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"}


@pytest.mark.parametrize("role", STAFF)
def test_no_role_of_staff_changes_the_log_reads_quarantine_or_signs(role: str) -> None:
    allowed = [s for s in statements_of_role(role) if s.effect == "Allow"]
    actions = {(action, resource) for s in allowed for action in s.actions for resource in s.resources}
    on_log = {action for action, resource in actions if "AuditTable.Arn" in resource}
    assert on_log <= {
        "dynamodb:BatchGetItem",
        "dynamodb:DescribeExport",
        "dynamodb:ExportTableToPointInTime",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:Query",
    }
    originals = {action for action, resource in actions if re.search("(Quarantine|Incoming|Work)Bucket", resource)}
    assert originals <= {"s3:ListBucketMultipartUploads", "s3:ListBucketVersions"}
    assert not {action for action, _ in actions} & {"kms:Sign", "dynamodb:Scan", "dynamodb:DeleteItem"}
    # The data key only through a service, for objects only of a bucket that is named.
    for s in (s for s in allowed if "DataKey.Arn" in s.resources):
        assert "kms:ViaService" in s.condition
        assert "dynamodb." in s.condition or "kms:EncryptionContext:aws:s3:arn" in s.condition


@pytest.mark.parametrize("role", STAFF)
def test_roles_of_staff_are_there_for_those_whom_the_parameter_names_alone(role: str) -> None:
    resource = written()["Resources"][role]
    properties = resource["Properties"]
    assert resource["Condition"] == "HasStaff"
    assert properties["AssumeRolePolicyDocument"]["Statement"] == [
        {"Effect": "Allow", "Principal": {"AWS": {"Ref": "StaffPrincipals"}}, "Action": "sts:AssumeRole"}
    ]
    assert text(properties["Path"]) == "/${AWS::StackName}/"


@pytest.mark.parametrize("function", functions())
def test_nobody_scans_a_table(function: str) -> None:
    actions = {action for statement in own_statements(function) for action in statement.actions}
    assert not actions & {"dynamodb:Scan", "dynamodb:PartiQLSelect", "dynamodb:BatchWriteItem"}


@pytest.mark.parametrize("function", functions())
def test_no_function_but_the_reviews_may_read_or_decrypt_quarantine(function: str) -> None:
    readers = set()
    for s in own_statements(function):
        if any(a.startswith("s3:GetObject") for a in s.actions) and any("QuarantineBucket" in r for r in s.resources):
            readers.add(s.sid)
        through_s3 = "kms:Decrypt" in s.actions and "s3." in s.condition
        if through_s3 and ("QuarantineBucket" in s.condition or "kms:EncryptionContext" not in s.condition):
            readers.add(s.sid)
        if "kms:Decrypt" in s.actions and "kms:ViaService" not in s.condition and not for_subject_keys(s):
            readers.add(s.sid)
    assert bool(readers) == (function in READS_QUARANTINE), readers


def for_subject_keys(statement: Statement) -> bool:
    return '"kms:EncryptionContext:purpose": "originals"' in statement.condition


@pytest.mark.parametrize("function", functions())
def test_subjects_keys_are_for_those_who_seal_and_for_the_review(function: str) -> None:
    uses = {a for s in own_statements(function) if for_subject_keys(s) for a in s.actions}
    sealing = {"kms:Decrypt", "kms:GenerateDataKey"} if function in SEALS else set()
    opening = {"kms:Decrypt"} if function in READS_QUARANTINE | PROBES else set()
    assert uses == sealing | opening


@pytest.mark.parametrize("function", functions())
def test_the_data_key_opens_for_exactly_the_buckets_that_a_function_reads_and_writes(function: str) -> None:
    asked, granted = defaultdict(set), defaultdict(set)
    for s in own_statements(function):
        for bucket in BUCKETS:
            if any(bucket in r for r in s.resources):
                if any(a.startswith("s3:GetObject") for a in s.actions):
                    asked["kms:Decrypt"].add(bucket)
                if "s3:PutObject" in s.actions:
                    asked["kms:GenerateDataKey"].add(bucket)
            if "DataKey.Arn" in s.resources and bucket in s.condition:
                for action in s.actions:
                    granted[action].add(bucket)
    assert granted == asked


# -------------------------------------------------------------------------------------------------------------- keys

USES = {
    "kms:CreateGrant",
    "kms:Decrypt",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:GenerateMac",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
    "kms:Sign",
}


@pytest.mark.parametrize("key", ["DataKey", "PseudonymKey", "CheckpointKey"])
def test_whoever_administers_a_key_cannot_use_it_and_every_use_is_bounded(key: str) -> None:
    for statement in statements(of_type("AWS::KMS::Key")[key]["KeyPolicy"]):
        assert statement.effect == "Allow"
        assert not any("*" in action for action in statement.actions)
        if statement.sid == "Administer":
            assert not USES & set(statement.actions)
        else:
            assert statement.condition != "{}", f"{statement.sid} lets the whole account use {key}"


def test_only_this_stacks_roles_use_the_keys_that_hide_callers_and_sign() -> None:
    for key in ("PseudonymKey", "CheckpointKey"):
        used = [s for s in statements(of_type("AWS::KMS::Key")[key]["KeyPolicy"]) if s.sid != "Administer"]
        assert [("role/${AWS::StackName}/*" in s.condition, "aws:PrincipalArn" in s.condition) for s in used] == [
            (True, True)
        ]


def test_the_keys_are_what_the_design_says() -> None:
    keys = of_type("AWS::KMS::Key")
    assert keys["DataKey"]["EnableKeyRotation"] is True
    assert (keys["PseudonymKey"]["KeySpec"], keys["PseudonymKey"]["KeyUsage"]) == ("HMAC_256", "GENERATE_VERIFY_MAC")
    assert (keys["CheckpointKey"]["KeySpec"], keys["CheckpointKey"]["KeyUsage"]) == ("ECC_NIST_P256", "SIGN_VERIFY")


def test_a_witness_opens_the_ledger_and_nothing_else_and_only_where_there_is_one() -> None:
    granted = []
    for documents in (
        [(n, p["KeyPolicy"]) for n, p in of_type("AWS::KMS::Key").items()],
        [(text(p["Bucket"]), p["PolicyDocument"]) for p in of_type("AWS::S3::BucketPolicy").values()],
    ):
        for owner, document in documents:
            for statement in document["Statement"]:
                if "WitnessAccount" in str(statement):
                    condition, then, otherwise = statement["Fn::If"]
                    assert (condition, otherwise) == ("HasWitness", {"Ref": "AWS::NoValue"})
                    granted.append((owner, then["Action"], then.get("Condition")))
    context = "kms:EncryptionContext:aws:s3:arn"
    assert granted == [
        (
            "DataKey",
            "kms:Decrypt",
            {
                "StringEquals": {"kms:ViaService": {"Fn::Sub": "s3.${AWS::Region}.amazonaws.com"}},
                "StringLike": {context: {"Fn::Sub": "arn:${AWS::Partition}:s3:::*-ledgerbucket-*"}},
            },
        ),
        ("LedgerBucket", ["s3:GetObject", "s3:ListBucket"], None),
    ]


# ----------------------------------------------------------------------------------------------------------- buckets


def test_the_buckets_are_the_six_that_have_a_policy() -> None:
    assert sorted(of_type("AWS::S3::Bucket")) == sorted(BUCKETS)
    assert len(of_type("AWS::S3::BucketPolicy")) == len(BUCKETS)


@pytest.mark.parametrize("bucket", BUCKETS)
def test_every_bucket_refuses_plain_http(bucket: str) -> None:
    refusal = denial(bucket, "RefusePlainHttp")
    assert refusal["Action"] == "s3:*"
    assert [text(r) for r in refusal["Resource"]] == [f"{bucket}.Arn", f"${{{bucket}.Arn}}/*"]
    assert refusal["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


@pytest.mark.parametrize("bucket", BUCKETS)
def test_every_bucket_refuses_any_key_but_the_data_key(bucket: str) -> None:
    other = denial(bucket, "RefuseOtherKeys")["Condition"]
    named = "s3:x-amz-server-side-encryption-aws-kms-key-id"
    assert text(other["StringNotEquals"][named]) == "DataKey.Arn"
    assert other["Null"] == {named: "false"}
    scheme = denial(bucket, "RefuseOtherEncryption")["Condition"]
    assert scheme["StringNotEquals"] == {"s3:x-amz-server-side-encryption": "aws:kms"}
    unnamed = denial(bucket, "RefuseUnnamedKey")["Condition"]
    assert unnamed == {"StringEquals": {"s3:x-amz-server-side-encryption": "aws:kms"}, "Null": {named: "true"}}


@pytest.mark.parametrize("bucket", BUCKETS)
def test_every_bucket_refuses_keys_that_the_client_brings(bucket: str) -> None:
    condition = denial(bucket, "RefuseCustomerKeys")["Condition"]
    assert condition == {"Null": {"s3:x-amz-server-side-encryption-customer-algorithm": "false"}}


@pytest.mark.parametrize("bucket", BUCKETS)
def test_every_bucket_is_private_owned_and_encrypted_with_the_data_key(bucket: str) -> None:
    properties = of_type("AWS::S3::Bucket")[bucket]
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    assert properties["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    (rule,) = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["BucketKeyEnabled"] is True
    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert text(rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"]) == "DataKey.Arn"


def lifecycle(bucket: str) -> dict[str, int]:
    rules = of_type("AWS::S3::Bucket")[bucket]["LifecycleConfiguration"]["Rules"]
    assert {rule["Status"] for rule in rules} == {"Enabled"}
    current = [rule["ExpirationInDays"] for rule in rules if "ExpirationInDays" in rule]
    old = [
        rule["NoncurrentVersionExpiration"]["NoncurrentDays"]
        for rule in rules
        if len(rule) == 3 and "Noncurrent" in str(rule)
    ]
    return {"current": min(current, default=0), "noncurrent": min(old, default=0)}


def test_objects_live_as_long_as_the_design_says() -> None:
    assert {bucket: lifecycle(bucket) for bucket in BUCKETS} == {
        "IncomingBucket": {"current": 7, "noncurrent": 1},
        "WorkBucket": {"current": 1, "noncurrent": 0},
        "QuarantineBucket": {"current": 100, "noncurrent": 1},
        "VaultBucket": {"current": 0, "noncurrent": 1},
        "LedgerBucket": {"current": 0, "noncurrent": 0},
        "ExportsBucket": {"current": 30, "noncurrent": 1},
    }


def test_versions_are_kept_everywhere_but_in_the_work_bucket() -> None:
    versioned = {n for n, p in of_type("AWS::S3::Bucket").items() if p.get("VersioningConfiguration")}
    assert versioned == set(BUCKETS) - {"WorkBucket"}


def test_nobody_can_delete_a_checkpoint() -> None:
    ledger = of_type("AWS::S3::Bucket")["LedgerBucket"]
    assert ledger["ObjectLockEnabled"] is True
    assert ledger["ObjectLockConfiguration"]["Rule"]["DefaultRetention"]["Mode"] == "COMPLIANCE"


def test_the_page_and_eventbridge_reach_the_incoming_bucket_alone() -> None:
    buckets = of_type("AWS::S3::Bucket")
    assert [n for n, p in buckets.items() if "CorsConfiguration" in p] == ["IncomingBucket"]
    assert [n for n, p in buckets.items() if "NotificationConfiguration" in p] == ["IncomingBucket"]
    (rule,) = buckets["IncomingBucket"]["CorsConfiguration"]["CorsRules"]
    assert [text(origin) for origin in rule["AllowedOrigins"]] == ["PageOrigin"]


def test_nothing_is_replicated_or_backed_up_because_erasure_counts_on_it() -> None:
    kinds = {resource["Type"] for resource in translated().values()}
    assert not [k for k in kinds if k.startswith(("AWS::Backup::", "AWS::DLM::")) or k == "AWS::DynamoDB::GlobalTable"]
    assert not [n for n, p in of_type("AWS::S3::Bucket").items() if "ReplicationConfiguration" in p]
    assert not [
        n for n, p in of_type("AWS::DynamoDB::Table").items() if {"Replicas", "ImportSourceSpecification"} & set(p)
    ]


# ------------------------------------------------------------------------------------------------------------ tables


@pytest.mark.parametrize("table", TABLES)
def test_every_table_is_on_demand_recoverable_and_encrypted_with_the_data_key(table: str) -> None:
    properties = of_type("AWS::DynamoDB::Table")[table]
    assert properties["BillingMode"] == "PAY_PER_REQUEST"
    assert properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
    assert text(properties["SSESpecification"]["KMSMasterKeyId"]) == "DataKey.Arn"


def test_pseudonyms_cannot_be_recovered_after_a_day() -> None:
    subjects = of_type("AWS::DynamoDB::Table")["SubjectsTable"]
    days = subjects["PointInTimeRecoverySpecification"]["RecoveryPeriodInDays"]
    assert days == 1 == config.ErasureSettings.model_fields["subjects_recovery_days"].default
    uploads = of_type("AWS::DynamoDB::Table")["UploadsTable"]["PointInTimeRecoverySpecification"]
    # Unless told otherwise, DynamoDB keeps 35 days.
    assert (
        uploads.get("RecoveryPeriodInDays", 35) == config.ErasureSettings.model_fields["tables_recovery_days"].default
    )


def table_rows() -> dict[str, list[str]]:
    """Read docs/architecture.md's table of tables."""
    document = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    section = document[document.index("## Tables") : document.index("## Objects")]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| ")]
    return {row[0].strip(): [cell.strip() for cell in row] for row in rows[1:]}


@pytest.mark.parametrize("table", TABLES)
def test_the_tables_are_what_the_architecture_says(table: str) -> None:
    properties = of_type("AWS::DynamoDB::Table")[table]
    _, pk, sk, more = table_rows()[table.removesuffix("Table")]
    assert [k["AttributeName"] for k in properties["KeySchema"]] == (["pk", "sk"] if sk else ["pk"])
    assert pk
    assert ("TimeToLiveSpecification" in properties) == ("TTL `expires_at`" in more)
    assert ("StreamSpecification" in properties) == ("stream NEW_AND_OLD_IMAGES" in more)
    assert ("DeletionProtectionEnabled" in properties) == ("deletion protection" in more)
    assert ("RecoveryPeriodInDays" in properties["PointInTimeRecoverySpecification"]) == ("PITR" in more)
    for index in properties.get("GlobalSecondaryIndexes", []):
        keys = [k["AttributeName"] for k in index["KeySchema"]]
        assert f"`{index['IndexName']}`" in more
        assert all(f"`{key}`" in more for key in keys)
    named = set(re.findall(r"GSIs? (.*)", more))
    assert bool(named) == bool(properties.get("GlobalSecondaryIndexes"))


# ---------------------------------------------------------------------------------------------------- logs and traces


def test_no_execution_data_is_logged() -> None:
    machines = of_type("AWS::StepFunctions::StateMachine")
    assert set(machines) == {"ProcessPhoto", "EraseSubject"}
    for properties in machines.values():
        assert properties["LoggingConfiguration"]["IncludeExecutionData"] is False
        assert properties["LoggingConfiguration"]["Level"] != "OFF"


def test_access_logs_hold_nothing_personal() -> None:
    (stage,) = of_type("AWS::ApiGatewayV2::Stage").values()
    fields = set(json.loads(stage["AccessLogSettings"]["Format"]).values())
    assert fields <= {
        "$context.requestId",
        "$context.routeKey",
        "$context.status",
        "$context.responseLength",
        "$context.responseLatency",
        "$context.integrationLatency",
        "$context.error.responseType",
    }


def test_every_log_group_is_encrypted_and_forgets() -> None:
    groups = of_type("AWS::Logs::LogGroup")
    assert len(groups) == 3
    for properties in groups.values():
        assert text(properties["KmsKeyId"]) == "DataKey.Arn"
        assert text(properties["RetentionInDays"]) == "LogRetentionDays"
        assert text(properties["LogGroupName"]).startswith("/photogate/${AWS::StackName}/")


@pytest.mark.parametrize("function", functions())
def test_every_function_is_traced_and_logs_where_logs_are_encrypted(function: str) -> None:
    properties = of_type("AWS::Lambda::Function")[function]
    assert properties["TracingConfig"] == {"Mode": "Active"}
    assert text(properties["LoggingConfig"]["LogGroup"]) == "FunctionLogs"
    assert properties["Runtime"] == "python3.13"


def test_the_workflow_is_traced() -> None:
    assert of_type("AWS::StepFunctions::StateMachine")["ProcessPhoto"]["TracingConfiguration"] == {"Enabled": True}


def test_every_rule_has_a_dead_letter_queue_and_gives_up_some_day() -> None:
    rules = of_type("AWS::Events::Rule")
    assert len(rules) == 6
    for rule in rules.values():
        for target in rule["Targets"]:
            assert text(target["DeadLetterConfig"]["Arn"]) == "DeadLetters.Arn"
            assert target["RetryPolicy"]["MaximumEventAgeInSeconds"] <= 86400


def test_every_alarm_goes_to_the_topic() -> None:
    alarms = of_type("AWS::CloudWatch::Alarm")
    looked_at = {p["MetricName"] for p in alarms.values() if "MetricName" in p}
    stats = [m["MetricStat"] for p in alarms.values() for m in p.get("Metrics", []) if "MetricStat" in m]
    assert looked_at | {stat["Metric"]["MetricName"] for stat in stats} == {
        "ExecutionsFailed",
        "ExecutionsTimedOut",
        "ExecutionThrottled",
        "ApproximateNumberOfMessagesVisible",
        "Errors",
        "IteratorAge",
        "IntegrityAlerts",
        "PolicyToConfirm",
        "UploadsNotEnded",
        "RetentionFailed",
        "DamageFound",
        "Heartbeats",
        "AccessDenied",
        "PhotosRead",
        "LogExports",
        "KeyErrors",
        "QuarantineAgeHours",
    }
    for properties in alarms.values():
        condition, then, _ = properties["AlarmActions"]["Fn::If"]
        assert (condition, [text(t) for t in then]) == ("HasAlarmTopic", ["AlarmTopicArn"])


# --------------------------------------------------------------------------------------------------------------- API


def test_every_route_wants_a_token() -> None:
    (api,) = of_type("AWS::ApiGatewayV2::Api").values()
    operations = [(path, method, op) for path, ops in api["Body"]["paths"].items() for method, op in ops.items()]
    assert len(operations) >= 9
    for path, method, operation in operations:
        assert operation["security"] == [{"Token": []}], f"{method} {path} is open to anybody"


def test_the_token_is_checked_for_issuer_and_audience() -> None:
    (api,) = of_type("AWS::ApiGatewayV2::Api").values()
    authorizer = api["Body"]["components"]["securitySchemes"]["Token"]["x-amazon-apigateway-authorizer"]
    assert authorizer["type"] == "jwt"
    # The translator resolves parameters here.
    assert authorizer["jwtConfiguration"]["issuer"] in ("https://issuer.example.com/", {"Ref": "JwtIssuer"})
    assert authorizer["jwtConfiguration"]["audience"] in (["photogate"], [{"Ref": "JwtAudience"}])


# ---------------------------------------------------------------------------------------------------------- settings


def needed(name: str) -> set[str]:
    """Read the settings that a function's class `Needs` is composed of, without running the function."""
    tree = ast.parse((ROOT / "functions" / name / "app.py").read_text(encoding="utf-8"))
    (needs,) = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Needs"]
    models = [getattr(config, base.id) for base in needs.bases if isinstance(base, ast.Name)]
    return {field for model in models for field in model.model_fields}


@pytest.mark.parametrize(("function", "name"), functions().items(), ids=functions().values())
def test_a_function_is_told_the_settings_that_it_reads_and_no_other(function: str, name: str) -> None:
    told = set(of_type("AWS::Lambda::Function")[function]["Environment"]["Variables"])
    assert told == {config.setting_name(field) for field in needed(name) - LEFT_AT_DEFAULT}


# ------------------------------------------------------------------------------------------------------ architecture

PLACES = {
    "${AuditTable.Arn}/index/*": "Audit's indexes",
    "${AuditTable.Arn}/index/by_tenant_day": "Audit's index `by_tenant_day`",
    "AuditTable.StreamArn": "Audit's stream",
    "${UploadsTable.Arn}/index/open": "Uploads' index `open`",
    "${UploadsTable.Arn}/index/by_owner": "Uploads' index `by_owner`",
    "EraseSubject": "erasure workflow",
    "${UploadsTable.Arn}/index/due": "Uploads' index `due`",
    "${ConsentsTable.Arn}/index/due": "Consents' index `due`",
    "${UploadsTable.Arn}/index/reviews": "Uploads' index `reviews`",
    "PseudonymKey.Arn": "pseudonym key",
    "CheckpointKey.Arn": "checkpoint key",
    "DeadLetters.Arn": "dead letters",
    "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/${EventBusName}": "event bus",
}
APPEND = {"GetItem", "PutItem", "Query"}


def place(resource: str) -> str:
    """Name a resource as the architecture does."""
    if resource in PLACES:
        return PLACES[resource]
    table, bucket = re.match(r"(\w+)Table\.Arn", resource), re.search(r"(\w+)Bucket\.Arn", resource)
    if table:
        return table[1]
    assert bucket, resource
    return bucket[1].lower()


def permissions(function: str) -> str:
    """Write what a role may do as the architecture's table has it; the data key follows from the buckets."""
    by_place: dict[str, set[str]] = defaultdict(set)
    for statement in own_statements(function):
        if for_subject_keys(statement):
            by_place["subjects' data keys"] |= {action.partition(":")[2] for action in statement.actions}
        for resource in statement.resources:
            if resource != "DataKey.Arn":
                by_place[place(resource)] |= {action.partition(":")[2] for action in statement.actions}
    append = by_place.pop("Audit", None)
    parts = [
        f"{where}: {', '.join(sorted(actions))}"
        for where, actions in sorted(by_place.items(), key=lambda p: p[0].lower())
    ]
    if append is not None:
        assert append >= APPEND
        parts.append(", ".join(["Audit: append", *sorted(append - APPEND)]))
    return "; ".join(parts)


def callers(function: str) -> str:
    """Write who calls a function: its routes, its states, or its schedule."""
    events = written()["Resources"][function]["Properties"].get("Events", {})
    called = []
    for event in events.values():
        properties = event["Properties"]
        if event["Type"] == "HttpApi":
            called.append(f"`{properties['Method']} {properties['Path']}`")
        else:
            called.append(properties["Schedule"].replace("rate(", "every ").rstrip(")"))
    for resource in written()["Resources"].values():
        if text(resource.get("Properties", {}).get("ServiceToken", "")) == f"{function}.Arn":
            called.append("CloudFormation")
    placeholder = "${" + function.removesuffix("Function") + "Arn}"
    steps = [*machine()["States"].items(), *machine("erase_subject")["States"].items()]
    states = [name for name, state in steps if state.get("Resource") == placeholder]
    return ", ".join(called + states)


def further_layers(function: str) -> str:
    layers = written()["Resources"][function]["Properties"].get("Layers", [])
    return ", ".join(text(layer).removesuffix("Layer").lower() for layer in layers)


def test_the_architectures_table_of_functions_is_the_templates() -> None:
    expected = [
        f"| `{name}` | {callers(function)} | {further_layers(function)} | {permissions(function)} |".replace(
            "|  |", "| |"
        )
        for function, name in functions().items()
    ]
    document = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    section = document[document.index("## The functions") : document.index("## Settings")]
    assert [line for line in section.splitlines() if line.startswith("| `")] == expected


# ----------------------------------------------------------------------------------------------------------- checkov


def test_what_checkov_is_told_to_skip_is_this_list_and_every_skip_has_its_reason() -> None:
    found: dict[str, list[str]] = defaultdict(list)
    for name, resource in written()["Resources"].items():
        for skip in resource.get("Metadata", {}).get("checkov", {}).get("skip", []):
            assert len(skip["comment"].split()) >= 5, f"{name}: {skip['id']} needs a reason"
            found[skip["id"]].append(name)
    assert {check: sorted(names) for check, names in found.items()} == SUPPRESSED
