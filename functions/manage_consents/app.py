"""GET and POST /consents, POST /consents/{id}/withdraw and /reconfirm: taking consent back is as easy as giving it."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from photogate.aws.world import World
from photogate.clock import system_clock
from photogate.config import (
    ApiSettings,
    ConsentsSettings,
    ErasureRequestSettings,
    LedgerSettings,
    PoliciesSettings,
    PseudonymSettings,
    load,
)
from photogate.erasures import ErasureDesk
from photogate.http import Api, answer, parse_body, text_answer
from photogate.intake import ConsentRequest, Consents, ReconfirmRequest
from photogate.observability import step


class Needs(ApiSettings, ConsentsSettings, PseudonymSettings, PoliciesSettings, ErasureRequestSettings, LedgerSettings):
    """What this function reads of its environment."""


settings = load(Needs)
world = World(settings, "manage_consents")
api = Api(settings)


def consents() -> Consents:
    """Give what acts on consents in this request."""
    trail = world.trail(api.request_id, api.function_version)
    desk = ErasureDesk(world.erasures, world.erasure_workflow, trail, system_clock)
    stores = (world.consents, world.policies, world.audit, world.receipts)
    return Consents(world.identity, *stores, desk, trail, system_clock)


@api.resolver.get("/consents")
def list_consents() -> Response[str]:
    """Tell each purpose's notice, which must be shown before a consent is given, and the caller's own consents."""
    return answer(consents().overview(api.caller))


@api.resolver.post("/consents")
def give_consent() -> Response[str]:
    """Record a consent, or its refusal."""
    return answer(consents().give(api.caller, parse_body(ConsentRequest, api.body)), status=201)


@api.resolver.post("/consents/<consent_id>/withdraw")
def withdraw_consent(consent_id: str) -> Response[str]:
    """Take it back."""
    return answer(consents().withdraw(api.caller, consent_id))


@api.resolver.post("/consents/<consent_id>/reconfirm")
def reconfirm_consent(consent_id: str) -> Response[str]:
    """Confirm it again, and so prolong it."""
    return answer(consents().reconfirm(api.caller, consent_id, parse_body(ReconfirmRequest, api.body)))


@api.resolver.get("/consents/<consent_id>/receipt")
def give_consent_receipt(consent_id: str) -> Response[str]:
    """Prove to the subject that an event of its consent is in the log."""
    asked = api.query
    receipt = consents().receipt(api.caller, consent_id, asked.get("event"), asked.get("subject"))
    return text_answer(receipt.data.decode())


@step("manage_consents")
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer the HTTP API."""
    return api.resolver.resolve(event, context)
