"""What the log says of a period, in numbers: events by name, and each rule with how often it was checked and broken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from photogate.audit.event import EventName

__all__ = ["Activity", "Example", "Rule"]


class Rule(StrEnum):
    """What must hold of every event, photo or subject that it applies to."""

    CONSENT = "consent"
    NOTICE = "notice"
    WITHDRAWN = "withdrawn"
    PURPOSE = "purpose"
    STRIPPED = "stripped"
    LOOKED = "looked"
    DECIDED = "decided"
    REDACTED = "redacted"
    DELETED = "deleted"
    ENDED = "ended"
    HASHED_IN = "hashed_in"
    HASHED_OUT = "hashed_out"
    POLICY = "policy"
    MODEL = "model"
    OWN = "own"
    LINK = "link"
    DENIED = "denied"
    CLOCK = "clock"
    UNTOUCHED = "untouched"
    HEARTBEAT = "heartbeat"
    ERASED = "erased"
    REVIEWED = "reviewed"
    REVIEWER = "reviewer"


@dataclass(frozen=True, slots=True)
class Example:
    """Where an event is, so that a reader finds it again."""

    event_id: str
    name: str
    time: str
    chain: str
    seq: int
    leaf: str


@dataclass(frozen=True, slots=True)
class Activity:
    """The period in numbers.

    Attributes
    ----------
    names
        Events by name.
    facets
        Events by name and one of their details, as ``("upload.completed", "status", "ACCEPTED")``.
    staff
        Events by pseudonym of a member of staff, and name.
    checked, broken
        By rule: to how many things it was applied, and how many broke it.
    where
        By rule: the first places where it was broken.
    examples
        By name: the newest events.
    verified
        The deployment's own `audit.verified`, as exit code and time: the first that found damage, else the newest.
    """

    tenant: str
    since: datetime
    until: datetime
    events: int
    names: Mapping[str, int]
    facets: Mapping[tuple[str, str, str], int]
    staff: Mapping[tuple[str, str], int]
    checked: Mapping[Rule, int]
    broken: Mapping[Rule, int]
    where: Mapping[Rule, tuple[Example, ...]]
    examples: Mapping[str, tuple[Example, ...]]
    models: tuple[str, ...]
    versions: tuple[str, ...]
    verified: tuple[int, str] | None

    def count(self, *names: EventName) -> int:
        """Give how many events have one of these names."""
        return sum(self.names.get(str(name), 0) for name in names)

    def by(self, name: EventName, facet: str) -> dict[str, int]:
        """Give how often each value of a detail occurs among the events of one name, most frequent first."""
        found = {v: n for (event, key, v), n in self.facets.items() if (event, key) == (str(name), facet)}
        return dict(sorted(found.items(), key=lambda entry: (-entry[1], entry[0])))

    def shown(self, *names: EventName) -> tuple[Example, ...]:
        """Give the newest example of each of these names."""
        return tuple(example for name in names for example in self.examples.get(str(name), ())[-1:])
