"""Erasure on the local cloud: the real state machine, with the roles that the template gives to its functions."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.client import Client
from local.cloud import LocalCloud
from photogate.audit.canonical import canonical
from tests import photos

BUCKETS = ("IncomingBucket", "WorkBucket", "QuarantineBucket", "VaultBucket")
FLAG = {"act": "flag", "review": "flag"}
RULES = {"face": {"act": "review", "review": "review"}, "text": FLAG, "code": FLAG}


@pytest.fixture(scope="module")
def tenant(new_tenant: Callable[..., str]) -> str:
    """Give a tenant whose faces go to review, so that an original is sealed."""
    return new_tenant(findings=RULES)


def as_function(cloud: LocalCloud, name: str, service: str) -> Any:
    return cloud.session_for_role(cloud.arns[f"{name}FunctionRole"]).client(service)


def pseudonym_of(cloud: LocalCloud, tenant: str) -> str:
    rows = cloud.client("dynamodb").scan(TableName=cloud.resources["SubjectsTable"])["Items"]
    (found,) = [r["pk"]["S"].rpartition("#")[2] for r in rows if r["pk"]["S"].startswith(f"subject#{tenant}#")]
    return found


def left_of(cloud: LocalCloud, prefix: str) -> list[str]:
    s3, found = cloud.client("s3"), []
    for bucket in BUCKETS:
        listed = s3.list_object_versions(Bucket=cloud.resources[bucket], Prefix=prefix)
        found += [v["Key"] for v in [*listed.get("Versions", []), *listed.get("DeleteMarkers", [])]]
        uploads = s3.list_multipart_uploads(Bucket=cloud.resources[bucket]).get("Uploads", [])
        found += [u["Key"] for u in uploads if u["Key"].startswith(prefix)]
    return found


def test_a_person_is_erased_from_the_command_line_and_holds_the_proof(
    cloud: LocalCloud, tenant: str, run_photogate: Callable[..., str], tmp_path: Path
) -> None:
    courier = cloud.as_caller(tenant, "courier-1")
    kept = courier.upload(photos.parcel())
    reviewed = courier.upload(photos.encode(photos.picture("astronaut")))
    assert courier.wait(kept)["status"] == "ACCEPTED"
    assert courier.wait(reviewed)["status"] == "IN_REVIEW"
    subject = pseudonym_of(cloud, tenant)
    prefix = f"{tenant}/{subject}/"
    s3 = cloud.client("s3")
    s3.create_multipart_upload(Bucket=cloud.resources["VaultBucket"], Key=f"{prefix}unfinished")
    s3.delete_object(Bucket=cloud.resources["VaultBucket"], Key=f"{prefix}never-was")
    assert len(left_of(cloud, prefix)) >= 4

    would = json.loads(run_photogate("erase", subject, "--tenant", tenant, "--dry-run"))
    assert would["would_reduce_upload_rows"] == 2
    done = json.loads(run_photogate("erase", subject, "--tenant", tenant, "--yes"))

    assert done["certificate"]["deleted"]["buckets"] == would["would_delete"]
    assert done["certificate"]["verified"]["decryption_failed"] is True
    assert left_of(cloud, prefix) == []
    rows = cloud.client("dynamodb").scan(TableName=cloud.resources["SubjectsTable"])["Items"]
    assert not [row for row in rows if row["pk"]["S"].endswith(subject)]
    assert courier.get(f"/uploads/{kept}").status == 404
    staff = cloud.as_caller(tenant, "staff-1", ["photos:read"])
    assert staff.get(f"/uploads/{kept}").json["status"] == "ERASED"

    view = with_receipt(courier, done["id"])
    assert hashlib.sha256(canonical(view["certificate"])).hexdigest() == view["certificate_sha256"]
    receipt, vkey = tmp_path / "erased.tlog-proof", tmp_path / "log.vkey"
    receipt.write_text(view["receipt"])
    vkey.write_text(run_photogate("audit", "vkey"))
    assert view["certificate_sha256"] in run_photogate("audit", "check", str(receipt), "--vkey", str(vkey))

    again = courier.upload(photos.parcel())
    assert courier.wait(again)["status"] == "ACCEPTED"
    assert pseudonym_of(cloud, tenant) != subject


def with_receipt(caller: Client, erasure: str) -> dict[str, Any]:
    for _ in range(60):
        view: dict[str, Any] = caller.get(f"/erasures/{erasure}").json
        if view["receipt"]:
            return view
        time.sleep(1)
    raise AssertionError("no checkpoint covers the certificate")


def test_a_withdrawal_erases_and_a_hold_keeps(
    cloud: LocalCloud, acme: str, run_photogate: Callable[..., str], new_tenant: Callable[..., str]
) -> None:
    tenant = new_tenant()
    courier = cloud.as_caller(tenant, "courier-2")
    consent = courier.consent()
    subject = pseudonym_of(cloud, tenant)
    run_photogate("hold", "place", subject, "--ground", "litigation", "--tenant", tenant)
    assert courier.post("/erasures", {}).json["reason"] == "legal_hold"
    run_photogate("hold", "lift", subject, "--tenant", tenant)

    erasure = courier.post(f"/consents/{consent}/withdraw").json["erasure"]

    assert cloud.as_caller(acme, "courier-2").get(f"/erasures/{erasure}").status == 404
    deadline = time.monotonic() + 120
    while courier.get(f"/erasures/{erasure}").json["status"] == "running":
        assert time.monotonic() < deadline
        time.sleep(1)
    assert courier.get(f"/erasures/{erasure}").json["status"] == "erased"


def test_a_wrapped_key_opens_under_its_own_context_only_and_for_nobody_else(cloud: LocalCloud) -> None:
    seals, key = as_function(cloud, "QuarantinePhoto", "kms"), cloud.arns["DataKey"]
    context = {"tenant": "acme", "subject": "1" * 32, "purpose": "originals"}
    made = seals.generate_data_key(KeyId=key, KeySpec="AES_256", EncryptionContext=context)
    blob = {"CiphertextBlob": made["CiphertextBlob"], "KeyId": key}
    assert seals.decrypt(**blob, EncryptionContext=context)["Plaintext"] == made["Plaintext"]

    for changed in ({"tenant": "other"}, {"subject": "2" * 32}):
        with pytest.raises(ClientError, match="InvalidCiphertextException"):
            seals.decrypt(**blob, EncryptionContext={**context, **changed})
    for other in ({**context, "purpose": "another"}, {"purpose": "originals"}, {}):
        with pytest.raises(ClientError, match="AccessDenied"):
            seals.generate_data_key(KeyId=key, KeySpec="AES_256", EncryptionContext=other)
    for stranger in ("StripMetadata", "RecordOutcome", "ManageErasures"):
        with pytest.raises(ClientError, match="AccessDenied"):
            as_function(cloud, stranger, "kms").decrypt(**blob, EncryptionContext=context)


def test_whoever_seals_cannot_read_what_is_sealed_and_whoever_erases_reads_nothing(cloud: LocalCloud) -> None:
    s3 = cloud.client("s3")
    for bucket in BUCKETS:
        s3.put_object(Bucket=cloud.resources[bucket], Key="acme/s/u", Body=b"x")
        with pytest.raises(ClientError, match="AccessDenied"):
            as_function(cloud, "EraseSubject", "s3").get_object(Bucket=cloud.resources[bucket], Key="acme/s/u")
    with pytest.raises(ClientError, match="AccessDenied"):
        as_function(cloud, "QuarantinePhoto", "s3").get_object(
            Bucket=cloud.resources["QuarantineBucket"], Key="acme/s/u"
        )
