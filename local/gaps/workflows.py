"""Step Functions: the workflow's own timeout, and its own role."""

from __future__ import annotations

import json
import threading
from contextvars import ContextVar, copy_context
from typing import Any

from local.gaps.policies import role_allows

__all__ = ["ask_the_workflows_role", "end_when_time_is_up"]


def end_when_time_is_up() -> None:
    """End an execution as ``TIMED_OUT`` after the definition's ``TimeoutSeconds``; a Catch does not run then.

    The state that is running when time is up comes to its end, and no other starts.

    Source: Amazon States Language, "TimeoutSeconds" of the state machine.
    """
    from ministack.core.responses import now_iso
    from ministack.services import stepfunctions

    inner = stepfunctions._run_execution

    def end(execution: dict[str, Any]) -> None:
        if execution["status"] == "RUNNING":
            execution.update(status="TIMED_OUT", stopDate=now_iso(), error="States.Timeout")
            stepfunctions._add_event(
                execution, "ExecutionTimedOut", {"executionTimedOutEventDetails": {"error": "States.Timeout"}}
            )
            stepfunctions._emit_execution_status_event(execution)

    def run(arn: str) -> None:
        execution = stepfunctions._executions.get(arn)
        machine = stepfunctions._state_machines.get(execution["stateMachineArn"]) if execution else None
        seconds = json.loads(machine["definition"]).get("TimeoutSeconds") if machine else None
        if not seconds:
            inner(arn)
            return
        timer = threading.Timer(seconds, copy_context().run, args=(end, execution))
        timer.daemon = True
        timer.start()
        try:
            inner(arn)
        finally:
            timer.cancel()

    stepfunctions._run_execution = run


def ask_the_workflows_role() -> None:
    """Let a workflow invoke a function only if its role may.

    Source: Step Functions Developer Guide, "IAM policies for integrated services", AWS Lambda.
    """
    from ministack.services import stepfunctions

    run, call = stepfunctions._run_execution, stepfunctions._call_lambda
    role: ContextVar[str] = ContextVar("photogate_workflow_role", default="")

    def run_as(arn: str) -> None:
        execution = stepfunctions._executions.get(arn)
        machine = stepfunctions._state_machines.get(execution["stateMachineArn"]) if execution else None
        role.set(machine["roleArn"] if machine else "")
        run(arn)

    def call_as(function: str, event: Any) -> Any:
        if not role_allows(role.get(), "lambda:InvokeFunction", function):
            raise stepfunctions._ExecutionError(
                "Lambda.AWSLambdaException", "The workflow's role is not authorized to perform: lambda:InvokeFunction"
            )
        return call(function, event)

    stepfunctions._run_execution = run_as
    stepfunctions._call_lambda = call_as
