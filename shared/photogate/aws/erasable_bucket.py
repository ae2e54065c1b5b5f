"""A bucket as an erasure sees it: everything below a prefix, a page at a time."""

from __future__ import annotations

from typing import Any

from photogate.aws.session import TRANSIENT_CODES, translated
from photogate.erasure import Marker, Page, Stored
from photogate.errors import NotPermitted, Transient

__all__ = ["ErasableBucket"]


class ErasableBucket:
    """Implements `photogate.erasure.Prefix`; memory is that of one page of 1,000."""

    def __init__(self, client: Any, name: str) -> None:
        self._client = client
        self._name = name

    def page(self, prefix: str, after: Marker | None = None) -> Page:
        """List versions and delete markers."""
        start = {"KeyMarker": after.key, "VersionIdMarker": after.version_id} if after else {}
        with translated():
            answer = self._client.list_object_versions(Bucket=self._name, Prefix=prefix, **start)
        entries = [Stored(v["Key"], v["VersionId"], marker=False) for v in answer.get("Versions", [])]
        entries += [Stored(m["Key"], m["VersionId"], marker=True) for m in answer.get("DeleteMarkers", [])]
        more = answer.get("IsTruncated", False)
        following = Marker(answer["NextKeyMarker"], answer.get("NextVersionIdMarker", "null")) if more else None
        return Page(tuple(entries), following)

    def delete_all(self, entries: tuple[Stored, ...]) -> None:
        """Delete a page's versions and markers for good; what is gone is no error."""
        named = [{"Key": e.key, "VersionId": e.version_id} for e in entries]
        with translated():
            answer = self._client.delete_objects(Bucket=self._name, Delete={"Objects": named, "Quiet": True})
        codes = {str(error.get("Code", "")) for error in answer.get("Errors", [])} - {"NoSuchKey", "NoSuchVersion"}
        if codes & TRANSIENT_CODES:
            raise Transient(f"Expected DeleteObjects to delete all; found {', '.join(sorted(codes))}")
        if codes:
            raise NotPermitted(f"Expected DeleteObjects to delete all; found {', '.join(sorted(codes))}")

    def unfinished(self, prefix: str) -> list[Marker]:
        """List unfinished multipart uploads."""
        pages = self._client.get_paginator("list_multipart_uploads").paginate(Bucket=self._name, Prefix=prefix)
        with translated():
            return [Marker(u["Key"], u["UploadId"]) for page in pages for u in page.get("Uploads", [])]

    def abort(self, upload: Marker) -> None:
        """Delete the parts of an unfinished multipart upload."""
        with translated():
            try:
                self._client.abort_multipart_upload(Bucket=self._name, Key=upload.key, UploadId=upload.version_id)
            except self._client.exceptions.NoSuchUpload:
                return

    def has(self, key: str) -> bool:
        """Ask for an object by its name: by a listing, because a HEAD wants the right to read it."""
        with translated():
            answer = self._client.list_objects_v2(Bucket=self._name, Prefix=key, MaxKeys=1)
        return bool(answer.get("Contents"))
