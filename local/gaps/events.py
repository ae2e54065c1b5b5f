"""EventBridge: what S3 tells it, and in whose name it starts a workflow."""

from __future__ import annotations

import json
import logging
import threading
from typing import Any

from local.gaps.policies import role_allows

__all__ = ["ask_the_rules_role", "carry_version_to_eventbridge"]

logger = logging.getLogger("photogate.local")


def carry_version_to_eventbridge() -> None:
    """Put ``version-id`` into S3's EventBridge events, as AWS does for versioned buckets.

    Source: Amazon S3 User Guide, "EventBridge event message structure".
    """
    from ministack.services import eventbridge, s3

    fire, dispatch = s3._fire_s3_event, eventbridge._dispatch_event
    current = threading.local()

    def fire_with_version(*args: Any, **named: Any) -> None:
        current.version = named.get("version_id")
        try:
            fire(*args, **named)
        finally:
            current.version = None

    def dispatch_with_version(event: dict[str, Any], *args: Any, **named: Any) -> Any:
        version = getattr(current, "version", None)
        if version and event.get("Source") == "aws.s3":
            detail = json.loads(event["Detail"])
            detail["object"]["version-id"] = version
            event = {**event, "Detail": json.dumps(detail)}
        return dispatch(event, *args, **named)

    s3._fire_s3_event = fire_with_version
    eventbridge._dispatch_event = dispatch_with_version


def ask_the_rules_role() -> None:
    """Start a workflow only if the role of the rule's target may.

    Source: EventBridge User Guide, "Using IAM roles", targets that need a role.
    """
    from ministack.services import eventbridge

    inner = eventbridge._invoke_target

    def invoke(target: dict[str, Any], event: Any, rule: Any, view: Any = None) -> None:
        arn = target.get("Arn", "")
        if ":states:" in arn and not role_allows(target.get("RoleArn", ""), "states:StartExecution", arn):
            logger.warning("the role of a rule may not start %s: nothing was started", arn)
            return
        inner(target, event, rule, view)

    eventbridge._invoke_target = invoke
