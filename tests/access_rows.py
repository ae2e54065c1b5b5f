"""Every route of the API as the access matrix sees it: what its id names, what is sent, and who may.

A route that has no row here fails `tests/functions/test_access.py`; so does a row whose route is gone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from docs.make_openapi import OPERATIONS, routes
from photogate.access import SCOPES_OF, Role, Scope
from photogate.findings import FindingKind
from photogate.policy import Action, Rule, default_policy

__all__ = ["CELLS", "KEEPING", "POLICY", "ROWS", "Cell", "Row", "Things", "function_of"]


@dataclass(frozen=True)
class Things:
    """What a tenant's subject has: the ids and hashes that somebody else might try."""

    subject: str
    consent: str
    notice: str
    upload: str
    review: str
    erasure: str
    redacted: str

    def path(self, route: str, thing: str | None) -> str:
        """Put the id of a thing into a route."""
        return route if thing is None else route.replace("{id}", str(getattr(self, thing)))

    @property
    def event(self) -> str:
        """The first event of the upload, as the API names it."""
        return f"photo.{self.upload}.0"


def _nothing(things: Things) -> Any:
    return None


@dataclass(frozen=True)
class Row:
    """One route.

    Attributes
    ----------
    thing
        What ``{id}`` names: a field of `Things`.
    body
        What an honest caller sends.
    own
        Who may where the route asks for no one scope: `Role.SUBJECT` is the one whose thing it is.
    refused
        The status for others of the tenant then.
    elsewhere
        The status for who may at home, but is of another tenant or another subject. None where such a caller gets an
        answer of its own, in which nothing of the others' is.
    tenants
        Whether all subjects of the tenant may.
    """

    thing: str | None = None
    body: Callable[[Things], Any] = _nothing
    own: frozenset[Role] = field(default_factory=frozenset)
    refused: int = 404
    elsewhere: int | None = 404
    tenants: bool = False


SEES_UPLOADS = frozenset({Role.SUBJECT, *(role for role in Role if Scope.PHOTOS_READ in SCOPES_OF[role])})


def _upload_request(things: Things) -> dict[str, Any]:
    return {
        "content_type": "image/jpeg",
        "size": 1000,
        "purpose": "proof_of_delivery",
        "consent_id": things.consent,
    }


def _consent_request(things: Things) -> dict[str, Any]:
    return {"purpose": "proof_of_delivery", "notice_hash": things.notice, "decision": "given"}


# The built-in policy, but for faces: those go to review.
POLICY = default_policy().model_copy(
    update={"findings": {**default_policy().findings, FindingKind.FACE: Rule(act=Action.REVIEW, review=Action.REVIEW)}}
)
# Another, which hides faces and keeps what they were hidden in, so that its uploader may appeal.
KEEPING = POLICY.model_copy(
    update={
        "findings": {**POLICY.findings, FindingKind.FACE: Rule(act=Action.REDACT, review=Action.REDACT)},
        "seal_originals": True,
    }
)


def _policy(things: Things) -> Any:
    return json.loads(POLICY.document())


ROWS: dict[tuple[str, str], Row] = {
    ("GET", "/consents"): Row(elsewhere=None, own=frozenset(Role)),
    ("POST", "/consents"): Row(body=_consent_request, elsewhere=None),
    ("POST", "/consents/{id}/withdraw"): Row("consent"),
    ("POST", "/consents/{id}/reconfirm"): Row("consent", body=lambda things: {"notice_hash": things.notice}),
    ("GET", "/consents/{id}/receipt"): Row("consent", own=frozenset({Role.SUBJECT})),
    # Another's consent is as if there were none.
    ("POST", "/uploads"): Row(body=_upload_request, elsewhere=403),
    ("GET", "/uploads/{id}"): Row("upload", own=SEES_UPLOADS),
    ("POST", "/uploads/{id}/appeal"): Row("redacted"),
    ("GET", "/photos/{id}"): Row("upload", own=SEES_UPLOADS),
    ("GET", "/policy"): Row(elsewhere=None),
    ("PUT", "/policy"): Row(body=_policy, elsewhere=None),
    ("GET", "/reviews"): Row(elsewhere=None),
    ("GET", "/reviews/{id}"): Row("review"),
    ("POST", "/reviews/{id}"): Row("review", body=lambda _: {"verdict": "reject", "reason": "unusable"}),
    ("GET", "/audit/events"): Row(elsewhere=None),
    ("GET", "/audit/events/{id}/receipt"): Row("event"),
    ("POST", "/erasures"): Row(
        body=lambda things: {"subject": things.subject},
        own=frozenset({Role.SUBJECT, *(role for role in Role if Scope.ERASURES_WRITE in SCOPES_OF[role])}),
        refused=403,
    ),
    # Its id is all that is left to its subject: whoever of the tenant holds it may ask, and it names nobody.
    ("GET", "/erasures/{id}"): Row("erasure", own=frozenset(Role), tenants=True),
    # The whole log's, of which there is one: sizes and hashes.
    ("GET", "/audit/checkpoint"): Row(elsewhere=None),
}


@dataclass(frozen=True)
class Cell:
    """One caller at one route."""

    method: str
    route: str
    role: Role
    place: str

    def __str__(self) -> str:
        return f"{self.method} {self.route} {self.role} {self.place}"

    @property
    def row(self) -> Row:
        """What the route is like."""
        return ROWS[self.method, self.route]

    @property
    def scopes(self) -> str:
        """What the caller's token allows."""
        return " ".join(sorted(SCOPES_OF[self.role]))

    @property
    def denied(self) -> int | None:
        """The status with which the caller must be refused; None where it is let in."""
        scope = OPERATIONS[self.method, self.route].scope
        if scope is not None and scope not in SCOPES_OF[self.role]:
            return 403
        if scope is None and self.role not in self.row.own:
            return self.row.refused
        at_home = self.place == "own" or (self.place == "another subject" and self.row.tenants)
        if at_home or self.row.elsewhere is None:
            return None
        # Whose thing it is not is no more than anybody else.
        return self.row.refused if scope is None and self.role is Role.SUBJECT else self.row.elsewhere


def _cells() -> Iterator[Cell]:
    for method, route in ROWS:
        for role in Role:
            yield Cell(method, route, role, "own")
            yield Cell(method, route, role, "another tenant")
        yield Cell(method, route, Role.SUBJECT, "another subject")


CELLS = tuple(_cells())


def function_of(method: str, path: str) -> str:
    """Give the folder of the function that answers a route."""
    [found] = [route.function for route in routes() if (route.method, route.path) == (method, path)]
    return found
