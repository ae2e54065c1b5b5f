"""The server's process: ``python -m local.serve ROOT PORT [PLAIN_PORT]``. `local.server` starts and stops it.

MiniStack's application, unchanged, behind TLS, with three things beside it: the token issuer, the upload page, and an
entrance for the account's administrator on this machine (``/_photogate/admin/``), who may act as any role and warm
functions up.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import os
import secrets
import sys
import threading
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from pathlib import Path
from typing import Any

from local import gaps, page
from local.gaps import functions
from local.places import ACCOUNT, ADMIN_KEY_ID, REGION, Places
from local.tokens import ISSUER_PATH, Issuer

__all__ = ["main"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

ADMIN_PATH = "/_photogate/admin"


def environment(places: Places, port: int) -> dict[str, str]:
    """Give the settings that MiniStack reads from the environment, and that functions inherit.

    MiniStack gives every function its own environment with the credentials of the function's role in place of these.
    """
    base = f"https://127.0.0.1:{port}"
    return {
        "AUTH": "true",
        "AWS_ACCESS_KEY_ID": ADMIN_KEY_ID,
        "AWS_SECRET_ACCESS_KEY": places.admin_secret.read_text(),
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_ENDPOINT_URL": base,
        "AWS_CA_BUNDLE": str(places.ca),
        "AWS_EC2_METADATA_DISABLED": "true",
        "SSL_CERT_FILE": str(places.ca),
        "PHOTOGATE_ENDPOINT_URL": base,
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "MINISTACK_REGION": REGION,
        "MINISTACK_HOST": "localhost",
        "GATEWAY_PORT": str(port),
        "PERSIST_STATE": "0",
        "STATE_DIR": str(places.root / "state"),
        "S3_DATA_DIR": str(places.root / "s3"),
        "S3_PERSIST": "0",
        "LAMBDA_EXECUTOR": "local",
        "LAMBDA_WARM_TTL_SECONDS": "120",
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        "COGNITO_EMAIL_ENABLED": "false",
        "DOCKER_HOST": "unix:///nonexistent/docker.sock",
        "LOG_LEVEL": "INFO",
        "TMPDIR": str(places.scratch),
    }


def application(inner: Application, issuer: Issuer, places: Places, base: str) -> Application:
    """Put the issuer, the upload page and the administrator's entrance in front of MiniStack."""
    admin_secret = places.admin_secret.read_text()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        path = str(scope.get("path", ""))
        if scope["type"] != "http" or not path.startswith("/_photogate/"):
            await inner(scope, receive, send)
        elif path.startswith(ISSUER_PATH):
            document = issuer.document(path.removeprefix(ISSUER_PATH))
            await _answer(send, 404 if document is None else 200, document or b"{}")
        elif path.startswith(page.PAGE_PATH):
            found = page.document(places, base, path.removeprefix(page.PAGE_PATH))
            kind, body = found or (b"application/json", b"{}")
            await _answer(send, 200 if found else 404, body, kind, page.HEADERS)
        elif path.startswith(ADMIN_PATH):
            given = dict(scope["headers"]).get(b"x-admin-secret", b"")
            if not hmac.compare_digest(given, admin_secret.encode()):
                await _answer(send, 403, b"{}")
                return
            asked = json.loads(await _body(receive))
            if path == ADMIN_PATH + "/role-session":
                await _answer(send, 200, json.dumps(_role_session(asked["RoleArn"])).encode())
            elif path == ADMIN_PATH + "/warm":
                for names in (asked["Functions"][::2], asked["Functions"][1::2]):
                    threading.Thread(target=functions.warm, args=(names, ACCOUNT, REGION), daemon=True).start()
                await _answer(send, 202, b"{}")
            else:
                await _answer(send, 404, b"{}")
        else:
            await _answer(send, 404, b"{}")

    return app


async def _body(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return body


def _role_session(role_arn: str) -> dict[str, str]:
    """Register a session of a role, as MiniStack does for the functions that it runs."""
    from ministack.services import sts

    key_id = "ASIA" + secrets.token_hex(8).upper()
    secret, token = secrets.token_hex(20), secrets.token_hex(32)
    name = role_arn.rsplit("/", 1)[-1]
    sts.register_session(
        key_id,
        {
            "Arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/admin",
            "UserId": f"{name}:admin",
            "SecretAccessKey": secret,
            "SessionToken": token,
        },
    )
    return {"AccessKeyId": key_id, "SecretAccessKey": secret, "SessionToken": token}


async def _answer(
    send: Send, status: int, body: bytes, kind: bytes = b"application/json", more: Sequence[tuple[bytes, bytes]] = ()
) -> None:
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode()), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def main(root: str, port: str, plain_port: str | None = None) -> None:
    """Serve until told to stop."""
    places = Places(Path(root))
    places.scratch.mkdir(parents=True, exist_ok=True)
    os.environ.update(environment(places, int(port)))
    os.environ.pop("AWS_SESSION_TOKEN", None)
    os.environ.pop("AWS_PROFILE", None)

    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    from ministack.app import app as ministack
    from ministack.core import lambda_runtime

    gaps.close()
    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    if plain_port:
        config.insecure_bind = [f"127.0.0.1:{plain_port}"]
    config.certfile = str(places.certificate)
    config.keyfile = str(places.certificate_key)
    config.alpn_protocols = ["http/1.1"]
    config.keep_alive_timeout = 75
    config.graceful_timeout = 1
    config.loglevel = "WARNING"
    logging.getLogger("hypercorn.access").disabled = True
    base = f"https://127.0.0.1:{port}"
    app = application(ministack, Issuer(places, base), places, base)
    try:
        asyncio.run(serve(app, config))  # type: ignore[arg-type]
    finally:
        lambda_runtime.reset()


if __name__ == "__main__":
    main(*sys.argv[1:])
