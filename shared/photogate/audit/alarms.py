"""Events about the log itself: the heartbeat that shows that it lives, and the alarm when it was touched."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from photogate.audit.damage import DamageFound
from photogate.audit.event import LOG_TENANT, Actor, ActorKind, DetailKey, Event, EventName, Outcome, tenant_chain
from photogate.audit.incremental import Verified
from photogate.audit.log import AuditLog
from photogate.audit.note import Checkpoint
from photogate.audit.row import Row
from photogate.audit.seal import Head
from photogate.audit.stream import Alarm, Change
from photogate.errors import IntegrityError, Reason

__all__ = [
    "alarm_event",
    "damage_event",
    "fork_alarm",
    "heartbeat_event",
    "last_verified",
    "raise_alarm",
    "verified_event",
]

_CHAIN = re.compile(r"([a-z0-9][a-z0-9-]{1,39})/(tenant|photo/([0-9a-f]{32})|subject/([0-9a-f]{32}))")
_HASH = re.compile(r"[0-9a-f]{64}")


def raise_alarm(log: AuditLog, alarm: Alarm, function: str, version: str) -> None:
    """Append the event of an alarm to the chain of the tenant that it concerns.

    Where that chain itself is damaged nothing can be appended to it; then it goes to the log's own.
    """
    event = alarm_event(alarm, function, version)
    try:
        log.append(event)
    except IntegrityError:
        if event.tenant == LOG_TENANT:
            raise
        log.append(replace(event, tenant=LOG_TENANT, chain=tenant_chain(LOG_TENANT)))


def alarm_event(alarm: Alarm, function: str, version: str) -> Event:
    """Say what was done to which row; what is not of a closed form is left out."""
    chain = _CHAIN.fullmatch(alarm.chain)
    tenant = chain[1] if chain else LOG_TENANT
    details: dict[DetailKey, int | str] = {DetailKey.CHANGE: str(alarm.change)}
    if alarm.seq >= 0:
        details[DetailKey.SEQUENCE] = min(alarm.seq, 2**53 - 1)
    for key, leaf in ((DetailKey.LEAF, alarm.leaf), (DetailKey.LEAF_BEFORE, alarm.leaf_before)):
        if leaf is not None and _HASH.fullmatch(leaf):
            details[key] = leaf
    return Event(
        event_id=f"{re.sub(r'[^0-9A-Za-z]', '', alarm.record_id) or 'record'}/{alarm.change}",
        name=EventName.INTEGRITY_ALERTED,
        tenant=tenant,
        chain=tenant_chain(tenant),
        upload_id=chain[3] if chain else None,
        subject=chain[4] if chain else None,
        actor=Actor(ActorKind.SERVICE, function),
        function=function,
        function_version=version,
        outcome=Outcome.FAILED,
        reason=Reason.INTEGRITY,
        duration_ms=0,
        details=details,
    )


def fork_alarm(head: Head) -> Alarm:
    """Give the alarm for a committed head whose size was signed with another root."""
    root = head.tree.root.hex()
    return Alarm("", f"fork{head.tree.size}", Change.FORKED, tenant_chain(LOG_TENANT), head.tree.size, leaf=root)


def heartbeat_event(run: str, head: Head, function: str, version: str) -> Event:
    """Say that the log lives, and how large it is. It is sealed like any other event."""
    return Event(
        event_id=f"{run}/Heartbeat",
        name=EventName.LOG_SEALED,
        tenant=LOG_TENANT,
        chain=tenant_chain(LOG_TENANT),
        actor=Actor(ActorKind.SERVICE, function),
        function=function,
        function_version=version,
        outcome=Outcome.SUCCEEDED,
        duration_ms=0,
        details={DetailKey.TREE_SIZE: head.tree.size, DetailKey.ROOT: head.tree.root.hex()},
    )


def verified_event(run: str, found: Verified | DamageFound, function: str, version: str) -> Event:
    """Say what a verification found: how far the log is verified now, or which damage stopped it."""
    details: dict[DetailKey, int | str] = {DetailKey.QUERY: "verify"}
    if isinstance(found, DamageFound):
        details[DetailKey.EXIT_CODE] = int(found.damage)
    else:
        details |= {DetailKey.EXIT_CODE: 0, DetailKey.ROWS: found.rows}
        if found.checkpoint is not None:
            details |= {DetailKey.TREE_SIZE: found.checkpoint.size, DetailKey.ROOT: found.checkpoint.root.hex()}
    return _of_the_log(f"{run}/Verified", EventName.AUDIT_VERIFIED, found, details, function, version)


def damage_event(run: str, found: DamageFound, function: str, version: str) -> Event:
    """Raise the alarm about damage that a verification found."""
    details: dict[DetailKey, int | str] = {DetailKey.QUERY: "verify", DetailKey.EXIT_CODE: int(found.damage)}
    return _of_the_log(f"{run}/Damage", EventName.INTEGRITY_ALERTED, found, details, function, version)


def last_verified(rows: Sequence[Row], origin: str) -> Checkpoint | None:
    """Give the checkpoint that the newest successful verification among a chain's rows came to."""
    for row in rows:
        details = row.fields["details"]
        if row.fields["name"] == EventName.AUDIT_VERIFIED and details["exit_code"] == 0 and "tree_size" in details:
            return Checkpoint(origin, details["tree_size"], bytes.fromhex(details["root"]))
    return None


def _of_the_log(
    event_id: str,
    name: EventName,
    found: Verified | DamageFound,
    details: dict[DetailKey, int | str],
    function: str,
    version: str,
) -> Event:
    damaged = isinstance(found, DamageFound)
    return Event(
        event_id=event_id,
        name=name,
        tenant=LOG_TENANT,
        chain=tenant_chain(LOG_TENANT),
        actor=Actor(ActorKind.SERVICE, function),
        function=function,
        function_version=version,
        outcome=Outcome.FAILED if damaged else Outcome.SUCCEEDED,
        reason=Reason.INTEGRITY if damaged else None,
        duration_ms=0,
        details=details,
    )
