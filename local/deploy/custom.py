"""Custom resources: the stack's own function is called with the request that CloudFormation would send."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from local.deploy.base import Context, Created, Handler, Properties

__all__ = ["HANDLERS"]


class ResourceFailed(Exception):
    """The function did not answer, or answered that it failed."""


def verifier_key(context: Context, properties: Properties) -> Created:
    """Ask the function behind a custom resource, and wait for what it puts to the address that it is given."""
    token = properties.take("ServiceToken")
    answers: list[dict[str, Any]] = []

    class Taker(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            answers.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Taker) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        event = {
            "RequestType": "Create",
            "ResponseURL": f"http://127.0.0.1:{server.server_port}/answer",
            "StackId": f"arn:aws:cloudformation:eu-central-1:000000000000:stack/{context.stack}/{context.suffix}",
            "RequestId": context.suffix,
            "ResourceType": "Custom::VerifierKey",
            "LogicalResourceId": properties.logical_id,
            "ResourceProperties": {"ServiceToken": token, **properties.take_all("Key", "Origin")},
        }
        context.client("lambda").invoke(FunctionName=token, Payload=json.dumps(event).encode())
        server.shutdown()
        thread.join()
    if not answers or answers[0]["Status"] != "SUCCESS":
        raise ResourceFailed(f"Expected {properties.logical_id} to be answered with success; found another end")
    return Created(answers[0]["PhysicalResourceId"], answers[0]["Data"])


HANDLERS: dict[str, Handler] = {"Custom::VerifierKey": verifier_key}
