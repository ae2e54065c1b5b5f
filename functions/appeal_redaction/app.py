"""POST /uploads/{id}/appeal: the uploader asks that a person look at a redaction."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from photogate.appeal import Appeals
from photogate.aws.world import World
from photogate.clock import system_clock
from photogate.config import ApiSettings, AuditSettings, PseudonymSettings, UploadsSettings, load
from photogate.http import Api, answer
from photogate.observability import step


class Needs(ApiSettings, UploadsSettings, PseudonymSettings, AuditSettings):
    """What this function reads of its environment."""


settings = load(Needs)
world = World(settings, "appeal_redaction")
api = Api(settings)


@api.resolver.post("/uploads/<upload_id>/appeal")
def appeal_redaction(upload_id: str) -> Response[str]:
    """Put a redacted photo into review, once."""
    trail = world.trail(api.request_id, api.function_version)
    appeals = Appeals(world.identity, world.uploads, trail, system_clock)
    return answer(appeals.appeal(api.caller, upload_id))


@step("appeal_redaction")
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer the HTTP API."""
    return api.resolver.resolve(event, context)
