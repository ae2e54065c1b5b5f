"""POST /uploads: an upload's id, and the link to send the photo to."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from photogate.aws.world import World
from photogate.clock import system_clock
from photogate.config import (
    ApiSettings,
    AuditSettings,
    ConsentsSettings,
    IncomingSettings,
    PoliciesSettings,
    PseudonymSettings,
    UploadsSettings,
    load,
)
from photogate.http import Api, answer, parse_body
from photogate.intake import UploadRequest, Uploads
from photogate.observability import step


class Needs(
    ApiSettings,
    UploadsSettings,
    ConsentsSettings,
    PseudonymSettings,
    PoliciesSettings,
    IncomingSettings,
    AuditSettings,
):
    """What this function reads of its environment."""


settings = load(Needs)
world = World(settings, "request_upload")
api = Api(settings)


@api.resolver.post("/uploads")
def request_upload() -> Response[str]:
    """Issue an upload."""
    uploads = Uploads(
        identity=world.identity,
        uploads=world.uploads,
        consents=world.consents,
        policies=world.policies,
        events=world.audit,
        incoming=world.incoming,
        trail=world.trail(api.request_id, api.function_version),
        clock=system_clock,
    )
    request = parse_body(UploadRequest, api.body)
    return answer(uploads.request(api.caller, request, api.header("idempotency-key")), status=201)


@step("request_upload")
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer the HTTP API."""
    return api.resolver.resolve(event, context)
