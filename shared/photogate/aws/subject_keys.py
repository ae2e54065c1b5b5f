"""The data key of each subject: made by KMS, wrapped in the Subjects table, gone with the subject."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from photogate.aws.items import from_item, to_item, to_values
from photogate.aws.session import error_code, translated
from photogate.errors import Fenced, IntegrityError, NotFound
from photogate.uploads import new_id

__all__ = ["LIFETIME_S", "PURPOSE", "DataKey", "KeyCache", "SubjectKeys", "encryption_context", "wipe"]

PURPOSE = "originals"
"""What these keys are for; part of the encryption context, so that roles and the key's policy can ask for it."""

LIFETIME_S = 300.0


@dataclass(frozen=True, slots=True)
class DataKey:
    """A subject's key in plaintext: to be used at once, and kept nowhere."""

    key_id: str
    key: bytearray


def encryption_context(tenant: str, subject: str) -> dict[str, str]:
    """Give what KMS binds a wrapped key to: under any other context it does not decrypt."""
    return {"tenant": tenant, "subject": subject, "purpose": PURPOSE}


def wipe(key: bytearray) -> None:
    """Overwrite a key with zeros."""
    key[:] = bytes(len(key))


class KeyCache:
    """Plaintext keys for five minutes at most.

    Every use wipes what is too old first. Python's and OpenSSL's own copies are freed, not overwritten; and an
    execution environment that Lambda has frozen wipes when it is thawed, or ends.

    Parameters
    ----------
    clock
        Seconds of a clock that does not go back.
    lifetime_s
        How long a key may stay.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, lifetime_s: float = LIFETIME_S) -> None:
        self._clock = clock
        self._lifetime = min(lifetime_s, LIFETIME_S)
        self._held: dict[tuple[str, str], tuple[float, DataKey]] = {}

    def get(self, tenant: str, subject: str) -> DataKey | None:
        """Give a key that is young enough."""
        self._forget_old()
        found = self._held.get((tenant, subject))
        return found[1] if found else None

    def put(self, tenant: str, subject: str, key: DataKey) -> DataKey:
        """Keep a key."""
        self._forget_old()
        self._held[tenant, subject] = (self._clock(), key)
        return key

    def wipe(self) -> None:
        """Overwrite and forget all keys."""
        for _, key in self._held.values():
            wipe(key.key)
        self._held.clear()

    def _forget_old(self) -> None:
        now = self._clock()
        for name, (since, key) in list(self._held.items()):
            if now - since >= self._lifetime:
                wipe(key.key)
                del self._held[name]


class SubjectKeys:
    """Subjects' data keys.

    Parameters
    ----------
    kms, dynamodb
        boto3 clients.
    table
        The Subjects table.
    wrapping_key
        ARN of the KMS key that wraps them.
    """

    def __init__(self, kms: Any, dynamodb: Any, table: str, wrapping_key: str, cache: KeyCache | None = None) -> None:
        self._kms = kms
        self._dynamodb = dynamodb
        self._table = table
        self._wrapping_key = wrapping_key
        self.cache = cache or KeyCache()

    def for_sealing(self, tenant: str, subject: str) -> DataKey:
        """Give the subject's key, a new one where it has none yet.

        Raises
        ------
        Fenced
            If the subject is being erased, or its erasure has ended.
        """
        return self.cache.get(tenant, subject) or self.cache.put(tenant, subject, self._read_or_make(tenant, subject))

    def for_opening(self, tenant: str, subject: str) -> DataKey:
        """Give the subject's key.

        Raises
        ------
        NotFound
            If there is none, or no more.
        Fenced
            If the subject is being erased.
        """
        row = self._row(tenant, subject)
        if row is None or "wrapped_key" not in row:
            raise NotFound("Expected the subject's data key; found none")
        if "fenced_at" in row:
            raise Fenced("Expected a subject that is not being erased; found a fence")
        return self.cache.get(tenant, subject) or self.cache.put(tenant, subject, self._unwrap(tenant, subject, row))

    def unwrapped(self, tenant: str, subject: str) -> DataKey:
        """Give the subject's key whether it is fenced or not, past the cache; for an erasure's check alone.

        Raises
        ------
        NotFound
            If there is none, or no more.
        """
        row = self._row(tenant, subject)
        if row is None or "wrapped_key" not in row:
            raise NotFound("Expected the subject's data key; found none")
        return self._unwrap(tenant, subject, row)

    def _read_or_make(self, tenant: str, subject: str) -> DataKey:
        row = self._row(tenant, subject)
        if row is None or "fenced_at" in row:
            raise Fenced("Expected a subject that is not being erased; found a fence")
        return self._unwrap(tenant, subject, row) if "wrapped_key" in row else self._make(tenant, subject)

    def _make(self, tenant: str, subject: str) -> DataKey:
        with translated():
            made = self._kms.generate_data_key(
                KeyId=self._wrapping_key, KeySpec="AES_256", EncryptionContext=encryption_context(tenant, subject)
            )
        new = DataKey(new_id(), bytearray(made["Plaintext"]))
        try:
            with translated():
                self._dynamodb.update_item(
                    TableName=self._table,
                    Key=_key(tenant, subject),
                    UpdateExpression="SET wrapped_key = :wrapped, key_id = :id",
                    ConditionExpression="attribute_exists(pk) AND attribute_not_exists(wrapped_key)"
                    " AND attribute_not_exists(fenced_at)",
                    ExpressionAttributeValues=to_values({"wrapped": made["CiphertextBlob"], "id": new.key_id}),
                )
        except ClientError as error:
            if error_code(error) != "ConditionalCheckFailedException":
                raise
        else:
            return new
        # Another function was first, or an erasure has begun.
        wipe(new.key)
        row = self._row(tenant, subject)
        if row is None or "fenced_at" in row or "wrapped_key" not in row:
            raise Fenced("Expected a subject that is not being erased; found a fence")
        return self._unwrap(tenant, subject, row)

    def _unwrap(self, tenant: str, subject: str, row: dict[str, Any]) -> DataKey:
        try:
            with translated():
                answer = self._kms.decrypt(
                    KeyId=self._wrapping_key,
                    CiphertextBlob=row["wrapped_key"],
                    EncryptionContext=encryption_context(tenant, subject),
                )
        except ClientError as error:
            if error_code(error) != "InvalidCiphertextException":
                raise
            raise IntegrityError("Expected a data key wrapped for this subject; found another") from None
        return DataKey(str(row["key_id"]), bytearray(answer["Plaintext"]))

    def _row(self, tenant: str, subject: str) -> dict[str, Any] | None:
        with translated():
            answer = self._dynamodb.get_item(TableName=self._table, Key=_key(tenant, subject), ConsistentRead=True)
        return from_item(answer["Item"]) if "Item" in answer else None


def _key(tenant: str, subject: str) -> dict[str, Any]:
    return to_item({"pk": f"subject#{tenant}#{subject}"})
