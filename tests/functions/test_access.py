"""Every route, as every role, for its own tenant and for another: who is let in, and that the others change nothing."""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest

from docs.make_openapi import OPERATIONS
from photogate.subjects import pseudonym_of
from photogate.tenants import create_tenant
from tests import photos
from tests.access_rows import CELLS, KEEPING, POLICY, ROWS, Cell, Things, function_of
from tests.functions.cloud import CALLER, TENANT, Account, account
from tests.stack import of_type

OTHER = "globex"
requests = (f"{n:032x}" for n in itertools.count(1))


@pytest.fixture(scope="module")
def aws() -> Iterator[Account]:
    """An account with two tenants, one for all routes: what is refused changes nothing, and the rest is made anew."""
    with pytest.MonkeyPatch.context() as patch, account(patch) as made:
        create_tenant(made.policies, made.trail("other"), OTHER)
        yield made


def make(aws: Account, thing: str) -> str:
    """Make something of the subject's that can be tried, and give its id."""
    if thing == "consent":
        return aws.consent(request_id=next(requests))
    if thing == "erasure":
        return str(aws.http("manage_erasures", "POST", "/erasures", {}, caller="gone@example.com")[1]["id"])
    aws.set_policy(KEEPING if thing == "redacted" else POLICY)
    upload = aws.upload(photos.parcel() if thing == "upload" else photos.face(), request_id=next(requests))
    aws.process(upload, f"execution-{upload['id']}")
    assert aws.status(upload)["status"] == {"review": "IN_REVIEW", "redacted": "REDACTED"}.get(thing, "ACCEPTED")
    return str(upload["id"])


@pytest.fixture(scope="module")
def has(aws: Account) -> Things:
    """Make one of each, sealed in the log."""
    notice = aws.http("manage_consents", "GET", "/consents")[1]["purposes"]["proof_of_delivery"]["notice_hash"]
    aws.consent(caller="gone@example.com")
    made = {thing: make(aws, thing) for thing in ("consent", "redacted", "upload", "review", "erasure")}
    aws.seal()
    identity = aws.function("read_photo").world.identity
    return Things(pseudonym_of(identity.subjects, identity.macs, TENANT, CALLER), notice=notice, **made)


def kept(aws: Account) -> dict[str, Any]:
    """Give all that the tenant has, but for its log, in which refusals are."""
    rows = {
        table: sorted(
            (item for item in aws.dynamodb.scan(TableName=table)["Items"] if TENANT in item["pk"]["S"]), key=json.dumps
        )
        for table in ("uploads", "consents", "policies")
    }
    return rows | {bucket: aws.objects(bucket) for bucket in ("incoming", "quarantine", "vault")}


def ask(aws: Account, cell: Cell, has: Things) -> tuple[int, str]:
    """Call a route as a cell's caller, and give status and body."""
    caller = CALLER if cell.role == "subject" and cell.place == "own" else f"{cell.role}-{cell.place}@example.com"
    answer = aws.answer(
        function_of(cell.method, cell.route),
        cell.method,
        has.path(cell.route, cell.row.thing),
        cell.row.body(has),
        caller=caller,
        tenant=OTHER if cell.place == "another tenant" else TENANT,
        scopes=cell.scopes,
        request_id=next(requests),
    )
    return answer["statusCode"], str(answer["body"])


def test_every_route_of_the_template_is_in_the_matrix() -> None:
    (api,) = of_type("AWS::ApiGatewayV2::Api").values()
    deployed = {(method.upper(), path) for path, found in api["Body"]["paths"].items() for method in found}
    assert set(ROWS) == deployed == set(OPERATIONS)


def test_the_matrix_lets_in_and_keeps_out_at_every_route() -> None:
    for route in ROWS:
        cells = [cell for cell in CELLS if (cell.method, cell.route) == route]
        assert len(cells) == 13
        assert [cell for cell in cells if cell.denied is None]


@pytest.mark.parametrize(("method", "route"), ROWS)
def test_whoever_may_not_is_refused_and_changes_nothing(aws: Account, has: Things, method: str, route: str) -> None:
    before = kept(aws)
    for cell in (c for c in CELLS if (c.method, c.route) == (method, route) and c.denied is not None):
        status, body = ask(aws, cell, has)
        assert status == cell.denied, f"{cell}: {body}"
        assert "urn:photogate:problem:" in body
    assert kept(aws) == before


@pytest.mark.parametrize(("method", "route"), ROWS)
def test_whoever_may_is_let_in_and_sees_nothing_of_another_tenant(
    aws: Account, has: Things, method: str, route: str
) -> None:
    for cell in (c for c in CELLS if (c.method, c.route) == (method, route) and c.denied is None):
        before = kept(aws)
        # What a cell changes, the next one gets anew.
        thing = cell.row.thing if method != "GET" else None
        own = dataclasses.replace(has, **{thing: make(aws, thing)}) if thing and cell.place == "own" else has
        status, body = ask(aws, cell, own)
        if cell.place == "own":
            assert status < 300, f"{cell}: {body}"
            continue
        assert status < 500, f"{cell}: {body}"
        assert not [one for one in (TENANT, has.subject, has.consent, has.upload, has.review) if one in body], cell
        if cell.place == "another tenant":
            assert kept(aws) == before
