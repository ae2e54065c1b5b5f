"""The Ledger table in DynamoDB: the head of the log, its manifests, and how far each chain is sealed."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from photogate.audit.canonical import canonical
from photogate.audit.merkle import HASH_BYTES
from photogate.audit.seal import BLOCK, Head, Manifest, Places, Sealed
from photogate.audit.tiles import Tree
from photogate.aws.session import error_code, translated
from photogate.errors import Conflict, Transient

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

__all__ = ["LedgerTable"]

HEAD = "log"
MOST_KEYS = 100  # of one BatchGetItem
ATTEMPTS = 5
PLACE = struct.Struct(">QQ")  # a sequence, and the index of its row in the tree


class LedgerTable:
    """A `LedgerStore` over one DynamoDB table.

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

    def head(self) -> Head:
        """Give the committed head with a consistent read; an empty one before the first commit."""
        item = self._get(HEAD)
        if item is None:
            return Head()
        levels = tuple(_divided(level["B"]) for level in item["levels"]["L"])
        return Head(int(item["version"]["N"]), Tree(int(item["size"]["N"]), levels))

    def sealed(self, chains: Iterable[str]) -> Mapping[str, Sealed]:
        """Tell how far chains are sealed, with consistent reads."""
        keys: list[dict[str, Any]] = [{"pk": {"S": f"chain#{chain}"}} for chain in sorted(set(chains))]
        found: dict[str, Sealed] = {}
        for first in range(0, len(keys), MOST_KEYS):
            for item in self._batch(keys[first : first + MOST_KEYS]):
                chain = item["pk"]["S"].removeprefix("chain#")
                found[chain] = _sealed(item)
        return found

    def place(self, chain: str, seq: int) -> int | None:
        """Give a row's index in the tree, or None where it is not sealed; one read, or two."""
        item = self._get(f"chain#{chain}")
        if item is None:
            return None
        last = _sealed(item)
        places = last.places
        if last.block != seq // BLOCK:
            block = self._get(f"block#{seq // BLOCK}#{chain}")
            places = () if block is None else _places(block)
        return dict(places).get(seq)

    def manifest(self, number: int) -> Manifest | None:
        """Give one manifest, or None."""
        item = self._get(f"manifest#{number}")
        if item is None:
            return None
        keys = tuple((str(chain), int(seq)) for chain, seq in json.loads(item["keys"]["S"]))
        return Manifest(number, int(item["first"]["N"]), keys, _divided(item["leaves"]["B"]))

    def commit(
        self, head: Head, manifest: Manifest, sealed: Mapping[str, Sealed], left: Mapping[tuple[str, int], Places]
    ) -> None:
        """Write head, manifest, chains and blocks in one transaction, if the head is still the one before."""
        before = {
            "ConditionExpression": "attribute_not_exists(pk)" if head.version == 1 else "version = :before",
        }
        values = {} if head.version == 1 else {":before": {"N": str(head.version - 1)}}
        items: list[dict[str, Any]] = [
            _head_item(head) | before | ({"ExpressionAttributeValues": values} if values else {}),
            _manifest_item(manifest) | {"ConditionExpression": "attribute_not_exists(pk)"},
            *(_chain_item(chain, place) for chain, place in sealed.items()),
            *(_block_item(chain, block, places) for (chain, block), places in left.items()),
        ]
        writes: Any = [{"Put": item | {"TableName": self._table}} for item in items]
        with translated():
            try:
                self._client.transact_write_items(TransactItems=writes)
            except ClientError as error:
                if error_code(error) != "TransactionCanceledException":
                    raise
                raise _cancelled(error) from None

    def _get(self, key: str) -> dict[str, Any] | None:
        with translated():
            answer = self._client.get_item(TableName=self._table, Key={"pk": {"S": key}}, ConsistentRead=True)
        return answer.get("Item")

    def _batch(self, keys: list[dict[str, Any]]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for _ in range(ATTEMPTS):
            with translated():
                answer: Any = self._client.batch_get_item(
                    RequestItems={self._table: {"Keys": keys, "ConsistentRead": True}}
                )
            found += answer["Responses"].get(self._table, [])
            keys = answer.get("UnprocessedKeys", {}).get(self._table, {}).get("Keys", [])
            if not keys:
                return found
        raise Transient(f"Expected all keys to be read; {len(keys)} were left {ATTEMPTS} times")


def _head_item(head: Head) -> dict[str, Any]:
    levels = [{"B": b"".join(level)} for level in head.tree.levels]
    size, version = {"N": str(head.tree.size)}, {"N": str(head.version)}
    return {"Item": {"pk": {"S": HEAD}, "version": version, "size": size, "levels": {"L": levels}}}


def _manifest_item(manifest: Manifest) -> dict[str, Any]:
    return {
        "Item": {
            "pk": {"S": f"manifest#{manifest.number}"},
            "first": {"N": str(manifest.first)},
            "keys": {"S": canonical(manifest.keys).decode()},
            "leaves": {"B": b"".join(manifest.leaves)},
        }
    }


def _chain_item(chain: str, place: Sealed) -> dict[str, Any]:
    return {
        "Item": {
            "pk": {"S": f"chain#{chain}"},
            "seq": {"N": str(place.seq)},
            "leaf": {"B": place.leaf},
            "places": {"B": _packed(place.places)},
        }
    }


def _block_item(chain: str, block: int, places: Places) -> dict[str, Any]:
    return {"Item": {"pk": {"S": f"block#{block}#{chain}"}, "places": {"B": _packed(places)}}}


def _sealed(item: Mapping[str, Any]) -> Sealed:
    return Sealed(int(item["seq"]["N"]), bytes(item["leaf"]["B"]), _places(item))


def _packed(places: Places) -> bytes:
    return b"".join(PLACE.pack(seq, index) for seq, index in places)


def _places(item: Mapping[str, Any]) -> Places:
    return tuple((seq, index) for seq, index in PLACE.iter_unpack(bytes(item["places"]["B"])))


def _cancelled(error: ClientError) -> Exception:
    reasons: Any = error.response.get("CancellationReasons", [])
    codes = {reason.get("Code") for reason in reasons} - {"None", None}
    if codes <= {"ConditionalCheckFailed", "TransactionConflict"}:
        return Conflict("Expected the head that the commit was made from; found another")
    return Transient(f"Expected the transaction to be carried out; found {', '.join(sorted(map(str, codes)))}")


def _divided(hashes: bytes) -> tuple[bytes, ...]:
    data = bytes(hashes)
    return tuple(data[n : n + HASH_BYTES] for n in range(0, len(data), HASH_BYTES))
