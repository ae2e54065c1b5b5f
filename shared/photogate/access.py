"""Who may do what: scopes, checked in one place.

Tenant, caller and scopes come from the token's claims, never from a body or a path.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import TypeAdapter, ValidationError

from photogate.errors import NotPermitted
from photogate.uploads import TenantName

__all__ = ["SCOPES_OF", "Caller", "Role", "Scope", "caller_from", "require_scope"]


class Scope(StrEnum):
    """What a token can allow."""

    UPLOADS_WRITE = "uploads:write"
    PHOTOS_READ = "photos:read"
    REVIEWS_DECIDE = "reviews:decide"
    AUDIT_READ = "audit:read"
    CONSENTS_WRITE = "consents:write"
    ERASURES_WRITE = "erasures:write"
    POLICY_WRITE = "policy:write"


STAFF_SCOPES = frozenset(
    {Scope.PHOTOS_READ, Scope.REVIEWS_DECIDE, Scope.AUDIT_READ, Scope.ERASURES_WRITE, Scope.POLICY_WRITE}
)


class Role(StrEnum):
    """Who people are to the service. The issuer gives each a token with the scopes of `SCOPES_OF`, or fewer."""

    SUBJECT = "subject"
    SECURITY_ANALYST = "security analyst"
    REVIEWER = "reviewer"
    PRIVACY_OFFICER = "privacy officer"
    AUDITOR = "auditor"
    OPERATOR = "operator"


SCOPES_OF: Mapping[Role, frozenset[Scope]] = {
    Role.SUBJECT: frozenset({Scope.UPLOADS_WRITE, Scope.CONSENTS_WRITE}),
    Role.SECURITY_ANALYST: frozenset({Scope.AUDIT_READ}),
    Role.REVIEWER: frozenset({Scope.REVIEWS_DECIDE}),
    Role.PRIVACY_OFFICER: frozenset({Scope.ERASURES_WRITE, Scope.PHOTOS_READ, Scope.AUDIT_READ}),
    Role.AUDITOR: frozenset({Scope.AUDIT_READ}),
    Role.OPERATOR: frozenset({Scope.POLICY_WRITE}),
}

_tenant = TypeAdapter(TenantName)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls. `caller_id` is personal: it goes through the pseudonym key and nowhere else."""

    tenant: str
    caller_id: str
    scopes: frozenset[Scope]

    def may(self, scope: Scope) -> bool:
        """Tell whether the token allows it."""
        return scope in self.scopes

    @property
    def staff(self) -> bool:
        """Whether the token speaks for the tenant rather than for one subject."""
        return bool(self.scopes & STAFF_SCOPES)


def caller_from(claims: Mapping[str, Any], tenant_claim: str, subject_claim: str, scope_claim: str) -> Caller:
    """Read the claims of a token that the authorizer has verified.

    Raises
    ------
    NotPermitted
        If tenant or caller are missing or malformed. Scopes that we do not know are ignored.
    """
    try:
        tenant = _tenant.validate_python(claims.get(tenant_claim))
    except ValidationError:
        raise NotPermitted(f"Expected a tenant's name in the token's claim {tenant_claim}; found none") from None
    caller = claims.get(subject_claim)
    if not isinstance(caller, str) or not 0 < len(caller) <= 256:
        raise NotPermitted(f"Expected the caller's id in the token's claim {subject_claim}; found none")
    # HTTP API hands an array claim over as "[a b]".
    words = str(claims.get(scope_claim, "")).strip("[]").replace(",", " ").split()
    return Caller(tenant, caller, frozenset(s for s in Scope if s.value in words))


def require_scope(caller: Caller, scope: Scope) -> None:
    """Go on only if the token allows it.

    Raises
    ------
    NotPermitted
        Otherwise.
    """
    if not caller.may(scope):
        raise NotPermitted(f"Expected a token with the scope {scope.value}; found one without")
