"""Checks of what happened: what the log's events of the period say, and the verifier's result."""

from __future__ import annotations

from photogate.report.activity import Activity, Rule
from photogate.report.evidence import CHECKS, Check, Evidence, Result, State, check

__all__: list[str] = []


@check("The log verifies", operating=True)
def log_verified(e: Evidence) -> Result:
    """The verifier found no damage, over an export or in the deployment's own newest run."""
    if e.verification is None:
        return Result(
            State.ABSENT, ("Nobody verified the log in the last two days of the period: give --export and --vkey",)
        )
    state = State.FOUND if e.verification.ok else State.FAILING
    return Result(state, (f"{e.verification.by}: {e.verification.said}",))


def _by_rule(name: str, title: str, rule: Rule, things: str, broken: str) -> None:
    """Register a check that a rule of the log's gathering was kept by everything that it was applied to."""

    def examine(e: Evidence) -> Result:
        a: Activity = e.activity
        checked, failed = a.checked.get(rule, 0), a.broken.get(rule, 0)
        if failed:
            return Result(State.FAILING, (f"{things}: {checked}, {failed} of them {broken}",), a.where.get(rule, ()))
        if not checked:
            return Result(State.ABSENT, (f"{things}: none in the period",))
        return Result(State.FOUND, (f"{things}: {checked}, none of them {broken}",))

    CHECKS[name] = Check(name, title, True, examine)


_RULES: tuple[tuple[str, str, Rule, str, str], ...] = (
    ("uploads_consented", "No upload without a consent", Rule.CONSENT, "Uploads requested", "without a consent"),
    (
        "purposes_kept",
        "Each upload serves a declared purpose",
        Rule.PURPOSE,
        "Uploads requested",
        "for a purpose that the policy does not have",
    ),
    (
        "notices_recorded",
        "Each consent names the notice that was shown",
        Rule.NOTICE,
        "Consents given",
        "without the hash of a notice",
    ),
    (
        "withdrawals_respected",
        "Nothing is kept after consent was withdrawn",
        Rule.WITHDRAWN,
        "Photos kept",
        "after their consent was withdrawn",
    ),
    (
        "metadata_stripped",
        "Each photo that was kept had its metadata removed",
        Rule.STRIPPED,
        "Photos kept",
        "without their metadata being removed",
    ),
    (
        "photos_looked_at",
        "Each photo that was kept was looked at first",
        Rule.LOOKED,
        "Photos kept",
        "without a detector having looked",
    ),
    (
        "decisions_made",
        "Each photo that was kept was decided to be kept",
        Rule.DECIDED,
        "Photos kept",
        "without a decision to accept or redact them",
    ),
    (
        "redactions_checked",
        "Each redaction was looked at again",
        Rule.REDACTED,
        "Photos redacted",
        "without a second look at the result",
    ),
    (
        "originals_deleted",
        "Originals are deleted when a photo's way has ended",
        Rule.DELETED,
        "Photos ended",
        "whose original was not deleted",
    ),
    (
        "nothing_stuck",
        "Each photo that came in came to an end",
        Rule.ENDED,
        "Photos received",
        "without an end within an hour",
    ),
    ("inputs_identified", "Each input is known by its hash", Rule.HASHED_IN, "Photos received", "without a hash"),
    (
        "outputs_identified",
        "Each result is what was stored, by its hash",
        Rule.HASHED_OUT,
        "Photos kept",
        "whose hash is not that of what was stored",
    ),
    (
        "policies_logged",
        "Each decision rests on a policy whose change is in the log",
        Rule.POLICY,
        "Decisions",
        "under a policy that the log does not know",
    ),
    ("models_recorded", "Each look names the models that were used", Rule.MODEL, "Looks", "without the models' hash"),
    (
        "subjects_see_own",
        "Subjects read their own photos only",
        Rule.OWN,
        "Reads by subjects",
        "of another subject's photo",
    ),
    ("links_short", "Links to photos last minutes", Rule.LINK, "Links", "for longer than five minutes"),
    ("denials_recorded", "Denied access was denied", Rule.DENIED, "Denied requests", "recorded with another outcome"),
    (
        "clocks_agree",
        "Clocks agree with the order of events",
        Rule.CLOCK,
        "Events",
        "out of order by more than five seconds",
    ),
    ("log_untouched", "Nobody touched the log", Rule.UNTOUCHED, "Events", "alerting that the log was touched"),
    ("log_alive", "The log was sealed without a gap", Rule.HEARTBEAT, "Heartbeats", "late by more than three hours"),
    (
        "erasures_done",
        "Erasures end within a month",
        Rule.ERASED,
        "Erasures",
        "not finished in a month, or without a certificate",
    ),
    (
        "reviews_in_time",
        "Reviews end within the policy's time",
        Rule.REVIEWED,
        "Reviews",
        "open for longer than the policy allows",
    ),
    (
        "reviewers_apart",
        "Whoever uploads does not review",
        Rule.REVIEWER,
        "Reviews by people",
        "by the uploader or by somebody who is no staff",
    ),
)

for _rule in _RULES:
    _by_rule(*_rule)
