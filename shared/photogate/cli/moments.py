"""Moments as an option of a command."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from photogate.moments import parse_moment

__all__ = ["MOMENT"]


class _Moment(click.ParamType[datetime]):
    name = "moment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Read what was given on the command line."""
        if isinstance(value, datetime):
            return value
        try:
            return parse_moment(value, datetime.now(UTC))
        except (ValueError, OverflowError):
            self.fail("Expected a time such as 24h, 7d, 2026-11-01 or 2026-11-01T09:30Z.", param, ctx)


MOMENT = _Moment()
