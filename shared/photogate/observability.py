"""Logs and metrics, in one place: ids, counts and names of errors, never what an error says.

An error that is not ours can quote what it choked on, and the Lambda runtime writes what is raised into the log. So
it is replaced by `Unexpected`, which holds only the class.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from photogate.errors import PhotogateError, Unexpected

__all__ = ["Handler", "logger", "metrics", "step"]

Handler = Callable[[dict[str, Any], LambdaContext], dict[str, Any]]

# Identifiers that a state or an event may carry into every line.
IDENTIFIERS = ("tenant", "subject", "upload_id", "execution_id")

logger = Logger(service="photogate", log_uncaught_exceptions=False)
metrics = Metrics(namespace="Photogate", service="photogate")


def step(function: str) -> Callable[[Handler], Handler]:
    """Put a run's identity into every line that it logs, and its end into one line and one metric."""
    metrics.set_default_dimensions(function=function)

    def decorate(handler: Handler) -> Handler:
        @wraps(handler)
        def run(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
            known: Mapping[str, Any] = event if isinstance(event, Mapping) else {}
            logger.set_correlation_id(context.aws_request_id)
            logger.append_keys(function=function, **{k: known[k] for k in IDENTIFIERS if isinstance(known.get(k), str)})
            started, outcome = time.monotonic(), "succeeded"
            try:
                return handler(event, context)
            except PhotogateError as error:
                outcome = type(error).__name__
                raise
            except Exception as error:
                outcome = type(error).__name__
                raise Unexpected(f"Expected the step to end or to say why not; found {outcome}") from None
            finally:
                duration = int((time.monotonic() - started) * 1000)
                logger.info("step ended", extra={"outcome": outcome, "duration_ms": duration})
                _measure(outcome, duration)
                logger.remove_keys(["function", *IDENTIFIERS])

        return run

    return decorate


def _measure(outcome: str, duration_ms: int) -> None:
    metrics.add_metric("Duration", MetricUnit.Milliseconds, duration_ms)
    metrics.add_metric("Failed", MetricUnit.Count, int(outcome != "succeeded"))
    metrics.flush_metrics()
