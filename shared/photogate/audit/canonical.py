"""Canonical JSON: the one byte string for a value, after RFC 8785 (JCS), for the values that we write.

We write objects with string keys, arrays, strings, booleans, null and integers within ±(2^53 - 1). Floating-point
numbers have no place in the log (a share is written in thousandths), so their serialisation is refused, not guessed.
"""

from __future__ import annotations

import json
from typing import Any

__all__ = ["canonical"]

_SAFE_INTEGER = 2**53 - 1


def canonical(value: Any) -> bytes:
    """Serialise `value` as RFC 8785 says.

    Returns
    -------
    bytes
        UTF-8, no white space, keys sorted by their UTF-16 code units (RFC 8785 3.2.3).

    Raises
    ------
    TypeError
        For a float that is not a whole number, or anything that JSON does not have.
    ValueError
        For an integer beyond ±(2^53 - 1), or a lone surrogate.
    """
    return json.dumps(_ordered(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode("utf-8")


def _ordered(value: Any) -> Any:
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int):
        if abs(value) > _SAFE_INTEGER:
            raise ValueError("Expected an integer within ±(2^53 - 1), RFC 8785 3.2.2.3; found a larger one")
        return value
    if isinstance(value, list | tuple):
        return [_ordered(item) for item in value]
    if isinstance(value, dict):
        if any(not isinstance(key, str) for key in value):
            raise TypeError("Expected string keys only, RFC 8259 4")
        return {key: _ordered(value[key]) for key in sorted(value, key=lambda k: k.encode("utf-16-be"))}
    raise TypeError(f"Expected a value that the log may hold; found {type(value).__name__}")
