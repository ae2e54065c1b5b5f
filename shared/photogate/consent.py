"""Consent: one record a purpose, shaped after ISO/IEC TS 27560, with an append-only list of events.

No valid consent, no presigned URL; and none stored when it was withdrawn at any moment before the final transaction.

::

    given ──┬── reconfirmed ──┐        refused and withdrawn are the end of a record:
      │  ▲──┴─────── ▲ ───────┘        whoever changes their mind makes a new one
      │              │
      ├── expired ───┘
      └── withdrawn
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from photogate.audit.event import Actor, ActorKind, DetailKey, EventName, subject_chain
from photogate.audit.trail import Trail
from photogate.clock import stamp
from photogate.errors import Conflict, ConsentMissing, NotFound
from photogate.policy import Policy
from photogate.uploads import new_id

__all__ = [
    "Capacity",
    "Consent",
    "ConsentEvent",
    "ConsentState",
    "ConsentStore",
    "DueConsent",
    "consent_record",
    "expire",
    "give",
    "newest_first",
    "reconfirm",
    "require_valid",
    "settle",
    "withdraw",
]

RECORD_SCHEMA = "photogate-consent-record/1"
# A record is one row, and a row has a limit; whoever confirms more often starts a new record.
MOST_EVENTS = 200
ATTEMPTS = 5
SWEEPER = "sweep_retention"
DESK = "manage_consents"


class ConsentState(StrEnum):
    """What the last event says."""

    GIVEN = "given"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    RECONFIRMED = "reconfirmed"

    @property
    def stands(self) -> bool:
        """Whether it allows something, until its time is over."""
        return self in (ConsentState.GIVEN, ConsentState.RECONFIRMED)


_EVENT_OF = {
    ConsentState.GIVEN: EventName.CONSENT_GIVEN,
    ConsentState.REFUSED: EventName.CONSENT_REFUSED,
    ConsentState.WITHDRAWN: EventName.CONSENT_WITHDRAWN,
    ConsentState.EXPIRED: EventName.CONSENT_EXPIRED,
    ConsentState.RECONFIRMED: EventName.CONSENT_RECONFIRMED,
}


class Capacity(StrEnum):
    """In whose name the consent is given."""

    SELF = "self"
    GUARDIAN = "guardian"
    THIRD_PARTY_ASSERTED = "third_party_asserted"


@dataclass(frozen=True, slots=True)
class ConsentEvent:
    """One event of a record: what, when, by whom, under which policy, and until when it holds.

    `by` is the subject itself, a member of staff with a subject's token of their own, or the service (expiry).
    """

    state: ConsentState
    at: datetime
    valid_until: datetime
    policy_hash: str
    by: ActorKind = ActorKind.SUBJECT


@dataclass(frozen=True, slots=True)
class Consent:
    """One record.

    Attributes
    ----------
    notice_hash
        SHA-256 of the notice that was shown, in hex.
    retention_days
        How long a result is kept, as the policy said when the consent was given.
    events
        In order, never changed, only appended to.
    logged
        Where the audit log has the events: their sequences in the subject's chain, as far as they are there. A consent
        whose giving is not in the log allows nothing.
    """

    tenant: str
    subject: str
    consent_id: str
    purpose: str
    notice_hash: str
    capacity: Capacity
    retention_days: int
    events: tuple[ConsentEvent, ...]
    logged: tuple[int, ...] = ()

    @property
    def state(self) -> ConsentState:
        """What the last event says."""
        return self.events[-1].state

    @property
    def valid_until(self) -> datetime:
        """When it ends by itself."""
        return self.events[-1].valid_until

    @property
    def policy_hash(self) -> str:
        """SHA-256 of the policy of the last event, in hex."""
        return self.events[-1].policy_hash

    def valid_for(self, purpose: str, now: datetime) -> bool:
        """Tell whether it covers `purpose` at this moment."""
        return bool(self.logged) and self.purpose == purpose and self.state.stands and now < self.valid_until

    def event_id(self, place: int) -> str:
        """Give the id under which the audit log has the event at `place`."""
        return f"{self.consent_id}/{_step(self.events[place].state, place)}"

    @property
    def chain(self) -> str:
        """The chain of the audit log that its events are in."""
        return subject_chain(self.tenant, self.subject)


class DueConsent(NamedTuple):
    """Where a consent is whose time is over."""

    tenant: str
    subject: str
    consent_id: str


class ConsentStore(Protocol):
    """What the domain needs of the Consents table."""

    def put(self, consent: Consent) -> Consent:
        """Put a new record."""

    def get(self, tenant: str, subject: str, consent_id: str) -> Consent | None:
        """Read consistently."""

    def of_subject(self, tenant: str, subject: str) -> list[Consent]:
        """Give all records of a subject, with consistent reads, newest first."""

    def append(self, consent: Consent, event: ConsentEvent) -> Consent:
        """Append an event to the record as it was read; raise `Conflict` where somebody did meanwhile."""

    def mark_logged(self, consent: Consent) -> None:
        """Note where the log has the record's events."""


def give(
    policy: Policy,
    tenant: str,
    subject: str,
    purpose: str,
    capacity: Capacity,
    now: datetime,
    *,
    decision: ConsentState = ConsentState.GIVEN,
    by: ActorKind = ActorKind.SUBJECT,
) -> Consent:
    """Make the record of a consent, or of its refusal, to one of the tenant's purposes.

    Raises
    ------
    KeyError
        If the tenant has no such purpose.
    """
    rule = policy.purposes[purpose]
    return Consent(
        tenant=tenant,
        subject=subject,
        consent_id=new_id(),
        purpose=purpose,
        notice_hash=rule.notice_hash,
        capacity=capacity,
        retention_days=rule.retention_days,
        events=(ConsentEvent(decision, now, now + timedelta(days=rule.consent_days), policy.hash, by),),
    )


def withdraw(store: ConsentStore, consent: Consent, now: datetime, by: ActorKind = ActorKind.SUBJECT) -> Consent:
    """Take a consent back, whatever its state; again changes nothing.

    Raises
    ------
    Conflict
        If others wrote to the record `ATTEMPTS` times in a row.
    """
    for _ in range(ATTEMPTS):
        if consent.state is ConsentState.WITHDRAWN:
            return consent
        try:
            return store.append(consent, _next(consent, ConsentState.WITHDRAWN, now, by))
        except Conflict:
            consent = _again(store, consent)
    raise Conflict("Expected to write to the consent's record; others did each time")


def reconfirm(
    store: ConsentStore, consent: Consent, policy: Policy, now: datetime, by: ActorKind = ActorKind.SUBJECT
) -> Consent:
    """Prolong a consent that stands or has expired, from now on, to the same notice.

    Raises
    ------
    Conflict
        If it was refused or withdrawn, the notice is no longer the policy's, or the record is full: a new consent
        is then to be given. Or if somebody else wrote to it meanwhile.
    """
    rule = policy.purposes.get(consent.purpose)
    if rule is None or rule.notice_hash != consent.notice_hash:
        raise Conflict("Expected a consent to the notice in force; found one to another. Give a new consent")
    if not (consent.state.stands or consent.state is ConsentState.EXPIRED) or len(consent.events) >= MOST_EVENTS:
        raise Conflict(f"Expected a consent that stands or has expired; found it {consent.state}. Give a new consent")
    until = now + timedelta(days=rule.consent_days)
    return store.append(consent, ConsentEvent(ConsentState.RECONFIRMED, now, until, policy.hash, by))


def expire(store: ConsentStore, consent: Consent, now: datetime) -> Consent:
    """Write down that a consent's time is over; one that does not stand, or still holds, stays as it is.

    Raises
    ------
    Conflict
        If somebody wrote to the record meanwhile.
    """
    if not consent.state.stands or now < consent.valid_until:
        return consent
    return store.append(consent, _next(consent, ConsentState.EXPIRED, now, ActorKind.SERVICE))


def settle(store: ConsentStore, consent: Consent, trail: Trail) -> Consent:
    """Append to the log whatever of the record's events it does not have yet.

    The record is written first, and its event after it: an event for a consent that is nowhere would speak for ever
    of one that nobody has. What broke in between is settled by whoever sees the record next, with the same event.
    """
    if len(consent.logged) == len(consent.events):
        return consent
    logged = list(consent.logged)
    for place, event in list(enumerate(consent.events))[len(logged) :]:
        swept = event.by is ActorKind.SERVICE
        actor = Actor(event.by, SWEEPER if swept else consent.subject)
        details: dict[DetailKey, int | str] = {
            DetailKey.CONSENT_ID: consent.consent_id,
            DetailKey.NOTICE_HASH: consent.notice_hash,
            DetailKey.CAPACITY: consent.capacity.value,
        }
        if event.state.stands:
            details[DetailKey.CONSENT_DAYS] = (event.valid_until - event.at).days
        row = (replace(trail, function=SWEEPER if swept else DESK).by(actor).within(consent.consent_id)).record(
            _EVENT_OF[event.state],
            step=_step(event.state, place),
            tenant=consent.tenant,
            chain=consent.chain,
            subject=consent.subject,
            purpose=consent.purpose,
            policy_hash=event.policy_hash,
            details=details,
        )
        logged.append(row.seq)
    settled = replace(consent, logged=tuple(logged))
    store.mark_logged(settled)
    return settled


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


def consent_record(consent: Consent) -> dict[str, Any]:
    """Give the record in the sections of ISO/IEC TS 27560: header, processing, parties, events."""
    return {
        "header": {
            "schema_version": RECORD_SCHEMA,
            "record_id": consent.consent_id,
            "pii_principal_id": consent.subject,
        },
        "pii_processing": {
            "purpose": consent.purpose,
            "lawful_basis": "consent",
            "privacy_notice": {"sha256": consent.notice_hash, "policy_sha256": consent.events[0].policy_hash},
            "pii_information": ["photo"],
            "collection_method": "upload by the PII principal",
            "retention_period_days": consent.retention_days,
            "withdrawal_method": f"POST /consents/{consent.consent_id}/withdraw",
        },
        "parties": [
            {"party_role": "PII controller", "party_id": consent.tenant},
            {"party_role": "PII principal", "party_id": consent.subject, "capacity": consent.capacity.value},
        ],
        "events": [
            {
                "event_state": event.state.value,
                "event_time": stamp(event.at),
                "valid_until": stamp(event.valid_until) if event.state.stands else None,
                "entity": event.by.value,
                "policy_sha256": event.policy_hash,
                "audit_event_id": consent.event_id(place),
            }
            for place, event in enumerate(consent.events)
        ],
    }


def newest_first(consents: Sequence[Consent]) -> list[Consent]:
    """Order records by their first event."""
    return sorted(consents, key=lambda c: (c.events[0].at, c.consent_id), reverse=True)


def _step(state: ConsentState, place: int) -> str:
    return f"{state.value}-{place}"


def _next(consent: Consent, state: ConsentState, now: datetime, by: ActorKind) -> ConsentEvent:
    return ConsentEvent(state, now, consent.valid_until, consent.policy_hash, by)


def _again(store: ConsentStore, consent: Consent) -> Consent:
    found = store.get(consent.tenant, consent.subject, consent.consent_id)
    if found is None:
        raise NotFound("Expected a consent record; found none")
    return found
