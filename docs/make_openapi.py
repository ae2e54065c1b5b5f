"""Write `docs/openapi.json`, and the table of routes in `docs/api.md`: the API as handlers and models define it.

Routes, their summaries, their body's model and their status are read from the functions' source; what they answer is
declared below, and `tests/functions/test_openapi.py` holds the real handlers' answers against it.

Run it as ``python -m docs.make_openapi``; a test says when the file is no longer current.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel
from pydantic.json_schema import models_json_schema

from photogate.access import Scope
from photogate.config import REPOSITORY
from photogate.consent import Capacity, ConsentState
from photogate.erasure import Phase
from photogate.erasures import ErasureRequest
from photogate.errors import Reason
from photogate.http import TITLES
from photogate.intake import ConsentRequest, ReconfirmRequest, UploadRequest
from photogate.policy import Policy
from photogate.review import DecisionRequest
from photogate.uploads import HexId, Status

OPENAPI = REPOSITORY / "docs" / "openapi.json"
PAGE = REPOSITORY / "docs" / "api.md"
METHODS = ("get", "post", "put", "delete", "patch")


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Problem(_Answer):
    """An RFC 9457 problem."""

    type: str = Field(description="urn:photogate:problem:<name>, for programs.")
    title: str
    status: int
    detail: str = Field(description="What was expected and what was found; it never repeats what was sent.")
    advice: str = Field(description="What to do.")
    reason: Reason


class Notice(_Answer):
    """What must be shown before a consent is given."""

    notice: str
    notice_hash: str = Field(description="SHA-256 of the notice's UTF-8, in hex.")
    valid_days: int = Field(description="How long a consent to it is valid.")


class ConsentEvent(_Answer):
    """One event of a consent."""

    state: ConsentState
    at: str = Field(description="RFC 3339, in UTC.")
    receipt: str = Field(description="Path of its receipt; sealed within seconds, a 503 until then.")


class Consent(_Answer):
    """A consent record."""

    id: HexId
    purpose: str
    state: ConsentState
    valid: bool = Field(description="Whether an upload may be requested with it now.")
    capacity: Capacity
    notice_hash: str
    valid_until: str = Field(description="RFC 3339, in UTC.")
    events: list[ConsentEvent] = Field(description="In order; only ever appended to.")


class ConsentWithdrawn(Consent):
    """The record, and the erasure of its subject that began with it."""

    erasure: HexId | None = Field(description="Its id, for GET /erasures/{id}; null where a legal hold forbids it.")


class Erasure(_Answer):
    """An erasure. It names nobody."""

    id: HexId
    status: Literal["running", "erased", "refused"]
    phase: Phase
    requested_at: str = Field(description="RFC 3339, in UTC.")
    certificate: dict[str, Any] | None = Field(
        description="Once erased: what was deleted, when, and until when a backup could bring what back."
    )
    certificate_sha256: str | None = Field(
        description="SHA-256, in hex, of the certificate as canonical JSON (RFC 8785); the event has it, too."
    )
    receipt: str | None = Field(
        description="Receipt of the event subject.erased (C2SP tlog-proof); null until a checkpoint covers it."
    )


class Consents(_Answer):
    """The tenant's purposes, and the caller's own consents."""

    purposes: dict[str, Notice]
    consents: list[Consent] = Field(description="Those that stand first, each newest first.")
    older_consents: int = Field(description="How many more the caller has, beyond the hundred newest.")


class PostForm(_Answer):
    """A form to post as multipart/form-data: every field as it is, in this order, then the file as `file`."""

    url: str
    fields: dict[str, str]


class PutLink(_Answer):
    """A link that takes exactly the announced bytes, once; every header must be sent."""

    url: str
    headers: dict[str, str]


class UploadIssued(_Answer):
    """An upload. It has links while it waits for the file, and they are younger than five minutes."""

    id: HexId
    status: Status
    expires_at: str | None = Field(default=None, description="Until when the links are good; RFC 3339, in UTC.")
    post: PostForm | None = None
    put: PutLink | None = Field(default=None, description="Where the request had a SHA-256.")


class UploadStatus(_Answer):
    """Where an upload stands: with `retry_after_ms` until the status is terminal, with `reason` and `photo` then."""

    id: HexId
    status: Status
    created_at: str = Field(description="RFC 3339, in UTC.")
    message: str = Field(description="To show to the uploader, in `language`.")
    language: Literal["en", "de", "fr", "es"] = Field(description="By the request's Accept-Language.")
    retry_after_ms: int | None = Field(default=None, description="When to ask again.")
    reason: Reason | None = None
    photo: str | None = Field(default=None, description="Path of the stored photo; null where none is stored.")
    appealable: bool = Field(default=False, description="Whether POST /uploads/{id}/appeal would be taken.")


class PhotoLink(_Answer):
    """A link to the stored photo, good for 60 seconds. Asking for it is an event."""

    id: HexId
    url: str
    expires_at: str = Field(description="RFC 3339, in UTC.")


class PolicyInForce(_Answer):
    """The tenant's policy."""

    hash: str
    confirm_before: str = Field(
        description="When its event may expire, after which nothing is accepted. Putting the same document confirms it."
    )
    policy: Policy


class PolicyChanged(_Answer):
    """The policy that is in force from now on."""

    hash: str
    revision: int


class Appealed(_Answer):
    """An upload that a person will look at."""

    id: HexId
    status: Status


class Review(_Answer):
    """A photo that waits for a person."""

    id: HexId
    reason: Reason = Field(description="Why it is in review.")
    purpose: str
    policy_hash: str | None = Field(description="Policy that admission pinned; null where it knew none.")
    since: str = Field(description="RFC 3339, in UTC.")
    until: str = Field(description="When it is rejected if nobody decides; RFC 3339, in UTC.")
    age_s: int = Field(description="Seconds since then.")
    counts: dict[str, int] = Field(description="What the detectors saw, by kind and band, such as face_act.")
    reviewers: Literal[1, 2] = Field(description="How many the policy asks for.")
    votes: int = Field(description="How many have decided.")
    appeal: bool = Field(description="Whether the uploader appealed a redaction.")


class ReviewList(_Answer):
    """Open reviews, oldest first; `next` is the `after` of the next page, null on the last."""

    reviews: list[Review]
    next: str | None


class JpegPicture(RootModel[bytes]):
    """An upright JPEG without metadata, of at most 4 MB; `Photogate-Width` and `Photogate-Height` tell its size."""


class Decided(_Answer):
    """Where the upload stands after the decision: `IN_REVIEW` while a second reviewer is awaited."""

    id: HexId
    status: Status
    reason: Reason
    votes: int
    reviewers: Literal[1, 2]


class AuditEvents(_Answer):
    """Events, oldest first; `next` is the `after` of the next page, null on the last."""

    events: list[dict[str, Any]]
    next: str | None


class TlogProof(RootModel[str]):
    """A receipt of one event, as a C2SP tlog-proof: `photogate audit check` checks it offline."""


class SignedCheckpoint(RootModel[str]):
    """A C2SP checkpoint, signed by the log: whoever keeps it can tell any later change of what it covers."""


@dataclass(frozen=True)
class Operation:
    """What the source does not say by itself.

    `scope` is what the token must hold; None where a subject needs none for what is its own. `id` is the form of the
    path's parameter.
    """

    answer: type[BaseModel]
    scope: Scope | None
    remark: str
    headers: tuple[tuple[str, str], ...] = ()
    query: tuple[tuple[str, str], ...] = ()
    id: str = "^[0-9a-f]{32}$"

    @property
    def media_type(self) -> str:
        """A model of text is sent as text, and a picture as itself."""
        if self.answer is JpegPicture:
            return "image/jpeg"
        return "text/plain" if issubclass(self.answer, RootModel) else "application/json"


ACCEPT_LANGUAGE = ("Accept-Language", "Language of the message: en, de, fr or es; English for any other.")
OWN = "The caller's own; any of the tenant's with the scope photos:read. All else is the same 404 as an unknown id."
OPERATIONS: dict[tuple[str, str], Operation] = {
    ("GET", "/consents"): Operation(Consents, None, "Any token of the tenant."),
    ("POST", "/consents"): Operation(Consent, Scope.CONSENTS_WRITE, "The hash must be that of the notice in force."),
    ("POST", "/consents/{id}/withdraw"): Operation(
        ConsentWithdrawn,
        Scope.CONSENTS_WRITE,
        "Starts the erasure of everything of the caller. Repeating it changes nothing.",
    ),
    ("POST", "/erasures"): Operation(
        Erasure,
        None,
        "Of the caller itself with the scope consents:write; of any subject of the tenant with erasures:write.",
    ),
    ("GET", "/erasures/{id}"): Operation(
        Erasure, None, "Whoever holds the id may ask: nothing knows the subject any more."
    ),
    ("POST", "/consents/{id}/reconfirm"): Operation(
        Consent,
        Scope.CONSENTS_WRITE,
        "One that stands or has expired holds again from now on; one that was refused or withdrawn does not.",
    ),
    ("GET", "/consents/{id}/receipt"): Operation(
        TlogProof,
        None,
        "Of the caller's own consent, and after its erasure for whoever holds both ids. An event is sealed within "
        "seconds; until then the answer is a 503.",
        query=(
            ("event", "Which of the record's events, counted from 0; the last unless given."),
            ("subject", "As the record's own paths have it: needed once the subject is erased."),
        ),
    ),
    ("POST", "/uploads"): Operation(
        UploadIssued,
        Scope.UPLOADS_WRITE,
        "Needs a valid consent of the caller for the purpose.",
        headers=(
            (
                "Idempotency-Key",
                "The same key and body give the same upload; with another body the request is refused.",
            ),
        ),
    ),
    ("GET", "/uploads/{id}"): Operation(UploadStatus, None, OWN, headers=(ACCEPT_LANGUAGE,)),
    ("GET", "/photos/{id}"): Operation(PhotoLink, None, OWN),
    ("GET", "/policy"): Operation(PolicyInForce, Scope.POLICY_WRITE, "The document and its hash."),
    ("PUT", "/policy"): Operation(
        PolicyChanged,
        Scope.POLICY_WRITE,
        "The change is an event before it is in force.",
        headers=(("If-Match", "Hash of the policy that was read; the change is refused where it is another's."),),
    ),
    ("POST", "/uploads/{id}/appeal"): Operation(
        Appealed,
        Scope.UPLOADS_WRITE,
        "The caller's own, where the policy has kept the original; once. Its photo stays readable meanwhile.",
    ),
    ("GET", "/reviews"): Operation(
        ReviewList,
        Scope.REVIEWS_DECIDE,
        "Of the caller's tenant.",
        query=(("limit", "Reviews on a page: 1 to 100; 50 unless given."), ("after", "The `next` of the page before.")),
    ),
    ("GET", "/reviews/{id}"): Operation(
        JpegPicture,
        Scope.REVIEWS_DECIDE,
        "Never to the uploader, nor after consent was withdrawn. Opening is an event.",
        query=(("outlines", "true draws what the detectors saw."),),
    ),
    ("POST", "/reviews/{id}"): Operation(
        Decided,
        Scope.REVIEWS_DECIDE,
        "Never by the uploader. Repeating it changes nothing; another decision by the same reviewer is refused.",
    ),
    ("GET", "/audit/events"): Operation(
        AuditEvents,
        Scope.AUDIT_READ,
        "Of the caller's tenant; at most one of photo, subject, actor and exceptions. Asking is an event.",
        query=(
            ("since", "RFC 3339, a day, or a span such as `7d`; 24 hours ago unless given."),
            ("until", "Up to and excluding; now unless given."),
            ("photo", "Id of an upload."),
            ("subject", "Pseudonym of a subject."),
            ("actor", "Pseudonym of a member of staff."),
            ("exceptions", "Kinds of exceptions, separated by commas."),
            ("limit", "Events on a page: 1 to 500; 100 unless given."),
            ("after", "The `next` of the page before."),
        ),
    ),
    ("GET", "/audit/events/{id}/receipt"): Operation(
        TlogProof,
        Scope.AUDIT_READ,
        "`id` is the event's `chain` without the tenant, and its `seq`, with dots: photo.<upload id>.4. "
        "Asking is an event.",
        id="^(photo[.][0-9a-f]{32}|subject[.][0-9a-f]{32}|tenant)[.](0|[1-9][0-9]*)$",
    ),
    ("GET", "/audit/checkpoint"): Operation(
        SignedCheckpoint, Scope.AUDIT_READ, "Of the whole log: sizes and hashes alone."
    ),
}
BODIES: dict[str, type[BaseModel]] = {
    "UploadRequest": UploadRequest,
    "ConsentRequest": ConsentRequest,
    "ErasureRequest": ErasureRequest,
    "ReconfirmRequest": ReconfirmRequest,
    "DecisionRequest": DecisionRequest,
    "parse_policy": Policy,
}


@dataclass(frozen=True)
class Route:
    """One route of one function, as its source has it."""

    method: str
    path: str
    function: str
    name: str
    summary: str
    status: int
    body: type[BaseModel] | None


def routes(folder: Path = REPOSITORY / "functions") -> Iterator[Route]:
    """Read every function's routes: ``@api.resolver.<method>("<path>")``."""
    for source in sorted(folder.glob("*/app.py")):
        for node in ast.parse(source.read_text()).body:
            if not isinstance(node, ast.FunctionDef):
                continue
            for call in node.decorator_list:
                if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
                    continue
                if call.func.attr in METHODS and isinstance(call.args[0], ast.Constant):
                    yield _route(node, call.func.attr, str(call.args[0].value), source.parent.name)


def _route(node: ast.FunctionDef, method: str, path: str, function: str) -> Route:
    inner = ast.unparse(node)
    status = re.search(r"status=(\d+)", inner)
    body = re.search(r"parse_body\((\w+)|\b(parse_policy)\(", inner)
    return Route(
        method=method.upper(),
        path=re.sub(r"<\w+>", "{id}", path),
        function=function,
        name=node.name,
        summary=(ast.get_docstring(node) or "").splitlines()[0],
        status=int(status[1]) if status else 200,
        body=BODIES[body[1] or body[2]] if body else None,
    )


def document() -> dict[str, Any]:
    """Make the OpenAPI 3.1 document.

    Raises
    ------
    KeyError
        If a function has a route that `OPERATIONS` does not know.
    """
    found = list(routes())
    models = [*{OPERATIONS[r.method, r.path].answer for r in found}, *{r.body for r in found if r.body}, Problem]
    ordered = sorted(models, key=lambda m: m.__name__)
    _, schemas = models_json_schema([(m, "validation") for m in ordered], ref_template="#/components/schemas/{model}")
    paths: dict[str, Any] = {}
    for route in sorted(found, key=lambda r: (r.path, r.method)):
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, OPERATIONS[route.method, route.path])
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Photogate",
            "version": "1",
            "description": "Tenant, caller and scopes come from the token's claims, never from a body or a path.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "{api_url}", "variables": {"api_url": {"default": "https://api.example.com"}}}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "Of the stack's issuer.",
                }
            },
            "schemas": schemas["$defs"],
            "responses": {
                "Unauthorized": {"description": "No token, or none that is good; answered before any function runs."},
                "TooManyRequests": {"description": "Above the stack's rate. Wait, and try again."},
                **{f"Problem{status}": _problem(title) for status, title in TITLES.items()},
            },
        },
    }


def _operation(route: Route, known: Operation) -> dict[str, Any]:
    scope = f" Needs the scope {known.scope.value}." if known.scope else ""
    parameters = [{"name": "id", "in": "path", "required": True, "schema": {"type": "string", "pattern": known.id}}] * (
        "{id}" in route.path
    )
    parameters += [_parameter("header", name, text) for name, text in known.headers]
    parameters += [_parameter("query", name, text) for name, text in known.query]
    made: dict[str, Any] = {"operationId": route.name, "summary": route.summary, "description": known.remark + scope}
    if parameters:
        made["parameters"] = parameters
    if route.body:
        made["requestBody"] = {"required": True, "content": {"application/json": {"schema": _ref(route.body)}}}
    made["responses"] = {
        str(route.status): {
            "description": _first_line(known.answer),
            "content": {known.media_type: {"schema": _ref(known.answer)}},
        },
        "401": {"$ref": "#/components/responses/Unauthorized"},
        "429": {"$ref": "#/components/responses/TooManyRequests"},
        **{str(status): {"$ref": f"#/components/responses/Problem{status}"} for status in TITLES},
    }
    return made


def _first_line(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").splitlines()[0]


def _ref(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def _parameter(place: str, name: str, text: str) -> dict[str, Any]:
    return {"name": name, "in": place, "required": False, "description": text, "schema": {"type": "string"}}


def _problem(title: str) -> dict[str, Any]:
    return {"description": title, "content": {"application/problem+json": {"schema": _ref(Problem)}}}


def text() -> str:
    """Give the file's text."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


def page() -> str:
    """Give the text of `docs/api.md` with its table of routes."""
    lines = ["| route | scope | what it does |", "|---|---|---|"]
    for route in sorted(routes(), key=lambda r: (r.path, r.method)):
        known = OPERATIONS[route.method, route.path]
        scope = (
            f"`{known.scope.value}`"
            if known.scope
            else "its own; staff: `photos:read`"
            if known.remark == OWN
            else "any"
        )
        lines.append(f"| `{route.method} {route.path}` | {scope} | {route.summary} {known.remark} |")
    before, rest = PAGE.read_text().split("<!-- routes:", 1)
    comment, rest = rest.split("-->\n", 1)
    after = rest.split("<!-- /routes -->", 1)[1]
    return f"{before}<!-- routes:{comment}-->\n" + "\n".join(lines) + f"\n<!-- /routes -->{after}"


if __name__ == "__main__":
    OPENAPI.write_text(text())
    PAGE.write_text(page())
