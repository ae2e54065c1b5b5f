"""The ledger bucket: checkpoints and tiles, each written once. Object Lock keeps what is written."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from photogate.aws.session import error_code, translated
from photogate.errors import Transient

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

__all__ = ["LedgerBucket"]


class LedgerBucket:
    """`LedgerFiles` over one S3 bucket.

    Parameters
    ----------
    client
        A boto3 S3 client.
    bucket
        The bucket's name.
    """

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def get(self, path: str) -> bytes | None:
        """Give a file, or None."""
        with translated():
            try:
                return self._client.get_object(Bucket=self._bucket, Key=path)["Body"].read()
            except ClientError as error:
                if error_code(error) not in ("NoSuchKey", "404"):
                    raise
                return None

    def put_new(self, path: str, data: bytes) -> bool:
        """Write a file where there is none, and tell whether that was so."""
        with translated():
            try:
                # Object Lock demands a checksum with every put; boto3 sends CRC32 unless told otherwise.
                self._client.put_object(
                    Bucket=self._bucket, Key=path, Body=data, IfNoneMatch="*", ChecksumAlgorithm="SHA256"
                )
            except ClientError as error:
                if error_code(error) in ("ConditionalRequestConflict", "409"):
                    raise Transient("Expected to be the only writer of this file; found another at work") from None
                if error_code(error) not in ("PreconditionFailed", "412"):
                    raise
                return False
        return True

    def paths(self, prefix: str, after: str = "") -> Iterator[str]:
        """Name the files under a prefix, in order, that sort behind `after`."""
        with translated():
            pages = self._client.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self._bucket, Prefix=prefix, StartAfter=after):
                for entry in page.get("Contents", []):
                    yield entry["Key"]

    def last(self, prefix: str, after: str) -> str | None:
        """Name the last file under a prefix that sorts behind `after`, or None where there is none."""
        return next(iter(deque(self.paths(prefix, after), maxlen=1)), None)
