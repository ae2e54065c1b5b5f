"""What can be wrong with a log: one exit code for each kind, and how to tell the kinds apart.

::

    10 edited               a row's bytes are not those that were sealed
    11 deleted              a sealed row is not in the export, or went before its time
    12 inserted             a row that was not sealed stands between sealed ones
    13 reordered            sealed rows stand in another order
    14 truncated            the export ends before the newest checkpoint
    15 rolled back          the newest checkpoint is older than one that the auditor holds
    16 forked               two checkpoints of one size have different roots
    17 rewritten            the history is not the one that a checkpoint was signed for
    18 bad signature        a signature of the log's or the witness's key does not verify
    19 wrong key            a checkpoint is signed by another key, or for another log
    20 broken chain         a sealed row does not continue its photo's, subject's or tenant's chain
    21 missing heartbeat    longer than allowed without a `log.sealed`
    22 unsealed rows        rows that no checkpoint covers
    23 bad tile             a hash tile is not the tree's
    24 no checkpoint        there is none
    25 malformed checkpoint a file among the checkpoints is not a signed checkpoint
    26 no witness           no checkpoint carries the witness's signature
    27 malformed row        a sealed row is not an event
    28 unreadable export    there are no files of an export
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from enum import IntEnum
from typing import Any

from photogate.errors import IntegrityError

__all__ = ["Damage", "DamageFound", "compared", "parsed", "unlinked"]

LOOKAHEAD = 100_000
_MOST = 2**47


class Damage(IntEnum):
    """The kinds of damage, by exit code."""

    EDITED = 10
    DELETED = 11
    INSERTED = 12
    REORDERED = 13
    TRUNCATED = 14
    ROLLED_BACK = 15
    FORKED = 16
    REWRITTEN = 17
    BAD_SIGNATURE = 18
    WRONG_KEY = 19
    BROKEN_CHAIN = 20
    MISSING_HEARTBEAT = 21
    UNSEALED = 22
    BAD_TILE = 23
    NO_CHECKPOINT = 24
    MALFORMED_CHECKPOINT = 25
    NO_WITNESS = 26
    MALFORMED_ROW = 27
    UNREADABLE_EXPORT = 28

    @property
    def title(self) -> str:
        """The kind in words."""
        return self.name.lower().replace("_", " ")


class DamageFound(IntegrityError):
    """The first damage that was found.

    Attributes
    ----------
    damage
        Its kind; the exit code of the verifier.
    place
        Where: a line of the export (from 0, the index in the tree), a file, or a tree size.
    """

    def __init__(self, damage: Damage, place: str, message: str) -> None:
        super().__init__(f"{damage.title} at {place}: {message}")
        self.damage = damage
        self.place = place


def parsed(body: bytes) -> dict[str, Any] | None:
    """Give the fields of a row's body, or None unless those that the verifier needs are there and of their type."""
    try:
        fields: dict[str, Any] = json.loads(body)
        seq, prev = fields["seq"], fields["prev"]
        whole = (
            type(seq) is int
            and 0 <= seq < _MOST
            and type(fields["expires_at"]) is int
            and type(fields["chain"]) is str
            and type(fields["time"]) is str
            and type(fields["name"]) is str
            and (prev is None or type(prev) is str)
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return fields if whole else None


def compared(found: Sequence[bytes], sealed: Sequence[bytes], first: int) -> DamageFound | None:
    """Tell how the leaves found differ from those that were sealed, from leaf `first` on.

    Parameters
    ----------
    found, sealed
        Leaf hashes of the export and of the log, both from `first`.
    """
    place = next((n for n, (f, s) in enumerate(zip(found, sealed, strict=False)) if f != s), None)
    if place is None:
        if len(found) < len(sealed):
            return DamageFound(
                Damage.TRUNCATED, f"row {first + len(found)}", f"Expected {len(sealed) - len(found)} more rows"
            )
        return None
    here = f"row {first + place}"
    there = found[place] in set(sealed[place : place + LOOKAHEAD])
    later = sealed[place] in set(found[place : place + LOOKAHEAD])
    if there and later:
        return DamageFound(Damage.REORDERED, here, "Expected a row that stands later; found one from there")
    if there:
        return DamageFound(Damage.DELETED, here, f"Expected the row with leaf {sealed[place].hex()}; found a later one")
    if later:
        return DamageFound(Damage.INSERTED, here, "Expected a row that stands later; found one that was never sealed")
    return DamageFound(Damage.EDITED, here, f"Expected the leaf {sealed[place].hex()}; found {found[place].hex()}")


def unlinked(rows: Iterator[tuple[bytes, bytes]]) -> DamageFound | None:
    """Tell the damage from the chains alone, where no tiles say what was sealed.

    Parameters
    ----------
    rows
        Bodies and their leaf hashes, from the beginning.
    """
    last: dict[str, tuple[int, str]] = {}
    broken: tuple[int, str, int] | None = None
    for index, (body, leaf) in enumerate(rows):
        fields = parsed(body)
        if fields is None:
            return DamageFound(Damage.EDITED, f"row {index}", "Expected an event; found other bytes")
        chain, seq = fields["chain"], fields["seq"]
        if broken is not None:
            if (chain, seq) == broken[1:]:
                return DamageFound(Damage.REORDERED, f"row {broken[0]}", "Expected a row that stands later")
            continue
        before, link = last.get(chain, (-1, None))
        if seq > before + 1:
            broken = (index, chain, before + 1)
            continue
        if seq <= before:
            return DamageFound(Damage.INSERTED, f"row {index}", f"Expected sequence {before + 1}; found {seq} again")
        if fields["prev"] != link:
            return DamageFound(Damage.EDITED, f"row {index}", "Expected the leaf of the row before in its chain")
        last[chain] = (seq, leaf.hex())
    if broken is not None:
        return DamageFound(Damage.DELETED, f"row {broken[0]}", f"Expected sequence {broken[2]} of its chain before it")
    return None
