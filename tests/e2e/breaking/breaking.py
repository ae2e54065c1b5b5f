"""A handler around a function's own that breaks at a planned place: the process dies, or waits for the test.

`tests.e2e.broken` starts functions with this one in place of ``app.handler``; nothing else of them differs. A plan is a
file, named after an upload, that the test writes before it sends the photo. Steps of one upload run one after the
other, so the places (invocations, and calls that write) can be counted in files beside it.
"""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path
from typing import Any

from app import handler as unbroken
from botocore.client import BaseClient

FOLDER = Path(os.environ["BREAKING"])
FUNCTION = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
READS = ("Get", "Head", "List", "Query", "Describe", "BatchGet", "Generate", "Decrypt", "Sign")
PATIENCE_S = 60

planned: dict[str, Any] = {}
real = BaseClient._make_api_call


def plan_of(event: Any) -> dict[str, Any]:
    """Find the plan of the upload that a step is for; nothing is planned for most, nor for stream records."""
    if "Records" in event:
        return {}
    for name in re.findall(r"[0-9a-f]{32}", json.dumps(event)):
        file = FOLDER / f"{name}.json"
        if file.exists():
            return {**json.loads(file.read_text()), "upload": name}
    return {}


def count(what: str, line: str) -> int:
    """Write down that something happens, and tell how many of its kind did before."""
    file = FOLDER / f"{planned['upload']}.{what}"
    before = len(file.read_text().splitlines()) if file.exists() else 0
    with file.open("a") as lines:
        lines.write(f"{line}\n")
    return before


def die() -> None:
    """End the process as if its machine had gone: no clean-up, no answer."""
    (FOLDER / f"{planned['upload']}.died").touch()
    os._exit(1)


def call(client: Any, operation: str, arguments: dict[str, Any]) -> Any:
    """Stand between a client and AWS: before or after the planned write the process is gone."""
    if not planned or operation.startswith(READS):
        return real(client, operation, arguments)
    place = count("writes", f"{FUNCTION} {operation}")
    if place == planned.get("dies_before"):
        die()
    answer = real(client, operation, arguments)
    if place == planned.get("dies_after"):
        die()
    return answer


def handler(event: Any, context: Any) -> Any:
    """Run the function's own handler, after the pause that is planned before this step, if any."""
    planned.clear()
    planned.update(plan_of(event))
    # A step of the workflow names its execution; what the API is asked meanwhile does not.
    step = bool(planned) and "execution_id" in event
    if step and count("steps", FUNCTION) == planned.get("waits_before"):
        (FOLDER / f"{planned['upload']}.waiting").touch()
        until = time.monotonic() + PATIENCE_S
        while not (FOLDER / f"{planned['upload']}.go").exists():
            if time.monotonic() > until:
                raise TimeoutError("Expected the test to let the step go on; found nothing")
            time.sleep(0.02)
    return unbroken(event, context)


BaseClient._make_api_call = call
