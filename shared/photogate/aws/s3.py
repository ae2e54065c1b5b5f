"""Buckets."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from photogate.aws.session import error_code, translated
from photogate.errors import NotFound

__all__ = ["Bucket", "ObjectHead", "ObjectVersion"]

MISSING = frozenset({"NoSuchKey", "NoSuchVersion", "404", "NotFound", "MethodNotAllowed", "405"})


@dataclass(frozen=True, slots=True)
class ObjectHead:
    """What S3 says of one object version. `size` is in bytes."""

    version_id: str
    size: int


@dataclass(frozen=True, slots=True)
class ObjectVersion:
    """One version, or delete marker, of a key."""

    key: str
    version_id: str


class Bucket:
    """One bucket.

    Parameters
    ----------
    client
        A boto3 S3 client.
    name
        The bucket's name.
        Its default encryption names the KMS key, and its policy denies any other.
    """

    def __init__(self, client: Any, name: str) -> None:
        self._client = client
        self.name = name

    def head(self, key: str, version_id: str | None = None) -> ObjectHead:
        """Ask for size and version.

        Raises
        ------
        NotFound
            If there is no such object version.
        """
        try:
            with translated():
                answer = self._client.head_object(Bucket=self.name, Key=key, **_version(version_id))
        except ClientError as error:
            raise _missing(error) from None
        return ObjectHead(str(answer.get("VersionId", "null")), int(answer["ContentLength"]))

    def get(self, key: str, version_id: str | None = None) -> bytes:
        """Read an object whole.

        Raises
        ------
        NotFound
            If there is no such object version.
        """
        try:
            with translated():
                answer = self._client.get_object(Bucket=self.name, Key=key, **_version(version_id))
                body: bytes = answer["Body"].read()
        except ClientError as error:
            raise _missing(error) from None
        return body

    def put(self, key: str, data: bytes, content_type: str) -> str:
        """Write an object and give its version id; a retry writes the same bytes once more."""
        digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
        with translated():
            answer = self._client.put_object(
                Bucket=self.name, Key=key, Body=data, ContentType=content_type, ChecksumSHA256=digest
            )
        return str(answer.get("VersionId", "null"))

    def delete(self, key: str, version_id: str | None = None) -> None:
        """Delete one version for good; deleting what is gone is no error."""
        try:
            with translated():
                self._client.delete_object(Bucket=self.name, Key=key, **_version(version_id))
        except ClientError as error:
            if error_code(error) not in MISSING:
                raise

    def versions(self, prefix: str) -> Iterator[ObjectVersion]:
        """List every version and delete marker below a prefix."""
        with translated():
            for page in self._client.get_paginator("list_object_versions").paginate(Bucket=self.name, Prefix=prefix):
                for entry in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                    yield ObjectVersion(entry["Key"], entry["VersionId"])

    def oldest(self) -> datetime | None:
        """Tell since when the oldest object lies here, or None where there is none; old versions do not count."""
        with translated():
            pages = self._client.get_paginator("list_object_versions").paginate(Bucket=self.name)
            moments = [v["LastModified"] for page in pages for v in page.get("Versions", []) if v["IsLatest"]]
        return min(moments, default=None)

    def keys(self, prefix: str) -> Iterator[str]:
        """List the current keys below a prefix."""
        with translated():
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix):
                for entry in page.get("Contents", []):
                    yield entry["Key"]

    def presign_post(self, key: str, content_type: str, size: int, lifetime: timedelta) -> dict[str, Any]:
        """Make a form that a browser can post one file with: this key, this type, this many bytes at most.

        Returns
        -------
        dict
            ``url`` and ``fields``.
        """
        fields = {"Content-Type": content_type}
        conditions: list[Any] = [
            {"bucket": self.name},
            ["eq", "$key", key],
            ["eq", "$Content-Type", content_type],
            ["content-length-range", 1, size],
        ]
        answer: dict[str, Any] = self._client.generate_presigned_post(
            self.name, key, Fields=fields, Conditions=conditions, ExpiresIn=int(lifetime.total_seconds())
        )
        return answer

    def presign_put(
        self, key: str, content_type: str, size: int, sha256: str, lifetime: timedelta
    ) -> tuple[str, dict[str, str]]:
        """Make a link that writes exactly these bytes once.

        Parameters
        ----------
        sha256
            In hex, as the client computed it.

        Returns
        -------
        url, headers
            The client must send every one of the headers: they are part of the signature.
        """
        checksum = base64.b64encode(bytes.fromhex(sha256)).decode()
        url: str = self._client.generate_presigned_url(
            "put_object",
            Params={
                "Bucket": self.name,
                "Key": key,
                "ContentType": content_type,
                "ContentLength": size,
                "ChecksumSHA256": checksum,
                "IfNoneMatch": "*",
            },
            ExpiresIn=int(lifetime.total_seconds()),
        )
        headers = {
            "Content-Type": content_type,
            "Content-Length": str(size),
            "x-amz-checksum-sha256": checksum,
            "If-None-Match": "*",
        }
        return url, headers

    def presign_get(self, key: str, version_id: str, content_type: str, lifetime: timedelta) -> str:
        """Make a link that reads one object version."""
        url: str = self._client.generate_presigned_url(
            "get_object",
            Params={
                "Bucket": self.name,
                "Key": key,
                "VersionId": version_id,
                "ResponseContentType": content_type,
                "ResponseCacheControl": "no-store",
            },
            ExpiresIn=int(lifetime.total_seconds()),
        )
        return url


def _version(version_id: str | None) -> dict[str, str]:
    return {"VersionId": version_id} if version_id else {}


def _missing(error: ClientError) -> Exception:
    return NotFound("Expected an object version; found none") if error_code(error) in MISSING else error
