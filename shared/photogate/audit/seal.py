"""Sealing: rows of the stream become leaves of one tree, and its heads are signed.

Any number of sealers may run at once, be handed the same rows again, and stop at any write:

- A commit is one transaction, conditional on the version of the head that it was made from: the new head, a manifest of
  what was added, and for each chain how far it is sealed. The last is what keeps a row from being added twice. It also
  tells where in the tree the chain's latest rows are; of earlier rows that is kept in blocks of `BLOCK` sequences, so
  that two reads find any row's index.
- Only a committed head is published: its tiles, then its checkpoint, each written where there is nothing yet. All
  committed heads are states of one growing tree, so whatever is signed is consistent with everything signed before.
- Hashes of full tiles stay in the head until a later commit, which happens only after this head was published.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from photogate.audit.note import Checkpoint, Signer, open_checkpoint, sign_checkpoint
from photogate.audit.row import Row
from photogate.audit.stream import Alarm, Change, Inserted
from photogate.audit.tiles import Tree
from photogate.errors import Conflict, IntegrityError, Transient

__all__ = ["BLOCK", "Head", "LedgerFiles", "LedgerStore", "Manifest", "Places", "Sealed", "Sealer", "checkpoint_path"]

MOST_ITEMS = 98
"""Chains and blocks in one commit: TransactWriteItems takes 100 actions, of which head and manifest are two."""

BLOCK = 32
"""Sequences of a chain whose places are kept together: one item of about 600 bytes."""

Places = tuple[tuple[int, int], ...]
"""Rows of one block of a chain, as sequence and index in the tree."""

MOST_ROWS = 1000
"""Rows in one commit: their hashes fit into the head's and the manifest's item (400 KB each)."""

ATTEMPTS = 8


@dataclass(frozen=True, slots=True)
class Head:
    """The committed state of the log. `version` counts the commits."""

    version: int = 0
    tree: Tree = field(default_factory=Tree)


@dataclass(frozen=True, slots=True)
class Sealed:
    """How far a chain is sealed: the last sequence, its leaf, and the places of the rows in that sequence's block."""

    seq: int
    leaf: bytes
    places: Places = ()

    @property
    def block(self) -> int:
        """The block of the last sequence."""
        return self.seq // BLOCK


@dataclass(frozen=True, slots=True)
class Manifest:
    """What one commit added: rows by chain and sequence, in the order of the tree from leaf `first` on."""

    number: int
    first: int
    keys: tuple[tuple[str, int], ...]
    leaves: tuple[bytes, ...]


class LedgerStore(Protocol):
    """The Ledger table."""

    def head(self) -> Head:
        """Give the committed head with a consistent read; an empty one before the first commit."""

    def sealed(self, chains: Iterable[str]) -> Mapping[str, Sealed]:
        """Tell how far chains are sealed, with consistent reads; a chain that is not sealed is left out."""

    def commit(
        self, head: Head, manifest: Manifest, sealed: Mapping[str, Sealed], left: Mapping[tuple[str, int], Places]
    ) -> None:
        """Write all or nothing; raise `Conflict` unless the version before is ``head.version - 1``.

        Parameters
        ----------
        left
            Blocks that their chains have left with this commit, by chain and block.
        """


class LedgerFiles(Protocol):
    """The ledger bucket."""

    def get(self, path: str) -> bytes | None:
        """Give a file, or None."""

    def put_new(self, path: str, data: bytes) -> bool:
        """Write a file where there is none, and tell whether that was so."""


def checkpoint_path(size: int) -> str:
    """Name the checkpoint of a tree size; names sort by size."""
    return f"checkpoint/{size:020d}"


class Sealer:
    """Adds rows to the tree and signs its heads.

    Parameters
    ----------
    ledger, files
        Where the log's state and its published files are.
    signer
        Signs checkpoints; its key's name is the log's origin.
    alert
        Called with everything that must not have happened; it must raise where it cannot pass it on.
    pause
        Called with the number of the attempt after a conflict.
    """

    def __init__(
        self,
        ledger: LedgerStore,
        files: LedgerFiles,
        signer: Signer,
        alert: Callable[[Alarm], None],
        pause: Callable[[int], None] = lambda attempt: None,
    ) -> None:
        self._ledger = ledger
        self._files = files
        self._signer = signer
        self._alert = alert
        self._pause = pause
        self._published = 0  # the version of the head that this sealer last found or made published

    def seal(self, inserted: Sequence[Inserted]) -> None:
        """Add the rows that are not in the tree yet, in the order given, and publish the head.

        Raises
        ------
        IntegrityError
            If what is published for a tree size is not what was committed for it: the log stops here.
        Transient
            If other sealers commit all the time, or a service does not answer; call again with the same rows.
        """
        for part in _parts(inserted):
            self._seal_part(part)
        if not inserted:
            self.publish(self._ledger.head())

    def publish(self, head: Head) -> None:
        """Write the tiles and the checkpoint of a committed head, or find that they are there.

        Raises
        ------
        IntegrityError
            If something else is there.
        """
        if head.tree.size == 0 or head.version == self._published:
            return
        checkpoint = Checkpoint(self._signer.key.name, head.tree.size, head.tree.root)
        path = checkpoint_path(checkpoint.size)
        present = self._files.get(path)
        if present is None:
            for tile in head.tree.tiles():
                if not self._files.put_new(tile.path, tile.data) and self._files.get(tile.path) != tile.data:
                    raise IntegrityError(f"Expected {tile.path} as it was committed; found another one")
            present = sign_checkpoint(checkpoint, self._signer)
            if not self._files.put_new(path, present):
                present = self._files.get(path)
        if present is None or open_checkpoint(present, self._signer.key) != checkpoint:
            raise IntegrityError(f"Expected the committed root for size {checkpoint.size}; found another one signed")
        self._published = head.version

    def _seal_part(self, part: Sequence[Inserted]) -> None:
        conflicts = 0
        while conflicts < ATTEMPTS:
            head = self._ledger.head()
            self.publish(head)
            marks = self._ledger.sealed({record.row.chain for record in part})
            new = [row for row, alarm in _new_rows(part, marks) if self._passes(alarm)]
            if not new:
                return
            rows, sealed, left = _placed(new, marks, head.tree.size)
            following = Head(head.version + 1, head.tree.settled().extended([row.leaf for row in rows]))
            keys = tuple((row.chain, row.seq) for row in rows)
            manifest = Manifest(following.version, head.tree.size, keys, tuple(row.leaf for row in rows))
            try:
                self._ledger.commit(following, manifest, sealed, left)
            except Conflict:
                self._pause(conflicts)
                conflicts += 1
                continue
            self.publish(following)
            if len(rows) == len(new):
                return
        raise Transient(f"Expected to commit; other sealers were first {ATTEMPTS} times")

    def _passes(self, alarm: Alarm | None) -> bool:
        if alarm is not None:
            self._alert(alarm)
        return alarm is None or alarm.change is Change.FORKED


def _parts(inserted: Sequence[Inserted]) -> Iterator[Sequence[Inserted]]:
    """Cut rows into what one commit can take."""
    part: list[Inserted] = []
    chains: set[str] = set()
    for record in inserted:
        if len(part) == MOST_ROWS or (len(chains) == MOST_ITEMS and record.row.chain not in chains):
            yield part
            part, chains = [], set()
        part.append(record)
        chains.add(record.row.chain)
    if part:
        yield part


def _new_rows(part: Sequence[Inserted], marks: Mapping[str, Sealed]) -> Iterator[tuple[Row, Alarm | None]]:
    """Give the rows behind what is sealed of their chains, and an alarm for a row that does not fit there.

    A row at the end of a chain whose link or number is off was written, so it is sealed (`FORKED`): the verifier will
    show the break. A row at a place that is sealed with another leaf is not (`INSERTED`).
    """
    ends = {chain: (mark.seq, mark.leaf) for chain, mark in marks.items()}
    for record in part:
        row = record.row
        chain, seq, leaf, prev = row.chain, row.seq, row.leaf, row.fields["prev"]
        last = ends.get(chain)
        if last is None:
            fits = seq == 0 and prev is None
        elif seq <= last[0]:
            if seq == last[0] and leaf != last[1]:
                yield row, _alarm(record, Change.INSERTED, last[1])
            continue
        else:
            fits = seq == last[0] + 1 and prev == last[1].hex()
        ends[chain] = (seq, leaf)
        yield row, None if fits else _alarm(record, Change.FORKED, None if last is None else last[1])


def _placed(
    rows: Sequence[Row], marks: Mapping[str, Sealed], first: int
) -> tuple[Sequence[Row], dict[str, Sealed], dict[tuple[str, int], Places]]:
    """Put rows into the tree from index `first` on, as many as one transaction can take.

    Returns
    -------
    tuple
        Those rows, how far their chains are sealed then, and the blocks that the chains have left.
    """
    ends: dict[str, Row] = {}
    places: dict[str, list[tuple[int, int]]] = {}
    left: dict[tuple[str, int], Places] = {}
    taken = len(rows)
    for n, row in enumerate(rows):
        chain, seq = row.chain, row.seq
        here, mark = places.get(chain), None
        if here is None:
            mark = marks.get(chain)
            here = [] if mark is None else list(mark.places)
        leaves = bool(here) and here[-1][0] // BLOCK != seq // BLOCK
        if len(ends) + len(left) + (chain not in ends) + leaves > MOST_ITEMS:
            taken = n
            break
        if leaves:
            left[chain, here[-1][0] // BLOCK] = tuple(here)
            here = []
        here.append((seq, first + n))
        places[chain], ends[chain] = here, row
    sealed = {chain: Sealed(row.seq, row.leaf, tuple(places[chain])) for chain, row in ends.items()}
    return rows[:taken], sealed, left


def _alarm(record: Inserted, change: Change, before: bytes | None) -> Alarm:
    row = record.row
    leaf_before = None if before is None else before.hex()
    return Alarm(record.sequence_number, row.leaf.hex(), change, row.chain, row.seq, row.leaf.hex(), leaf_before)
