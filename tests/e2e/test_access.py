"""The denials of the access matrix on the local cloud: real tokens, the real authorizer; and the AWS roles of staff."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.client import Client
from local.cloud import LocalCloud
from photogate.config import REPOSITORY
from tests import photos
from tests.access_rows import CELLS, POLICY, ROWS, Cell, Things
from tests.e2e.test_adversity import versions


@pytest.fixture(scope="module")
def tenants(new_tenant: Callable[..., str]) -> tuple[str, str]:
    findings = json.loads(POLICY.document())["findings"]
    return new_tenant(findings=findings), new_tenant(findings=findings)


@pytest.fixture(scope="module")
def has(cloud: LocalCloud, tenants: tuple[str, str]) -> Things:
    """Make one of each of a subject's things."""
    courier, leaver = cloud.as_caller(tenants[0], "owner"), cloud.as_caller(tenants[0], "leaver")
    consent = courier.consent()
    upload, review = courier.upload(photos.parcel(), consent_id=consent), courier.upload(photos.face())
    assert courier.wait(upload)["status"] == "ACCEPTED"
    assert courier.wait(review)["status"] == "IN_REVIEW"
    leaver.consent()
    erasure = leaver.post("/erasures", {}).json["id"]
    (key,) = versions(cloud, "VaultBucket", upload)
    notice = courier.get("/consents").json["purposes"]["proof_of_delivery"]["notice_hash"]
    # Whoever may not appeal is told the same of a photo that could not be appealed.
    return Things(key.split("/")[1], consent, notice, upload, review, erasure, redacted=upload)


def ask(client: Client, method: str, path: str, body: Any) -> int:
    if method == "GET":
        return client.get(path).status
    return (client.put if method == "PUT" else client.post)(path, body).status


@pytest.mark.parametrize(("method", "route"), ROWS)
def test_whoever_may_not_is_refused_by_the_deployed_service(
    cloud: LocalCloud, tenants: tuple[str, str], has: Things, method: str, route: str
) -> None:
    def status(cell: Cell) -> int:
        own = cell.role == "subject" and cell.place == "own"
        tenant = tenants[1] if cell.place == "another tenant" else tenants[0]
        caller = "owner" if own else f"{cell.role} {cell.place}"
        client = cloud.as_caller(tenant, caller, cell.scopes.split())
        return ask(client, method, has.path(route, cell.row.thing), cell.row.body(has))

    denied = [cell for cell in CELLS if (cell.method, cell.route) == (method, route) and cell.denied is not None]
    assert {str(cell): status(cell) for cell in denied} == {str(cell): cell.denied for cell in denied}
    row = ROWS[method, route]
    assert ask(cloud.without_token(), method, has.path(route, row.thing), row.body(has)) == 401


# ------------------------------------------------------------------------------------------- staff at a command line


def run_as(cloud: LocalCloud, role: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command with a role's credentials and nothing else."""
    found = cloud.session_for_role(cloud.arns[role]).session.get_credentials()
    assert found is not None
    credentials = found.get_frozen_credentials()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        **cloud.environment(),
        "AWS_ACCESS_KEY_ID": str(credentials.access_key),
        "AWS_SECRET_ACCESS_KEY": str(credentials.secret_key),
        "AWS_SESSION_TOKEN": str(credentials.token),
        "PYTHONPATH": str(REPOSITORY / "shared"),
    }
    command = [sys.executable, "-m", "photogate", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


MAY = {
    "SecurityAnalystRole": ("audit list",),
    "AuditorRole": ("audit list",),
    # Consents are shown with the notices that they were given to, which lie beside the policies.
    "PrivacyOfficerRole": ("audit list", "consent show", "policy show", "retention due"),
    "OperatorRole": ("policy show",),
    "ReviewerRole": (),
}
COMMANDS: dict[str, Callable[[Things, str], tuple[str, ...]]] = {
    "audit list": lambda _, tenant: ("audit", "list", "--tenant", tenant),
    "consent show": lambda has, tenant: ("consent", "show", has.subject, "--tenant", tenant),
    "retention due": lambda _, tenant: ("retention", "due", "--tenant", tenant),
    "policy show": lambda _, tenant: ("policy", "show", tenant),
}


@pytest.mark.parametrize("role", MAY)
def test_a_role_of_staff_runs_its_commands_and_no_others(
    cloud: LocalCloud, tenants: tuple[str, str], has: Things, role: str
) -> None:
    found = {name: run_as(cloud, role, *words(has, tenants[0])) for name, words in COMMANDS.items()}
    told = {name: (done.returncode, done.stderr[-500:]) for name, done in found.items()}
    assert {name for name, done in found.items() if done.returncode == 0} == set(MAY[role]), told


@pytest.mark.parametrize("role", MAY)
def test_no_role_of_staff_reads_an_original_or_changes_the_log(cloud: LocalCloud, has: Things, role: str) -> None:
    session = cloud.session_for_role(cloud.arns[role])
    key = versions(cloud, "QuarantineBucket", has.review)[0]
    with pytest.raises(ClientError, match=r"AccessDenied|Forbidden"):
        session.client("s3").get_object(Bucket=cloud.resources["QuarantineBucket"], Key=key)
    row = {"pk": {"S": "any/tenant"}, "sk": {"N": "0"}}
    with pytest.raises(ClientError, match="AccessDenied"):
        session.client("dynamodb").delete_item(TableName=cloud.resources["AuditTable"], Key=row)
