"""For each check of the reports, one way in which a deployment or a period can be wrong."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from photogate.audit.event import LOG_TENANT, Actor, ActorKind, DetailKey, EventName, Outcome
from photogate.errors import Reason
from photogate.findings import FindingKind
from photogate.policy import Action, Rule
from photogate.report.evidence import Verification
from tests.audit_builders import STAFF, SUBJECT
from tests.report_builders import CONSENT, OTHER_SUBJECT, SINCE, World, a_way, an_event

Break = Callable[[World], object]


def allow(function: str, action: str, resource: object) -> Break:
    """Give a function's role one more statement."""

    def broken(world: World) -> None:
        statement = {"Sid": "More", "Effect": "Allow", "Action": action, "Resource": resource}
        world.properties(function)["Policies"].append({"Version": "2012-10-17", "Statement": [statement]})

    return broken


def without(resource: str, *path: str) -> Break:
    """Take a property away."""

    def broken(world: World) -> None:
        place = world.properties(resource)
        for key in path[:-1]:
            place = place[key]
        del place[path[-1]]

    return broken


def statement(world: World, policy: str, sid: str) -> dict[str, object]:
    document = world.properties(policy).get("PolicyDocument") or world.properties(policy)["KeyPolicy"]
    return next(s for s in document["Statement"] if s["Sid"] == sid)


def plain_http(world: World) -> None:
    statement(world, "VaultBucketPolicy", "RefusePlainHttp")["Effect"] = "Allow"


def administrators_decrypt(world: World) -> None:
    statement(world, "DataKey", "UseThroughStorage").pop("Condition")


def keys_for_anybody(world: World) -> None:
    del statement(world, "DataKey", "WrapSubjectKeys")["Condition"]["Null"]  # type: ignore[attr-defined]


def open_route(world: World) -> None:
    event = world.properties("ReadPhotoFunction")["Events"]["ReadPhoto"]
    event["Properties"]["Auth"] = {"Authorizer": "NONE"}


def two_readers(world: World) -> None:
    for function in ("ReadPhotoFunction", "ReadUploadFunction"):
        allow(function, "s3:GetObject", {"Fn::Sub": "${QuarantineBucket.Arn}/*"})(world)


def replicate(world: World) -> None:
    world.properties("VaultBucket")["ReplicationConfiguration"] = {"Role": "arn", "Rules": []}


def address_in_access_log(world: World) -> None:
    world.properties("Api")["AccessLogSettings"]["Format"] = '{"from":"$context.identity.sourceIp"}'


def nobody_told(world: World) -> None:
    world.given["AlarmTopicArn"] = ""


def every_origin(world: World) -> None:
    world.properties("Api")["CorsConfiguration"]["AllowOrigins"] = ["*"]


def no_schedule(world: World) -> None:
    world.properties("SweepUploadsFunction").pop("Events")


def policy(world: World, **changes: object) -> None:
    """Put another policy in force, and say so in the log."""
    before = world.policy.hash
    world.policy = world.policy.model_copy(update=changes)
    after = world.policy.hash
    world.add(
        0.5,
        EventName.POLICY_CHANGED,
        "policy-2",
        policy_hash=after,
        details={DetailKey.POLICY_BEFORE: before, DetailKey.POLICY_AFTER: after},
    )


def purpose(**fields: object) -> Break:
    def broken(world: World) -> None:
        (name,) = world.policy.purposes
        policy(world, purposes={name: world.policy.purposes[name].model_copy(update=fields)})

    return broken


def verifier_finds_damage(world: World) -> None:
    world.verification = Verification("photogate audit verify, for this report", False, "edited at row 7")


def withdrawn_before_it_was_stored(world: World) -> None:
    details = {DetailKey.CONSENT_ID: CONSENT}
    world.add(2.05, EventName.CONSENT_WITHDRAWN, "withdrawn", subject=SUBJECT, details=details)


def without_event(name: EventName, n: str) -> Break:
    return lambda world: world.drop(lambda e: e.name is name and e.upload_id == n * 32)


def clock_runs_back(world: World) -> None:
    """Let a row stand behind others of its chain that were written up to ten minutes later."""
    event = an_event(EventName.PHOTO_READ, "late", upload_id="1" * 32, actor=Actor(ActorKind.STAFF, STAFF))
    world.late.append((SINCE + timedelta(hours=2), event))


def a_row_is_replaced(world: World) -> None:
    world.add(10, EventName.INTEGRITY_ALERTED, "modified", outcome=Outcome.FAILED, reason=Reason.INTEGRITY)


def silent_for_a_day(world: World) -> None:
    world.drop(lambda e: e.tenant == LOG_TENANT and e.event_id.endswith(tuple(f"/beat-{n}" for n in range(10, 34))))


def stuck_for_a_day(world: World) -> None:
    a_way(world, "4" * 32, 12, world.policy.hash)
    world.drop(lambda e: e.upload_id == "4" * 32 and e.name in (EventName.UPLOAD_COMPLETED, EventName.ORIGINAL_DELETED))


BREAKS: dict[str, Break] = {
    "stored_encrypted": without("VaultBucket", "BucketEncryption"),
    "transport_encrypted": plain_http,
    "buckets_private": without("VaultBucket", "PublicAccessBlockConfiguration", "BlockPublicPolicy"),
    "keys_rotate": without("DataKey", "EnableKeyRotation"),
    "keys_apart": administrators_decrypt,
    "routes_need_tokens": open_route,
    "least_privilege": allow("ReadPhotoFunction", "s3:*", {"Fn::GetAtt": ["VaultBucket", "Arn"]}),
    "log_append_only": allow("ReadPhotoFunction", "dynamodb:DeleteItem", {"Fn::GetAtt": ["AuditTable", "Arn"]}),
    "quarantine_apart": two_readers,
    "originals_sealed": keys_for_anybody,
    "ledger_locked": without("LedgerBucket", "ObjectLockConfiguration"),
    "evidence_protected": without("AuditTable", "DeletionProtectionEnabled"),
    "recoverable": without("UploadsTable", "PointInTimeRecoverySpecification"),
    "no_copies": replicate,
    "objects_expire": without("IncomingBucket", "LifecycleConfiguration"),
    "pseudonyms_forgotten": without("SubjectsTable", "PointInTimeRecoverySpecification", "RecoveryPeriodInDays"),
    "callers_hidden": lambda world: world.resources.pop("PseudonymKey"),
    "logs_without_content": address_in_access_log,
    "logs_retained": without("ApiLogs", "RetentionInDays"),
    "alarms_set": lambda world: world.resources.pop("LogTouchedAlarm"),
    "alarms_received": nobody_told,
    "rates_limited": without("Api", "DefaultRouteSettings"),
    "failures_kept": without("SweepUploadsFunction", "DeadLetterQueue"),
    "schedules_set": no_schedule,
    "one_origin": every_origin,
    "purposes_declared": purpose(notice="We take photos."),
    "retention_bounded": lambda world: world.given.update(AuditRetentionDays="30"),
    "faces_not_kept": lambda world: policy(
        world, findings={**world.policy.findings, FindingKind.FACE: Rule(act=Action.FLAG, review=Action.FLAG)}
    ),
    "kinds_classified": lambda world: policy(
        world, findings={FindingKind.FACE: world.policy.findings[FindingKind.FACE]}
    ),
    "log_verified": verifier_finds_damage,
    "uploads_consented": lambda world: world.details("requested-1", consent_id=None),
    "purposes_kept": lambda world: world.change("requested-1", purpose="advertising"),
    "notices_recorded": lambda world: world.details("/consent", notice_hash=None),
    "withdrawals_respected": withdrawn_before_it_was_stored,
    "metadata_stripped": without_event(EventName.METADATA_STRIPPED, "1"),
    "photos_looked_at": without_event(EventName.FACES_DETECTED, "1"),
    "decisions_made": lambda world: world.details("decided-1", decision="REVIEW"),
    "redactions_checked": lambda world: world.drop(lambda e: e.event_id.endswith("looked-2")),
    "originals_deleted": without_event(EventName.ORIGINAL_DELETED, "1"),
    "nothing_stuck": stuck_for_a_day,
    "inputs_identified": lambda world: world.details("received-1", sha256=None),
    "outputs_identified": lambda world: world.details("stored-1", sha256="a" * 64),
    "policies_logged": lambda world: world.change("decided-1", policy_hash="b" * 64),
    "models_recorded": lambda world: world.change("detected-1", model_hash=None),
    "subjects_see_own": lambda world: world.change("/read", actor=Actor(ActorKind.SUBJECT, OTHER_SUBJECT)),
    "links_short": lambda world: world.details("/read", link_seconds=3600),
    "denials_recorded": lambda world: world.change("/denied", outcome=Outcome.SUCCEEDED),
    "clocks_agree": clock_runs_back,
    "log_untouched": a_row_is_replaced,
    "log_alive": silent_for_a_day,
    "erasures_done": lambda world: world.details("/erased", certificate_hash=None),
    "reviews_in_time": lambda world: (world.move("settled-3", 30), world.move("cleaned-3", 30)),
    "reviewers_apart": lambda world: world.change("voted-3", actor=Actor(ActorKind.SUBJECT, SUBJECT)),
}
