"""Lambda: how many run at once, and how a start fails."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

__all__ = ["Slots", "bound_environments", "name_the_error_of_a_failed_start", "warm"]


class Slots:
    """Room for invocations on this machine: a few a function, a few in all.

    No function of ours invokes another, so nobody waits for himself.
    """

    def __init__(self, per_function: int, at_once: int) -> None:
        self._of_function: dict[str, threading.Semaphore] = defaultdict(lambda: threading.Semaphore(per_function))
        self._of_machine = threading.Semaphore(at_once)
        self._held: ContextVar[bool] = ContextVar("photogate_slot", default=False)

    @contextmanager
    def take(self, function: str) -> Iterator[None]:
        """Wait for room; who has it already, in this context, goes on."""
        if self._held.get():
            yield
            return
        with self._of_function[function], self._of_machine:
            token = self._held.set(True)
            try:
                yield
            finally:
                self._held.reset(token)


def bound_environments(per_function: int, at_once: int) -> None:
    """Queue invocations that this machine has no room for.

    MiniStack gives every concurrent invocation a process of its own, without bound, as AWS gives it an environment:
    fifty uploads at once would start hundreds here. The wait comes before the clocks of the function's timeout and of
    the workflow's task start.
    """
    from ministack.services import lambda_svc, stepfunctions

    slots = Slots(per_function, at_once)
    execute: Callable[[dict[str, Any], Any, str], dict[str, Any]] = lambda_svc._execute_function_provided_warm
    invoke = stepfunctions._invoke_resource_with_timeout

    def execute_in_turn(function: dict[str, Any], event: Any, request_id: str) -> dict[str, Any]:
        with slots.take((function.get("config") or function).get("FunctionName", "")):
            return execute(function, event, request_id)

    def invoke_in_turn(resource: str, given: Any, timeout: float) -> Any:
        with slots.take(resource.rpartition(":function:")[2]):
            return invoke(resource, given, timeout)

    lambda_svc._execute_function_provided_warm = execute_in_turn
    stepfunctions._invoke_resource_with_timeout = invoke_in_turn


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


def warm(names: list[str], account: str, region: str) -> None:
    """Start one environment of each function, so that the first photo does not wait for imports."""
    from ministack.core import lambda_runtime
    from ministack.core.responses import request_scope
    from ministack.services import lambda_svc

    with request_scope(account, region):
        for name in names:
            record, config, _ = lambda_svc._get_func_record_for_ref(name)
            if not record:
                continue
            version = config.get("Version", "$LATEST")
            worker, _ = lambda_runtime.acquire_worker(name, config, record["code_zip"], qualifier=version)
            try:
                lambda_runtime.ensure_spawned(worker)
            except RuntimeError:
                continue  # the first invocation meets the same error, and reports it
            finally:
                lambda_runtime.release_worker(worker)
