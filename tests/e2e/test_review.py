"""A person decides on the local cloud: its functions run with their roles, and the command line with a token."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from local.client import Client
from local.cloud import LocalCloud
from photogate.findings import FindingKind
from tests import photos
from tests.e2e.test_main_path import objects, pixels, stored_photo

RULES = {kind.value: {"act": "review", "review": "review"} for kind in FindingKind}
REVIEWERS = ["reviews:decide"]


@pytest.fixture(scope="module")
def tenant(new_tenant: Callable[..., str]) -> str:
    """Give a tenant whose faces go to review."""
    return new_tenant(findings=RULES)


@pytest.fixture
def courier(cloud: LocalCloud, tenant: str) -> Client:
    """Give an uploader."""
    return cloud.as_caller(tenant, "courier-1")


def in_review(courier: Client) -> str:
    upload = courier.upload(photos.encode(photos.picture("astronaut"), exif=photos.exif("CANARY")))
    assert courier.wait(upload)["status"] == "IN_REVIEW"
    return upload


def test_a_reviewer_approves_what_is_then_kept_without_its_metadata(
    cloud: LocalCloud, tenant: str, courier: Client
) -> None:
    upload = in_review(courier)
    reviewer = cloud.as_caller(tenant, "reviewer-1", REVIEWERS)
    assert upload in [review["id"] for review in reviewer.get("/reviews").json["reviews"]]

    opened = reviewer.get(f"/reviews/{upload}")
    assert (opened.status, opened.headers["content-type"], opened.headers["cache-control"]) == (
        200,
        "image/jpeg",
        "no-store",
    )
    assert Image.open(io.BytesIO(opened.body)).size == (512, 512)
    decided = reviewer.post(f"/reviews/{upload}", {"verdict": "approve", "reason": "permitted"})

    assert (decided.status, decided.json["status"]) == (200, "ACCEPTED")
    assert courier.status(upload)["reason"] == "permitted"
    kept = stored_photo(courier, upload)
    assert b"CANARY" not in kept
    assert not objects(cloud, "QuarantineBucket", upload)


def test_neither_the_uploader_nor_a_token_without_the_scope_nor_another_tenant_reviews(
    cloud: LocalCloud, tenant: str, courier: Client, acme: str
) -> None:
    upload = in_review(courier)
    for who, status in (
        (cloud.as_caller(tenant, "courier-1", REVIEWERS), 403),
        (courier, 403),
        (cloud.as_caller(acme, "reviewer-1", REVIEWERS), 404),
        (cloud.without_token(), 401),
    ):
        assert who.get(f"/reviews/{upload}").status == status
        assert who.post(f"/reviews/{upload}", {"verdict": "approve", "reason": "clean"}).status == status
    assert objects(cloud, "QuarantineBucket", upload)


def test_the_command_line_lists_opens_and_decides(
    cloud: LocalCloud, tenant: str, courier: Client, run_photogate: Callable[..., str], tmp_path: Path
) -> None:
    upload = in_review(courier)
    token = tmp_path / "token"
    token.write_text(cloud.token(tenant, "reviewer-2", REVIEWERS))
    words = ("--token-file", str(token))

    listed = [json.loads(line) for line in run_photogate("review", "list", "--json", *words).splitlines()]
    assert upload in [review["id"] for review in listed]
    out = tmp_path / "seen.jpg"
    frame = json.loads(run_photogate("review", "open", upload, "--out", str(out), *words))["frame"]
    assert out.stat().st_mode & 0o777 == 0o600
    box = ("--box", "300,400,100,60", "--frame", frame, "--missed", "text=1")
    decided = json.loads(run_photogate("review", "decide", upload, "redact", "--reason", "text", *box, *words))

    assert decided["status"] == "REDACTED"
    after = np.asarray(Image.open(io.BytesIO(stored_photo(courier, upload))).convert("RGB"), float)
    assert after[400:460, 300:400].std() < 3
    assert after[90:160, 190:250].std() < 3
    stats = run_photogate("audit", "stats", "--tenant", tenant, "--by", "mark", "--since", "1h", "--json")
    assert [json.loads(line) for line in stats.splitlines()] == [{"mark": "missed_text", "count": 1}]


def test_an_uploader_appeals_a_redaction_and_a_reviewer_grants_it(
    cloud: LocalCloud, new_tenant: Callable[..., str]
) -> None:
    rules = {kind.value: {"act": "redact", "review": "redact"} for kind in FindingKind}
    tenant = new_tenant(findings=rules, seal_originals=True)
    courier, reviewer = cloud.as_caller(tenant, "courier-1"), cloud.as_caller(tenant, "reviewer-1", REVIEWERS)
    upload = courier.upload(photos.face())
    assert courier.wait(upload)["status"] == "REDACTED"
    # It can be appealed once the workflow has cleaned up behind the transaction that set its status.
    until = time.monotonic() + 30
    while not courier.status(upload)["appealable"]:
        assert time.monotonic() < until
        time.sleep(0.2)
    assert objects(cloud, "QuarantineBucket", upload)

    assert courier.post(f"/uploads/{upload}/appeal").json["status"] == "IN_REVIEW"
    assert reviewer.get(f"/reviews/{upload}").status == 200
    decided = reviewer.post(f"/reviews/{upload}", {"verdict": "approve", "reason": "permitted"})

    assert decided.json["status"] == "ACCEPTED"
    before, after = pixels(photos.face()), pixels(stored_photo(courier, upload))
    assert (before == after).all()
    assert not objects(cloud, "QuarantineBucket", upload)
