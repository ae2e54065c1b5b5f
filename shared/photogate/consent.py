"""Consent: one record a purpose, shaped after ISO/IEC TS 27560, with an append-only list of events.

No valid consent, no presigned URL; and none stored when it was withdrawn at any moment before the final transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from photogate.errors import ConsentMissing
from photogate.policy import Policy
from photogate.uploads import new_id

__all__ = ["Capacity", "Consent", "ConsentState", "ConsentStore", "give", "require_valid"]


class ConsentState(StrEnum):
    """What the last event says."""

    GIVEN = "given"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


class Capacity(StrEnum):
    """In whose name the consent is given."""

    SELF = "self"
    GUARDIAN = "guardian"
    THIRD_PARTY_ASSERTED = "third_party_asserted"


@dataclass(frozen=True, slots=True)
class ConsentEvent:
    """One event of a record: what, and when."""

    state: ConsentState
    at: datetime


@dataclass(frozen=True, slots=True)
class Consent:
    """One record.

    `notice_hash` is the SHA-256 of the notice that was shown, `policy_hash` that of the policy it belongs to.
    """

    tenant: str
    subject: str
    consent_id: str
    purpose: str
    notice_hash: str
    policy_hash: str
    capacity: Capacity
    valid_until: datetime
    events: tuple[ConsentEvent, ...]

    @property
    def state(self) -> ConsentState:
        """What the last event says."""
        return self.events[-1].state

    def valid_for(self, purpose: str, now: datetime) -> bool:
        """Tell whether it covers `purpose` at this moment."""
        return self.purpose == purpose and self.state is ConsentState.GIVEN and now < self.valid_until


class ConsentStore(Protocol):
    """What the domain needs of the Consents table."""

    def put(self, consent: Consent) -> Consent:
        """Put a new record; the same id with the same content is no error, and gives what is there."""

    def get(self, tenant: str, subject: str, consent_id: str) -> Consent | None:
        """Read consistently."""

    def withdraw(self, consent: Consent, now: datetime) -> Consent:
        """Append the withdrawal; withdrawing twice changes nothing."""


def give(
    policy: Policy, tenant: str, subject: str, purpose: str, capacity: Capacity, now: datetime, given: bool = True
) -> Consent:
    """Make the record of a consent (or of its refusal) to one of the tenant's purposes.

    Raises
    ------
    KeyError
        If the tenant has no such purpose.
    """
    rule = policy.purposes[purpose]
    state = ConsentState.GIVEN if given else ConsentState.REFUSED
    return Consent(
        tenant=tenant,
        subject=subject,
        consent_id=new_id(),
        purpose=purpose,
        notice_hash=rule.notice_hash,
        policy_hash=policy.hash,
        capacity=capacity,
        valid_until=now + timedelta(days=rule.consent_days),
        events=(ConsentEvent(state, now),),
    )


def require_valid(consent: Consent | None, purpose: str, now: datetime) -> Consent:
    """Go on only with a consent that covers `purpose` now.

    Raises
    ------
    ConsentMissing
        Otherwise.
    """
    if consent is None or not consent.valid_for(purpose, now):
        raise ConsentMissing("Expected a valid consent for this purpose; found none")
    return consent
