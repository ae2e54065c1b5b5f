"""The record of processing (GDPR 30) and a prefilled impact assessment (GDPR 35), from template, policy and log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from photogate.audit.event import EventName
from photogate.findings import FindingKind, MetadataCategory
from photogate.report.document import Document, Section, Table
from photogate.report.evidence import CHECKS, Evidence, State

__all__ = ["RISKS", "impact_assessment", "record_of_processing"]

ROPA_NOTE = (
    "This part of the record of processing (GDPR, article 30) is written from the deployment and from the policy in "
    "force. Dashed lines are for what only the organisation knows."
)
DPIA_NOTE = (
    "A draft of an impact assessment (GDPR, article 35): the facts are filled in, the judgement is not. It is no "
    "assessment until somebody has judged each risk and signed it."
)
MEASURES = (
    "stored_encrypted",
    "transport_encrypted",
    "originals_sealed",
    "keys_rotate",
    "keys_apart",
    "routes_need_tokens",
    "least_privilege",
    "callers_hidden",
    "logs_without_content",
    "log_append_only",
    "recoverable",
    "no_copies",
)


@dataclass(frozen=True, slots=True)
class Risk:
    """A risk for people: what could happen, which checks speak of the measures against it, and what is left."""

    what: str
    checks: tuple[str, ...]
    left: str


RISKS = (
    Risk(
        "A person in the background of a photo is kept and seen by others",
        ("faces_not_kept", "photos_looked_at", "redactions_checked"),
        "Detectors miss faces, above all small, turned or hidden ones: docs/detection.md has the numbers. A person "
        "can be known by more than a face.",
    ),
    Risk(
        "A photo's file tells where somebody lives, when, and with which device",
        ("metadata_stripped", "originals_deleted"),
        "Until it is stripped, the original lies in the incoming bucket for minutes, and for days if nobody works on "
        "it.",
    ),
    Risk(
        "Photos or addresses are read by people who should not",
        ("routes_need_tokens", "subjects_see_own", "least_privilege", "quarantine_apart", "links_short"),
        "Whoever makes tokens, or administers the account, can give access. A link works for whoever has it, for a "
        "minute.",
    ),
    Risk(
        "Photos are used for something that nobody agreed to",
        ("uploads_consented", "purposes_kept", "notices_recorded", "withdrawals_respected"),
        "What is done with a photo after it was read is out of reach.",
    ),
    Risk(
        "Photos are kept longer than needed, or cannot be erased",
        ("objects_expire", "retention_bounded", "erasures_done", "no_copies", "pseudonyms_forgotten"),
        "Tables can be recovered to a point in time within their windows. Events of the log stay, under a pseudonym.",
    ),
    Risk(
        "People are recognised, or followed over many photos",
        ("callers_hidden", "models_recorded", "logs_without_content"),
        "The pseudonym joins one uploader's photos. Nothing that could recognise a face is computed or kept.",
    ),
    Risk(
        "Somebody changes the rules or the record unseen",
        ("log_verified", "log_append_only", "policies_logged", "ledger_locked"),
        "Tamper-evident to whoever holds an earlier checkpoint: give one to somebody outside, regularly.",
    ),
    Risk(
        "A decision by a machine is wrong and stands",
        ("decisions_made", "reviews_in_time", "reviewers_apart"),
        "A photo that is refused can be taken again; how somebody complains is for the app to offer.",
    ),
)


def record_of_processing(e: Evidence, made_at: datetime) -> Document:
    """Write the record of processing, one row a purpose."""
    return Document(
        kind="ropa",
        title="Record of processing: photos that users submit",
        note=ROPA_NOTE,
        about=_about(e),
        sections=(
            Section(
                "Who is responsible (article 30(1)(a))",
                fill=("Controller, with contact", "Joint controllers and representative", "Data protection officer"),
            ),
            _purposes(e),
            _data(),
            _recipients(e),
            Section(
                "Transfers to third countries (article 30(1)(e))",
                ("Photogate sends data to no service outside of the account and region that it is deployed in.",),
                fill=("Region of the deployment", "Transfers by those who read photos, and their safeguards"),
            ),
            _limits(e),
            _measures(e, "Security measures (article 30(1)(g))"),
        ),
        made_at=made_at,
    )


def impact_assessment(e: Evidence, made_at: datetime) -> Document:
    """Write a draft of an impact assessment: facts filled in, judgements left open."""
    return Document(
        kind="dpia",
        title="Impact assessment: photos that users submit (draft)",
        note=DPIA_NOTE,
        about=_about(e),
        sections=(
            Section(
                "What is done (article 35(7)(a))",
                (
                    "A user gives consent to a purpose, gets a link, and uploads a photo. Its metadata is removed; "
                    "models look for faces, text and codes on the CPU, without recognising anybody; the policy "
                    "decides: accept, redact, ask for another photo, have a person look, or reject. What passed is "
                    "stored encrypted; the original is deleted. Each step is an event in an audit log.",
                ),
                (_volumes(e), _rules(e)),
            ),
            _purposes(e),
            _data(),
            Section(
                "Whether it is necessary and proportionate (article 35(7)(b))",
                fill=(
                    "Why a photo is needed, and why nothing less intrusive will do",
                    "Why these retention times",
                    "How people are told, and how they use their rights",
                    "What follows for somebody who refuses",
                ),
            ),
            *(_risk(e, n, risk) for n, risk in enumerate(RISKS, start=1)),
            _measures(e, "Measures that the deployment takes (article 35(7)(d))"),
            Section(
                "Advice, views and approval",
                fill=(
                    "Advice of the data protection officer (article 35(2))",
                    "Views of the people concerned (article 35(9))",
                    "Whether the authority has to be asked (article 36)",
                    "Approved by, on, to be looked at again on",
                ),
            ),
        ),
        made_at=made_at,
    )


def _about(e: Evidence) -> tuple[tuple[str, str], ...]:
    where = "deployed stack" if e.facts.source.deployed else "template file"
    a = e.activity
    return (
        ("Tenant", a.tenant),
        ("Policy in force", e.policy.hash),
        ("Facts from", f"{where} {e.facts.source.name}, SHA-256 {e.facts.source.sha256}"),
        ("Numbers from", f"{a.since.astimezone(UTC):%Y-%m-%d} to {a.until.astimezone(UTC):%Y-%m-%d}"),
    )


def _purposes(e: Evidence) -> Section:
    used = e.activity.by(EventName.UPLOAD_REQUESTED, "purpose")
    rows = tuple(
        (
            name,
            p.notice,
            "consent (article 6(1)(a))",
            days(p.consent_days),
            days(p.retention_days),
            str(used.get(name, 0)),
        )
        for name, p in e.policy.purposes.items()
    )
    head = ("Purpose", "Notice that is shown", "Basis", "Consent lasts", "Photos are kept", "Uploads in the period")
    return Section("Purposes (article 30(1)(b))", tables=(Table("Purposes", head, rows),))


def _data() -> Section:
    rows = (
        ("Uploaders", "photos", "what the picture shows"),
        ("Uploaders", "what the file says", f"{', '.join(MetadataCategory)}: removed before storing, counted by kind"),
        ("Uploaders", "pseudonym", "random; found again through an HMAC of the caller's id, with a key in KMS"),
        ("Uploaders", "consents", "purpose, hash of the notice, times, in whose name"),
        (
            "People in photos",
            "findings",
            f"{', '.join(FindingKind)}: kind, place and score; no content, nobody recognised",
        ),
        ("Staff", "events", "what was asked, read and decided, by pseudonym"),
    )
    return Section(
        "Whose data, and which (article 30(1)(c))",
        tables=(Table("Categories", ("People", "Data", "More"), rows),),
        fill=("Who the uploaders are: customers, drivers, employees, children",),
    )


def _recipients(e: Evidence) -> Section:
    def readers(bucket: str) -> str:
        return ", ".join(role.name for role in e.facts.roles if role.may("s3:GetObject", bucket)) or "nobody"

    rows = (
        ("Stored photos", readers("VaultBucket"), "subjects their own, staff with the scope photos:read"),
        ("Originals under review", readers("QuarantineBucket"), "reviewers"),
        ("photo.completed", "the event bus", "your own systems: ids, status and a hash, no picture"),
        ("Everything, encrypted", "Amazon Web Services", "processor"),
    )
    reads = e.activity.count(EventName.PHOTO_READ)
    return Section(
        "Who gets it (article 30(1)(d))",
        (f"Photos were read {reads:,} times in the period; each read is an event.",),
        (Table("Recipients", ("What", "Through", "Who"), rows),),
        ("Others who get photos, and why",),
    )


def _limits(e: Evidence) -> Section:
    rows = [(b.name, "objects", days(b.expires_days) + " at most") for b in e.facts.buckets if b.expires_days]
    rows += [("VaultBucket", f"photos for {name}", days(p.retention_days)) for name, p in e.policy.purposes.items()]
    rows += [(b.name, "old versions", days(b.old_versions_days)) for b in e.facts.buckets if b.old_versions_days]
    rows += [(b.name, "hashes, locked", days(b.lock_days) + " at least") for b in e.facts.buckets if b.lock_mode]
    rows += [("Reviews", "until decided", days(e.policy.review.days) + " at most")]
    rows += [("AuditTable", "events", days(e.facts.audit_days))]
    rows += [(g.name, "logs without content", days(g.days)) for g in e.facts.log_groups]
    rows += [(t.name, "recovery to a point in time", days(t.recovery_days)) for t in e.facts.tables if t.recoverable]
    return Section(
        "Time limits (article 30(1)(f))", tables=(Table("How long", ("Where", "What", "How long"), tuple(rows)),)
    )


def days(n: int) -> str:
    """Write a number of days."""
    return "1 day" if n == 1 else f"{n} days"


def _measures(e: Evidence, title: str) -> Section:
    rows = tuple(_judged(e, name) for name in MEASURES)
    head = ("Measure", "Result", "What was found")
    return Section(title, tables=(Table("Measures", head, rows),), fill=("Measures of the organisation",))


def _judged(e: Evidence, name: str) -> tuple[str, str, str]:
    result = CHECKS[name].examine(e)
    return CHECKS[name].title, _WORD[result.state], "; ".join(result.lines)


_WORD = {State.FOUND: "✓ found", State.FAILING: "✕ failing", State.ABSENT: "– no evidence in the period"}


def _volumes(e: Evidence) -> Table:
    names = (
        EventName.UPLOAD_REQUESTED,
        EventName.UPLOAD_COMPLETED,
        EventName.PHOTO_STORED,
        EventName.PHOTO_REDACTED,
        EventName.REVIEW_OPENED,
        EventName.PHOTO_READ,
        EventName.SUBJECT_ERASED,
    )
    return Table("In the period", ("Event", "Number"), tuple((str(n), f"{e.activity.count(n):,}") for n in names))


def _rules(e: Evidence) -> Table:
    rows = tuple((str(kind), str(rule.act), str(rule.review)) for kind, rule in e.policy.findings.items())
    return Table("What the policy does with what is seen", ("Seen", "If sure", "If not sure"), rows)


def _risk(e: Evidence, n: int, risk: Risk) -> Section:
    rows = tuple(_judged(e, name) for name in risk.checks)
    return Section(
        f"Risk {n} (article 35(7)(c)): {risk.what}",
        (f"What is left: {risk.left}",),
        (Table("Measures against it", ("Measure", "Result", "What was found"), rows),),
        ("How likely, how severe, and what is done about it",),
    )
