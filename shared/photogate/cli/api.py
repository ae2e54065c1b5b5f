"""The HTTP API as a command reaches it: over TLS, with a token that no argument and no log ever holds.

The token comes from a file or from `PHOTOGATE_TOKEN`; the address from the stack's output `ApiUrl` or from
`PHOTOGATE_API_URL`. Another certificate authority than the system's is named by `SSL_CERT_FILE`.
"""

from __future__ import annotations

import functools
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from photogate.cli.connection import settings_of
from photogate.cli.failing import named_errors
from photogate.config import Name, Settings, load
from photogate.errors import Conflict, Misconfigured, NotFound, NotPermitted, PhotogateError, RequestRefused, Transient

__all__ = ["ApiClient", "api_options", "error_of"]

F = TypeVar("F", bound=Callable[..., Any])

TIMEOUT_S = 60
_ERRORS: Mapping[int, type[PhotogateError]] = {
    400: RequestRefused,
    401: NotPermitted,
    403: NotPermitted,
    404: NotFound,
    409: Conflict,
}


class AddressSettings(Settings):
    """Where the API is."""

    api_url: Name


class TokenSettings(Settings):
    """Who calls."""

    token: Name


@dataclass(frozen=True, slots=True)
class ApiClient:
    """Speaks for the holder of a token. `url` begins with ``https://``."""

    url: str
    token: str

    def send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> tuple[Mapping[str, str], bytes]:
        """Send a request; give the response's headers and body.

        Raises
        ------
        PhotogateError
            What the API's problem document says, as one of our errors.
        """
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, data, headers, method=method)  # noqa: S310 (https, see below)
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:  # noqa: S310
                return dict(response.headers), response.read()
        except urllib.error.HTTPError as error:
            raise error_of(error.code, error.read()) from None
        except OSError as error:
            raise Transient(f"Expected the API to answer; found {type(error).__name__}") from None

    def json(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Send a request that is answered by a document."""
        return json.loads(self.send(method, path, body)[1])


def error_of(status: int, body: bytes) -> PhotogateError:
    """Read a problem document (RFC 9457) as one of our errors."""
    try:
        detail = str(json.loads(body)["detail"]).rstrip(".")
    except (ValueError, KeyError, TypeError):
        detail = f"Expected the API to carry out the request; found HTTP status {status}"
    return _ERRORS.get(status, Transient)(detail)


def api_options(command: F) -> F:
    """Add the options of a command that speaks to the API, and give the command its `api`."""

    @click.option(
        "--outputs",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="JSON file of the stack's outputs; PHOTOGATE_API_URL is read without it.",
    )
    @click.option(
        "--token-file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="File that holds a token of yours; PHOTOGATE_TOKEN is read without it.",
    )
    @functools.wraps(command)
    def with_api(outputs: Path | None, token_file: Path | None, **options: Any) -> None:
        with named_errors():
            url = settings_of(AddressSettings, outputs).api_url.rstrip("/")
            if not url.startswith("https://"):
                raise Misconfigured("Expected an API address that begins with https://; found another")
            token = token_file.read_text().strip() if token_file else load(TokenSettings).token
            command(api=ApiClient(url, token), **options)

    return with_api  # type: ignore[return-value]
