"""Checks of the deployment: what the template says."""

from __future__ import annotations

from photogate.report.evidence import Evidence, Result, State, check, judged
from photogate.report.facts import CONTEXT, REFUSALS, Role

__all__ = ["EVIDENCE_TABLES", "READS_QUARANTINE"]

EVIDENCE_TABLES = ("AuditTable", "LedgerTable", "PoliciesTable", "ConsentsTable")
READS_QUARANTINE = 1
"""Originals under review are opened by one function: the review's."""

# Actions that AWS lets nobody bind to a resource.
UNBOUND = ("logs:", "xray:", "cloudwatch:", "athena:", "glue:")
# Fields of an access log that tell about a person.
PERSONAL = ("sourceIp", "userAgent", "caller", "user", "path", "authorizer", "identity", "querystring")


@check("What is stored is encrypted under the deployment's own key")
def stored_encrypted(e: Evidence) -> Result:
    """Every bucket, table and log group names a KMS key."""
    kept = [(b.name, b.key) for b in e.facts.buckets] + [(t.name, t.key) for t in e.facts.tables]
    kept += [(g.name, g.key) for g in e.facts.log_groups]
    keys = ", ".join(sorted({key.partition(".")[0] for _, key in kept}))
    return judged(
        [f"{name} is not encrypted under a key of the deployment" for name, key in kept if not key],
        [
            f"{len(e.facts.buckets)} buckets, {len(e.facts.tables)} tables and {len(e.facts.log_groups)} log groups: "
            f"encrypted under {keys}"
        ],
    )


@check("Buckets refuse plain HTTP and any other key")
def transport_encrypted(e: Evidence) -> Result:
    """Every bucket's policy has all five refusals."""
    return judged(
        [
            f"{b.name} lacks {', '.join(sid for sid in REFUSALS if sid not in b.refusals)}"
            for b in e.facts.buckets
            if len(b.refusals) < len(REFUSALS)
        ],
        [f"{len(e.facts.buckets)} bucket policies deny plain HTTP, other keys, unnamed keys and a client's own keys"],
    )


@check("No bucket is open to the public")
def buckets_private(e: Evidence) -> Result:
    """Every bucket blocks public access and has no other owner's objects."""
    return judged(
        [f"{b.name} does not block all public access" for b in e.facts.buckets if not b.private],
        [f"All {len(e.facts.buckets)} buckets block public access and enforce their owner"],
    )


@check("Encryption keys rotate")
def keys_rotate(e: Evidence) -> Result:
    """Every key that KMS can rotate rotates."""
    broken = [f"{k.name} does not rotate" for k in e.facts.keys if k.can_rotate and not k.rotates]
    if not any(k.can_rotate for k in e.facts.keys):
        broken.append("There is no encryption key in the template")
    found = [f"{k.name} rotates yearly" for k in e.facts.keys if k.rotates]
    found += [f"{k.name} ({k.spec}) cannot be rotated by KMS" for k in e.facts.keys if not k.can_rotate]
    return judged(broken, found)


@check("Whoever administers a key cannot use it")
def keys_apart(e: Evidence) -> Result:
    """In every key policy administering and using are separate, and every use has a condition."""
    broken = [
        f"The policy of {k.name} lets an administrator use it, or leaves a use unbounded"
        for k in e.facts.keys
        if not k.apart
    ]
    return judged(broken, [f"The policies of {len(e.facts.keys)} keys separate administering from using"])


@check("Nothing answers without a token")
def routes_need_tokens(e: Evidence) -> Result:
    """Every route has the authorizer, which checks issuer and audience."""
    broken = [f"{r.method} {r.path} asks for no token" for r in e.facts.routes if r.open]
    if not e.facts.token_issuer:
        broken.append("The API's authorizer does not check issuer and audience")
    return judged(
        broken, [f"All {len(e.facts.routes)} routes verify a token's issuer and audience before any code runs"]
    )


@check("Each function has a role of its own, without wildcards")
def least_privilege(e: Evidence) -> Result:
    """No role has an action or a resource that is a wildcard, but those that AWS cannot bind."""
    broken = [f"{role.name}: {line}" for role in e.facts.roles for line in wildcards(role)]
    n = sum(len(role.statements) for role in e.facts.roles)
    return judged(broken, [f"{len(e.facts.roles)} roles, {n} statements: each names its actions and resources"])


def wildcards(role: Role) -> list[str]:
    """Give what a role's statements leave open."""
    found = []
    for s in role.statements:
        if s.effect != "Allow":
            continue
        if any("*" in action for action in s.actions):
            found.append(f"statement {s.sid or '(unnamed)'} allows a wildcard of actions")
        elif "*" in s.resources and not s.condition and not all(a.startswith(UNBOUND) for a in s.actions):
            found.append(f"statement {s.sid or '(unnamed)'} allows {s.actions[0]} on everything")
    return found


@check("Nobody may change or delete a row of the audit log")
def log_append_only(e: Evidence) -> Result:
    """No role has an action on the Audit table that updates or deletes."""
    forbidden = ("dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:BatchWriteItem", "dynamodb:DeleteTable")
    broken = [
        f"{role.name} may {action.partition(':')[2]} on the audit log"
        for role in e.facts.roles
        for action in forbidden
        if role.may(action, "AuditTable")
    ]
    writers = [role.name for role in e.facts.roles if role.may("dynamodb:PutItem", "AuditTable")]
    return judged(broken, [f"{len(writers)} roles append to the audit log, and none can update or delete a row"])


@check("Originals under review are opened by one function at most")
def quarantine_apart(e: Evidence) -> Result:
    """At most one role reads quarantine's objects."""
    readers = [r.name for r in e.facts.roles if r.may("s3:GetObject", "QuarantineBucket")]
    broken = (
        [f"{len(readers)} roles may read quarantine: {', '.join(readers)}"] if len(readers) > READS_QUARANTINE else []
    )
    return judged(broken, ["Roles that may read quarantine: " + (", ".join(readers) or "none")])


@check("Originals under review are sealed with their subject's own key")
def originals_sealed(e: Evidence) -> Result:
    """Keys are wrapped for one tenant, subject and purpose; whoever writes to quarantine makes and uses such a key."""
    wraps = [k.name for k in e.facts.keys if {"tenant", "subject", "purpose"} <= k.contexts]
    writers = [role for role in e.facts.roles if role.may("s3:PutObject", "QuarantineBucket")]
    broken = [] if wraps else ["No key's policy binds data keys to one tenant, subject and purpose"]
    broken += [f"{role.name} writes to quarantine without a subject's key" for role in writers if not seals(role)]
    names = ", ".join(role.name for role in writers)
    return judged(broken, [f"{', '.join(wraps)} wraps a key for each subject; sealed by: {names}"])


def seals(role: Role) -> bool:
    """Tell whether a role may make data keys for a purpose of a subject."""
    return any(
        "kms:GenerateDataKey" in s.actions and any(CONTEXT + "purpose" in c for c in s.condition.values())
        for s in role.statements
    )


@check("Checkpoints of the log are locked against deletion")
def ledger_locked(e: Evidence) -> Result:
    """The ledger bucket has Object Lock in compliance mode."""
    ledger = e.facts.bucket("LedgerBucket")
    if ledger is None or ledger.lock_mode != "COMPLIANCE" or not ledger.lock_days:
        return Result(State.FAILING, ("The ledger bucket has no Object Lock in compliance mode",))
    return Result(
        State.FOUND, (f"Object Lock keeps every checkpoint for {ledger.lock_days} days, from the account's root too",)
    )


@check("Tables that hold evidence are protected from deletion")
def evidence_protected(e: Evidence) -> Result:
    """Deletion protection is on for the log, the ledger, policies and consents."""
    tables = {table.name: table for table in e.facts.tables}
    missing = [n for n in EVIDENCE_TABLES if n not in tables or not tables[n].deletion_protected]
    return judged(
        [f"{name} has no deletion protection" for name in missing],
        [f"{', '.join(EVIDENCE_TABLES)} refuse to be deleted"],
    )


@check("Tables can be recovered to a point in time, and results keep their versions")
def recoverable(e: Evidence) -> Result:
    """Point-in-time recovery on every table; versions in vault and ledger."""
    broken = [f"{t.name} cannot be recovered to a point in time" for t in e.facts.tables if not t.recoverable]
    for name in ("VaultBucket", "LedgerBucket"):
        bucket = e.facts.bucket(name)
        if bucket is None or not bucket.versioned:
            broken.append(f"{name} keeps no versions")
    windows = ", ".join(f"{t.name} {t.recovery_days}" for t in e.facts.tables)
    return judged(broken, [f"Recovery windows in days: {windows}", "Vault and ledger keep old versions"])


@check("Nothing is copied to where erasure does not reach")
def no_copies(e: Evidence) -> Result:
    """No replication, backup plan or global table."""
    return judged(
        [f"{name} makes copies that an erasure does not reach" for name in e.facts.copies],
        ["No replication, backup plan or global table; what remains are the recovery windows named in this report"],
    )


@check("What is no longer needed expires by itself")
def objects_expire(e: Evidence) -> Result:
    """Incoming, work and quarantine expire; old versions go everywhere but in the ledger; rows have a TTL."""
    broken, found = [], []
    for name in ("IncomingBucket", "WorkBucket", "QuarantineBucket"):
        bucket = e.facts.bucket(name)
        if bucket is None or not bucket.expires_days:
            broken.append(f"{name} keeps objects without end")
        else:
            found.append(f"{name}: {bucket.expires_days} days")
    broken += [
        f"{b.name} keeps old versions without end"
        for b in e.facts.buckets
        if b.versioned and b.name != "LedgerBucket" and not b.old_versions_days
    ]
    expiring = {table.name for table in e.facts.tables if table.expires}
    broken += [f"{name} has no TTL" for name in ("UploadsTable", "AuditTable") if name not in expiring]
    return judged(
        broken, [f"Lifecycle rules: {', '.join(found)}; old versions 1 day; TTL on {', '.join(sorted(expiring))}"]
    )


@check("A deleted pseudonym cannot be brought back for long")
def pseudonyms_forgotten(e: Evidence) -> Result:
    """The Subjects table's recovery window is one day."""
    subjects = next((t for t in e.facts.tables if t.name == "SubjectsTable"), None)
    if subjects is None or subjects.recovery_days != 1:
        return Result(
            State.FAILING, ("The table that maps callers to pseudonyms can be recovered for more than a day",)
        )
    return Result(
        State.FOUND, ("The table that maps callers to pseudonyms can be recovered for one day, and no longer",)
    )


@check("Callers are hidden by a key that never leaves KMS")
def callers_hidden(e: Evidence) -> Result:
    """There is an HMAC key, and only roles that answer callers may use it."""
    keys = [k for k in e.facts.keys if k.spec.startswith("HMAC")]
    if not keys:
        return Result(State.FAILING, ("There is no HMAC key: callers cannot be turned into pseudonyms",))
    users = [role.name for role in e.facts.roles if role.may("kms:GenerateMac", keys[0].name)]
    return Result(State.FOUND, (f"{keys[0].name} ({keys[0].spec}) may be used by: {', '.join(users) or 'nobody'}",))


@check("Logs hold no content, addresses or tokens")
def logs_without_content(e: Evidence) -> Result:
    """No execution data, and no personal field in the access log."""
    broken = ["The workflow logs its inputs and outputs"] if e.facts.execution_data_logged else []
    broken += [f"The access log holds {f}" for f in e.facts.access_log_fields if any(p in f for p in PERSONAL)]
    return judged(
        broken,
        [f"Access log: {', '.join(f.removeprefix('$context.') for f in e.facts.access_log_fields)}; no execution data"],
    )


@check("Logs are kept for a set time")
def logs_retained(e: Evidence) -> Result:
    """Every log group forgets, and audit events have a retention."""
    broken = [f"{g.name} never forgets" for g in e.facts.log_groups if not g.days]
    if not e.facts.audit_days:
        broken.append("Events of the audit log have no retention")
    days = ", ".join(f"{g.name} {g.days}" for g in e.facts.log_groups)
    return judged(broken, [f"Days kept: audit events {e.facts.audit_days}, {days}"])


WATCHED = (
    "LogTouchedAlarm",
    "LogDamagedAlarm",
    "LogNotVerifiedAlarm",
    "HeartbeatMissingAlarm",
    "SealLateAlarm",
    "AccessDeniedAlarm",
    "UnusualReadsAlarm",
    "UnusualExportsAlarm",
    "KeyErrorsAlarm",
    "WorkflowFailedAlarm",
    "ErasureFailedAlarm",
    "QuarantineAgedAlarm",
    "DeadLettersWaitingAlarm",
)


@check("Alarms watch the log, access, keys, the workflows and what could not be delivered")
def alarms_set(e: Evidence) -> Result:
    """The alarms that an incident would show in are there."""
    missing = [name for name in WATCHED if name not in e.facts.alarms]
    return judged(
        [f"{name} is not there" for name in missing],
        [f"{len(e.facts.alarms)} alarms, each with a chapter in docs/runbook.md: {', '.join(e.facts.alarms)}"],
    )


@check("Alarms reach somebody")
def alarms_received(e: Evidence) -> Result:
    """An alarm topic is a parameter of the deployed stack."""
    if e.facts.alarm_receiver:
        return Result(State.FOUND, ("Alarms go to an SNS topic",))
    if e.facts.source.deployed:
        return Result(State.FAILING, ("Alarms go to nobody: the parameter AlarmTopicArn is empty",))
    return Result(
        State.ABSENT, ("A file does not say who receives alarms; give --stack to read the deployed parameters",)
    )


@check("The API limits how much it takes")
def rates_limited(e: Evidence) -> Result:
    """Rate and burst limits are set."""
    if not e.facts.rate or not e.facts.burst:
        return Result(State.FAILING, ("The API has no rate limit",))
    return Result(State.FOUND, (f"{e.facts.rate} requests a second, {e.facts.burst} at once",))


@check("What cannot be delivered is kept")
def failures_kept(e: Evidence) -> Result:
    """Scheduled functions have a dead-letter queue."""
    return judged(
        [f"{name} has no dead-letter queue" for name in e.facts.without_dead_letters],
        [f"Scheduled functions with a dead-letter queue: {', '.join(e.facts.schedules)}"],
    )


SCHEDULED = ("seal_audit", "sweep_retention", "sweep_uploads", "verify_audit")


@check("On a schedule the log is sealed and verified, what is due deleted, what nobody finishes ended")
def schedules_set(e: Evidence) -> Result:
    """The heartbeat, the verification and both sweeps are scheduled."""
    missing = [name for name in SCHEDULED if name not in e.facts.schedules]
    return judged([f"{name} is not scheduled" for name in missing], [f"Scheduled: {', '.join(e.facts.schedules)}"])


@check("Only the upload page's origin may call the API from a browser")
def one_origin(e: Evidence) -> Result:
    """CORS lets no wildcard in."""
    broken = ["CORS lets every origin in"] if any("*" in o for o in e.facts.origins) else []
    return judged(broken, [f"CORS lets in: {', '.join(e.facts.origins) or 'nobody'}"])
