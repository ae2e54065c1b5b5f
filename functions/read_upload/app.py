"""GET /uploads/{id}: where an upload stands, and what its uploader should do."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from photogate.aws.world import World
from photogate.clock import system_clock
from photogate.config import ApiSettings, AuditSettings, PseudonymSettings, UploadsSettings, load
from photogate.http import Api, answer
from photogate.intake import Photos
from photogate.observability import step
from photogate.views import upload_view


class Needs(ApiSettings, UploadsSettings, PseudonymSettings, AuditSettings):
    """What this function reads of its environment."""


settings = load(Needs)
world = World(settings, "read_upload")
api = Api(settings)


@api.resolver.get("/uploads/<upload_id>")
def read_upload(upload_id: str) -> Response[str]:
    """Tell the status."""
    trail = world.trail(api.request_id, api.function_version)
    photos = Photos(world.identity, world.uploads, trail, system_clock)
    return answer(upload_view(photos.find(api.caller, upload_id), api.header("accept-language")))


@step("read_upload")
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer the HTTP API."""
    return api.resolver.resolve(event, context)
