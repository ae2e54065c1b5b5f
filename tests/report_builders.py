"""A month of a healthy deployment: the real template, a policy, and events as the service writes them.

A test breaks one thing of it and looks at the report.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from photogate.audit.event import (
    LOG_TENANT,
    Actor,
    ActorKind,
    DetailKey,
    Event,
    EventName,
    Outcome,
    photo_chain,
    subject_chain,
    tenant_chain,
)
from photogate.audit.query import AuditReader, Question
from photogate.errors import Reason
from photogate.policy import Policy, default_policy
from photogate.report.evidence import Evidence, Verification
from photogate.report.facts import Source, facts_in
from photogate.report.gathering import summarise
from photogate.report.template import Template, parse_template
from tests.audit_builders import STAFF, SUBJECT, TENANT, MemoryStore, a_log
from tests.stack import ROOT

SINCE = datetime(2026, 11, 1, tzinfo=UTC)
UNTIL = SINCE + timedelta(days=2)
CONSENT = "d" * 32
OTHER_SUBJECT = "e" * 32
MODELS = "f" * 64
SHA256 = hashlib.sha256(b"photo").hexdigest()
PURPOSE = "proof_of_delivery"

Step = tuple[datetime, Event]


@cache
def real_template() -> Template:
    return parse_template((ROOT / "template.yaml").read_bytes(), {"AlarmTopicArn": "arn:aws:sns:::alarms"})


@dataclass
class World:
    """What a report is made from, before it is gathered."""

    document: dict[str, Any] = field(default_factory=lambda: deepcopy(dict(real_template().document)))
    given: dict[str, str] = field(default_factory=lambda: dict(real_template().given))
    policy: Policy = field(default_factory=default_policy)
    verification: Verification | None = field(
        default_factory=lambda: Verification("photogate audit verify, for this report", True, "nothing is wrong")
    )
    steps: list[Step] = field(default_factory=list)
    late: list[Step] = field(default_factory=list)
    deployed: bool = True

    @property
    def resources(self) -> dict[str, Any]:
        found: dict[str, Any] = self.document["Resources"]
        return found

    def properties(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.resources[name]["Properties"]
        return found

    def add(self, hour: float, name: EventName, step: str, **fields: Any) -> None:
        self.steps.append((SINCE + timedelta(hours=hour), an_event(name, step, **fields)))

    def change(self, step: str, **fields: Any) -> None:
        """Change one event, by the last part of its id."""
        self.steps = [(at, replace(e, **fields) if e.event_id.endswith(step) else e) for at, e in self.steps]

    def details(self, step: str, **changes: Any) -> None:
        """Change or, with None, remove details of one event."""
        for _, event in self.steps:
            if event.event_id.endswith(step):
                merged = {**event.details, **{DetailKey(key): value for key, value in changes.items()}}
                self.change(step, details={k: v for k, v in merged.items() if v is not None})

    def drop(self, wanted: Callable[[Event], bool]) -> None:
        """Take events away."""
        self.steps = [(at, event) for at, event in self.steps if not wanted(event)]

    def move(self, step: str, hours: float) -> None:
        """Let one event happen later."""
        self.steps = [(at + timedelta(hours=hours * event.event_id.endswith(step)), event) for at, event in self.steps]

    def evidence(self) -> Evidence:
        store, now = MemoryStore(), [SINCE]
        log = a_log(store, clock=lambda: now[0])
        for at, event in [*sorted(self.steps, key=lambda entry: entry[0]), *self.late]:
            now[0] = at
            log.append(event)
        return self.gathered(AuditReader(store))

    def gathered(self, reader: AuditReader) -> Evidence:
        def rows(tenant: str) -> Any:
            return reader.rows(Question(tenant=tenant, since=SINCE, until=UNTIL))

        activity = summarise(
            rows(TENANT),
            rows(LOG_TENANT),
            tenant=TENANT,
            since=SINCE,
            until=UNTIL,
            purposes=self.policy.purposes,
            review_days=0,
        )
        facts = facts_in(Template(self.document, self.given), Source("photogate-prod", self.deployed, "0" * 64))
        return Evidence(facts, activity, self.policy, self.verification)


def an_event(name: EventName, step: str, **fields: Any) -> Event:
    tenant = fields.pop("tenant", TENANT)
    upload, subject = fields.get("upload_id"), fields.get("subject")
    chain = photo_chain(tenant, upload) if upload else subject_chain(tenant, subject) if subject else None
    base: dict[str, Any] = {
        "event_id": f"run-{upload or subject or tenant}/{step}",
        "name": name,
        "tenant": tenant,
        "chain": chain or tenant_chain(tenant),
        "actor": Actor(ActorKind.SERVICE, "some_function"),
        "function": "some_function",
        "function_version": "7",
        "outcome": Outcome.SUCCEEDED,
        "duration_ms": 3,
    }
    return Event(**{**base, **fields})


def a_healthy_world() -> World:
    """Two days in which everything happens once, as it should."""
    world = World()
    policy = world.policy.hash
    world.add(0.01, EventName.POLICY_CHANGED, "policy-1", policy_hash=policy, details={DetailKey.POLICY_AFTER: policy})
    consent: dict[DetailKey, Any] = {DetailKey.CONSENT_ID: CONSENT, DetailKey.NOTICE_HASH: SHA256}
    world.add(1, EventName.CONSENT_GIVEN, "consent", subject=SUBJECT, purpose=PURPOSE, details=consent)
    accepted = a_way(world, "1" * 32, 2, policy)
    a_way(world, "2" * 32, 3, policy, decision="REDACT")
    a_way(world, "3" * 32, 4, policy, decision="REVIEW")
    a_review(world, "3" * 32, 5, policy)
    own = Actor(ActorKind.SUBJECT, SUBJECT)
    link: dict[DetailKey, Any] = {DetailKey.LINK_SECONDS: 60}
    world.add(6, EventName.PHOTO_READ, "read", subject=SUBJECT, upload_id=accepted, actor=own, details=link)
    world.add(7, EventName.ACCESS_DENIED, "denied", outcome=Outcome.DENIED, details={DetailKey.ROUTE: "uploads"})
    world.add(7.5, EventName.AUDIT_QUERIED, "list", actor=Actor(ActorKind.STAFF, STAFF))
    world.add(8, EventName.SUBJECT_FENCED, "fenced", subject=OTHER_SUBJECT)
    certificate: dict[DetailKey, Any] = {DetailKey.CERTIFICATE_HASH: SHA256}
    world.add(9, EventName.SUBJECT_ERASED, "erased", subject=OTHER_SUBJECT, details=certificate)
    for hour in range(48):
        world.add(hour + 0.02, EventName.LOG_SEALED, f"beat-{hour}", tenant=LOG_TENANT)
    return world


def a_way(world: World, upload: str, hour: float, policy: str, decision: str = "ACCEPT") -> str:
    """Let one photo go its way, step by step, a minute apart."""
    status = {"ACCEPT": "ACCEPTED", "REDACT": "REDACTED", "REVIEW": "IN_REVIEW"}[decision]
    n = upload[:1]
    about: dict[str, Any] = {"upload_id": upload, "subject": SUBJECT, "purpose": PURPOSE, "policy_hash": policy}
    steps: list[tuple[EventName, str, dict[DetailKey, Any]]] = [
        (EventName.UPLOAD_REQUESTED, "requested", {DetailKey.CONSENT_ID: CONSENT}),
        (EventName.UPLOAD_RECEIVED, "received", {DetailKey.SHA256: SHA256}),
        (EventName.PHOTO_ADMITTED, "admitted", {DetailKey.FORMAT: "jpeg"}),
        (EventName.METADATA_STRIPPED, "stripped", {DetailKey.REMOVED_LOCATION: 6, DetailKey.REMOVED_DEVICE: 2}),
        (EventName.FACES_DETECTED, "detected", {DetailKey.LOOK: 1, DetailKey.FACE_ACT: 1}),
        (EventName.DECISION_MADE, "decided", {DetailKey.DECISION: decision}),
    ]
    if decision == "REDACT":
        steps += [
            (EventName.PHOTO_REDACTED, "redacted", {DetailKey.METHOD: "solid", DetailKey.BOXES: 1}),
            (EventName.FACES_DETECTED, "looked", {DetailKey.LOOK: 2}),
        ]
    if decision == "REVIEW":
        steps.append((EventName.REVIEW_OPENED, "quarantined", {}))
    else:
        steps.append((EventName.PHOTO_STORED, "stored", {DetailKey.SHA256: SHA256}))
    ended: dict[DetailKey, Any] = {DetailKey.STATUS: status, DetailKey.DECISION: decision}
    if decision != "REVIEW":
        ended[DetailKey.SHA256_OUT] = SHA256
    steps += [(EventName.UPLOAD_COMPLETED, "completed", ended), (EventName.ORIGINAL_DELETED, "deleted", ended)]
    for minute, (name, step, details) in enumerate(steps):
        models = MODELS if name is EventName.FACES_DETECTED else None
        world.add(hour + minute / 60, name, f"{step}-{n}", **about, details=details, model_hash=models)
    return upload


def a_review(world: World, upload: str, hour: float, policy: str) -> None:
    """Let a member of staff open what is under review, and keep it."""
    about: dict[str, Any] = {"upload_id": upload, "subject": SUBJECT, "purpose": PURPOSE, "policy_hash": policy}
    staff, n = Actor(ActorKind.STAFF, STAFF), upload[:1]
    accept: dict[DetailKey, Any] = {DetailKey.DECISION: "ACCEPT"}
    ended: dict[DetailKey, Any] = {**accept, DetailKey.STATUS: "ACCEPTED", DetailKey.SHA256_OUT: SHA256}
    world.add(hour, EventName.REVIEW_OPENED, f"opened-{n}", **about, actor=staff)
    voted: dict[str, Any] = {**about, "actor": staff, "reason": Reason.REVIEWED, "details": accept}
    world.add(hour + 0.1, EventName.REVIEW_DECIDED, f"voted-{n}", **voted)
    world.add(hour + 0.2, EventName.DECISION_MADE, f"ruled-{n}", **about, details=accept)
    world.add(hour + 0.3, EventName.PHOTO_STORED, f"kept-{n}", **about, details={DetailKey.SHA256: SHA256})
    world.add(hour + 0.4, EventName.UPLOAD_COMPLETED, f"settled-{n}", **about, details=ended)
    world.add(hour + 0.5, EventName.ORIGINAL_DELETED, f"cleaned-{n}", **about, details=ended)
