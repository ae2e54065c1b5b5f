"""Judging controls by their checks."""

from __future__ import annotations

from dataclasses import dataclass

from photogate.report import deployment, operation, rules  # noqa: F401 - they register their checks
from photogate.report.activity import Example
from photogate.report.controls import Control, Framework
from photogate.report.evidence import CHECKS, Check, Evidence, Result, State

__all__ = ["Assessment", "assess", "verdict_of"]


@dataclass(frozen=True, slots=True)
class Assessment:
    """One control with what was found.

    Attributes
    ----------
    counts
        The events that show the control at work, by name.
    examples
        The newest of them.
    """

    control: Control
    state: State
    results: tuple[tuple[Check, Result], ...]
    counts: tuple[tuple[str, int], ...]
    examples: tuple[Example, ...]

    def of(self, state: State) -> tuple[tuple[Check, Result], ...]:
        """Give the checks that came to this."""
        return tuple(entry for entry in self.results if entry[1].state is state)


def verdict_of(results: tuple[tuple[Check, Result], ...]) -> State:
    """Judge a control: failing if any check fails; without evidence if nothing of what should happen did.

    A control whose checks are all of the deployment needs no events.
    """
    states = [result.state for _, result in results]
    if State.FAILING in states:
        return State.FAILING
    operating = [result.state for check, result in results if check.operating]
    if (operating and State.FOUND not in operating) or State.FOUND not in states:
        return State.ABSENT
    return State.FOUND


def assess(framework: Framework, evidence: Evidence) -> tuple[Assessment, ...]:
    """Judge every control of a framework."""
    results = {name: (check, check.examine(evidence)) for name, check in CHECKS.items()}
    found = []
    for control in framework.controls:
        own = tuple(results[name] for name in control.checks)
        counts = tuple((str(name), evidence.activity.count(name)) for name in control.events)
        found.append(Assessment(control, verdict_of(own), own, counts, evidence.activity.shown(*control.events)))
    return tuple(found)
