"""What a template says that an auditor asks about: keys, buckets, tables, roles, routes, logs, alarms."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from photogate.report.template import Statement, Template, parse_template, statements, text

__all__ = ["Bucket", "Facts", "Key", "LogGroup", "Role", "Route", "Source", "Table", "facts_in", "facts_of"]

# What a bucket's policy refuses to everybody, and the condition key without which the refusal is none.
REFUSALS = {
    "RefusePlainHttp": "aws:SecureTransport",
    "RefuseOtherEncryption": "s3:x-amz-server-side-encryption",
    "RefuseOtherKeys": "s3:x-amz-server-side-encryption-aws-kms-key-id",
    "RefuseUnnamedKey": "s3:x-amz-server-side-encryption-aws-kms-key-id",
    "RefuseCustomerKeys": "s3:x-amz-server-side-encryption-customer-algorithm",
}
USES = frozenset(
    {
        "kms:CreateGrant",
        "kms:Decrypt",
        "kms:Encrypt",
        "kms:GenerateDataKey",
        "kms:GenerateDataKeyWithoutPlaintext",
        "kms:GenerateMac",
        "kms:ReEncryptFrom",
        "kms:ReEncryptTo",
        "kms:Sign",
        "kms:Verify",
        "kms:VerifyMac",
    }
)
CONTEXT = "kms:EncryptionContext:"
COPIES = ("AWS::Backup::", "AWS::DLM::", "AWS::DynamoDB::GlobalTable")


@dataclass(frozen=True, slots=True)
class Source:
    """Where the facts come from: the deployed stack, or a file."""

    name: str
    deployed: bool
    sha256: str


@dataclass(frozen=True, slots=True)
class Key:
    """A KMS key.

    `apart`: whoever administers it cannot use it, and every use is bounded by a condition. `contexts`: the names of the
    encryption contexts that its policy speaks of.
    """

    name: str
    spec: str
    rotates: bool
    apart: bool
    contexts: frozenset[str]

    @property
    def can_rotate(self) -> bool:
        """KMS rotates symmetric encryption keys by itself, and no others."""
        return self.spec == "SYMMETRIC_DEFAULT"


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket; days are 0 where nothing expires or is locked."""

    name: str
    private: bool
    key: str
    versioned: bool
    refusals: tuple[str, ...]
    lock_mode: str
    lock_days: int
    expires_days: int
    old_versions_days: int
    copied: bool


@dataclass(frozen=True, slots=True)
class Table:
    """A DynamoDB table."""

    name: str
    key: str
    recoverable: bool
    recovery_days: int
    expires: bool
    deletion_protected: bool
    stream: str


@dataclass(frozen=True, slots=True)
class Role:
    """What a function, the workflow or a member of staff may do."""

    name: str
    owner: str
    statements: tuple[Statement, ...]

    def may(self, action: str, resource: str) -> bool:
        """Tell whether an action on a resource of the stack is allowed, by the resource's logical name."""
        return any(
            s.effect == "Allow"
            and any(_covers(a, action) for a in s.actions)
            and (s.touches(resource) or "*" in s.resources)
            for s in self.statements
        )


@dataclass(frozen=True, slots=True)
class Route:
    """A route of the API. `open`: it asks for no token."""

    method: str
    path: str
    function: str
    open: bool


@dataclass(frozen=True, slots=True)
class LogGroup:
    """A log group; `days` is 0 where it never forgets."""

    name: str
    key: str
    days: int


@dataclass(frozen=True, slots=True)
class Facts:
    """All that the reports say of the deployment."""

    source: Source
    keys: tuple[Key, ...]
    buckets: tuple[Bucket, ...]
    tables: tuple[Table, ...]
    roles: tuple[Role, ...]
    routes: tuple[Route, ...]
    log_groups: tuple[LogGroup, ...]
    alarms: tuple[str, ...]
    alarm_receiver: bool
    schedules: tuple[str, ...]
    without_dead_letters: tuple[str, ...]
    token_issuer: bool
    origins: tuple[str, ...]
    rate: int
    burst: int
    execution_data_logged: bool
    access_log_fields: tuple[str, ...]
    copies: tuple[str, ...]
    audit_days: int

    def bucket(self, name: str) -> Bucket | None:
        """Give a bucket by its logical name, or None."""
        return next((b for b in self.buckets if b.name == name), None)

    def functions(self) -> tuple[Role, ...]:
        """Give the roles of functions."""
        return tuple(role for role in self.roles if role.owner == "function")


def facts_of(source: bytes, name: str, *, deployed: bool = False, given: Mapping[str, str] | None = None) -> Facts:
    """Read the facts from a template.

    Parameters
    ----------
    source
        The template.
    name
        What to call it: the stack's name or the file's.
    deployed
        Whether this is what CloudFormation says was deployed.
    given
        Parameters as they were deployed.

    Raises
    ------
    RequestRefused
        If it is no template.
    """
    return facts_in(parse_template(source, given), Source(name, deployed, hashlib.sha256(source).hexdigest()))


def facts_in(t: Template, source: Source) -> Facts:
    """Read the facts from a template that is parsed already."""
    workflows = t.of_type("AWS::Serverless::StateMachine").values()
    api = next(iter(t.of_type("AWS::Serverless::HttpApi").values()), {})
    limits = api.get("DefaultRouteSettings") or {}
    authorizer = _authorizer(api)
    resources: Mapping[str, Any] = t.document["Resources"]
    return Facts(
        source=source,
        keys=tuple(_key(n, p) for n, p in t.of_type("AWS::KMS::Key").items()),
        buckets=tuple(_bucket(t, n, p) for n, p in t.of_type("AWS::S3::Bucket").items()),
        tables=tuple(_table(t, n, p) for n, p in t.of_type("AWS::DynamoDB::Table").items()),
        roles=_roles(t),
        routes=_routes(t, default=authorizer is not None),
        log_groups=tuple(
            LogGroup(n, text(p.get("KmsKeyId", "")), t.number(p.get("RetentionInDays")))
            for n, p in t.of_type("AWS::Logs::LogGroup").items()
        ),
        alarms=tuple(t.of_type("AWS::CloudWatch::Alarm")),
        alarm_receiver=bool(t.value({"Ref": "AlarmTopicArn"}) if "AlarmTopicArn" in t.given else ""),
        schedules=tuple(
            PurePosixPath(str(p.get("CodeUri", n))).name for n, p in _functions(t).items() if _scheduled(p)
        ),
        without_dead_letters=tuple(
            n for n, p in _functions(t).items() if _scheduled(p) and not p.get("DeadLetterQueue")
        ),
        token_issuer=bool(authorizer and authorizer.get("issuer") and authorizer.get("audience")),
        origins=tuple(
            str(t.value(o) or "the page's origin") for o in (api.get("CorsConfiguration") or {}).get("AllowOrigins", [])
        ),
        rate=t.number(limits.get("ThrottlingRateLimit")),
        burst=t.number(limits.get("ThrottlingBurstLimit")),
        execution_data_logged=any((w.get("Logging") or {}).get("IncludeExecutionData") is not False for w in workflows),
        access_log_fields=_fields((api.get("AccessLogSettings") or {}).get("Format")),
        copies=tuple(n for n, r in resources.items() if str(r.get("Type")).startswith(COPIES))
        + tuple(n for n, p in t.of_type("AWS::S3::Bucket").items() if "ReplicationConfiguration" in p)
        + tuple(n for n, p in t.of_type("AWS::DynamoDB::Table").items() if p.get("Replicas")),
        audit_days=t.number({"Ref": "AuditRetentionDays"}),
    )


def _functions(t: Template) -> dict[str, Mapping[str, Any]]:
    return t.of_type("AWS::Serverless::Function")


def _events(properties: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list((properties.get("Events") or {}).values())


def _scheduled(properties: Mapping[str, Any]) -> bool:
    return any(event.get("Type") in ("Schedule", "ScheduleV2") for event in _events(properties))


def _key(name: str, properties: Mapping[str, Any]) -> Key:
    apart = True
    for s in statements(properties.get("KeyPolicy") or {}):
        uses = USES & set(s.actions) or any("*" in action for action in s.actions)
        if s.effect == "Allow" and (any("*" in action for action in s.actions) or (uses and not s.condition)):
            apart = False
    conditions = [c for s in statements(properties.get("KeyPolicy") or {}) for c in s.condition.values()]
    named = {key for condition in conditions for key in condition if key.startswith(CONTEXT)}
    return Key(
        name=name,
        spec=str(properties.get("KeySpec", "SYMMETRIC_DEFAULT")),
        rotates=properties.get("EnableKeyRotation") is True,
        apart=apart,
        contexts=frozenset(key.removeprefix(CONTEXT) for key in named),
    )


def _bucket(t: Template, name: str, properties: Mapping[str, Any]) -> Bucket:
    access = properties.get("PublicAccessBlockConfiguration") or {}
    owner = [r.get("ObjectOwnership") for r in (properties.get("OwnershipControls") or {}).get("Rules", [])]
    encryption = (properties.get("BucketEncryption") or {}).get("ServerSideEncryptionConfiguration") or [{}]
    default = encryption[0].get("ServerSideEncryptionByDefault") or {}
    policies = [p for p in t.of_type("AWS::S3::BucketPolicy").values() if text(p.get("Bucket", "")) == name]
    denials = {s.sid for p in policies for s in statements(p.get("PolicyDocument") or {}) if _refuses(s)}
    lock = ((properties.get("ObjectLockConfiguration") or {}).get("Rule") or {}).get("DefaultRetention") or {}
    rules = [
        r for r in (properties.get("LifecycleConfiguration") or {}).get("Rules", []) if r.get("Status") == "Enabled"
    ]
    old = [r["NoncurrentVersionExpiration"] for r in rules if "NoncurrentVersionExpiration" in r]
    return Bucket(
        name=name,
        private=len(access) == 4 and set(access.values()) == {True} and owner == ["BucketOwnerEnforced"],
        key=text(default.get("KMSMasterKeyID", "")) if default.get("SSEAlgorithm") == "aws:kms" else "",
        versioned=(properties.get("VersioningConfiguration") or {}).get("Status") == "Enabled",
        refusals=tuple(sid for sid in REFUSALS if sid in denials),
        lock_mode=str(lock.get("Mode", "")) if properties.get("ObjectLockEnabled") is True else "",
        lock_days=t.number(lock.get("Days")),
        expires_days=min((t.number(r["ExpirationInDays"]) for r in rules if "ExpirationInDays" in r), default=0),
        old_versions_days=min((t.number(o.get("NoncurrentDays")) for o in old), default=0),
        copied="ReplicationConfiguration" in properties,
    )


def _refuses(s: Statement) -> bool:
    return s.effect == "Deny" and s.principal == "*" and f'"{REFUSALS.get(s.sid)}"' in json.dumps(s.condition)


def _table(t: Template, name: str, properties: Mapping[str, Any]) -> Table:
    encryption = properties.get("SSESpecification") or {}
    recovery = properties.get("PointInTimeRecoverySpecification") or {}
    recoverable = recovery.get("PointInTimeRecoveryEnabled") is True
    return Table(
        name=name,
        key=text(encryption.get("KMSMasterKeyId", "")) if encryption.get("SSEEnabled") is True else "",
        recoverable=recoverable,
        recovery_days=(t.number(recovery.get("RecoveryPeriodInDays")) or 35) if recoverable else 0,
        expires=(properties.get("TimeToLiveSpecification") or {}).get("Enabled") is True,
        deletion_protected=str(t.value(properties.get("DeletionProtectionEnabled"))).lower() == "true",
        stream=str((properties.get("StreamSpecification") or {}).get("StreamViewType", "")),
    )


def _roles(t: Template) -> tuple[Role, ...]:
    managed = {n: p.get("PolicyDocument") or {} for n, p in t.of_type("AWS::IAM::ManagedPolicy").items()}

    def allowed(policies: Any) -> tuple[Statement, ...]:
        found: list[Statement] = []
        for policy in policies or []:
            if isinstance(policy, Mapping) and "PolicyDocument" in policy:
                policy = policy["PolicyDocument"]
            if isinstance(policy, Mapping) and "Statement" in policy:
                found += statements(policy)
            elif text(policy) in managed:
                found += statements(managed[text(policy)])
            else:
                # A policy that is not in the template may allow anything.
                found.append(Statement(text(policy), "Allow", ("*",), ("*",), {}))
        return tuple(found)

    functions = tuple(
        Role(PurePosixPath(str(p.get("CodeUri", n))).name, "function", allowed(p.get("Policies")))
        for n, p in _functions(t).items()
    )
    workflows = tuple(
        Role(n, "workflow", allowed(p.get("Policies"))) for n, p in t.of_type("AWS::Serverless::StateMachine").items()
    )
    others = tuple(
        Role(n, "staff", allowed([*(p.get("Policies") or []), *(p.get("ManagedPolicyArns") or [])]))
        for n, p in t.of_type("AWS::IAM::Role").items()
    )
    return functions + workflows + others


def _routes(t: Template, *, default: bool) -> tuple[Route, ...]:
    found = []
    for name, properties in _functions(t).items():
        for event in _events(properties):
            if event.get("Type") != "HttpApi":
                continue
            route = event.get("Properties") or {}
            chosen = (route.get("Auth") or {}).get("Authorizer")
            function = PurePosixPath(str(properties.get("CodeUri", name))).name
            is_open = chosen == "NONE" or (chosen is None and not default)
            found.append(Route(str(route.get("Method")), str(route.get("Path")), function, is_open))
    return tuple(found)


def _authorizer(api: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Give the JWT configuration of the default authorizer, or None."""
    auth = api.get("Auth") or {}
    chosen = (auth.get("Authorizers") or {}).get(auth.get("DefaultAuthorizer", ""))
    if not isinstance(chosen, Mapping):
        return None
    configuration: Mapping[str, Any] = chosen.get("JwtConfiguration") or {}
    return configuration


def _fields(format: Any) -> tuple[str, ...]:
    try:
        return tuple(map(str, json.loads(format).values()))
    except (TypeError, ValueError, AttributeError):
        return () if format is None else (str(format),)


def _covers(pattern: str, action: str) -> bool:
    return action.startswith(pattern[:-1]) if pattern.endswith("*") else pattern == action
