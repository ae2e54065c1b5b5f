"""What MiniStack lacks and local/gaps closes, shown on the real template's own roles, buckets and keys."""

import json
import secrets
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.cloud import LocalCloud


def as_function(cloud: LocalCloud, name: str, service: str) -> Any:
    return cloud.session_for_role(cloud.arns[f"{name}FunctionRole"]).client(service)


@pytest.mark.parametrize(
    ("encryption", "allowed"),
    [
        ({}, True),
        ({"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "DataKey"}, True),
        ({"ServerSideEncryption": "AES256"}, False),
        ({"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "PseudonymKey"}, False),
        ({"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "k" * 32}, False),
    ],
)
def test_a_bucket_takes_objects_under_its_own_key_only(
    cloud: LocalCloud, encryption: dict[str, str], allowed: bool
) -> None:
    named = {k: cloud.arns.get(v, v) for k, v in encryption.items()}
    put = {"Bucket": cloud.resources["WorkBucket"], "Key": "acme/s/u/stripped", "Body": b"x"}
    steps = as_function(cloud, "StripMetadata", "s3")

    if allowed:
        assert steps.put_object(**put, **named)["ResponseMetadata"]["HTTPStatusCode"] == 200
    else:
        with pytest.raises(ClientError, match="AccessDenied"):
            steps.put_object(**put, **named)


def a_role(cloud: LocalCloud, *statements: dict[str, Any]) -> str:
    """Make a role under the stack's path; it may be given other statements by its name afterwards."""
    name = f"role-{secrets.token_hex(4)}"
    trust = {"Version": "2012-10-17", "Statement": []}
    made = cloud.client("iam").create_role(
        RoleName=name, Path="/photogate/", AssumeRolePolicyDocument=json.dumps(trust)
    )["Role"]
    grant(cloud, name, *statements)
    return str(made["Arn"])


def grant(cloud: LocalCloud, role: str, *statements: dict[str, Any]) -> None:
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    cloud.client("iam").put_role_policy(RoleName=role.rsplit("/", 1)[-1], PolicyName="p", PolicyDocument=document)


def allow(action: str, resource: str, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def test_a_role_that_may_read_objects_but_not_use_the_key_reads_nothing(cloud: LocalCloud) -> None:
    bucket = cloud.resources["WorkBucket"]
    cloud.client("s3").put_object(Bucket=bucket, Key="acme/s/u/x", Body=b"x")
    read = allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*")
    role = a_role(cloud, read)
    reader = cloud.session_for_role(role).client("s3")

    with pytest.raises(ClientError, match="AccessDenied"):
        reader.get_object(Bucket=bucket, Key="acme/s/u/x")

    grant(cloud, role, read, allow("kms:Decrypt", cloud.arns["DataKey"]))
    assert reader.get_object(Bucket=bucket, Key="acme/s/u/x")["Body"].read() == b"x"


def test_a_role_that_may_read_a_table_but_not_use_its_key_reads_nothing(cloud: LocalCloud) -> None:
    read = allow("dynamodb:GetItem", cloud.arns["UploadsTable"])
    role = a_role(cloud, read)
    get = {"TableName": cloud.resources["UploadsTable"], "Key": {"pk": {"S": "acme#none"}}}
    reader = cloud.session_for_role(role).client("dynamodb")

    with pytest.raises(ClientError, match="AccessDenied"):
        reader.get_item(**get)

    grant(cloud, role, read, allow("kms:Decrypt", cloud.arns["DataKey"]))
    assert "Item" not in reader.get_item(**get)


def test_a_key_may_be_granted_for_one_encryption_context_only(cloud: LocalCloud) -> None:
    key = cloud.client("kms").create_key()["KeyMetadata"]["Arn"]
    condition = {"StringEquals": {"kms:EncryptionContext:tenant": "acme"}}
    kms = cloud.session_for_role(a_role(cloud, allow("kms:GenerateDataKey", key, Condition=condition))).client("kms")
    wanted = {"KeyId": key, "KeySpec": "AES_256"}

    assert kms.generate_data_key(**wanted, EncryptionContext={"tenant": "acme"})["Plaintext"]
    for context in ({}, {"tenant": "other"}):
        with pytest.raises(ClientError, match="AccessDenied"):
            kms.generate_data_key(**wanted, EncryptionContext=context)


def test_a_rule_starts_only_what_the_role_of_its_target_may(cloud: LocalCloud) -> None:
    workflows, bus = cloud.client("stepfunctions"), cloud.client("events")
    definition = json.dumps({"StartAt": "End", "States": {"End": {"Type": "Succeed"}}})
    machine = workflows.create_state_machine(
        name="started-by-rule", roleArn=cloud.arns["ProcessPhotoRole"], definition=definition
    )["stateMachineArn"]
    role = a_role(cloud, allow("states:StartExecution", machine + "-other"))
    bus.put_rule(Name="knock", EventPattern=json.dumps({"source": ["test.knock"]}))
    bus.put_targets(Rule="knock", Targets=[{"Id": "1", "Arn": machine, "RoleArn": role}])

    def knock(number: int) -> list[dict[str, Any]]:
        bus.put_events(Entries=[{"Source": "test.knock", "DetailType": "Knock", "Detail": json.dumps({"n": number})}])
        for _ in range(10):
            if found := workflows.list_executions(stateMachineArn=machine)["executions"]:
                return list(found)
            time.sleep(0.1)
        return []

    assert knock(1) == []
    grant(cloud, role, allow("states:StartExecution", machine))
    assert len(knock(2)) == 1


def test_a_function_cannot_use_the_data_key_around_s3(cloud: LocalCloud) -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        as_function(cloud, "StorePhoto", "kms").generate_data_key(KeyId=cloud.arns["DataKey"], KeySpec="AES_256")


@pytest.mark.parametrize(
    ("function", "service", "call", "arguments"),
    [
        ("ReadUpload", "s3", "get_object", {"Bucket": "VaultBucket", "Key": "acme/s/u.jpg"}),
        ("StripMetadata", "s3", "get_object", {"Bucket": "QuarantineBucket", "Key": "acme/s/u"}),
        ("DetectFaces", "s3", "put_object", {"Bucket": "VaultBucket", "Key": "acme/s/u.jpg", "Body": b"x"}),
        ("RequestUpload", "s3", "get_object", {"Bucket": "IncomingBucket", "Key": "acme/s/u"}),
        ("StripMetadata", "dynamodb", "scan", {"TableName": "SubjectsTable"}),
        ("ReadPhoto", "kms", "schedule_key_deletion", {"KeyId": "DataKey"}),
        ("RedactPhoto", "s3", "delete_bucket_policy", {"Bucket": "VaultBucket"}),
    ],
)
def test_a_function_that_reaches_for_what_its_role_does_not_grant_is_denied(
    cloud: LocalCloud, function: str, service: str, call: str, arguments: dict[str, Any]
) -> None:
    named = {k: cloud.resources.get(v, v) if isinstance(v, str) else v for k, v in arguments.items()}

    with pytest.raises(ClientError, match="AccessDenied"):
        getattr(as_function(cloud, function, service), call)(**named)


@pytest.mark.parametrize("name", ["RecordOutcome", "AdmitUpload", "RequestUpload", "StorePhoto", "SweepUploads"])
def test_no_function_can_change_or_delete_a_row_of_the_audit_log(cloud: LocalCloud, name: str) -> None:
    table = as_function(cloud, name, "dynamodb")
    key = {"pk": {"S": "acme/tenant"}, "sk": {"N": "0"}}

    with pytest.raises(ClientError, match="AccessDenied"):
        table.delete_item(TableName=cloud.resources["AuditTable"], Key=key)
    with pytest.raises(ClientError, match="AccessDenied"):
        table.update_item(
            TableName=cloud.resources["AuditTable"],
            Key=key,
            UpdateExpression="SET body = :b",
            ExpressionAttributeValues={":b": {"S": "{}"}},
        )


def ended(cloud: LocalCloud, execution: str) -> dict[str, Any]:
    workflows = cloud.client("stepfunctions")
    for _ in range(100):
        found: dict[str, Any] = workflows.describe_execution(executionArn=execution)
        if found["status"] != "RUNNING":
            return found
        time.sleep(0.1)
    raise AssertionError("Expected the execution to end; found it running")


def start(cloud: LocalCloud, name: str, definition: dict[str, Any], role: str) -> str:
    workflows = cloud.client("stepfunctions")
    machine = workflows.create_state_machine(
        name=name, type="STANDARD", roleArn=cloud.arns[role], definition=json.dumps(definition)
    )
    return str(workflows.start_execution(stateMachineArn=machine["stateMachineArn"])["executionArn"])


def test_a_workflow_ends_when_its_own_time_is_up_and_no_catch_runs(cloud: LocalCloud) -> None:
    wait = {"Type": "Wait", "Seconds": 2, "Next": "After"}
    states = {"Wait": wait, "After": {"Type": "Pass", "End": True}}

    found = ended(
        cloud, start(cloud, "slow", {"StartAt": "Wait", "TimeoutSeconds": 1, "States": states}, "ProcessPhotoRole")
    )

    assert found["status"] == "TIMED_OUT"


def test_a_workflow_invokes_only_what_its_role_may(cloud: LocalCloud) -> None:
    def asks(function: str) -> dict[str, Any]:
        return {"StartAt": "Ask", "States": {"Ask": {"Type": "Task", "Resource": function, "End": True}}}

    found = ended(cloud, start(cloud, "reaching", asks(cloud.arns["RequestUploadFunction"]), "ProcessPhotoRole"))

    assert (found["status"], found["error"]) == ("FAILED", "Lambda.AWSLambdaException")
