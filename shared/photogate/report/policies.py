"""Which policies the log knows of."""

from __future__ import annotations

from photogate.audit.event import EventName, tenant_chain
from photogate.audit.query import AuditReader

__all__ = ["announced_policies"]


def announced_policies(reader: AuditReader, tenant: str, revision: int) -> frozenset[str]:
    """Give the hashes of all policies that a tenant ever had, from their events.

    Parameters
    ----------
    revision
        The number of the policy in force: so many changes there are to be found. Reading stops at the last of them.
    """
    found: set[str] = set()
    changes = 0
    for row in reader.chain(tenant_chain(tenant)):
        if changes == revision:
            break
        if row.fields["name"] == EventName.POLICY_CHANGED:
            changes += 1
            found.add(str(row.fields["policy_hash"]))
    return frozenset(found)
