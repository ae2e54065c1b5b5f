"""What a control is judged by: checks over the deployment's facts, the period's events and the verifier's result.

A check asserts one thing. It holds, fails, or the period has nothing to show for it. What holds is evidence; whether it
is enough is for the organisation and its auditor to say.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from photogate.policy import Policy
from photogate.report.activity import Activity, Example
from photogate.report.facts import Facts

__all__ = ["CHECKS", "Check", "Evidence", "Result", "State", "Verification", "check", "judged"]


class State(StrEnum):
    """What a check, or a control, came to."""

    FOUND = "evidence found"
    FAILING = "failing"
    ABSENT = "no evidence in the period"


@dataclass(frozen=True, slots=True)
class Verification:
    """What the verifier said of the log.

    Attributes
    ----------
    by
        Who ran it: this report over an export, or the deployment itself.
    ok
        Whether nothing was wrong.
    said
        Its result in one line.
    """

    by: str
    ok: bool
    said: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that a report knows."""

    facts: Facts
    activity: Activity
    policy: Policy
    verification: Verification | None


@dataclass(frozen=True, slots=True)
class Result:
    """What a check found: lines to read, and the events that are meant."""

    state: State
    lines: tuple[str, ...]
    examples: tuple[Example, ...] = ()


@dataclass(frozen=True, slots=True)
class Check:
    """One assertion. `operating`: it is shown by events of the period, not by how the deployment is set up."""

    name: str
    title: str
    operating: bool
    examine: Callable[[Evidence], Result]


CHECKS: dict[str, Check] = {}
"""Every check by its name, in the order in which they are defined."""


def check(
    title: str, *, operating: bool = False
) -> Callable[[Callable[[Evidence], Result]], Callable[[Evidence], Result]]:
    """Register a check under its function's name."""

    def register(examine: Callable[[Evidence], Result]) -> Callable[[Evidence], Result]:
        CHECKS[examine.__name__] = Check(examine.__name__, title, operating, examine)
        return examine

    return register


def judged(broken: Sequence[str], found: Sequence[str]) -> Result:
    """Fail with what is broken, or hold with what was found."""
    return Result(State.FAILING, tuple(broken)) if broken else Result(State.FOUND, tuple(found))
