"""A token issuer for one machine: what a customer's identity provider is to the deployed service.

The HTTP API's authorizer fetches the discovery document and the key set from the server over TLS, and checks RS256
signatures, as API Gateway does (it accepts RSA only).
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from local.authority import write_private
from local.places import Places

__all__ = ["AUDIENCE", "ISSUER_PATH", "Claims", "Issuer"]

AUDIENCE = "photogate"
ISSUER_PATH = "/_photogate/issuer"


@dataclass(frozen=True)
class Claims:
    """Which claims of a token say what; the template's parameters."""

    tenant: str = "custom:tenant"
    subject: str = "sub"
    scope: str = "scope"


class Issuer:
    """Signs tokens, and publishes the key that checks them.

    Parameters
    ----------
    places
        Where the signing key is kept; made when it is not there.
    base
        The server's address, e.g. ``https://127.0.0.1:5443``.
    """

    def __init__(self, places: Places, base: str) -> None:
        if not places.issuer_key.exists():
            made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            pem = made.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            write_private(places.issuer_key, pem)
        self.url = base + ISSUER_PATH
        self._pem = places.issuer_key.read_bytes()
        key = serialization.load_pem_private_key(self._pem, password=None)
        assert isinstance(key, rsa.RSAPrivateKey)
        self._public = key.public_key()
        self._key_id = hashlib.sha256(
            self._public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        ).hexdigest()[:16]

    def token(
        self,
        tenant: str,
        caller: str,
        scopes: Sequence[str] = (),
        *,
        claims: Claims | None = None,
        seconds: int = 3600,
        overrides: Mapping[str, Any] | None = None,
    ) -> str:
        """Sign a token.

        Parameters
        ----------
        tenant, caller
            Who asks. The caller id is what the service turns into a pseudonym.
        scopes
            Joined by blanks, as RFC 8693 4.2 has it.
        claims
            Names of the claims; the template's defaults unless given.
        seconds
            How long the token is good.
        overrides
            Claims to replace or add, e.g. another audience, for tests.
        """
        names = claims or Claims()
        now = int(time.time())
        body: dict[str, Any] = {
            "iss": self.url,
            "aud": AUDIENCE,
            "iat": now - 1,
            "exp": now + seconds,
            names.subject: caller,
            names.tenant: tenant,
            names.scope: " ".join(scopes),
        }
        body.update(overrides or {})
        return jwt.encode(body, self._pem, algorithm="RS256", headers={"kid": self._key_id})

    def document(self, path: str) -> bytes | None:
        """Give the published document at `path` below the issuer, or None where there is none."""
        if path == "/.well-known/openid-configuration":
            return json.dumps(
                {
                    "issuer": self.url,
                    "jwks_uri": self.url + "/.well-known/jwks.json",
                    "id_token_signing_alg_values_supported": ["RS256"],
                    "subject_types_supported": ["public"],
                    "response_types_supported": ["token"],
                }
            ).encode()
        if path == "/.well-known/jwks.json":
            published = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self._public))
            keep = {k: published[k] for k in ("kty", "n", "e")}
            return json.dumps({"keys": [{**keep, "kid": self._key_id, "use": "sig", "alg": "RS256"}]}).encode()
        return None
