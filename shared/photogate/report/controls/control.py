"""The form of a control and of a framework."""

from __future__ import annotations

from dataclasses import dataclass

from photogate.audit.event import EventName

__all__ = ["Control", "Framework"]


@dataclass(frozen=True, slots=True)
class Control:
    """One control.

    Attributes
    ----------
    id
        As the norm numbers it.
    title, asks
        What it is about and what it asks for, in our words.
    checks
        Names of the checks that it is judged by, in `photogate.report.evidence.CHECKS`.
    events
        Names of events that show it at work; they are counted, and the newest are given with their receipts.
    organisation
        What no software can show.
    """

    id: str
    title: str
    asks: str
    checks: tuple[str, ...]
    organisation: str
    events: tuple[EventName, ...] = ()


@dataclass(frozen=True, slots=True)
class Framework:
    """A norm, by the name that the command takes, with the controls that Photogate has evidence for."""

    name: str
    title: str
    controls: tuple[Control, ...]
