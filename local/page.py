"""The upload page on this machine: the files of ``web/``, with a ``config.json`` for the stack that is deployed."""

from __future__ import annotations

import json

from local.places import REPOSITORY, Places

__all__ = ["PAGE_PATH", "document", "link"]

PAGE_PATH = "/_photogate/page/"
PURPOSE = "proof_of_delivery"
TYPES = {
    "html": b"text/html; charset=utf-8",
    "css": b"text/css",
    "js": b"text/javascript",
    "json": b"application/json",
    "svg": b"image/svg+xml",
}
# What web/README.md asks of whoever serves the page.
HEADERS = (
    (b"content-security-policy", b"frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)


def link(base: str, token: str) -> str:
    """Give the address to open in a browser."""
    return f"{base}{PAGE_PATH}#token={token}"


def document(places: Places, base: str, name: str) -> tuple[bytes, bytes] | None:
    """Give a file's media type and bytes, or None where there is no such file or nothing is deployed.

    Parameters
    ----------
    name
        What follows `PAGE_PATH`.
    """
    files = {path.name: path for path in (REPOSITORY / "web").iterdir() if path.suffix[1:] in TYPES}
    path = files.get(name or "index.html")
    if path is None:
        return None
    if path.name != "config.json":
        return TYPES[path.suffix[1:]], path.read_bytes()
    if not places.stack.exists():
        return None
    outputs = json.loads(places.stack.read_text())["outputs"]
    config = {"api_url": outputs["ApiUrl"], "purpose": PURPOSE, "storage_origins": [base]}
    return TYPES["json"], json.dumps(config).encode()
