"""The audit table in DynamoDB. There is no method here that changes or deletes a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from photogate.audit.query import Index, Page
from photogate.audit.row import Row, row_from_body
from photogate.aws.session import error_code, translated
from photogate.errors import Conflict, IntegrityError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

__all__ = ["AuditTable", "item_of", "row_of"]


MOST_KEYS = 100  # of one BatchGetItem


class AuditTable:
    """An `AuditStore` and a `QueryStore` over one DynamoDB table.

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
        with translated():
            page = self._client.query(
                TableName=self._table,
                KeyConditionExpression="pk = :chain",
                ExpressionAttributeValues={":chain": {"S": chain}},
                ScanIndexForward=False,
                ConsistentRead=True,
                Limit=limit,
            )
        return [row_of(item) for item in page["Items"]]

    def get(self, chain: str, seq: int) -> Row | None:
        """Give one row with a consistent read, or None."""
        with translated():
            answer = self._client.get_item(
                TableName=self._table, Key={"pk": {"S": chain}, "sk": {"N": str(seq)}}, ConsistentRead=True
            )
        return row_of(answer["Item"]) if "Item" in answer else None

    def put(self, row: Row) -> None:
        """Write a row where there is none yet."""
        with translated():
            try:
                self._client.put_item(
                    TableName=self._table, Item=item_of(row), ConditionExpression="attribute_not_exists(pk)"
                )
            except ClientError as error:
                if error_code(error) != "ConditionalCheckFailedException":
                    raise
                raise Conflict(f"Expected place {row.seq} of the chain to be free; found a row there") from None

    def index_page(self, index: Index, partition: str, low: str, high: str, limit: int) -> Page:
        """Give the first rows of an index partition whose sort keys are within [low, high], in one Query."""
        n = list(Index).index(index) + 1
        return self._page(
            IndexName=str(index),
            KeyConditionExpression=f"gsi{n}pk = :partition AND gsi{n}sk BETWEEN :low AND :high",
            ExpressionAttributeValues={":partition": {"S": partition}, ":low": {"S": low}, ":high": {"S": high}},
            Limit=limit,
        )

    def chain_page(self, chain: str, first: int, limit: int) -> Page:
        """Give the first rows of a chain from sequence `first` on, in one consistent Query."""
        return self._page(
            KeyConditionExpression="pk = :chain AND sk >= :first",
            ExpressionAttributeValues={":chain": {"S": chain}, ":first": {"N": str(first)}},
            ConsistentRead=True,
            Limit=limit,
        )

    def rows(self, keys: Sequence[tuple[str, int]]) -> Mapping[tuple[str, int], Row]:
        """Give the rows that are there, by chain and sequence, 100 in a request."""
        found: dict[tuple[str, int], Row] = {}
        left: list[Any] = [{"pk": {"S": chain}, "sk": {"N": str(seq)}} for chain, seq in keys]
        while left:
            with translated():
                answer: Any = self._client.batch_get_item(RequestItems={self._table: {"Keys": left[:MOST_KEYS]}})
            for item in answer["Responses"].get(self._table, []):
                row = row_of(item)
                found[row.chain, row.seq] = row
            left = left[MOST_KEYS:] + answer.get("UnprocessedKeys", {}).get(self._table, {}).get("Keys", [])
        return found

    def _page(self, **query: Any) -> Page:
        with translated():
            page = self._client.query(TableName=self._table, **query)
        return Page([row_of(item) for item in page["Items"]], "LastEvaluatedKey" in page)


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
