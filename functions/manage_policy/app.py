"""GET and PUT /policy: the tenant's rules; a change is an event before it is in force."""

from __future__ import annotations

import json
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from photogate.access import Scope, require_scope
from photogate.aws.world import World
from photogate.clock import stamp
from photogate.config import ApiSettings, AuditSettings, PoliciesSettings, PseudonymSettings, load
from photogate.http import Api, answer
from photogate.intake import spoken_by
from photogate.observability import step
from photogate.policy import parse_policy
from photogate.retention import require_outlived
from photogate.tenants import change_policy, find_policy


class Needs(ApiSettings, PoliciesSettings, PseudonymSettings, AuditSettings):
    """What this function reads of its environment."""


settings = load(Needs)
world = World(settings, "manage_policy")
api = Api(settings)


@api.resolver.get("/policy")
def read_policy() -> Response[str]:
    """Tell the policy in force, and its hash."""
    caller = api.caller
    require_scope(caller, Scope.POLICY_WRITE)
    found = find_policy(world.policies, world.audit, caller.tenant)
    document = json.loads(found.policy.document())
    return answer({"hash": found.policy.hash, "confirm_before": stamp(found.until), "policy": document})


@api.resolver.put("/policy")
def put_policy() -> Response[str]:
    """Put a policy in force, or confirm the one that is; If-Match, where it is sent, names the hash that was read."""
    caller = api.caller
    require_scope(caller, Scope.POLICY_WRITE)
    policy = require_outlived(parse_policy(api.body), settings.audit_retention_days)
    trail = world.trail(api.request_id, api.function_version).by(spoken_by(caller, world.identity.of(caller)))
    expected = (api.header("if-match") or "").strip('"') or None
    current = change_policy(world.policies, trail, caller.tenant, policy, expected)
    return answer({"hash": current.policy_hash, "revision": current.revision})


@step("manage_policy")
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer the HTTP API."""
    return api.resolver.resolve(event, context)
