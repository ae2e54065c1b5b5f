"""What the real handlers answer is what the OpenAPI document promises, to the field."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from docs import make_openapi
from photogate.policy import default_policy
from tests import photos
from tests.functions.cloud import Account, sha256
from tests.ledger_builders import ORIGIN

DOCUMENT = json.loads(make_openapi.OPENAPI.read_text())
STAFF = {"caller": "staff-1", "scopes": "policy:write audit:read photos:read"}
NOBODY_S = "0" * 32


def check(method: str, path: str, answer: tuple[int, Any]) -> Any:
    """Hold an answer against the response that the document has for its status."""
    status, body = answer
    response = DOCUMENT["paths"][re.sub("[0-9a-f]{32}|photo[.][0-9a-f.]+", "{id}", path)][method.lower()]["responses"][
        str(status)
    ]
    if "$ref" in response:
        response = DOCUMENT["components"]["responses"][response["$ref"].rpartition("/")[2]]
    (content,) = response["content"].values()
    schema = {**content["schema"], "components": DOCUMENT["components"]}
    Draft202012Validator(schema).validate(body)
    return body


def test_consents_as_promised(aws: Account) -> None:
    notices = check("GET", "/consents", aws.http("manage_consents", "GET", "/consents"))
    notice = notices["purposes"]["proof_of_delivery"]["notice_hash"]
    request = {"purpose": "proof_of_delivery", "notice_hash": notice, "decision": "given"}
    given = check("POST", "/consents", aws.http("manage_consents", "POST", "/consents", request))
    path = f"/consents/{given['id']}/reconfirm"
    again = aws.http("manage_consents", "POST", path, {"notice_hash": notice})
    assert check("POST", path, again)["state"] == "reconfirmed"
    aws.seal()
    path = f"/consents/{given['id']}/receipt"
    assert check("GET", path, aws.http("manage_consents", "GET", path))
    path = f"/consents/{given['id']}/withdraw"

    assert check("POST", path, aws.http("manage_consents", "POST", path))["state"] == "withdrawn"


def test_an_upload_and_its_photo_as_promised(aws: Account) -> None:
    photo = photos.parcel()
    request = {
        "content_type": "image/jpeg",
        "size": len(photo),
        "purpose": "proof_of_delivery",
        "consent_id": aws.consent(),
        "sha256": sha256(photo),
    }
    issued = check("POST", "/uploads", aws.http("request_upload", "POST", "/uploads", request))
    assert {"post", "put"} <= set(issued)
    path = f"/uploads/{issued['id']}"
    assert "retry_after_ms" in check("GET", path, aws.http("read_upload", "GET", path))

    upload = aws.upload(photo, request_id="http-2")
    aws.process(upload)
    path = f"/uploads/{upload['id']}"
    assert check("GET", path, aws.http("read_upload", "GET", path))["status"] == "ACCEPTED"
    path = f"/photos/{upload['id']}"
    assert check("GET", path, aws.http("read_photo", "GET", path))["url"].startswith("https://")


def test_policy_and_log_as_promised(aws: Account) -> None:
    read = check("GET", "/policy", aws.http("manage_policy", "GET", "/policy", **STAFF))
    changed = default_policy().model_copy(update={"seal_originals": True})
    headers = {"if-match": read["hash"]}
    document = changed.document().decode()
    put = check("PUT", "/policy", aws.http("manage_policy", "PUT", "/policy", document, headers=headers, **STAFF))
    assert put["hash"] == changed.hash

    page = check("GET", "/audit/events", aws.http("query_audit", "GET", "/audit/events", **STAFF))
    assert "policy.changed" in {event["name"] for event in page["events"]}


def test_proofs_as_promised(aws: Account) -> None:
    upload = aws.upload(photos.parcel())
    aws.seal()
    path = f"/audit/events/photo.{upload['id']}.0/receipt"
    assert check("GET", path, aws.http("query_audit", "GET", path, **STAFF)).startswith("c2sp.org/tlog-proof@v1\n")
    note = check("GET", "/audit/checkpoint", aws.http("query_audit", "GET", "/audit/checkpoint", **STAFF))
    assert note.startswith(f"{ORIGIN}\n")


@pytest.mark.parametrize(
    ("function", "method", "path", "body", "status"),
    [
        ("request_upload", "POST", "/uploads", {}, 400),
        ("manage_policy", "GET", "/policy", None, 403),
        ("read_upload", "GET", f"/uploads/{NOBODY_S}", None, 404),
        ("read_photo", "GET", f"/photos/{NOBODY_S}", None, 404),
    ],
)
def test_problems_as_promised(aws: Account, function: str, method: str, path: str, body: Any, status: int) -> None:
    answer = aws.http(function, method, path, body)

    assert answer[0] == status
    assert check(method, path, answer)["status"] == status


def test_an_erasure_as_promised(aws: Account) -> None:
    aws.consent()
    asked = check("POST", "/erasures", aws.http("manage_erasures", "POST", "/erasures", {}))
    assert asked["status"] == "running"
    aws.erase(asked["id"])
    aws.seal()
    path = f"/erasures/{asked['id']}"
    assert check("GET", path, aws.http("manage_erasures", "GET", path))["receipt"]
