"""Time as the domain sees it: a function that tells it, so that tests can."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

__all__ = ["Clock", "stamp", "system_clock"]

Clock = Callable[[], datetime]


def system_clock() -> datetime:
    """Give the time now, in UTC."""
    return datetime.now(UTC)


def stamp(moment: datetime) -> str:
    """Write a moment as RFC 3339 in UTC with milliseconds; such strings sort by time."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
