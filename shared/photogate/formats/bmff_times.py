"""Time tables of a track (ISO/IEC 14496-12, 8.6): as many rows as it has samples, and numbers that these bear out.

A table may name samples that are not there, and an edit list times that the track does not have. Players pass over
both, so both would be places to write in.
"""

from __future__ import annotations

import struct

from photogate.formats.bmff_boxes import Box, Budget, Fields, full_box

__all__ = ["UNKNOWN", "compositions", "edit_list", "keys", "lasting", "times"]

UNKNOWN = (1 << 64) - 1
_REPETITIONS = 1 << 16


def _runs(data: bytes, found: Box, samples: int, budget: Budget) -> tuple[int, list[tuple[int, int]]]:
    """Read rows of (count, number) for as many samples as there are; give the version with them."""
    fields = Fields(data, found.body, found.end)
    version, _ = fields.version()
    count = fields.uint(4)
    budget.spend(count, found.start)
    rows = []
    for _ in range(count):
        many, number = fields.many("II")
        many = min(many, samples)
        samples -= many
        if many:
            rows.append((many, number))
    return version & 1, rows


def _written(kind: bytes, version: int, rows: list[tuple[int, int]]) -> bytes:
    return full_box(kind, version, 0, struct.pack(">I", len(rows)), *(struct.pack(">II", *row) for row in rows))


def times(data: bytes, found: Box, samples: int, budget: Budget) -> tuple[bytes, int]:
    """Rebuild stts (8.6.1.2); give it with how long the samples last together."""
    _, rows = _runs(data, found, samples, budget)
    return _written(b"stts", 0, rows), sum(many * delta for many, delta in rows)


def compositions(data: bytes, found: Box, samples: int, budget: Budget) -> bytes:
    """Rebuild ctts (8.6.1.3)."""
    version, rows = _runs(data, found, samples, budget)
    return _written(b"ctts", version, rows)


def keys(data: bytes, found: Box, samples: int, budget: Budget) -> bytes:
    """Rebuild stss (8.6.2): numbers of samples that are there, in their order."""
    fields = Fields(data, found.body, found.end)
    fields.version()
    count = fields.uint(4)
    budget.spend(count, found.start)
    numbers = sorted({number for number in fields.many(f"{count}I") if 1 <= number <= samples})
    return full_box(b"stss", 0, 0, struct.pack(f">I{len(numbers)}I", len(numbers), *numbers))


def edit_list(data: bytes, found: Box, scaled: int, lasts: int, budget: Budget) -> tuple[bytes, int]:
    """Rebuild elst (8.6.6); give it with how long one run through it lasts.

    Parameters
    ----------
    scaled, lasts
        How long the samples last, in the movie's time scale and in the track's.
    """
    fields = Fields(data, found.body, found.end)
    version, flags = fields.version()
    count = fields.uint(4)
    budget.spend(count, found.start)
    rows: list[bytes] = []
    total = 0
    for _ in range(count):
        duration, start, _ = fields.many("Qqi" if version else "Iii")
        if len(rows) < 2:  # an empty edit, and one that plays
            duration = min(duration, scaled)
            start = start if -1 <= start < max(lasts, 1) else 0
            rows.append(struct.pack(">QqI", duration, start, 0x10000))
            total += duration
    return full_box(b"elst", 1, flags & 1, struct.pack(">I", len(rows)), *rows), total


def lasting(duration: int, once: int) -> int:
    """Settle how long a track lasts: not known, or so many runs through its edits."""
    return duration if duration == UNKNOWN or duration <= _REPETITIONS * once else once
