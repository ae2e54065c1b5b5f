"""publish_key answers CloudFormation: with the verifier key, or that it failed, and always."""

from __future__ import annotations

import importlib
import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import ModuleType
from typing import Any

import pytest

from photogate.audit.note import parse_vkey
from photogate.config import REPOSITORY
from photogate.errors import Transient
from tests.functions.sealing import CONTEXT
from tests.ledger_builders import ORIGIN, EcSigner


class CloudFormation:
    """Takes what is put to the address in the request."""

    def __init__(self) -> None:
        self.answers: list[dict[str, Any]] = []
        self.status = 200
        owner = self

        class Taker(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                owner.answers.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(owner.status)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = HTTPServer(("127.0.0.1", 0), Taker)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def request(self, kind: str) -> dict[str, Any]:
        event: dict[str, Any] = json.loads((REPOSITORY / "events" / "cloudformation.publish_key.json").read_bytes())
        return event | {
            "RequestType": kind,
            "ResponseURL": f"http://127.0.0.1:{self.server.server_port}/answer",
        }


@pytest.fixture
def cloudformation() -> Iterator[CloudFormation]:
    made = CloudFormation()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("PHOTOGATE_CHECKPOINT_KEY", "unused")
    monkeypatch.setenv("PHOTOGATE_LOG_ORIGIN", ORIGIN)
    sys.modules.pop("functions.publish_key.app", None)
    module = importlib.import_module("functions.publish_key.app")
    monkeypatch.setattr(module, "signer", EcSigner())
    return module


@pytest.mark.parametrize("kind", ["Create", "Update"])
def test_the_key_is_an_attribute_of_the_resource(app: ModuleType, cloudformation: CloudFormation, kind: str) -> None:
    request = cloudformation.request(kind)
    assert app.handler(request, CONTEXT) == {"status": "SUCCESS"}
    [answer] = cloudformation.answers
    assert parse_vkey(answer["Data"]["Vkey"]) == EcSigner().key
    assert (answer["PhysicalResourceId"], answer["RequestId"]) == (ORIGIN, request["RequestId"])


def test_a_deletion_needs_no_key(
    app: ModuleType, cloudformation: CloudFormation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "signer", None)
    assert app.handler(cloudformation.request("Delete"), CONTEXT) == {"status": "SUCCESS"}
    assert cloudformation.answers[0]["Data"] == {}


def test_what_goes_wrong_is_answered_by_its_class_alone(
    app: ModuleType, cloudformation: CloudFormation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "signer", None)
    assert app.handler(cloudformation.request("Create"), CONTEXT) == {"status": "FAILED"}
    assert (cloudformation.answers[0]["Status"], cloudformation.answers[0]["Reason"]) == ("FAILED", "AttributeError")


def test_an_answer_that_is_not_taken_is_tried_again_by_lambda(app: ModuleType, cloudformation: CloudFormation) -> None:
    cloudformation.status = 503
    with pytest.raises(Transient):
        app.handler(cloudformation.request("Create"), CONTEXT)
