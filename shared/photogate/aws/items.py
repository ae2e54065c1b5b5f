"""Plain values to DynamoDB's typed ones and back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import Binary, TypeDeserializer, TypeSerializer

from photogate.clock import stamp

__all__ = ["epoch", "from_item", "moment", "to_item", "to_values"]

_serializer = TypeSerializer()
_deserializer = TypeDeserializer()


def to_item(values: Mapping[str, Any]) -> dict[str, Any]:
    """Type a row's values; what is None is left out, a moment becomes text that sorts by time."""
    return {k: _serializer.serialize(_plain(v)) for k, v in values.items() if v is not None}


def to_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Type the values of an expression, whose names begin with a colon."""
    return to_item({f":{k}": v for k, v in values.items()})


def from_item(item: Mapping[str, Any]) -> dict[str, Any]:
    """Read a row: numbers become int, as every number that we write is whole."""
    return {k: _natural(_deserializer.deserialize(v)) for k, v in item.items()}


def moment(text: str) -> datetime:
    """Read what `stamp` wrote."""
    return datetime.fromisoformat(text).astimezone(UTC)


def epoch(when: datetime) -> int:
    """Give seconds since 1970, as DynamoDB's TTL wants them."""
    return int(when.timestamp())


def _plain(value: Any) -> Any:
    return stamp(value) if isinstance(value, datetime) else value


def _natural(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value)
    if isinstance(value, Binary):
        return bytes(value)  # type: ignore[call-overload]
    if isinstance(value, list):
        return [_natural(v) for v in value]
    if isinstance(value, dict):
        return {k: _natural(v) for k, v in value.items()}
    return value
