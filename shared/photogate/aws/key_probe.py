"""A decrypt that works before an erasure, and must fail after it."""

from __future__ import annotations

import secrets

from photogate.aws.subject_keys import PURPOSE, SubjectKeys, wipe
from photogate.errors import IntegrityError, NotFound
from photogate.sealing import Context, seal, unseal
from photogate.uploads import ObjectKey

__all__ = ["KeyProbe"]


class KeyProbe:
    """Implements `photogate.erasure.Probe`."""

    def __init__(self, keys: SubjectKeys) -> None:
        self._keys = keys

    def make(self, place: ObjectKey) -> bytes | None:
        """Seal random bytes under the subject's key, and open them; None where the subject has no key.

        Raises
        ------
        IntegrityError
            If the key does not open what it sealed: the check at the end would prove nothing.
        """
        try:
            key = self._keys.unwrapped(place.tenant, place.subject)
        except NotFound:
            return None
        try:
            context = Context.of(place, PURPOSE)
            sealed = b"".join(seal(key.key, key.key_id, context, [secrets.token_bytes(32)]))
            # With the key at hand: to fetch it again would fail where another run of this erasure is further on.
            b"".join(unseal(key.key, context, [sealed]))
        finally:
            wipe(key.key)
        return sealed

    def opens(self, place: ObjectKey, sealed: bytes) -> bool:
        """Try to open it."""
        try:
            key = self._keys.unwrapped(place.tenant, place.subject)
        except NotFound:
            return False
        try:
            b"".join(unseal(key.key, Context.of(place, PURPOSE), [sealed]))
        except IntegrityError:
            return False
        finally:
            wipe(key.key)
        return True
