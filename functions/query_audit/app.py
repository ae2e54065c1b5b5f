"""GET /audit/events, one event's receipt, and the newest checkpoint: ask the log, and have it proved."""

from __future__ import annotations

import json
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from photogate.access import Scope, require_scope
from photogate.audit.query import AuditReader
from photogate.audit.trail import Trail
from photogate.aws.world import World
from photogate.clock import system_clock
from photogate.config import ApiSettings, LedgerSettings, PseudonymSettings, load
from photogate.http import Api, answer, text_answer
from photogate.inquiry import inquire, prove
from photogate.intake import spoken_by
from photogate.observability import step


class Needs(ApiSettings, LedgerSettings, PseudonymSettings):
    """What this function reads of its environment."""


settings = load(Needs)
world = World(settings, "query_audit")
api = Api(settings)


@api.resolver.get("/audit/events")
def list_events() -> Response[str]:
    """List events, oldest first, a page at a time."""
    trail = _trail()
    page = inquire(AuditReader(world.audit), trail, api.caller.tenant, api.query, system_clock())
    events = [json.loads(row.body) for row in page.rows]
    return answer({"events": events, "next": page.cursor})


@api.resolver.get("/audit/events/<reference>/receipt")
def give_receipt(reference: str) -> Response[str]:
    """Prove that an event is in the log."""
    return text_answer(prove(world.receipts, _trail(), api.caller.tenant, reference).data.decode())


@api.resolver.get("/audit/checkpoint")
def read_checkpoint() -> Response[str]:
    """Give the log's newest checkpoint."""
    require_scope(api.caller, Scope.AUDIT_READ)
    return text_answer(world.receipts.newest().decode())


def _trail() -> Trail:
    caller = api.caller
    require_scope(caller, Scope.AUDIT_READ)
    return world.trail(api.request_id, api.function_version).by(spoken_by(caller, world.identity.of(caller)))


@step("query_audit")
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer the HTTP API."""
    return api.resolver.resolve(event, context)
