"""Checks of the tenant's policy in force."""

from __future__ import annotations

from photogate.findings import FindingKind
from photogate.policy import Action
from photogate.report.evidence import Evidence, Result, State, check, judged

__all__: list[str] = []


@check("Each purpose has its notice, and says how long consent and photos last")
def purposes_declared(e: Evidence) -> Result:
    """Every purpose has a notice of a sentence or more."""
    purposes = e.policy.purposes
    broken = [
        f"The notice of {name} says too little to be understood"
        for name, p in purposes.items()
        if len(p.notice.split()) < 5
    ]
    return judged(
        broken,
        [
            f"{name}: notice {p.notice_hash[:12]}…, consent {p.consent_days} days, photos {p.retention_days} days"
            for name, p in purposes.items()
        ],
    )


@check("Photos are not kept longer than the record of them")
def retention_bounded(e: Evidence) -> Result:
    """Every purpose's retention ends before the audit log's."""
    broken = [
        f"{name} keeps photos for {p.retention_days} days, audit events are kept for {e.facts.audit_days}"
        for name, p in e.policy.purposes.items()
        if p.retention_days > e.facts.audit_days
    ]
    longest = max(p.retention_days for p in e.policy.purposes.values())
    return judged(broken, [f"Photos are kept for at most {longest} days, audit events for {e.facts.audit_days}"])


@check("By default a face is not kept")
def faces_not_kept(e: Evidence) -> Result:
    """The policy does something about a sure face."""
    rule = e.policy.findings.get(FindingKind.FACE)
    act = rule.act if rule else Action.REVIEW
    unsure = rule.review if rule else Action.REVIEW
    if act is Action.FLAG:
        return Result(State.FAILING, ("The policy in force keeps photos with faces as they are",))
    return Result(State.FOUND, (f"Policy {e.policy.hash[:12]}…: a sure face means {act}, an unsure one {unsure}",))


@check("Each kind of finding has its rule")
def kinds_classified(e: Evidence) -> Result:
    """Faces, text and codes each have a rule; what has none goes to review."""
    missing = [str(kind) for kind in FindingKind if kind not in e.policy.findings]
    rules = ", ".join(f"{k} {r.act}/{r.review}" for k, r in e.policy.findings.items())
    return judged([f"The policy has no rule for {kind}" for kind in missing], [f"Rules (sure/unsure): {rules}"])
