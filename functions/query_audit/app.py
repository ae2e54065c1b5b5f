"""GET /audit/events: ask the log, with the filters of `photogate audit list`."""

from __future__ import annotations

import json
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from photogate.access import Scope, require_scope
from photogate.audit.query import AuditReader
from photogate.aws.world import World
from photogate.clock import system_clock
from photogate.config import ApiSettings, AuditSettings, PseudonymSettings, load
from photogate.http import Api, answer
from photogate.inquiry import inquire
from photogate.intake import spoken_by
from photogate.observability import step


class Needs(ApiSettings, AuditSettings, PseudonymSettings):
    """What this function reads of its environment."""


settings = load(Needs)
world = World(settings, "query_audit")
api = Api(settings)


@api.resolver.get("/audit/events")
def list_events() -> Response[str]:
    """List events, oldest first, a page at a time."""
    caller = api.caller
    require_scope(caller, Scope.AUDIT_READ)
    trail = world.trail(api.request_id, api.function_version).by(spoken_by(caller, world.identity.of(caller)))
    page = inquire(AuditReader(world.audit), trail, caller.tenant, api.query, system_clock())
    events = [json.loads(row.body) for row in page.rows]
    return answer({"events": events, "next": page.cursor})


@step("query_audit")
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer the HTTP API."""
    return api.resolver.resolve(event, context)
