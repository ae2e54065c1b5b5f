"""Who appends to the log, as one object: the function, the actor and the run that its events belong to."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from photogate.audit.event import Actor, DetailKey, Event, EventName, Outcome, photo_chain
from photogate.audit.log import AuditLog
from photogate.audit.row import Row
from photogate.errors import Reason

__all__ = ["Trail"]


@dataclass(frozen=True, slots=True)
class Trail:
    """Appends the events of one run of one function.

    Attributes
    ----------
    run
        Execution or request id: with the step it makes an event's id, so that a retry adopts what is there.
    started
        `time.monotonic` at the start of the step; events carry the time since then.
    """

    log: AuditLog
    function: str
    version: str
    run: str
    actor: Actor
    started: float = field(default_factory=time.monotonic)

    def by(self, actor: Actor) -> Trail:
        """Give the same trail for somebody else's act."""
        return replace(self, actor=actor)

    def within(self, run: str) -> Trail:
        """Give the same trail for events whose ids belong to something longer than this run."""
        return replace(self, run=run)

    def record(
        self,
        name: EventName,
        *,
        step: str,
        tenant: str,
        chain: str | None = None,
        subject: str | None = None,
        upload_id: str | None = None,
        purpose: str | None = None,
        policy_hash: str | None = None,
        model_hash: str | None = None,
        outcome: Outcome = Outcome.SUCCEEDED,
        reason: Reason | None = None,
        details: Mapping[DetailKey, int | str] | None = None,
    ) -> Row:
        """Append one event; the photo's chain unless told otherwise."""
        if chain is None:
            if upload_id is None:
                raise ValueError("An event without an upload needs a chain")
            chain = photo_chain(tenant, upload_id)
        return self.log.append(
            Event(
                event_id=f"{self.run}/{step}",
                name=name,
                tenant=tenant,
                chain=chain,
                actor=self.actor,
                function=self.function,
                function_version=self.version,
                outcome=outcome,
                duration_ms=int((time.monotonic() - self.started) * 1000),
                subject=subject,
                upload_id=upload_id,
                purpose=purpose,
                policy_hash=policy_hash,
                model_hash=model_hash,
                reason=reason,
                details=details or {},
            )
        )
