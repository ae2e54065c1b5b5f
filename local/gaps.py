"""What MiniStack lacks and the template needs, closed in the server's process: each gap is one function here.

The gaps that stay open are listed in ``docs/local.md``.
"""

from __future__ import annotations

import os
import threading
from collections import defaultdict
from collections.abc import Callable
from typing import Any

__all__ = ["close"]


def close() -> None:
    """Close every gap. Called once, before the server answers."""
    bound_environments(per_function=2, at_once=max(4, 2 * (os.cpu_count() or 1)))
    carry_version_to_eventbridge()
    name_the_role_in_principal_arn()
    show_encryption_headers_to_policies()
    name_the_error_of_a_failed_start()


def bound_environments(per_function: int, at_once: int) -> None:
    """Queue invocations that this machine has no room for.

    MiniStack gives every concurrent invocation a process of its own, without bound, as AWS gives it an environment.
    Fifty uploads at once would start hundreds of them here. A queue in front does not count against the function's
    timeout, and no function of ours invokes another, so that nobody waits for himself.
    """
    from ministack.services import lambda_svc

    inner: Callable[[dict[str, Any], Any, str], dict[str, Any]] = lambda_svc._execute_function_provided_warm
    of_function: dict[str, threading.Semaphore] = defaultdict(lambda: threading.Semaphore(per_function))
    of_machine = threading.Semaphore(at_once)

    def execute(function: dict[str, Any], event: Any, request_id: str) -> dict[str, Any]:
        name = (function.get("config") or function).get("FunctionName", "")
        with of_function[name], of_machine:
            return inner(function, event, request_id)

    lambda_svc._execute_function_provided_warm = execute


def carry_version_to_eventbridge() -> None:
    """Put ``version-id`` into S3's EventBridge events, as AWS does for versioned buckets.

    Source: Amazon S3 User Guide, "EventBridge event message structure".
    """
    import json

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


def name_the_role_in_principal_arn() -> None:
    """Give ``aws:PrincipalArn`` the role's own ARN, its path included; MiniStack gives the session's.

    Source: IAM User Guide, "AWS global condition context keys", aws:PrincipalArn.
    """
    from ministack.core import iam_evaluator
    from ministack.services import iam

    inner = iam_evaluator._resolve_condition_key

    def resolve(key: str, context: Any) -> Any:
        if key.lower() == "aws:principalarn" and ":assumed-role/" in context.principal_arn:
            name = context.principal_arn.split("/")[1]
            role = iam._roles.get_scoped(context.principal_account, None, name)
            if role is not None:
                return role["Arn"]
        return inner(key, context)

    iam_evaluator._resolve_condition_key = resolve


def show_encryption_headers_to_policies() -> None:
    """Give bucket policies every ``x-amz-server-side-encryption*`` header of a PUT; MiniStack gives the algorithm only.

    Source: Service Authorization Reference, "Condition keys for Amazon S3".
    """
    from ministack.core import iam_actions

    inner = iam_actions.s3_service_context

    def context(
        action: str, query: dict[str, Any] | None, path: str = "", headers: dict[str, str] | None = None
    ) -> dict[str, Any]:
        found = dict(inner(action, query, path, headers))
        if action == "s3:PutObject":
            prefix = "x-amz-server-side-encryption"
            found |= {f"s3:{k.lower()}": v for k, v in (headers or {}).items() if k.lower().startswith(prefix)}
        return found

    iam_actions.s3_service_context = context


def name_the_error_of_a_failed_start() -> None:
    """Report the error's own name when a function fails while it is imported; MiniStack says ``Runtime.Unknown``.

    Source: AWS Lambda Developer Guide, "Lambda runtime API", initialization error.
    """
    from ministack.core import lambda_runtime

    inner = lambda_runtime.ProvidedWorker._await_init

    def await_init(worker: Any, init_timeout: float | None = None) -> None:
        try:
            inner(worker, init_timeout)
        except RuntimeError as error:
            found = worker._init_error
            if isinstance(found, dict) and found.get("errorType"):
                message = str(found.get("errorMessage", ""))
                raise lambda_runtime.ProvidedRuntimeError(message, found["errorType"]) from error
            raise

    lambda_runtime.ProvidedWorker._await_init = await_init
