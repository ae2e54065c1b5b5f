"""Starting the workflow that erases."""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import ClientError

from photogate.aws.session import error_code, translated
from photogate.errors import Conflict

__all__ = ["ErasureWorkflow"]

ATTEMPTS = 20


class ErasureWorkflow:
    """Implements `photogate.erasures.Starter`: one execution at a time for an erasure, by its name."""

    def __init__(self, client: Any, arn: str) -> None:
        self._client = client
        self._arn = arn

    def start(self, tenant: str, erasure_id: str) -> None:
        """Start it; one that runs is left alone, and one that failed is followed by another.

        Step Functions takes the name of a running execution with the same input as the same start, and refuses that
        of one that has ended.

        Raises
        ------
        Conflict
            If it failed `ATTEMPTS` times.
        """
        request = json.dumps({"tenant": tenant, "erasure_id": erasure_id})
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with translated():
                    self._client.start_execution(
                        stateMachineArn=self._arn, name=f"{erasure_id}-{attempt}", input=request
                    )
            except ClientError as error:
                if error_code(error) != "ExecutionAlreadyExists":
                    raise
            else:
                return
        raise Conflict(f"Expected an erasure that ends; found {ATTEMPTS} executions that did not. See the runbook")
