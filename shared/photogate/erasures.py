"""Asking for an erasure, and asking how it stands."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, Field

from photogate.access import Caller, Scope, require_scope
from photogate.audit.event import Actor, ActorKind, DetailKey, EventName, Outcome, subject_chain
from photogate.audit.receipt import Receipt
from photogate.audit.receipts import Receipts
from photogate.audit.trail import Trail
from photogate.clock import Clock, stamp
from photogate.erasure import ENDED, Erasure, ErasureStore, Phase, new_erasure
from photogate.errors import Held, NotFound, NotPermitted
from photogate.uploads import HexId, is_id, new_id

__all__ = ["ErasureDesk", "ErasureRequest", "Starter", "erasure_view"]


class ErasureRequest(BaseModel):
    """``POST /erasures``."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    subject: HexId | None = Field(
        default=None, description="Pseudonym of the subject, for staff; without it, the caller itself."
    )


class Starter(Protocol):
    """Starts the workflow that erases."""

    def start(self, tenant: str, erasure_id: str) -> None:
        """Start it, or leave the one that runs alone."""


class Callers(Protocol):
    """Knows callers' pseudonyms: `photogate.intake.Identity`."""

    def known(self, caller: Caller) -> str | None:
        """Give the caller's pseudonym, or None."""

    def of(self, caller: Caller) -> str:
        """Give the caller's pseudonym, a new one where it has none."""


@dataclass(frozen=True, slots=True)
class ErasureDesk:
    """Takes requests for erasure."""

    erasures: ErasureStore
    workflow: Starter
    trail: Trail
    clock: Clock

    def ask(self, tenant: str, subject: str, requester: Actor) -> Erasure:
        """Start the erasure of a subject; again gives the same one, and starts it again where it failed.

        Raises
        ------
        NotFound
            If there is no such subject.
        Held
            If the subject is on legal hold; that is an event.
        """
        try:
            erasure = self.erasures.request(new_erasure(tenant, new_id(), subject, requester, self.clock()))
        except Held as held:
            self.trail.by(requester).record(
                EventName.HOLD_REFUSED,
                step="held",
                tenant=tenant,
                chain=subject_chain(tenant, subject),
                subject=subject,
                outcome=Outcome.REFUSED,
                reason=held.reason,
                details={DetailKey.HOLD_GROUND: held.ground},
            )
            raise
        if erasure.phase not in ENDED:
            self.workflow.start(tenant, erasure.erasure_id)
        return erasure

    def request(self, caller: Caller, callers: Callers, request: ErasureRequest) -> dict[str, Any]:
        """Erase the caller itself, or, for staff, any subject of the tenant.

        Whoever may take consent back may ask for erasure: so a subject needs no scope beyond `consents:write`.
        """
        mine = callers.known(caller)
        if request.subject is None or (request.subject == mine and not caller.may(Scope.ERASURES_WRITE)):
            if not (caller.may(Scope.CONSENTS_WRITE) or caller.may(Scope.ERASURES_WRITE)):
                raise NotPermitted(f"Expected a token with the scope {Scope.CONSENTS_WRITE}; found one without")
            if mine is None:
                raise NotFound("Expected a subject that is known; found none")
            return erasure_view(self.ask(caller.tenant, mine, Actor(ActorKind.SUBJECT, mine)))
        require_scope(caller, Scope.ERASURES_WRITE)
        return erasure_view(self.ask(caller.tenant, request.subject, Actor(ActorKind.STAFF, callers.of(caller))))

    def read(self, caller: Caller, erasure_id: str, receipts: Receipts) -> dict[str, Any]:
        """Give an erasure of the caller's tenant.

        Its id is all that a subject has afterwards, because nothing knows it any more; so whoever holds the id, a
        random number of 128 bits, may ask. The answer names nobody.
        """
        erasure = self.erasures.get(caller.tenant, erasure_id) if is_id(erasure_id) else None
        if erasure is None:
            raise NotFound("Expected an erasure of this tenant; found none")
        receipt = None
        if erasure.event_seq is not None:
            receipt = receipts.of(subject_chain(erasure.tenant, erasure.subject), erasure.event_seq)
        return erasure_view(erasure, receipt)


def erasure_view(erasure: Erasure, receipt: Receipt | None = None) -> dict[str, Any]:
    """Give what the API says of an erasure; the receipt is None until a checkpoint covers the event."""
    erased = erasure.phase is Phase.ERASED
    return {
        "id": erasure.erasure_id,
        "status": erasure.phase.value if erasure.phase in ENDED else "running",
        "phase": erasure.phase.value,
        "requested_at": stamp(erasure.requested_at),
        "certificate": json.loads(erasure.certificate) if erased and erasure.certificate else None,
        "certificate_sha256": erasure.certificate_hash if erased else None,
        "receipt": receipt.data.decode() if receipt else None,
    }
