"""What a notice of a breach needs (GDPR 33): whose data, which kinds, how much, when, and who had access."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from photogate.audit.event import EventName
from photogate.audit.row import Row
from photogate.report.document import Document, Section, Table
from photogate.report.facts import Facts

__all__ = ["Touched", "incident_document", "touched"]

NOTE = (
    "These are facts from the audit log for a notice under article 33 of the GDPR. They name people by pseudonym "
    "alone. Whether there was a breach, and what follows from it, is for the organisation to judge: within 72 hours "
    "of knowing."
)
LIMIT = (
    "Counted are photos that came in, were stored, put under review or read in the period. Photos that were stored "
    "before it and not touched in it are not: where the vault itself was within reach, give an earlier --from."
)
KINDS = {"face": "faces", "text": "text", "code": "codes"}
BUCKETS = ("IncomingBucket", "WorkBucket", "QuarantineBucket", "VaultBucket")
KEPT = ("ACCEPTED", "REDACTED")


@dataclass(slots=True)
class _Subject:
    photos: set[str] = field(default_factory=set)
    kept: set[str] = field(default_factory=set)
    reviewed: set[str] = field(default_factory=set)
    read: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    first: str = ""
    last: str = ""


@dataclass(slots=True)
class Touched:
    """What the log says was touched in a period."""

    subjects: dict[str, _Subject] = field(default_factory=dict)
    kinds: Counter[str] = field(default_factory=Counter)
    actors: dict[tuple[str, str], Counter[str]] = field(default_factory=dict)
    times: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    days: dict[str, Counter[str]] = field(default_factory=dict)
    denied: Counter[str] = field(default_factory=Counter)
    alerts: list[tuple[str, str, str]] = field(default_factory=list)
    events: int = 0

    @property
    def photos(self) -> int:
        """How many photos were touched."""
        return sum(len(subject.photos) for subject in self.subjects.values())


def touched(rows: Iterable[Row], log_rows: Iterable[Row] = ()) -> Touched:
    """Gather a period in one pass.

    Parameters
    ----------
    rows
        The tenant's events, oldest first.
    log_rows
        The log's own events: alerts on a chain that was damaged stand there.
    """
    found = Touched()
    for row in rows:
        _take(found, row)
    for row in log_rows:
        _alert(found, row)
    return found


def _take(found: Touched, row: Row) -> None:
    f = row.fields
    name, details, time = f["name"], f["details"], f["time"]
    found.events += 1
    day = found.days.setdefault(time[:10], Counter())
    day[name] += 1
    actor = (f["actor"]["kind"], f["actor"]["id"])
    if actor[0] == "staff":
        found.actors.setdefault(actor, Counter())[name] += 1
        found.times[actor] = (found.times.get(actor, (time, time))[0], time)
    if name == EventName.ACCESS_DENIED:
        found.denied[str(details.get("route", "unknown"))] += 1
    _alert(found, row)
    if f["subject"] and f["upload_id"]:
        subject = found.subjects.setdefault(f["subject"], _Subject(first=time))
        subject.last = time
        subject.photos.add(f["upload_id"])
        _photo(found, subject, f)


def _photo(found: Touched, subject: _Subject, f: dict[str, object]) -> None:
    name, details, photo = f["name"], f["details"], str(f["upload_id"])
    assert isinstance(details, dict)
    if name == EventName.UPLOAD_COMPLETED and details.get("status") in KEPT:
        subject.kept.add(photo)
    if name == EventName.REVIEW_OPENED:
        subject.reviewed.add(photo)
    if name == EventName.PHOTO_READ:
        subject.read += 1
    kinds: list[str] = []
    if name == EventName.METADATA_STRIPPED:
        kinds = [key.removeprefix("removed_") for key, n in details.items() if key.startswith("removed_") and n]
    if name == EventName.FACES_DETECTED and details.get("look", 1) == 1:
        kinds = [k for kind, k in KINDS.items() if details.get(f"{kind}_act", 0) + details.get(f"{kind}_review", 0)]
    subject.kinds.update(kinds)
    found.kinds.update(kinds)


def _alert(found: Touched, row: Row) -> None:
    f = row.fields
    if f["name"] == EventName.INTEGRITY_ALERTED:
        found.alerts.append((f["time"], str(f["details"].get("change", "unknown")), f"{row.chain} #{row.seq}"))


def incident_document(
    found: Touched, facts: Facts, tenant: str, since: datetime, until: datetime, made_at: datetime
) -> Document:
    """Write down what a notice needs, with room for what only the organisation knows."""
    return Document(
        kind="incident",
        title="Facts for a breach notice",
        note=NOTE,
        about=(
            ("Tenant", tenant),
            ("Period", f"{_minute(since)} to {_minute(until)} (UTC)"),
            ("Events read", f"{found.events:,}"),
            ("Subjects", f"{len(found.subjects):,}"),
            ("Photos", f"{found.photos:,}"),
        ),
        sections=(
            Section("What happened", (), (_alerts(found), _denied(found)), ("What happened, and how it was found",)),
            Section("Whose data, and how much", (LIMIT,), (_subjects(found),), ("Who these people are to you",)),
            Section(
                "Which kinds of data",
                (
                    "Of each photo: what its file said (removed before anything was stored, in the incoming bucket "
                    "until then), and what was seen in the picture. Counts, never content.",
                ),
                (_kinds(found),),
            ),
            Section("When", (), (_days(found),), ("When you came to know of it: the 72 hours run from then",)),
            Section(
                "Who had access",
                (
                    "Staff by pseudonym, with what they did; functions by what their role allows, whether they did or "
                    "not. Whoever administers the account can give themselves more.",
                ),
                (_actors(found), _roles(facts)),
                ("Who administers the account, and who could make tokens",),
            ),
            Section(
                "What else the notice needs",
                fill=(
                    "Contact of the data protection officer",
                    "Likely consequences for the people concerned",
                    "Measures taken or proposed",
                    "Whether the people concerned are told (article 34)",
                ),
            ),
        ),
        made_at=made_at,
    )


def _minute(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}"


def _alerts(found: Touched) -> Table:
    return Table("Alerts that the log was touched", ("Time", "Change", "Event"), tuple(found.alerts))


def _denied(found: Touched) -> Table:
    rows = tuple((route, f"{n:,}") for route, n in found.denied.most_common())
    return Table("Denied requests", ("Route", "Number"), rows)


def _subjects(found: Touched) -> Table:
    rows = tuple(
        (
            pseudonym,
            str(len(s.photos)),
            str(len(s.kept)),
            str(len(s.reviewed)),
            str(s.read),
            ", ".join(f"{kind} {n}" for kind, n in s.kinds.most_common()),
            s.first[:16].replace("T", " "),
            s.last[:16].replace("T", " "),
        )
        for pseudonym, s in sorted(found.subjects.items(), key=lambda entry: (-len(entry[1].photos), entry[0]))
    )
    head = ("Pseudonym", "Photos", "Kept", "Reviewed", "Reads", "Kinds of data, by photos", "First", "Last")
    return Table("Subjects", head, rows)


def _kinds(found: Touched) -> Table:
    rows = tuple((kind, f"{n:,}") for kind, n in found.kinds.most_common())
    return Table("Kinds of data", ("Kind", "Photos"), rows)


def _days(found: Touched) -> Table:
    names = (
        EventName.UPLOAD_RECEIVED,
        EventName.PHOTO_STORED,
        EventName.PHOTO_READ,
        EventName.AUDIT_QUERIED,
        EventName.AUDIT_EXPORTED,
        EventName.ACCESS_DENIED,
        EventName.INTEGRITY_ALERTED,
    )
    rows = tuple((day, *(str(n[name]) for name in names)) for day, n in sorted(found.days.items()))
    return Table("Events by day", ("Day", *names), rows)


def _actors(found: Touched) -> Table:
    rows = tuple(
        (
            actor[1],
            ", ".join(f"{name} {n}" for name, n in did.most_common()),
            found.times[actor][0][:16].replace("T", " "),
            found.times[actor][1][:16].replace("T", " "),
        )
        for actor, did in sorted(found.actors.items(), key=lambda entry: -entry[1].total())
    )
    return Table("Staff", ("Pseudonym", "Did", "First", "Last"), rows)


def _roles(facts: Facts) -> Table:
    rows = tuple(
        (bucket, ", ".join(role.name for role in facts.roles if role.may("s3:GetObject", bucket)) or "nobody")
        for bucket in BUCKETS
    )
    return Table("Roles that may read objects", ("Bucket", "Roles"), rows)
