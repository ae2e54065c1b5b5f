"""Gathering a period: one pass over the log's rows in the order of time.

Each rule is checked against every event or photo that it applies to. What is kept in memory is the photos that are
still on their way, the consents that were withdrawn, and a few counts.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from photogate.audit.event import EventName
from photogate.audit.row import Row
from photogate.audit.verify import HEARTBEAT
from photogate.report.activity import Activity, Example, Rule

__all__ = ["ENDS_WITHIN", "ERASED_WITHIN", "LINK_SECONDS", "SKEW", "summarise"]

EXAMPLES = 2
BROKEN_SHOWN = 5
KEPT = ("ACCEPTED", "REDACTED")
ENDS_WITHIN = timedelta(hours=1)
"""The sweep ends what nobody works on within 15 minutes; an hour leaves room for its retries."""
ERASED_WITHIN = timedelta(days=30)
"""One month to answer, GDPR 12(3)."""
LINK_SECONDS = 300
SKEW = timedelta(seconds=5)
"""How far two clocks may be apart before the order of a chain says so."""


@dataclass(slots=True)
class _Way:
    """One photo on its way: what was seen of it."""

    began: Row
    received: bool = False
    consent: str = ""
    stripped: bool = False
    looks: int = 0
    decision: str = ""
    reviewed: bool = False
    redacted: int = 0
    stored: Row | None = None
    completed: Row | None = None
    status: str = ""


@dataclass(slots=True)
class _Gathering:
    tenant: str
    until: datetime
    policies: Collection[str]
    purposes: Collection[str]
    review_days: int
    names: Counter[str] = field(default_factory=Counter)
    facets: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    staff: Counter[tuple[str, str]] = field(default_factory=Counter)
    checked: Counter[Rule] = field(default_factory=Counter)
    broken: Counter[Rule] = field(default_factory=Counter)
    where: dict[Rule, list[Example]] = field(default_factory=dict)
    examples: dict[str, deque[Row]] = field(default_factory=dict)
    models: set[str] = field(default_factory=set)
    versions: set[str] = field(default_factory=set)
    ways: dict[str, _Way] = field(default_factory=dict)
    reviews: dict[str, Row] = field(default_factory=dict)
    withdrawn: dict[str, str] = field(default_factory=dict)
    fences: dict[str, Row] = field(default_factory=dict)
    places: dict[str, tuple[int, str]] = field(default_factory=dict)
    announced: set[str] = field(default_factory=set)
    first: str = ""
    last: str = ""

    def require(self, rule: Rule, holds: object, row: Row) -> None:
        """Count one application of a rule, and where it is broken."""
        self.checked[rule] += 1
        if not holds:
            self.broken[rule] += 1
            shown = self.where.setdefault(rule, [])
            if len(shown) < BROKEN_SHOWN:
                shown.append(example_of(row))

    def take(self, row: Row) -> None:
        """Take the next row."""
        f = row.fields
        name, details = f["name"], f["details"]
        self.names[name] += 1
        self.first, self.last = self.first or f["time"], f["time"]
        for facet in ("status", "decision", "format", "route", "query", "method", "synthetic"):
            if facet in details:
                self.facets[name, facet, str(details[facet])] += 1
        for facet in ("reason", "outcome", "purpose"):
            if f[facet]:
                self.facets[name, facet, f[facet]] += 1
        for key, n in details.items():
            if key.startswith("removed_"):
                self.facets[name, "removed", key.removeprefix("removed_")] += n
        if f["actor"]["kind"] == "staff":
            self.staff[f["actor"]["id"], name] += 1
        self.examples.setdefault(name, deque(maxlen=EXAMPLES)).append(row)
        self.versions.add(f"{f['function']} {f['function_version']}")
        self._order(row, f)
        self.require(Rule.UNTOUCHED, name != EventName.INTEGRITY_ALERTED, row)
        if f["policy_hash"] and name in (EventName.DECISION_MADE, EventName.PHOTO_STORED):
            self.require(Rule.POLICY, f["policy_hash"] in self.policies or f["policy_hash"] in self.announced, row)
        handler = _HANDLERS.get(name)
        if handler is not None:
            handler(self, row, f, details)

    def _order(self, row: Row, f: Mapping[str, Any]) -> None:
        """Rows come by their clocks; one that its chain numbers earlier was written by a clock that is ahead."""
        seq, time = self.places.get(row.chain, (-1, ""))
        if row.seq > seq:
            self.require(Rule.CLOCK, True, row)
            self.places[row.chain] = (row.seq, f["time"])
        else:
            self.require(Rule.CLOCK, moment(f["time"]) - moment(time) <= SKEW, row)

    def finish(self) -> None:
        """Judge what was still on its way."""
        for way in list(self.ways.values()):
            newest = way.completed or way.began
            if self.until - moment(newest.fields["time"]) <= ENDS_WITHIN:
                continue
            if way.completed is None and way.received:
                self.require(Rule.ENDED, False, newest)
            elif way.completed is not None and way.status != "IN_REVIEW":
                self.require(Rule.DELETED, False, newest)
        for row in self.reviews.values():
            if self.until - moment(row.fields["time"]) > timedelta(days=self.review_days + 1):
                self.require(Rule.REVIEWED, False, row)
        for row in self.fences.values():
            if self.until - moment(row.fields["time"]) > ERASED_WITHIN:
                self.require(Rule.ERASED, False, row)


def moment(time: str) -> datetime:
    """Read a row's time."""
    return datetime.fromisoformat(time)


def example_of(row: Row) -> Example:
    """Say where a row is."""
    f = row.fields
    return Example(row.event_id, f["name"], f["time"], row.chain, row.seq, row.leaf.hex())


def _way(g: _Gathering, row: Row, f: Mapping[str, Any]) -> _Way:
    return g.ways.setdefault(f["upload_id"] or "", _Way(row))


def _requested(g: _Gathering, row: Row, f: Mapping[str, Any], details: Mapping[str, Any]) -> None:
    g.require(Rule.CONSENT, details.get("consent_id"), row)
    g.require(Rule.PURPOSE, f["purpose"] and (not g.purposes or f["purpose"] in g.purposes), row)
    _way(g, row, f).consent = str(details.get("consent_id", ""))


def _received(g: _Gathering, row: Row, f: Mapping[str, Any], details: Mapping[str, Any]) -> None:
    way = _way(g, row, f)
    way.received, way.began = True, row
    g.require(Rule.HASHED_IN, details.get("sha256"), row)


def _stripped(g: _Gathering, row: Row, f: Mapping[str, Any], details: Mapping[str, Any]) -> None:
    _way(g, row, f).stripped = f["outcome"] == "succeeded"


def _detected(g: _Gathering, row: Row, f: Mapping[str, Any], details: Mapping[str, Any]) -> None:
    g.require(Rule.MODEL, f["model_hash"], row)
    if f["model_hash"]:
        g.models.add(f["model_hash"])
    _way(g, row, f).looks += 1


def _decided(g: _Gathering, row: Row, f: Mapping[str, Any], details: Mapping[str, Any]) -> None:
    _way(g, row, f).decision = str(details.get("decision", ""))


def _redacted(g: _Gathering, row: Row, f: Mapping[str, Any], details: Mapping[str, Any]) -> None:
    _way(g, row, f).redacted += 1


def _stored(g: _Gathering, row: Row, f: Mapping[str, Any], details: Mapping[str, Any]) -> None:
    _way(g, row, f).stored = row


def _completed(g: _Gathering, row: Row, f: Mapping[str, Any], details: Mapping[str, Any]) -> None:
    way = _way(g, row, f)
    again, way.completed, way.status = way.completed is not None, row, str(details.get("status", ""))
    if way.status != "IN_REVIEW":
        _review_ended(g, row, f)
    if not way.received:
        return  # it began before the period
    if not again:
        g.require(Rule.ENDED, True, row)
    if way.status in KEPT:
        _kept(g, way, row, details)


def _kept(g: _Gathering, way: _Way, row: Row, details: Mapping[str, Any]) -> None:
    """Judge a photo that was kept. What a reviewer keeps is stripped and redacted as they look at it."""
    stored = way.stored.fields if way.stored else None
    g.require(Rule.DECIDED, way.decision in ("ACCEPT", "REDACT"), row)
    if not way.reviewed:
        g.require(Rule.STRIPPED, way.stripped, row)
        g.require(Rule.LOOKED, way.looks, row)
    if way.status == "REDACTED" and not way.reviewed:
        g.require(Rule.REDACTED, way.redacted and way.looks > way.redacted, row)
    hash_out = details.get("sha256_out")
    g.require(Rule.HASHED_OUT, hash_out and stored and stored["details"].get("sha256") == hash_out, row)
    if way.consent:
        # RecordOutcome's transaction comes after this step and fails where the consent no longer stands.
        gone = g.withdrawn.get(way.consent)
        g.require(Rule.WITHDRAWN, gone is None or not stored or moment(stored["time"]) <= moment(gone) + SKEW, row)


def _deleted(g: _Gathering, row: Row, f: Mapping[str, Any], details: Mapping[str, Any]) -> None:
    way = g.ways.get(f["upload_id"] or "")
    if way is None or way.completed is None:
        return  # an object that nobody announced, or an upload from before the period
    if way.status != "IN_REVIEW":
        g.require(Rule.DELETED, True, row)
        del g.ways[f["upload_id"]]
        g.places.pop(row.chain, None)


def _expired(g: _Gathering, row: Row, f: Mapping[str, Any], details: Mapping[str, Any]) -> None:
    g.ways.pop(f["upload_id"] or "", None)


def _notice(g: _Gathering, row: Row, f: Mapping[str, Any], details: Mapping[str, Any]) -> None:
    g.require(Rule.NOTICE, details.get("notice_hash") and f["purpose"], row)
    g.withdrawn.pop(str(details.get("consent_id", "")), None)


def _withdrawn(g: _Gathering, row: Row, f: Mapping[str, Any], details: Mapping[str, Any]) -> None:
    g.withdrawn[str(details.get("consent_id", ""))] = f["time"]


def _read(g: _Gathering, row: Row, f: Mapping[str, Any], details: Mapping[str, Any]) -> None:
    if f["actor"]["kind"] == "subject":
        g.require(Rule.OWN, f["actor"]["id"] == f["subject"], row)
    if "link_seconds" in details:
        g.require(Rule.LINK, details["link_seconds"] <= LINK_SECONDS, row)


def _denied(g: _Gathering, row: Row, f: Mapping[str, Any], details: Mapping[str, Any]) -> None:
    g.require(Rule.DENIED, f["outcome"] == "denied", row)


def _changed(g: _Gathering, row: Row, f: Mapping[str, Any], details: Mapping[str, Any]) -> None:
    g.announced |= {str(details[key]) for key in ("policy_before", "policy_after") if key in details}


def _opened(g: _Gathering, row: Row, f: Mapping[str, Any], details: Mapping[str, Any]) -> None:
    g.reviews.setdefault(f["upload_id"] or "", row)


def _reviewed(g: _Gathering, row: Row, f: Mapping[str, Any], details: Mapping[str, Any]) -> None:
    if f["actor"]["kind"] != "service":
        g.require(Rule.REVIEWER, f["actor"]["kind"] == "staff" and f["actor"]["id"] != f["subject"], row)
    _way(g, row, f).reviewed = True


def _review_ended(g: _Gathering, row: Row, f: Mapping[str, Any]) -> None:
    opened = g.reviews.pop(f["upload_id"] or "", None)
    if opened is not None:
        within = timedelta(days=g.review_days + 1)
        g.require(Rule.REVIEWED, moment(f["time"]) - moment(opened.fields["time"]) <= within, row)


def _fenced(g: _Gathering, row: Row, f: Mapping[str, Any], details: Mapping[str, Any]) -> None:
    g.fences.setdefault(f["subject"] or "", row)


def _erased(g: _Gathering, row: Row, f: Mapping[str, Any], details: Mapping[str, Any]) -> None:
    fence = g.fences.pop(f["subject"] or "", None)
    begun = moment(fence.fields["time"]) if fence else moment(f["time"])
    certified = f["outcome"] == "succeeded" and details.get("certificate_hash")
    g.require(Rule.ERASED, certified and moment(f["time"]) - begun <= ERASED_WITHIN, row)
    # What was on its way or under review is gone with its subject.
    g.ways = {upload: way for upload, way in g.ways.items() if way.began.fields["subject"] != f["subject"]}
    g.reviews = {upload: opened for upload, opened in g.reviews.items() if opened.fields["subject"] != f["subject"]}


_Handler = Callable[[_Gathering, Row, Mapping[str, Any], Mapping[str, Any]], None]
_HANDLERS: Mapping[str, _Handler] = {
    EventName.UPLOAD_REQUESTED: _requested,
    EventName.UPLOAD_RECEIVED: _received,
    EventName.METADATA_STRIPPED: _stripped,
    EventName.FACES_DETECTED: _detected,
    EventName.DECISION_MADE: _decided,
    EventName.PHOTO_REDACTED: _redacted,
    EventName.PHOTO_STORED: _stored,
    EventName.UPLOAD_COMPLETED: _completed,
    EventName.ORIGINAL_DELETED: _deleted,
    EventName.UPLOAD_EXPIRED: _expired,
    EventName.CONSENT_GIVEN: _notice,
    EventName.CONSENT_RECONFIRMED: _notice,
    EventName.CONSENT_WITHDRAWN: _withdrawn,
    EventName.PHOTO_READ: _read,
    EventName.ACCESS_DENIED: _denied,
    EventName.POLICY_CHANGED: _changed,
    EventName.REVIEW_OPENED: _opened,
    EventName.REVIEW_DECIDED: _reviewed,
    EventName.SUBJECT_FENCED: _fenced,
    EventName.SUBJECT_ERASED: _erased,
}


def summarise(
    rows: Iterable[Row],
    log_rows: Iterable[Row],
    *,
    tenant: str,
    since: datetime,
    until: datetime,
    policies: Collection[str] = (),
    purposes: Collection[str] = (),
    review_days: int = 14,
) -> Activity:
    """Gather a period.

    Parameters
    ----------
    rows
        The tenant's events of the period, oldest first.
    log_rows
        The log's own events of the period (heartbeats, verifications, alerts), oldest first.
    until
        The end of the period; not later than now.
    policies
        Hashes of policies whose change the log knows of from before the period.
    purposes
        The purposes of these policies; without any, it is checked that there is a purpose at all.
    review_days
        How long a review may take.
    """
    g = _Gathering(tenant, until, policies, purposes, review_days)
    for row in rows:
        g.take(row)
    verified = _log(g, log_rows)
    g.finish()
    return Activity(
        tenant=tenant,
        since=since,
        until=until,
        events=sum(g.names.values()),
        names=dict(g.names),
        facets=dict(g.facets),
        staff=dict(g.staff),
        checked=dict(g.checked),
        broken=dict(g.broken),
        where={rule: tuple(shown) for rule, shown in g.where.items()},
        examples={name: tuple(map(example_of, shown)) for name, shown in g.examples.items()},
        models=tuple(sorted(g.models)),
        versions=tuple(sorted(g.versions)),
        verified=verified,
    )


def _log(g: _Gathering, rows: Iterable[Row]) -> tuple[int, str] | None:
    """Take the log's own events: no alert, a heartbeat in time, the newest verification."""
    verified: tuple[int, str] | None = None
    beat, row = g.first, None
    for row in rows:
        f = row.fields
        name = f["name"]
        g.names[name] += 1
        g.examples.setdefault(name, deque(maxlen=EXAMPLES)).append(row)
        g.require(Rule.UNTOUCHED, name != EventName.INTEGRITY_ALERTED, row)
        if name == EventName.LOG_SEALED:
            g.require(Rule.HEARTBEAT, not beat or moment(f["time"]) - moment(beat) <= HEARTBEAT, row)
            beat = f["time"]
        # Damage that was found once in the period is not made good by a later run that finds none.
        if name == EventName.AUDIT_VERIFIED and "exit_code" in f["details"] and not (verified and verified[0]):
            verified = (int(f["details"]["exit_code"]), f["time"])
    newest = row or next((shown[-1] for shown in g.examples.values()), None)
    if beat and newest is not None and g.until - moment(beat) > HEARTBEAT:
        g.require(Rule.HEARTBEAT, False, newest)
    return verified
