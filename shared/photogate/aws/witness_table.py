"""What a witness has seen, in DynamoDB: one item a log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from photogate.aws.session import error_code, translated
from photogate.errors import Conflict

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

__all__ = ["WitnessTable"]


class WitnessTable:
    """A witness's `Memory` over one DynamoDB table.

    Parameters
    ----------
    client
        A boto3 DynamoDB client.
    table
        The table's name.
    origin
        The log that is looked after.
    """

    def __init__(self, client: DynamoDBClient, table: str, origin: str) -> None:
        self._client = client
        self._table = table
        self._origin = origin

    def last(self) -> bytes | None:
        """Give the last checkpoint's note with a consistent read, or None before the first."""
        with translated():
            answer = self._client.get_item(TableName=self._table, Key={"pk": {"S": self._origin}}, ConsistentRead=True)
        return bytes(answer["Item"]["note"]["B"]) if "Item" in answer else None

    def remember(self, note: bytes, size: int, before: int | None) -> None:
        """Replace what was seen, if it is still the one of the size `before`."""
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(pk)"}
        if before is not None:
            condition = {
                "ConditionExpression": "tree_size = :before",
                "ExpressionAttributeValues": {":before": {"N": str(before)}},
            }
        item: dict[str, Any] = {"pk": {"S": self._origin}, "tree_size": {"N": str(size)}, "note": {"B": note}}
        with translated():
            try:
                self._client.put_item(TableName=self._table, Item=item, **condition)
            except ClientError as error:
                if error_code(error) != "ConditionalCheckFailedException":
                    raise
                raise Conflict("Expected what this run read; found that another run has seen more") from None
