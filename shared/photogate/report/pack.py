"""An evidence report for a framework, as a page to read and print, and as JSON."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from photogate import __version__
from photogate.audit.log import timestamp
from photogate.report.activity import Example
from photogate.report.assess import Assessment
from photogate.report.controls import Framework
from photogate.report.evidence import Check, Evidence, Result, State
from photogate.report.facts import Bucket, Facts, Role
from photogate.report.markup import Markup, join, page, table, tag

__all__ = ["Pack", "allowed", "as_json", "as_page"]

CLASS = {State.FOUND: "found", State.FAILING: "failing", State.ABSENT: "absent"}
MARK = {State.FOUND: "✓", State.FAILING: "✕", State.ABSENT: "–"}
WORD = {State.FOUND: "Evidence found", State.FAILING: "Failing", State.ABSENT: "No evidence in the period"}

HONESTY = (
    "This page gives evidence: what the deployment is set up to do, what the log says it did, and where that falls "
    "short. Whether it is enough is for the organisation and its auditor to say."
)


@dataclass(frozen=True, slots=True)
class Pack:
    """All that an evidence report holds.

    Attributes
    ----------
    receipts
        File names of receipts, relative to the page, by chain and sequence of their events.
    """

    framework: Framework
    evidence: Evidence
    assessments: tuple[Assessment, ...]
    made_at: datetime
    receipts: Mapping[tuple[str, int], str]

    def count(self, state: State) -> int:
        """Give how many controls came to this."""
        return sum(1 for a in self.assessments if a.state is state)


def as_json(pack: Pack) -> dict[str, Any]:
    """Give the report as plain JSON values."""
    e = pack.evidence
    return {
        "framework": pack.framework.name,
        "tenant": e.activity.tenant,
        "from": timestamp(e.activity.since),
        "to": timestamp(e.activity.until),
        "made_at": timestamp(pack.made_at),
        "photogate": __version__,
        "facts": asdict(e.facts.source),
        "deployment": _deployment_json(e.facts),
        "policy_hash": e.policy.hash,
        "verification": None if e.verification is None else asdict(e.verification),
        "events": e.activity.events,
        "events_by_name": dict(sorted(e.activity.names.items())),
        "summary": {CLASS[state]: pack.count(state) for state in State},
        "controls": [_control_json(a, pack) for a in pack.assessments],
    }


def _deployment_json(facts: Facts) -> dict[str, Any]:
    return {
        "keys": [asdict(key) | {"contexts": sorted(key.contexts)} for key in facts.keys],
        "buckets": [asdict(bucket) for bucket in facts.buckets],
        "tables": [asdict(found) for found in facts.tables],
        "routes": [asdict(route) for route in facts.routes],
        "roles": [{"name": r.name, "owner": r.owner, "may": dict(allowed(r))} for r in facts.roles],
    }


def allowed(role: Role) -> list[tuple[str, list[str]]]:
    """Give what a role may do, as actions by resource."""
    found: dict[str, set[str]] = defaultdict(set)
    for s in role.statements:
        for resource in s.resources:
            found[resource].update(s.actions if s.effect == "Allow" else (f"not {action}" for action in s.actions))
    return [(resource, sorted(actions)) for resource, actions in sorted(found.items())]


def _control_json(a: Assessment, pack: Pack) -> dict[str, Any]:
    return {
        "id": a.control.id,
        "title": a.control.title,
        "asks": a.control.asks,
        "verdict": CLASS[a.state],
        "checks": [
            {
                "name": check.name,
                "asserts": check.title,
                "result": CLASS[result.state],
                "lines": list(result.lines),
                "events": [_example_json(x, pack) for x in result.examples],
            }
            for check, result in a.results
        ],
        "missing": [line for state in (State.FAILING, State.ABSENT) for _, r in a.of(state) for line in r.lines],
        "events": dict(a.counts),
        "examples": [_example_json(x, pack) for x in a.examples],
        "organisation": a.control.organisation,
    }


def _example_json(example: Example, pack: Pack) -> dict[str, Any]:
    return {**asdict(example), "receipt": pack.receipts.get((example.chain, example.seq))}


def as_page(pack: Pack) -> str:
    """Give the report as one HTML document."""
    title = f"Evidence for {pack.framework.title}"
    return page(
        f"{title}: {pack.evidence.activity.tenant}",
        tag("p", "Photogate evidence report", class_="over"),
        tag("h1", title),
        _about(pack),
        tag("p", HONESTY, class_="note"),
        tag("ul", *(_tile(pack, state) for state in State), class_="tiles"),
        _summary(pack),
        tag("h2", "Control by control", class_="new-page"),
        *(_control(a, pack) for a in pack.assessments),
        *_appendix(pack),
        tag("footer", f"Photogate {__version__}. Made {timestamp(pack.made_at)}. As JSON: {pack.framework.name}.json."),
    )


def _about(pack: Pack) -> Markup:
    e = pack.evidence
    where = "the deployed stack" if e.facts.source.deployed else "the template file"
    verified = e.verification
    rows = (
        ("Tenant", e.activity.tenant),
        ("Period", f"{_minute(e.activity.since)} to {_minute(e.activity.until)} (UTC)"),
        ("Events read", f"{e.activity.events:,}"),
        ("The log", f"{verified.by}: {verified.said}" if verified else "not verified for this report"),
        ("Facts from", f"{where} {e.facts.source.name}, SHA-256 {e.facts.source.sha256}"),
        ("Policy in force", e.policy.hash),
        ("Models", ", ".join(e.activity.models) or "none used in the period"),
    )
    return tag("dl", *(join((tag("dt", name), tag("dd", value))) for name, value in rows), class_="about")


def _minute(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}"


def _tile(pack: Pack, state: State) -> Markup:
    n = pack.count(state)
    return tag("li", tag("b", str(n)), f"{MARK[state]} {WORD[state]}", class_=CLASS[state])


def _summary(pack: Pack) -> Markup:
    rows = []
    for a in pack.assessments:
        parts = [f"{len(a.of(state))} {word}" for state, word in _SHORT.items() if a.of(state)]
        link = tag("a", a.control.id, href="#" + _anchor(a))
        rows.append((link, a.control.title, _badge(a.state), ", ".join(parts)))
    return join((tag("h2", "Summary"), table(("Control", "About", "Verdict", "Checks"), rows)))


_SHORT = {State.FOUND: "found", State.FAILING: "failing", State.ABSENT: "without events"}


def _badge(state: State) -> Markup:
    return tag("span", f"{MARK[state]} {WORD[state]}", class_=f"badge {CLASS[state]}")


def _anchor(a: Assessment) -> str:
    return "c-" + "".join(c if c.isalnum() else "-" for c in a.control.id.lower())


def _control(a: Assessment, pack: Pack) -> Markup:
    found = [_check(c, r, pack) for c, r in a.of(State.FOUND)]
    missing = [_check(c, r, pack) for state in (State.FAILING, State.ABSENT) for c, r in a.of(state)]
    shown = [
        ("Found", tag("ul", *found, class_="checks") if found else "Nothing."),
        ("Missing", tag("ul", *missing, class_="checks") if missing else "Nothing that these checks look for."),
    ]
    parts = [
        *(shown[::-1] if a.state is State.FAILING else shown),
        *([("Events", _events(a, pack))] if a.counts else []),
        ("Yours to show", a.control.organisation),
    ]
    heading = tag("h3", tag("span", a.control.id, class_="id"), a.control.title)
    return tag(
        "section",
        tag("header", heading, _badge(a.state)),
        tag("p", a.control.asks, class_="asks"),
        tag("dl", *(join((tag("dt", name), tag("dd", value))) for name, value in parts), class_="parts"),
        class_=f"control {CLASS[a.state]}",
        id=_anchor(a),
    )


def _check(check: Check, result: Result, pack: Pack) -> Markup:
    mark = tag("span", MARK[result.state], class_=f"mark {CLASS[result.state]}", aria_hidden="true")
    places = join(tag("span", " See ", _reference(x, pack), ".", class_="detail") for x in result.examples)
    word = "" if result.state is State.FOUND else f"{_LOUD[result.state]}: "
    lines = tag("span", " " + "; ".join(result.lines) + ".", class_="detail")
    return tag("li", mark, word, check.title + ".", lines, places, class_=CLASS[result.state])


_LOUD = {State.FAILING: "Failing", State.ABSENT: "Not shown"}


def _events(a: Assessment, pack: Pack) -> Markup:
    counts = ", ".join(f"{name} {n:,}" for name, n in a.counts)
    newest = [tag("li", "newest ", _reference(x, pack)) for x in a.examples]
    return join((tag("p", counts, class_="counts"), *([tag("ul", *newest, class_="events")] if newest else [])))


def _lock(bucket: Bucket) -> str:
    if bucket.lock_mode == "COMPLIANCE":
        return f"{bucket.lock_days} days, for everybody"
    return f"{bucket.lock_mode.lower()}, {bucket.lock_days} days" if bucket.lock_mode else "none"


def _reference(example: Example, pack: Pack) -> Markup:
    where = f"{example.name} of {example.time[:16].replace('T', ' ')}"
    receipt = pack.receipts.get((example.chain, example.seq))
    place = tag("span", f"{example.chain} #{example.seq}", class_="mono")
    proof = [" (", tag("a", "receipt", href=receipt), ")"] if receipt else []
    return join((where, ", ", place, *proof))


def _appendix(pack: Pack) -> list[Markup]:
    facts = pack.evidence.facts
    matrix = [
        (role.name if not n else "", resource, ", ".join(actions))
        for role in facts.roles
        for n, (resource, actions) in enumerate(allowed(role))
    ]
    keys = [
        (k.name, k.spec, "yearly" if k.rotates else "no" if k.can_rotate else "not by KMS", "yes" if k.apart else "no")
        for k in facts.keys
    ]
    buckets = [
        (
            b.name,
            b.key,
            "yes" if b.private else "no",
            f"{len(b.refusals)} of 5",
            "yes" if b.versioned else "no",
            str(b.expires_days or "none"),
            _lock(b),
        )
        for b in facts.buckets
    ]
    tables = [
        (
            t.name,
            t.key,
            f"{t.recovery_days} days" if t.recoverable else "no",
            "yes" if t.expires else "no",
            "yes" if t.deletion_protected else "no",
        )
        for t in facts.tables
    ]
    receipts = sorted(set(pack.receipts.values()))
    return [
        tag("h2", "How the deployment is set up", class_="new-page"),
        table(("Key", "Kind", "Rotates", "Administering is not using"), keys, "Keys"),
        table(
            ("Bucket", "Encrypted under", "Private", "Refusals", "Versions", "Days kept", "Lock"), buckets, "Buckets"
        ),
        table(("Table", "Encrypted under", "Recoverable for", "TTL", "Protected"), tables, "Tables"),
        table(("Role", "Resource", "Actions"), matrix, "Who may do what: the roles of functions, workflows and staff"),
        tag("h2", "How to check this report"),
        tag(
            "p",
            f"{len(receipts)} receipts lie beside this page. Each proves that its event is in the log that a signed "
            "checkpoint covers, with the log's public key and without access to AWS:",
        ),
        tag("p", tag("code", "photogate audit check receipts/FILE --vkey log.vkey")),
        tag("p", "Get log.vkey by a way that you trust, not from whoever gave you this page."),
        tag("p", "The whole log is verified by ", tag("code", "photogate audit verify"), "; docs/audit.md says how."),
    ]
