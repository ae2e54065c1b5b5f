"""How much of a file is shown part by part."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from photogate.formats import limits

__all__ = ["TOO_MANY", "Budget"]

T = TypeVar("T")
TOO_MANY = "not shown in detail: too many parts"


class Budget:
    """Counts the parts that are shown within the parts of one file; what is beyond is shown as one part."""

    def __init__(self, left: int = limits.MAX_PARTS_WITHIN) -> None:
        self.left = left

    @property
    def spent(self) -> bool:
        """Whether no further part is shown by itself."""
        return self.left <= 0

    def take(self, found: Iterable[T], each: int = 1) -> Iterator[T]:
        """Give what is found, each for so many parts, as long as something is left."""
        for one in found:
            if self.spent:
                return
            self.left -= each
            yield one

    def looks(self, size: int) -> bool:
        """Say whether a carrier of `size` bytes is looked into: 64 KiB count as a part, since pages may share it."""
        if self.spent:
            return False
        self.left -= size >> 16
        return True

    def rest(self, name: str) -> str:
        """Name what no part covers: as given, unless it was not looked at."""
        return TOO_MANY if self.spent else name
