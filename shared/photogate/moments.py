"""Moments as people write them: `24h`, `7d`, `2026-11-01`, `2026-11-01T09:30Z`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

__all__ = ["parse_moment"]

_RELATIVE = re.compile(r"([0-9]{1,6})([smhdw])", re.ASCII)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_moment(text: str, now: datetime) -> datetime:
    """Read a moment: so long before `now`, a date (its first moment), or a date and time; UTC unless told otherwise.

    Raises
    ------
    ValueError
        If it is none of these.
    """
    if text == "now":
        return now
    if relative := _RELATIVE.fullmatch(text):
        return now - timedelta(**{_UNITS[relative[2]]: int(relative[1])})
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
