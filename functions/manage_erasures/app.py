"""POST /erasures and GET /erasures/{id}: ask that everything of a subject goes, and have it certified."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from photogate.aws.world import World
from photogate.clock import system_clock
from photogate.config import ApiSettings, ErasureRequestSettings, LedgerSettings, PseudonymSettings, load
from photogate.erasures import ErasureDesk, ErasureRequest
from photogate.http import Api, answer, parse_body
from photogate.observability import step


class Needs(ApiSettings, ErasureRequestSettings, PseudonymSettings, LedgerSettings):
    """What this function reads of its environment."""


settings = load(Needs)
world = World(settings, "manage_erasures")
api = Api(settings)


def desk() -> ErasureDesk:
    """Give what takes requests for erasure."""
    trail = world.trail(api.request_id, api.function_version)
    return ErasureDesk(world.erasures, world.erasure_workflow, trail, system_clock)


@api.resolver.post("/erasures")
def request_erasure() -> Response[str]:
    """Start the erasure of everything of a subject."""
    return answer(desk().request(api.caller, world.identity, parse_body(ErasureRequest, api.body)), status=202)


@api.resolver.get("/erasures/<erasure_id>")
def read_erasure(erasure_id: str) -> Response[str]:
    """Tell how an erasure stands; with the certificate and its receipt when it has ended."""
    return answer(desk().read(api.caller, erasure_id, world.receipts))


@step("manage_erasures")
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer the HTTP API."""
    return api.resolver.resolve(event, context)
