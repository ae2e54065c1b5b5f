"""Keys that never leave KMS."""

from __future__ import annotations

from typing import Any

from photogate.aws.session import translated

__all__ = ["HmacKey"]


class HmacKey:
    """Hides caller ids: implements `photogate.subjects.CallerMac`."""

    def __init__(self, client: Any, key_id: str) -> None:
        self._client = client
        self._key_id = key_id

    def mac(self, message: bytes) -> str:
        """Give HMAC-SHA-256 of `message` in hex."""
        with translated():
            answer = self._client.generate_mac(KeyId=self._key_id, Message=message, MacAlgorithm="HMAC_SHA_256")
        mac: bytes = answer["Mac"]
        return mac.hex()
