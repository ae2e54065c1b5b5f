"""The HTTP side, in one place: claims to a caller, bodies to models, errors to RFC 9457 problems."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeVar

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import ServiceError
from pydantic import BaseModel, ValidationError

from photogate.access import Caller, caller_from
from photogate.config import ApiSettings
from photogate.errors import (
    Conflict,
    ConsentMissing,
    Fenced,
    Held,
    NotFound,
    NotPermitted,
    PhotogateError,
    PolicyRefused,
    RequestRefused,
    Transient,
    Unexpected,
)
from photogate.observability import logger

__all__ = ["Api", "answer", "parse_body", "parse_query", "picture", "problem", "text_answer"]

STATUS_OF: Mapping[type[PhotogateError], int] = {
    RequestRefused: 400,
    PolicyRefused: 400,
    NotPermitted: 403,
    ConsentMissing: 403,
    NotFound: 404,
    Conflict: 409,
    Fenced: 409,
    Held: 409,
    Transient: 503,
}
TITLES = {
    400: "The request cannot be carried out",
    403: "Not permitted",
    404: "Not found",
    409: "Something else was written first",
    500: "The service failed",
    503: "Try again",
}

M = TypeVar("M", bound=BaseModel)


class Api:
    """A resolver whose every error is a problem document.

    Parameters
    ----------
    settings
        Names of the token's claims.
    """

    def __init__(self, settings: ApiSettings) -> None:
        self._settings = settings
        self.resolver = APIGatewayHttpResolver()
        self.resolver.exception_handler(Exception)(self._problem)

    @property
    def caller(self) -> Caller:
        """Who calls, by the claims that the authorizer has verified."""
        authorizer = self.resolver.current_event.raw_event.get("requestContext", {}).get("authorizer", {})
        claims = authorizer.get("jwt", {}).get("claims", {})
        return caller_from(
            claims, self._settings.tenant_claim, self._settings.subject_claim, self._settings.scope_claim
        )

    @property
    def request_id(self) -> str:
        """The API's own id of this request."""
        return str(self.resolver.current_event.raw_event.get("requestContext", {}).get("requestId", "none"))

    @property
    def function_version(self) -> str:
        """The version of the function that answers."""
        return str(self.resolver.lambda_context.function_version)

    @property
    def body(self) -> str:
        """The request's body as text."""
        try:
            return self.resolver.current_event.decoded_body or ""
        except ValueError:
            raise RequestRefused("Expected a body in UTF-8; found other bytes") from None

    @property
    def query(self) -> dict[str, str]:
        """The query string's parameters."""
        return dict(self.resolver.current_event.query_string_parameters or {})

    def header(self, name: str) -> str | None:
        """Give a request header, or None."""
        return self.resolver.current_event.headers.get(name.lower())

    def _problem(self, error: Exception) -> Response[str]:
        if isinstance(error, ServiceError) and error.status_code == 404:
            error = NotFound("Expected one of the API's paths; found another")
        if not isinstance(error, PhotogateError):
            error = Unexpected(f"Expected an answer; found {type(error).__name__}")
        status = next((STATUS_OF[c] for c in type(error).__mro__ if c in STATUS_OF), 500)
        logger.info("request refused", extra={"error": type(error).__name__, "http_status": status})
        return problem(status, error)


def problem(status: int, error: PhotogateError) -> Response[str]:
    """Make an RFC 9457 problem of an error of ours; a failure of the service says nothing of its inside."""
    name = type(error).__name__ if status < 500 else "Unexpected"
    document = {
        "type": f"urn:photogate:problem:{name}",
        "title": TITLES[status],
        "status": status,
        "detail": str(error) if status < 500 else "The request was not carried out.",
        "advice": error.advice if status < 500 else "Try again; if it stays, tell the service's operator.",
        "reason": error.reason.value,
    }
    headers = {"Retry-After": "1"} if status == 503 else {}
    return Response(status, "application/problem+json", json.dumps(document), headers=headers)


def answer(document: Mapping[str, Any], status: int = 200) -> Response[str]:
    """Make a JSON response that nobody may cache."""
    return Response(status, "application/json", json.dumps(document), headers={"Cache-Control": "no-store"})


def text_answer(text: str) -> Response[str]:
    """Make a response of plain text that nobody may cache."""
    return Response(200, "text/plain; charset=utf-8", text, headers={"Cache-Control": "no-store"})


def picture(jpeg: bytes, width: int, height: int) -> Response[bytes]:
    """Make a response of a JPEG that nobody may cache; its size in pixels is in headers."""
    headers = {
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Photogate-Width": str(width),
        "Photogate-Height": str(height),
    }
    return Response(200, "image/jpeg", jpeg, headers=dict(headers))


def parse_query(model: type[M], query: Mapping[str, str]) -> M:
    """Read a query string's parameters; errors as of `parse_body`."""
    try:
        return model.model_validate(dict(query))
    except ValidationError as error:
        raise _refused(model, error, "query") from None


def parse_body(model: type[M], body: str) -> M:
    """Read a request's body.

    Raises
    ------
    RequestRefused
        With each field that is wrong and what it may be, never with what was sent.
    """
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise _refused(model, error, "body") from None


def _refused(model: type[BaseModel], error: ValidationError, whole: str) -> RequestRefused:
    fields = set(model.model_fields)
    wrong = [
        # An unknown field's name, and a mapping's key, are the sender's own words: they are not repeated.
        (str(e["loc"][0]) if e["loc"] and e["loc"][0] in fields else whole) + ": " + e["msg"]
        for e in error.errors(include_input=False, include_url=False)
    ]
    return RequestRefused("Expected " + "; ".join(sorted(wrong)))
