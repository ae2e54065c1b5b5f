"""Telling the customer's own systems."""

from __future__ import annotations

import json
from typing import Any

from photogate.aws.session import translated
from photogate.errors import Transient

__all__ = ["EventBus"]


class EventBus:
    """An EventBridge bus: implements `photogate.workflow.outcome.Announcer`."""

    def __init__(self, client: Any, bus: str) -> None:
        self._client = client
        self._bus = bus

    def announce(self, detail: dict[str, Any]) -> None:
        """Put one ``photo.completed`` event, as ``events/photo.completed.schema.json`` describes it."""
        entry = {
            "Source": "photogate",
            "DetailType": "photo.completed",
            "Detail": json.dumps(detail, sort_keys=True),
            "EventBusName": self._bus,
        }
        with translated():
            answer = self._client.put_events(Entries=[entry])
        if answer["FailedEntryCount"]:
            raise Transient("Expected the event bus to take the event; found a refusal")
