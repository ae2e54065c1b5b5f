"""The way of a photo through what is built for Lambda: its layers, and nothing of this environment."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from local.cloud import LocalCloud
from photogate.config import REPOSITORY
from photogate.findings import FindingKind
from photogate.policy import Policy, default_policy
from tests import photos
from tests.built import PYTHON, built, needs_sam, runtime

EVERY_KIND_REDACTED = {kind.value: {"act": "redact", "review": "redact"} for kind in FindingKind}


def create_tenant(cloud: LocalCloud, folder: Path) -> str:
    changed = {**json.loads(default_policy().document()), "findings": EVERY_KIND_REDACTED}
    (folder / "policy.json").write_bytes(Policy.model_validate(changed).document())
    environment = {**os.environ, **cloud.environment(), "PYTHONPATH": str(REPOSITORY / "shared")}
    command = [sys.executable, "-m", "photogate", "tenant", "create", "acme", "--policy", str(folder / "policy.json")]
    subprocess.run(command, env=environment, check=True, capture_output=True)
    return "acme"


@needs_sam
@pytest.mark.timeout(600)
def test_what_is_built_for_lambda_redacts_a_face_and_keeps_the_rest(tmp_path: Path) -> None:
    template = built() / "template.yaml"
    with LocalCloud(tmp_path / "cloud", template=template, python=PYTHON, runtime=runtime()) as cloud:
        courier = cloud.as_caller(create_tenant(cloud, tmp_path), "courier-1")

        upload = courier.upload(photos.face())
        ended = courier.wait(upload)

        assert (ended["status"], ended["reason"]) == ("REDACTED", "face"), "\n".join(cloud.logs())[-4000:]
        photo = courier.get(f"/photos/{upload}").json
        assert courier.pool.request("GET", photo["url"]).data[:3] == b"\xff\xd8\xff"
