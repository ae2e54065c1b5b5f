"""Verifying a log in operation, from the last verified checkpoint on, however long the log is.

The tree's right edge at the verified size is read from the tiles, and must hash to the verified root. Then every row
that was sealed since is read from the table and put to it; what comes out must be what the newest checkpoint is signed
for. So old and new tree are consistent by construction. Memory is that edge, and one entry a chain of the stretch.

This is the operator's own look at the log, with the operator's own rights: it finds damage early. It does not replace
the auditor, who verifies an export with a checkpoint of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Protocol

from photogate.audit.damage import Damage, DamageFound
from photogate.audit.log import timestamp
from photogate.audit.merkle import Frontier
from photogate.audit.note import BadSignature, Checkpoint, NoteError, VerifierKey, open_checkpoint
from photogate.audit.receipts import Receipts
from photogate.audit.row import Row
from photogate.audit.seal import Head, Manifest, Sealed
from photogate.audit.tiles import TileReader
from photogate.audit.verify import HEARTBEAT, SEALING_TAKES
from photogate.errors import IntegrityError

__all__ = ["Ledger", "RowStore", "Verified", "unsealed_rows", "verify_since"]

MOST_ROWS = 1_000_000
"""Rows in one run: what a function has time for. The next run goes on behind them."""


class RowStore(Protocol):
    """The Audit table."""

    def get(self, chain: str, seq: int) -> Row | None:
        """Give one row with a consistent read, or None."""

    def rows(self, keys: Sequence[tuple[str, int]]) -> Mapping[tuple[str, int], Row]:
        """Give the rows that are there, by chain and sequence."""


class Ledger(Protocol):
    """The Ledger table."""

    def head(self) -> Head:
        """Give the committed head."""

    def manifest(self, number: int) -> Manifest | None:
        """Give one manifest, or None."""

    def place(self, chain: str, seq: int) -> int | None:
        """Give a row's index in the tree, or None."""

    def sealed(self, chains: Iterable[str]) -> Mapping[str, Sealed]:
        """Tell how far chains are sealed."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What one run verified: `rows` rows, up to a checkpoint. `tenants` are those whose rows were among them."""

    rows: int
    checkpoint: Checkpoint | None
    tenants: frozenset[str]


def verify_since(
    rows: RowStore,
    ledger: Ledger,
    fetch: Callable[[str], bytes | None],
    vkey: VerifierKey,
    since: Checkpoint | None,
    now: datetime,
    most_rows: int = MOST_ROWS,
) -> Verified:
    """Verify what was sealed behind a checkpoint that was verified before.

    Parameters
    ----------
    fetch
        Gives a file of the ledger bucket by its path, or None.
    since
        The verified checkpoint; None for the beginning of the log.
    now
        Tells which rows may be gone, and how old the last heartbeat is.
    most_rows
        After so many rows the run ends at the next commit that is signed.

    Raises
    ------
    DamageFound
        With the kind of damage and its first place, as the offline verifier names it.
    """
    head = ledger.head()
    if head.tree.size == 0:
        if since is not None:
            raise DamageFound(Damage.ROLLED_BACK, "size 0", f"Expected {since.size} rows or more; found none")
        return Verified(0, None, frozenset())
    newest = _opened(Receipts(rows, ledger, fetch).newest(), vkey)
    if since is not None and newest.size < since.size:
        message = f"Expected a checkpoint of {since.size} rows or more, as was verified; found {newest.size}"
        raise DamageFound(Damage.ROLLED_BACK, f"size {newest.size}", message)
    walk = _Walk(rows, ledger, now, _edge(fetch, since))
    first = walk.edge.size
    number = _manifest_at(ledger, head.version, first)
    reached: Checkpoint | None = since
    while walk.edge.size < newest.size:
        walk.take(_manifest(ledger, number))
        number += 1
        signed = fetch(f"checkpoint/{walk.edge.size:020d}")
        if signed is not None:
            reached = _opened(signed, vkey)
            if walk.edge.root != reached.root:
                message = "Expected the rows to make the tree that this checkpoint was signed for; found another"
                raise DamageFound(Damage.REWRITTEN, f"size {reached.size}", message)
            if walk.edge.size - first >= most_rows:
                break
    walk.conclude(whole=reached == newest)
    return Verified(walk.edge.size - first, reached, frozenset(walk.tenants))


def unsealed_rows(ledger: Ledger, rows: Iterable[Row], now: datetime) -> Iterator[Row]:
    """Give those rows that should be sealed by now and are not."""
    due = timestamp(now - SEALING_TAKES)
    old = (row for row in rows if str(row.fields["time"]) < due)
    while part := list(islice(old, 1000)):
        sealed = ledger.sealed({row.chain for row in part})
        yield from (row for row in part if row.chain not in sealed or row.seq > sealed[row.chain].seq)


class _Walk:
    """Rows put to the tree's edge, one commit after the other."""

    def __init__(self, rows: RowStore, ledger: Ledger, now: datetime, edge: Frontier) -> None:
        self._rows, self._ledger, self._now = rows, ledger, now
        self.edge = edge
        self.tenants: set[str] = set()
        self._chains: dict[str, tuple[int, bytes]] = {}
        self._gap: int | None = None
        self._beat: datetime | None = None
        self._silence: DamageFound | None = None
        self._break: DamageFound | None = None

    def take(self, manifest: Manifest) -> None:
        if manifest.first != self.edge.size:
            message = f"Expected the commit to begin at row {self.edge.size}; found {manifest.first}"
            raise DamageFound(Damage.REWRITTEN, f"manifest {manifest.number}", message)
        found = self._read(manifest)
        for key, leaf in zip(manifest.keys, manifest.leaves, strict=True):
            row = found.get(key)
            if row is None:
                self._gap = self.edge.size if self._gap is None else self._gap
            elif row.leaf != leaf:
                message = f"Expected the leaf {leaf.hex()}; found {row.leaf.hex()}"
                raise DamageFound(Damage.EDITED, f"row {self.edge.size}", message)
            else:
                self._row(row)
            self._chains[key[0]] = (key[1], leaf)
            self.edge.append(leaf)

    def conclude(self, *, whole: bool) -> None:
        """Raise what was found on the way; with `whole`, also what the end of the log shows."""
        if self._break is not None:
            raise self._break
        if self._gap is not None:
            raise self._gone()
        if whole and self._beat is not None:
            self._silent_until(self._now)
        if self._silence is not None:
            raise self._silence

    def _read(self, manifest: Manifest) -> Mapping[tuple[str, int], Row]:
        try:
            return self._rows.rows(manifest.keys)
        except IntegrityError as error:
            place = f"rows {manifest.first} to {manifest.first + len(manifest.keys) - 1}"
            raise DamageFound(Damage.EDITED, place, str(error)) from None

    def _row(self, row: Row) -> None:
        self.tenants.add(row.chain.partition("/")[0])
        if self._gap is not None and row.expires_at > self._now.timestamp():
            raise self._gone()
        self._gap = None
        if not self._continues(row) and self._break is None:
            message = f"Expected the next row of chain {row.chain}; found sequence {row.seq} or another link"
            self._break = DamageFound(Damage.BROKEN_CHAIN, f"row {self.edge.size}", message)
        time = datetime.fromisoformat(str(row.fields["time"]))
        self._beat = self._beat or time
        if row.fields["name"] == "log.sealed":
            self._silent_until(time)
            self._beat = time

    def _continues(self, row: Row) -> bool:
        before = self._chains.get(row.chain)
        prev = row.fields["prev"]
        if before is None and row.seq:  # the row before it was verified by an earlier run
            earlier = self._rows.get(row.chain, row.seq - 1)
            return earlier is None or prev == earlier.leaf.hex()
        return (row.seq, prev) == ((0, None) if before is None else (before[0] + 1, before[1].hex()))

    def _silent_until(self, time: datetime) -> None:
        if self._beat is not None and time - self._beat > HEARTBEAT and self._silence is None:
            message = f"Expected a log.sealed within {HEARTBEAT} after {timestamp(self._beat)}; found none"
            self._silence = DamageFound(Damage.MISSING_HEARTBEAT, f"row {self.edge.size}", message)

    def _gone(self) -> DamageFound:
        return DamageFound(Damage.DELETED, f"row {self._gap}", "Expected a row that is not due to expire; found none")


def _edge(fetch: Callable[[str], bytes | None], since: Checkpoint | None) -> Frontier:
    """Give the right edge of the verified tree, from tiles that hash to its root."""
    if since is None or since.size == 0:
        return Frontier()
    reader, low, hashes = TileReader(fetch, since.size), 0, list[bytes]()
    try:
        while low < since.size:
            level = (since.size - low).bit_length() - 1
            hashes.append(reader.subtree(level, low >> level))
            low += 1 << level
    except IntegrityError as error:
        raise DamageFound(Damage.BAD_TILE, f"size {since.size}", str(error)) from None
    edge = Frontier(since.size, hashes)
    if edge.root != since.root:
        message = "Expected the tiles to hash to the root that was verified; found another"
        raise DamageFound(Damage.BAD_TILE, f"size {since.size}", message)
    return edge


def _opened(note: bytes, vkey: VerifierKey) -> Checkpoint:
    try:
        return open_checkpoint(note, vkey)
    except BadSignature as error:
        raise DamageFound(Damage.BAD_SIGNATURE, "the checkpoint", str(error)) from None
    except NoteError as error:
        raise DamageFound(Damage.WRONG_KEY, "the checkpoint", str(error)) from None


def _manifest_at(ledger: Ledger, version: int, index: int) -> int:
    """Find the commit that begins at an index of the tree: commits are in the order of the tree."""
    low, high = 1, version + 1
    while low < high:
        middle = (low + high) // 2
        if _manifest(ledger, middle).first < index:
            low = middle + 1
        else:
            high = middle
    return low


def _manifest(ledger: Ledger, number: int) -> Manifest:
    manifest = ledger.manifest(number)
    if manifest is None:
        raise DamageFound(Damage.REWRITTEN, f"manifest {number}", "Expected every commit's manifest; found none")
    return manifest
