"""The KMS key that signs checkpoints; apart from `kms`, as notes need `cryptography`, which few functions carry."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from photogate.audit.note import SignatureType, VerifierKey, make_vkey
from photogate.aws.session import translated

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient

__all__ = ["CheckpointKey"]


class CheckpointKey:
    """A `Signer`: ECDSA on P-256, as KMS does it.

    Parameters
    ----------
    client
        A boto3 KMS client.
    key_id
        An ECC_NIST_P256 key for signing.
    origin
        The log's name.
    """

    def __init__(self, client: KMSClient, key_id: str, origin: str) -> None:
        self._client = client
        self._key_id = key_id
        self._origin = origin

    @cached_property
    def key(self) -> VerifierKey:
        """The public half, asked for once."""
        with translated():
            spki = self._client.get_public_key(KeyId=self._key_id)["PublicKey"]
        return make_vkey(self._origin, SignatureType.ECDSA_P256, spki)

    def sign(self, message: bytes) -> bytes:
        """Give the DER of a signature over the message."""
        with translated():
            answer = self._client.sign(
                KeyId=self._key_id, Message=message, MessageType="RAW", SigningAlgorithm="ECDSA_SHA_256"
            )
        return answer["Signature"]
