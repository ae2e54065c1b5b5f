"""Where one local cloud keeps what it writes: everything is under one folder, `.local/` unless told otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["ACCOUNT", "ADMIN_KEY_ID", "REGION", "REPOSITORY", "Places"]

REPOSITORY = Path(__file__).resolve().parents[1]
ACCOUNT = "123456789012"
REGION = "eu-central-1"
ADMIN_KEY_ID = "PHOTOGATELOCALADMIN"


@dataclass(frozen=True)
class Places:
    """The files of one local cloud.

    Attributes
    ----------
    root
        The folder that holds them all.
    """

    root: Path

    @property
    def ca(self) -> Path:
        """Certificate of the authority that clients, functions and browsers trust, PEM."""
        return self.root / "ca.pem"

    @property
    def ca_key(self) -> Path:
        """Private key of the authority, PEM."""
        return self.root / "ca.key"

    @property
    def certificate(self) -> Path:
        """Certificate of the server, PEM."""
        return self.root / "server.pem"

    @property
    def certificate_key(self) -> Path:
        """Private key of the server, PEM."""
        return self.root / "server.key"

    @property
    def issuer_key(self) -> Path:
        """Private key that signs tokens, PEM."""
        return self.root / "issuer.key"

    @property
    def admin_secret(self) -> Path:
        """Secret access key of the account's root user on this machine."""
        return self.root / "admin.secret"

    @property
    def server(self) -> Path:
        """Process id and port of the running server, JSON."""
        return self.root / "server.json"

    @property
    def stack(self) -> Path:
        """What was deployed, JSON; there only when a deployment ended well."""
        return self.root / "stack.json"

    @property
    def lock(self) -> Path:
        """Held while a cloud is brought up or down."""
        return self.root / "lock"

    @property
    def log(self) -> Path:
        """What the server wrote."""
        return self.root / "server.log"

    @property
    def scratch(self) -> Path:
        """Temporary files of the server and of functions."""
        return self.root / "tmp"
