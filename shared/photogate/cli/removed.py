"""Summing up in one line what stripping takes out."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["summed"]


def summed(removed: Iterable[tuple[str, str, int]]) -> str:
    """Say how many things of each category go, and how many bytes that are no part of anything.

    Parameters
    ----------
    removed
        Category, carrier and count; the count is one of bytes where the carrier says so.
    """
    counts: dict[str, int] = {}
    size = 0
    for category, where, count in removed:
        if where.startswith("bytes"):
            size += count
        else:
            counts[category] = counts.get(category, 0) + count
    told = [f"{name} {count:,}" for name, count in counts.items()]
    told += [f"{size:,} bytes between or behind parts"] if size else []
    return ", ".join(told)
