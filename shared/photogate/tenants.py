"""Tenants and the policy that is in force for each.

A policy is in force only if the log says so: the current hash names the event that put it there, and admission checks
that event before it pins the hash for a run. Events expire, so a policy that nobody changes must be confirmed before
its event does: putting the same document in force again is an event, too, and the one that counts from then on.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from photogate.audit.event import LOG_TENANT, DetailKey, EventName, tenant_chain
from photogate.audit.log import AuditStore
from photogate.audit.trail import Trail
from photogate.errors import Conflict, PolicyRefused, RequestRefused
from photogate.policy import Policy, default_policy

__all__ = [
    "NOTICE",
    "CurrentPolicy",
    "InForce",
    "PolicyStore",
    "change_policy",
    "create_tenant",
    "find_policy",
    "policy_in_force",
]

NOTICE = timedelta(days=30)
"""How long before a policy's event expires somebody should be told to confirm it."""


@dataclass(frozen=True, slots=True)
class CurrentPolicy:
    """Which policy is in force, its number in the tenant's history, and the sequence of its event."""

    policy_hash: str
    revision: int
    event_sequence: int


@dataclass(frozen=True, slots=True)
class InForce:
    """A policy, and the moment at which its event may expire and nothing holds it in force any more."""

    policy: Policy
    until: datetime


class PolicyStore(Protocol):
    """What the domain needs of the Policies table."""

    def current(self, tenant: str) -> CurrentPolicy | None:
        """Give what is in force."""

    def get(self, tenant: str, policy_hash: str) -> Policy | None:
        """Read a policy by its hash; raise `PolicyRefused` if its content has another."""

    def put(self, tenant: str, policy: Policy) -> None:
        """Put a document and its notices under their hashes."""

    def set_current(self, tenant: str, new: CurrentPolicy, expected: CurrentPolicy | None) -> None:
        """Put a policy in force; raise `Conflict` if somebody else did meanwhile."""


def change_policy(
    store: PolicyStore, trail: Trail, tenant: str, policy: Policy, expected_hash: str | None = None
) -> CurrentPolicy:
    """Put a policy in force: first the document, then its event, then the pointer.

    Whatever breaks in between leaves the earlier policy in force, and the same call again goes through. The policy that
    is in force already is confirmed: a new event, of the same rules before and after, holds it from now on.

    Parameters
    ----------
    expected_hash
        The hash that the caller read before; None changes whatever is in force.

    Raises
    ------
    Conflict
        If another policy is in force than the caller thinks, or becomes so meanwhile.
    """
    before = store.current(tenant)
    if before is None:
        raise RequestRefused("Expected a tenant that exists; found none. Create it: `photogate tenant create`")
    if expected_hash is not None and before.policy_hash != expected_hash:
        raise Conflict("Expected the policy that was read; found a newer one. Read it and try again")
    return _put_in_force(store, trail, tenant, policy, before)


def create_tenant(store: PolicyStore, trail: Trail, tenant: str, policy: Policy | None = None) -> CurrentPolicy:
    """Give a new tenant its first policy.

    Raises
    ------
    Conflict
        If the tenant exists.
    RequestRefused
        If the name is the one under which the log's own events stand.
    """
    if tenant == LOG_TENANT:
        raise RequestRefused("Expected a tenant's name; found the name that the audit log keeps for itself")
    if store.current(tenant) is not None:
        raise Conflict("Expected a new tenant; found one with this name")
    return _put_in_force(store, trail, tenant, policy or default_policy(), None)


def _put_in_force(
    store: PolicyStore, trail: Trail, tenant: str, policy: Policy, before: CurrentPolicy | None
) -> CurrentPolicy:
    store.put(tenant, policy)
    details: dict[DetailKey, int | str] = {DetailKey.POLICY_AFTER: policy.hash}
    if before is not None:
        details[DetailKey.POLICY_BEFORE] = before.policy_hash
    revision = before.revision + 1 if before else 1
    row = trail.record(
        EventName.POLICY_CHANGED,
        step=f"policy-{revision}",
        tenant=tenant,
        chain=tenant_chain(tenant),
        policy_hash=policy.hash,
        details=details,
    )
    current = CurrentPolicy(policy.hash, revision, row.seq)
    store.set_current(tenant, current, before)
    return current


def policy_in_force(store: PolicyStore, events: AuditStore, tenant: str) -> Policy:
    """Give the policy in force, if the log knows of it; raise as `find_policy` does."""
    return find_policy(store, events, tenant).policy


def find_policy(store: PolicyStore, events: AuditStore, tenant: str) -> InForce:
    """Give the policy in force, if the log knows of it, and until when it does.

    Raises
    ------
    PolicyRefused
        If there is none, its document is not there or not itself, or the log has no `policy.changed` for it.
    """
    current = store.current(tenant)
    if current is None:
        raise PolicyRefused("Expected a tenant with a policy; found none")
    policy = store.get(tenant, current.policy_hash)
    if policy is None:
        raise PolicyRefused("Expected the document of the policy in force; found none")
    row = events.get(tenant_chain(tenant), current.event_sequence)
    if row is None or row.fields["name"] != EventName.POLICY_CHANGED or row.fields["policy_hash"] != policy.hash:
        raise PolicyRefused(
            "Expected a policy.changed event for the policy in force; found none. Confirm it: `photogate policy set`"
        )
    return InForce(policy, datetime.fromtimestamp(row.expires_at, UTC))
