"""What the local cloud enforces: each is a trap that an emulator can fall into, so each is sprung here."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import jwt
import pytest
import urllib3
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from local.client import Client, send_form
from local.cloud import FunctionFailed, LocalCloud

PROBE = Path(__file__).parent / "probe" / "template.yaml"


@pytest.fixture(scope="module")
def probe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    with LocalCloud(tmp_path_factory.mktemp("probe"), template=PROBE, plain_http=True) as up:
        yield up


def test_a_bucket_refuses_whoever_comes_without_tls(probe: LocalCloud) -> None:
    role = probe.session_for_role(probe.arns["ProbeRole"])
    role.client("s3").put_object(Bucket=probe.resources["Door"], Key="allowed/a", Body=b"x")

    with pytest.raises(ClientError, match=r"AccessDenied.*explicit deny"):
        role.client("s3", probe.plain_base).put_object(Bucket=probe.resources["Door"], Key="allowed/a", Body=b"x")


def test_a_function_acts_as_its_role_and_sees_no_other_secret(probe: LocalCloud) -> None:
    answer = probe.invoke("Probe", {})

    assert f":assumed-role/{probe.resources['ProbeRole']}/" in answer["caller"]
    assert probe.places.admin_secret.read_text() not in answer["environment"]


def test_a_function_may_do_what_its_role_grants_and_nothing_beside(probe: LocalCloud) -> None:
    probe.invoke("Probe", {"do": "put_object", "key": "allowed/x"})
    probe.invoke("Probe", {"do": "put_item"})

    with pytest.raises(FunctionFailed, match="AccessDenied"):
        probe.invoke("Probe", {"do": "put_object", "key": "elsewhere/x"})
    with pytest.raises(FunctionFailed, match="AccessDenied"):
        probe.invoke("Probe", {"do": "delete_item"})


def test_an_environment_is_used_again_and_ends_when_its_function_takes_too_long(probe: LocalCloud) -> None:
    first, second = probe.invoke("Probe", {})["calls"], probe.invoke("Probe", {})["calls"]
    assert second == first + 1

    with pytest.raises(FunctionFailed, match=r"Sandbox\.Timedout"):
        probe.invoke("Probe", {"do": "sleep", "seconds": 20})

    assert probe.invoke("Probe", {})["calls"] == 1


def test_an_object_starts_the_workflow_with_its_version_and_an_error_keeps_its_name(probe: LocalCloud) -> None:
    version = probe.client("s3").put_object(Bucket=probe.resources["Door"], Key="watched/a", Body=b"x")["VersionId"]
    workflows = probe.client("stepfunctions")
    execution = None
    for _ in range(100):
        found = workflows.list_executions(stateMachineArn=probe.resources["Workflow"], statusFilter="SUCCEEDED")
        if found["executions"]:
            execution = workflows.describe_execution(executionArn=found["executions"][0]["executionArn"])
            break
        time.sleep(0.2)

    assert execution is not None
    assert version in execution["input"]
    assert execution["output"] == '{"name": "Transient"}'
    history = workflows.get_execution_history(executionArn=execution["executionArn"])["events"]
    assert [e["type"] for e in history].count("TaskFailed") == 2  # the first try, and the retry that Transient asks for


def test_what_a_function_prints_is_in_its_log(probe: LocalCloud) -> None:
    probe.invoke("Probe", {"do": "print", "text": "planted value 4711"})

    assert any("planted value 4711" in line for line in probe.logs())


def token_of_somebody_else(probe: LocalCloud) -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    genuine = probe.token("acme", "me")
    return jwt.encode(
        jwt.decode(genuine, options={"verify_signature": False}),
        pem,
        algorithm="RS256",
        headers={"kid": jwt.get_unverified_header(genuine)["kid"]},
    )


def unsigned_token(probe: LocalCloud) -> str:
    genuine = probe.token("acme", "me")
    claims = jwt.decode(genuine, options={"verify_signature": False})
    return jwt.encode(claims, None, algorithm="none", headers={"kid": jwt.get_unverified_header(genuine)["kid"]})


def test_a_token_of_the_issuer_opens_the_api_and_its_claims_arrive(probe: LocalCloud) -> None:
    answer = probe.as_caller("acme", "caller-1", ["uploads:write"]).get("/probe/1")

    assert answer.status == 200
    assert answer.json["claims"]["custom:tenant"] == "acme"
    assert answer.json["claims"]["sub"] == "caller-1"


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(lambda p: None, id="none"),
        pytest.param(lambda p: "x.y.z", id="no-token"),
        pytest.param(lambda p: p.token("acme", "me", seconds=-60), id="expired"),
        pytest.param(lambda p: p.token("acme", "me", overrides={"aud": "other"}), id="other-audience"),
        pytest.param(lambda p: p.token("acme", "me", overrides={"iss": "https://other"}), id="other-issuer"),
        pytest.param(token_of_somebody_else, id="other-key"),
        pytest.param(unsigned_token, id="unsigned"),
        pytest.param(lambda p: p.token("acme", "me")[:-8] + "AAAAAAAA", id="tampered"),
    ],
)
def test_anything_else_is_a_401(probe: LocalCloud, token: object) -> None:
    assert Client(probe.outputs["ApiUrl"], token(probe), probe.ca_bundle).get("/probe/1").status == 401  # type: ignore[operator]


def form(probe: LocalCloud, seconds: int = 60) -> dict:
    return (
        probe.session_for_role(probe.arns["ProbeRole"])
        .client("s3")
        .generate_presigned_post(
            probe.resources["Door"],
            "allowed/photo",
            Fields={"Content-Type": "image/jpeg"},
            Conditions=[["eq", "$Content-Type", "image/jpeg"], ["content-length-range", 1, 10]],
            ExpiresIn=seconds,
        )
    )


@pytest.fixture(scope="module")
def pool(probe: LocalCloud) -> urllib3.PoolManager:
    return urllib3.PoolManager(ca_certs=str(probe.ca_bundle))


def test_a_form_takes_what_it_was_made_for(probe: LocalCloud, pool: urllib3.PoolManager) -> None:
    assert send_form(pool, form(probe), b"0123456789").status == 204


@pytest.mark.parametrize(
    ("change", "photo", "code"),
    [
        ({"key": "allowed/other"}, b"x", b"AccessDenied"),
        ({"Content-Type": "text/html"}, b"x", b"AccessDenied"),
        ({"x-amz-meta-more": "1"}, b"x", b"AccessDenied"),
        ({"x-amz-signature": "0" * 64}, b"x", b"SignatureDoesNotMatch"),
        ({}, b"0123456789a", b"EntityTooLarge"),
        ({}, b"", b"EntityTooSmall"),
    ],
)
def test_a_form_takes_nothing_else(
    probe: LocalCloud, pool: urllib3.PoolManager, change: dict[str, str], photo: bytes, code: bytes
) -> None:
    post = form(probe)

    answer = send_form(pool, {**post, "fields": {**post["fields"], **change}}, photo)

    assert answer.status in (400, 403)
    assert code in answer.body


def test_a_form_whose_policy_was_changed_is_refused(probe: LocalCloud, pool: urllib3.PoolManager) -> None:
    post, wider = form(probe), form(probe, seconds=3600)

    answer = send_form(pool, {**post, "fields": {**post["fields"], "policy": wider["fields"]["policy"]}}, b"x")

    assert (answer.status, b"SignatureDoesNotMatch" in answer.body) == (403, True)


def test_a_form_is_good_until_it_expires(probe: LocalCloud, pool: urllib3.PoolManager) -> None:
    post = form(probe, seconds=1)
    time.sleep(1.2)

    answer = send_form(pool, post, b"x")

    assert (answer.status, b"expired" in answer.body) == (403, True)


def test_a_link_is_good_for_its_object_until_it_expires(probe: LocalCloud, pool: urllib3.PoolManager) -> None:
    door = probe.resources["Door"]
    probe.client("s3").put_object(Bucket=door, Key="link", Body=b"x")
    probe.client("s3").put_object(Bucket=door, Key="other", Body=b"y")
    iam, name = probe.client("iam"), probe.resources["ProbeRole"]
    read = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{door}/*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [read]})
    iam.put_role_policy(RoleName=name, PolicyName="read", PolicyDocument=policy)
    signer = probe.session_for_role(probe.arns["ProbeRole"]).client("s3")
    link = signer.generate_presigned_url("get_object", Params={"Bucket": door, "Key": "link"}, ExpiresIn=2)

    assert pool.request("GET", link).data == b"x"
    assert pool.request("GET", link.replace("/link?", "/other?")).status == 403
    assert pool.request("GET", link.replace("X-Amz-Expires=2", "X-Amz-Expires=2000")).status == 403
    time.sleep(2.2)
    assert pool.request("GET", link).status == 403
    iam.delete_role_policy(RoleName=name, PolicyName="read")


def test_a_form_cannot_grant_what_its_signer_may_not_do(probe: LocalCloud, pool: urllib3.PoolManager) -> None:
    signer = probe.session_for_role(probe.arns["ProbeRole"]).client("s3")
    post = signer.generate_presigned_post(probe.resources["Door"], "elsewhere/photo")

    assert send_form(pool, post, b"x").status == 403


def test_up_twice_is_up_once_and_down_leaves_nothing(tmp_path: Path) -> None:
    cloud = LocalCloud(tmp_path / "twice", template=PROBE)
    cloud.start()
    try:
        pid = cloud._running.pid if cloud._running else 0
        cloud.invoke("Probe", {})
        again = LocalCloud(tmp_path / "twice", template=PROBE)
        again.start()
        assert again._running == cloud._running
        assert again.resources == cloud.resources
    finally:
        cloud.stop()

    assert processes_of_group(pid) == []
    assert not LocalCloud(tmp_path / "twice", template=PROBE).attach()


def test_up_after_an_interrupted_deployment_starts_afresh(tmp_path: Path) -> None:
    cloud = LocalCloud(tmp_path / "broken", template=PROBE)
    cloud.start()
    try:
        first = cloud.base
        cloud.places.stack.unlink()  # what a deployment that was cut off leaves: a server, and no stack
        again = LocalCloud(tmp_path / "broken", template=PROBE)
        again.start()
        assert again.base != first
        assert "caller" in again.invoke("Probe", {})
    finally:
        cloud.stop()


def processes_of_group(group: int) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            ended = (entry / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
            if os.getpgid(int(entry.name)) == group and not ended:
                found.append(int(entry.name))
        except (ProcessLookupError, FileNotFoundError):
            continue
    return found
