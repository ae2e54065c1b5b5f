"""GET /photos/{id}: a link to the stored photo, for a minute; and who asked."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from photogate.aws.world import World
from photogate.clock import system_clock
from photogate.config import (
    ApiSettings,
    AuditSettings,
    PseudonymSettings,
    UploadsSettings,
    VaultSettings,
    load,
)
from photogate.http import Api, answer
from photogate.intake import Photos
from photogate.observability import step


class Needs(ApiSettings, UploadsSettings, PseudonymSettings, VaultSettings, AuditSettings):
    """What this function reads of its environment."""


settings = load(Needs)
world = World(settings, "read_photo")
api = Api(settings)


@api.resolver.get("/photos/<upload_id>")
def read_photo(upload_id: str) -> Response[str]:
    """Give the link."""
    trail = world.trail(api.request_id, api.function_version)
    photos = Photos(world.identity, world.uploads, trail, system_clock)
    return answer(photos.read(api.caller, upload_id, world.vault))


@step("read_photo")
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer the HTTP API."""
    return api.resolver.resolve(event, context)
