"""A client of the HTTP API, as small as a customer's would be: used by the demo and the end-to-end tests.

It knows the API's address and a token, and nothing of what is behind.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3

__all__ = ["Answer", "Client", "NotDone", "send_form", "send_put"]

PENDING = ("AWAITING_UPLOAD", "PROCESSING")


class NotDone(Exception):
    """An upload has reached no terminal status in time."""


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)


class Client:
    """Speaks for one caller.

    Parameters
    ----------
    url
        The API's address, the stack's output ``ApiUrl``.
    token
        Sent as bearer token; no header without it.
    ca
        Certificate to trust; the system's unless given.
    """

    def __init__(self, url: str, token: str | None, ca: Path | None = None) -> None:
        self._url = url.rstrip("/")
        self._headers = {"authorization": f"Bearer {token}"} if token else {}
        self.pool = urllib3.PoolManager(ca_certs=str(ca) if ca else None, maxsize=64, retries=False)

    def get(self, path: str) -> Answer:
        """GET a path of the API."""
        return self._answer("GET", path, None, {})

    def post(self, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        """POST JSON; bytes are sent as they are."""
        return self._answer("POST", path, body, headers or {})

    def put(self, path: str, body: Any) -> Answer:
        """PUT JSON."""
        return self._answer("PUT", path, body, {})

    def consent(self, purpose: str = "proof_of_delivery") -> str:
        """Give consent to the notice in force, and return its id."""
        notice = self.get("/consents").json["purposes"][purpose]
        answer = self.post("/consents", {"purpose": purpose, "notice_hash": notice["notice_hash"], "decision": "given"})
        return str(_expect(answer, 201)["id"])

    def request_upload(
        self,
        photo: bytes,
        content_type: str,
        consent_id: str,
        *,
        purpose: str = "proof_of_delivery",
        sha256: str | None = None,
    ) -> dict[str, Any]:
        """Announce a photo, and return the answer with its links."""
        body = {"content_type": content_type, "size": len(photo), "purpose": purpose, "consent_id": consent_id}
        return _expect(self.post("/uploads", body | ({"sha256": sha256} if sha256 else {})), 201)

    def upload(self, photo: bytes, content_type: str = "image/jpeg", consent_id: str | None = None) -> str:
        """Consent, announce, send; return the upload's id."""
        upload = self.request_upload(photo, content_type, consent_id or self.consent())
        sent = send_form(self.pool, upload["post"], photo)
        if sent.status not in (200, 201, 204):
            raise ValueError(f"Expected S3 to take the photo; found {sent.status}: {sent.body[:300]!r}")
        return str(upload["id"])

    def status(self, upload_id: str) -> dict[str, Any]:
        """Give an upload's status."""
        return _expect(self.get(f"/uploads/{upload_id}"), 200)

    def wait(self, upload_id: str, seconds: float = 120) -> dict[str, Any]:
        """Ask until the status is terminal.

        Raises
        ------
        NotDone
            When it is not in time.
        """
        deadline = time.monotonic() + seconds
        while (found := self.status(upload_id))["status"] in PENDING:
            if time.monotonic() > deadline:
                raise NotDone(f"Expected a terminal status within {seconds:g} s; found {found['status']}")
            time.sleep(min(float(found.get("retry_after_ms") or 500), 1000) / 1000)
        return found

    def _answer(self, method: str, path: str, body: Any, headers: Mapping[str, str]) -> Answer:
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        typed = {"content-type": "application/json"} if data is not None else {}
        found = self.pool.request(method, self._url + path, body=data, headers={**self._headers, **typed, **headers})
        return Answer(found.status, found.headers, found.data)


def send_form(pool: urllib3.PoolManager, post: Mapping[str, Any], photo: bytes) -> Answer:
    """Send a photo by the presigned POST that the API gave."""
    fields = {**post["fields"], "file": ("photo", photo, post["fields"].get("Content-Type", "image/jpeg"))}
    found = pool.request("POST", post["url"], fields=fields)
    return Answer(found.status, found.headers, found.data)


def send_put(pool: urllib3.PoolManager, put: Mapping[str, Any], photo: bytes) -> Answer:
    """Send a photo by the presigned PUT that the API gave."""
    found = pool.request("PUT", put["url"], body=photo, headers=dict(put["headers"]))
    return Answer(found.status, found.headers, found.data)


def _expect(answer: Answer, status: int) -> dict[str, Any]:
    if answer.status != status:
        raise ValueError(f"Expected {status}; found {answer.status}: {answer.body[:500]!r}")
    return dict(answer.json)
