"""The Uploads table as an erasure sees it: the rows of one subject.

The sparse index `by_owner` has a row until it is erased, so a listing always begins at what is left.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from photogate.aws.items import epoch, from_item, to_item, to_values
from photogate.aws.session import error_code, translated
from photogate.errors import Transient
from photogate.uploads import Status

__all__ = ["OwnedUploads"]

# What BatchGetItem and TransactWriteItems take at once.
MOST = 100

# For as long a row says that there was an upload, and that it was erased.
REMEMBERED = timedelta(days=365)

# All else in a row is of the photo and its way, and goes: hashes, places, decisions, times.
KEPT = frozenset(
    {"pk", "subject", "purpose", "consent_id", "content_type", "size", "created_at", "retention_days"},
)


class OwnedUploads:
    """Implements `photogate.erasure.UploadRows`."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def count_of(self, tenant: str, subject: str) -> int:
        """Count a subject's uploads that are not erased."""
        return sum(len(self._not_erased(keys)) for keys in self._pages(tenant, subject))

    def unerased(self, tenant: str, subject: str) -> list[str]:
        """Give ids of a subject's uploads that are not erased, 100 at most, as consistent reads have them."""
        for keys in self._pages(tenant, subject):
            # The index lags behind: what was erased a moment ago may still be in it.
            if found := self._not_erased(keys):
                return [pk.partition("#")[2] for pk in found]
        return []

    def erase(self, tenant: str, upload_ids: list[str], now: datetime) -> None:
        """Move uploads to `ERASED`, and drop what their rows say of the photo."""
        rows = self._read([f"{tenant}#{upload_id}" for upload_id in upload_ids])
        puts = [self._reduced(row, now) for row in rows if row["status"] != Status.ERASED]
        if not puts:
            return
        try:
            with translated():
                self._client.transact_write_items(TransactItems=puts)
        except ClientError as error:
            if error_code(error) != "TransactionCanceledException":
                raise
            # A row that expired or moved meanwhile: the next listing has what is left.
            raise Transient("Expected to be the only one who writes to these uploads; found another") from None

    def _pages(self, tenant: str, subject: str) -> Any:
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            IndexName="by_owner",
            KeyConditionExpression="#owner = :owner",
            ExpressionAttributeNames={"#owner": "owner"},
            ExpressionAttributeValues=to_values({"owner": f"{tenant}#{subject}"}),
            PaginationConfig={"PageSize": MOST},
        )
        with translated():
            for page in pages:
                if page["Items"]:
                    yield [from_item(item)["pk"] for item in page["Items"]]

    def _not_erased(self, keys: list[str]) -> list[str]:
        return [row["pk"] for row in self._read(keys) if row["status"] != Status.ERASED]

    def _read(self, keys: list[str]) -> list[dict[str, Any]]:
        waiting: list[dict[str, Any]] = [to_item({"pk": pk}) for pk in keys]
        found: list[dict[str, Any]] = []
        while waiting:
            with translated():
                answer = self._client.batch_get_item(
                    RequestItems={self._table: {"Keys": waiting, "ConsistentRead": True}}
                )
            found += [from_item(item) for item in answer["Responses"].get(self._table, [])]
            waiting = answer.get("UnprocessedKeys", {}).get(self._table, {}).get("Keys", [])
        return found

    def _reduced(self, row: dict[str, Any], now: datetime) -> dict[str, Any]:
        kept = {name: value for name, value in row.items() if name in KEPT}
        ended = {"status": Status.ERASED.value, "finished_at": now, "cleaned": True}
        return {
            "Put": {
                "TableName": self._table,
                "Item": to_item({**kept, **ended, "expires_at": epoch(now + REMEMBERED)}),
                "ConditionExpression": "#status = :read",
                "ExpressionAttributeNames": {"#status": "status"},
                "ExpressionAttributeValues": to_values({"read": row["status"]}),
            }
        }
