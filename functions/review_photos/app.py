"""GET /reviews, GET and POST /reviews/{id}: a person decides. The only function whose role opens originals."""

from __future__ import annotations

from functools import partial
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from photogate.aws.world import World
from photogate.clock import system_clock
from photogate.config import (
    ApiSettings,
    AuditSettings,
    ConsentsSettings,
    EventSettings,
    IncomingSettings,
    PoliciesSettings,
    PseudonymSettings,
    SealedSettings,
    UploadsSettings,
    VaultSettings,
    WorkSettings,
    load,
)
from photogate.http import Api, answer, parse_body, parse_query, picture
from photogate.observability import logger, step
from photogate.redaction import redact
from photogate.review import DecisionRequest, OpenQuery, ReviewsQuery
from photogate.workflow.outcome import RecordOutcome
from photogate.workflow.reviewing import Reviews
from photogate.workflow.settling import Settlement, SweepReviews


class Needs(
    ApiSettings,
    UploadsSettings,
    ConsentsSettings,
    PseudonymSettings,
    PoliciesSettings,
    IncomingSettings,
    WorkSettings,
    VaultSettings,
    SealedSettings,
    EventSettings,
    AuditSettings,
):
    """What this function reads of its environment."""


settings = load(Needs)
world = World(settings, "review_photos")
api = Api(settings)


def settlement(run: str, version: str) -> Settlement:
    """Give what ends reviews, for one request or one sweep of an upload."""
    w, trail = world, world.trail(run, version)
    record = RecordOutcome(w.uploads, w.incoming, w.work, w.vault, w.quarantine, w.bus, trail, system_clock)
    return Settlement(
        w.uploads, w.policies, w.audit, w.sealed, w.quarantine, w.vault, record, redact, trail, system_clock
    )


def not_ended(tenant: str, upload_id: str, error: Exception) -> None:
    """Say which review stays open, and the class of what stood in the way."""
    logger.error("review not ended", extra={"tenant": tenant, "upload_id": upload_id, "error": type(error).__name__})


def reviews() -> Reviews:
    """Give the desk of whoever calls."""
    return Reviews(world.identity, world.consents, settlement(api.request_id, api.function_version), api.request_id)


@api.resolver.get("/reviews")
def list_reviews() -> Response[str]:
    """List the tenant's open reviews, oldest first, a page at a time."""
    asked = parse_query(ReviewsQuery, api.query)
    return answer(reviews().list(api.caller, asked.limit, asked.after))


@api.resolver.get("/reviews/<upload_id>")
def open_review(upload_id: str) -> Response[bytes]:
    """Show the photo under review as an upright JPEG without metadata, of at most 4 MB."""
    outlines = parse_query(OpenQuery, api.query).outlines
    rendition = reviews().open(api.caller, upload_id, outlines=outlines)
    return picture(rendition.data, rendition.width, rendition.height)


@api.resolver.post("/reviews/<upload_id>")
def decide_review(upload_id: str) -> Response[str]:
    """Decide a review, or be the first of two to."""
    return answer(reviews().decide(api.caller, upload_id, parse_body(DecisionRequest, api.body)))


@step("review_photos")
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer the HTTP API, or its schedule: then end what reviewers left."""
    if event.get("source") == "aws.events":
        ending = partial(settlement, version=context.function_version)
        return SweepReviews(world.uploads, world.subjects, ending, not_ended, system_clock).run()
    return api.resolver.resolve(event, context)
