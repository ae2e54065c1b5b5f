"""What of the Uploads table is due for deletion: the sparse index `due`, in which every kept photo's row is.

A row in it has no TTL: as long as a photo is kept, its row must be there to find it by.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from photogate.aws.items import epoch, from_item, moment, to_item, to_values
from photogate.aws.session import error_code, translated
from photogate.errors import Duplicate
from photogate.retention import DuePhoto
from photogate.uploads import Outcome, Status, Upload

__all__ = ["DynamoRetention", "due_keys", "not_due"]

# Photos of one day are many, a partition of an index takes 1,000 writes/s.
DUE_SHARDS = 4


def due_keys(upload: Upload, outcome: Outcome, now: datetime) -> dict[str, Any]:
    """Give the attributes that an outcome sets: when its photo is due, or when the row itself may go."""
    days = timedelta(days=upload.retention_days)
    if outcome.photo_key is not None:
        shard = f"due#{zlib.crc32(upload.upload_id.encode()) % DUE_SHARDS}"
        # What an appeal brought back to review was stored before: its time goes on, and does not begin anew.
        until = upload.retain_until or now + days
        return {"retain_until": until, "due_shard": shard, "due_at": until}
    return {} if outcome.status is Status.IN_REVIEW else {"expires_at": epoch(upload.created_at + days)}


def not_due(upload: Upload, outcome: Outcome) -> str:
    """Give the end of the expression that goes with `due_keys`: what the outcome takes away.

    An original in review has no TTL either: the review's end says what becomes of its row.
    """
    if outcome.photo_key is not None:
        return " REMOVE expires_at"
    return f" REMOVE {'expires_at, ' * (outcome.status is Status.IN_REVIEW)}retain_until, due_shard, due_at"


class DynamoRetention:
    """Implements `photogate.retention.RetentionStore`.

    Parameters
    ----------
    client
        A boto3 DynamoDB client.
    table
        The Uploads table's name.
    """

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def due(self, by: datetime) -> Iterator[DuePhoto]:
        """Give what is to be looked at by then, the earliest of each shard first."""
        for shard in range(DUE_SHARDS):
            pages = self._client.get_paginator("query").paginate(
                TableName=self._table,
                IndexName="due",
                KeyConditionExpression="due_shard = :shard AND due_at <= :by",
                ExpressionAttributeValues=to_values({"shard": f"due#{shard}", "by": by}),
            )
            with translated():
                for page in pages:
                    yield from map(_photo, page["Items"])

    def look_again(self, photo: DuePhoto, at: datetime) -> None:
        """Move a row to another place in the index; when it is due stays as it was."""
        self._change(photo, "SET due_at = :at", {"at": at})

    def leave(self, photo: DuePhoto, row_until: datetime) -> None:
        """Take a row out of the index, and let the table forget it at that time: nothing of it is kept any more."""
        self._change(
            photo, "SET expires_at = :until REMOVE retain_until, due_shard, due_at", {"until": epoch(row_until)}
        )

    def forget(self, photo: DuePhoto) -> None:
        """Delete the row, whose photo is gone."""
        with translated():
            self._client.delete_item(TableName=self._table, Key=_key(photo))

    def _change(self, photo: DuePhoto, update: str, values: dict[str, Any]) -> None:
        try:
            with translated():
                self._client.update_item(
                    TableName=self._table,
                    Key=_key(photo),
                    UpdateExpression=update,
                    ConditionExpression="retain_until = :read",
                    ExpressionAttributeValues=to_values({**values, "read": photo.retain_until}),
                )
        except ClientError as error:
            if error_code(error) != "ConditionalCheckFailedException":
                raise
            raise Duplicate("Expected a due photo as it was read; found another state") from None


def _key(photo: DuePhoto) -> dict[str, Any]:
    return to_item({"pk": f"{photo.tenant}#{photo.upload_id}"})


def _photo(item: dict[str, Any]) -> DuePhoto:
    row = from_item(item)
    tenant, _, upload_id = row["pk"].partition("#")
    return DuePhoto(tenant, row["subject"], upload_id, row["purpose"], moment(row["retain_until"]))
