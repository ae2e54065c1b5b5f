"""The audit table in DynamoDB. There is no method here that changes or deletes a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from photogate.audit.row import Row, row_from_body
from photogate.errors import Conflict, IntegrityError, PhotogateError, Transient

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

__all__ = ["AuditTable", "item_of", "row_of"]

_TRANSIENT = frozenset(
    {
        "InternalServerError",
        "ItemCollectionSizeLimitExceededException",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestTimeout",
        "ServiceUnavailable",
        "ThrottlingException",
        "TransactionConflictException",
    }
)


class AuditTable:
    """An `AuditStore` over one DynamoDB table.

    Parameters
    ----------
    client
        A boto3 DynamoDB client.
    table
        The table's name.
    """

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def last(self, chain: str, limit: int) -> Sequence[Row]:
        """Give the last rows of a chain, newest first, in one consistent Query."""
        try:
            page = self._client.query(
                TableName=self._table,
                KeyConditionExpression="pk = :chain",
                ExpressionAttributeValues={":chain": {"S": chain}},
                ScanIndexForward=False,
                ConsistentRead=True,
                Limit=limit,
            )
        except (ClientError, BotoCoreError) as error:
            raise translated(error) from None
        return [row_of(item) for item in page["Items"]]

    def get(self, chain: str, seq: int) -> Row | None:
        """Give one row with a consistent read, or None."""
        try:
            answer = self._client.get_item(
                TableName=self._table, Key={"pk": {"S": chain}, "sk": {"N": str(seq)}}, ConsistentRead=True
            )
        except (ClientError, BotoCoreError) as error:
            raise translated(error) from None
        return row_of(answer["Item"]) if "Item" in answer else None

    def put(self, row: Row) -> None:
        """Write a row where there is none yet."""
        try:
            self._client.put_item(
                TableName=self._table, Item=item_of(row), ConditionExpression="attribute_not_exists(pk)"
            )
        except (ClientError, BotoCoreError) as error:
            raise translated(error) from None


def item_of(row: Row) -> dict[str, Any]:
    """Write a row as a DynamoDB item: key, body, leaf, TTL, and the keys of the indexes that apply."""
    return {
        "pk": {"S": row.chain},
        "sk": {"N": str(row.seq)},
        "body": {"S": row.body.decode()},
        "leaf": {"S": row.leaf.hex()},
        "expires_at": {"N": str(row.expires_at)},
        **{name: {"S": value} for name, value in row.index_keys.items()},
    }


def row_of(item: dict[str, Any]) -> Row:
    """Read a DynamoDB item.

    Raises
    ------
    IntegrityError
        If key or leaf are not those of the body.
    """
    row = row_from_body(item["body"]["S"].encode())
    if (item["pk"]["S"], int(item["sk"]["N"]), item["leaf"]["S"]) != (row.chain, row.seq, row.leaf.hex()):
        raise IntegrityError("Expected a row whose key and leaf are its body's; found others")
    return row


def translated(error: Exception) -> PhotogateError | Exception:
    """Turn what boto3 raised into what the domain knows; whatever else it was stays as it is."""
    if isinstance(error, BotoCoreError):  # no answer: timeouts, connections, credentials not served
        return Transient(f"Expected an answer of DynamoDB; found {type(error).__name__}")
    if not isinstance(error, ClientError):
        return error
    code = error.response.get("Error", {}).get("Code", "")
    if code == "ConditionalCheckFailedException":
        return Conflict("Expected the place to be free; found a row there")
    if code in _TRANSIENT or error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) >= 500:
        return Transient(f"Expected an answer of DynamoDB; found {code}")
    return error
