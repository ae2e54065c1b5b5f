"""Originals in the quarantine bucket, sealed under their subject's data key before S3 sees them."""

from __future__ import annotations

from photogate.aws.s3 import Bucket
from photogate.aws.subject_keys import PURPOSE, SubjectKeys
from photogate.errors import IntegrityError
from photogate.sealing import Context, read_header, seal, unseal
from photogate.uploads import ObjectKey

__all__ = ["SealedBucket"]

CONTENT_TYPE = "application/octet-stream"


class SealedBucket:
    """Implements `photogate.workflow.ports.Sealed`.

    Parameters
    ----------
    bucket
        The quarantine bucket.
    keys
        The subjects' data keys.
    """

    def __init__(self, bucket: Bucket, keys: SubjectKeys) -> None:
        self._bucket = bucket
        self._keys = keys

    def seal(self, place: ObjectKey, original: bytes) -> str:
        """Put an upload's original, sealed; give its version id.

        Raises
        ------
        Fenced
            If the subject is being erased.
        """
        key = self._keys.for_sealing(place.tenant, place.subject)
        sealed = b"".join(seal(key.key, key.key_id, Context.of(place, PURPOSE), [original]))
        return self._bucket.put(str(place), sealed, CONTENT_TYPE)

    def open(self, place: ObjectKey, version_id: str | None = None) -> bytes:
        """Give an upload's original: in memory, and nowhere else.

        Raises
        ------
        NotFound
            If there is no such object, or no key for it any more.
        Fenced
            If the subject is being erased.
        IntegrityError
            If it is not what was sealed.
        """
        sealed = self._bucket.get(str(place), version_id)
        key = self._keys.for_opening(place.tenant, place.subject)
        if read_header(sealed).key_id != key.key_id:
            raise IntegrityError("Expected an original sealed under the subject's key; found another key's id")
        return b"".join(unseal(key.key, Context.of(place, PURPOSE), [sealed]))
