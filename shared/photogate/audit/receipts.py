"""Receipts from a log in operation: a row's place, the newest checkpoint, and a few tiles. Never a Scan.

A row's index is found by its chain and sequence in at most two reads of the Ledger table, and the proof takes as many
tiles as the tree has levels of them, twice: the work grows with the logarithm of the log.

Outside, an event is named by its *reference*: ``photo.<upload id>.<sequence>``, ``subject.<pseudonym>.<sequence>`` or
``tenant.<sequence>``. It holds no tenant: whose log is meant is not for the asker to say.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol

from photogate.audit.event import photo_chain, subject_chain, tenant_chain
from photogate.audit.note import Checkpoint, parse_checkpoint
from photogate.audit.receipt import Receipt, make_receipt
from photogate.audit.row import Row
from photogate.audit.seal import Head, Manifest, checkpoint_path
from photogate.errors import IntegrityError, NotFound

__all__ = ["LedgerIndex", "Receipts", "Rows", "event_reference", "place_of", "tree_head"]

_REFERENCE = re.compile(r"(?:photo\.([0-9a-f]{32})|subject\.([0-9a-f]{32})|tenant)\.(0|[1-9][0-9]{0,14})", re.ASCII)


class Rows(Protocol):
    """The Audit table."""

    def get(self, chain: str, seq: int) -> Row | None:
        """Give one row with a consistent read, or None."""


class LedgerIndex(Protocol):
    """The Ledger table."""

    def head(self) -> Head:
        """Give the committed head."""

    def manifest(self, number: int) -> Manifest | None:
        """Give one manifest, or None."""

    def place(self, chain: str, seq: int) -> int | None:
        """Give a row's index in the tree, or None where it is not sealed."""


class Receipts:
    """Gives receipts for rows of a deployed log.

    Parameters
    ----------
    rows, ledger
        The Audit and the Ledger table.
    fetch
        Gives a file of the ledger bucket by its path, or None.
    """

    def __init__(self, rows: Rows, ledger: LedgerIndex, fetch: Callable[[str], bytes | None]) -> None:
        self._rows = rows
        self._ledger = ledger
        self._fetch = fetch

    def newest(self) -> bytes:
        """Give the newest checkpoint that is published, as the signed note.

        A head is committed before it is signed, so the one before may have to do; an older one never has to.

        Raises
        ------
        NotFound
            If nothing is signed yet.
        """
        head = self._ledger.head()
        number, size = head.version, head.tree.size
        while number:
            note = self._fetch(checkpoint_path(size))
            if note is not None:
                return note
            manifest = self._ledger.manifest(number)
            if manifest is None:
                raise IntegrityError(f"Expected manifest {number} of the log; found none")
            number, size = number - 1, manifest.first
        raise NotFound("Expected a signed checkpoint; found that nothing is sealed yet")

    def of(self, chain: str, seq: int) -> Receipt | None:
        """Prove that a row is in the log.

        Returns
        -------
        Receipt or None
            None where the row is there and no checkpoint covers it yet: ask again a few seconds later.

        Raises
        ------
        NotFound
            If there is no such row.
        IntegrityError
            If row, place and tiles do not make a proof that holds.
        """
        row = self._rows.get(chain, seq)
        if row is None:
            raise NotFound("Expected an event of the log; found none")
        index = self._ledger.place(chain, seq)
        if index is None:
            return None
        note = self.newest()
        return make_receipt(index, row.body, note, self._fetch) if index < tree_head(note).size else None


def tree_head(note: bytes) -> Checkpoint:
    """Read a checkpoint's note without looking at its signatures: for notes that are our own.

    Raises
    ------
    NoteError
        If it is malformed.
    """
    return parse_checkpoint(note.decode().rpartition("\n\n")[0] + "\n")


def event_reference(chain: str, seq: int) -> str:
    """Name an event without its tenant: ``photo.<upload id>.4`` is row 4 of that photo's chain."""
    return f"{chain.partition('/')[2].replace('/', '.')}.{seq}"


def place_of(tenant: str, reference: str) -> tuple[str, int]:
    """Give the chain and the sequence that a reference means within a tenant's log.

    Raises
    ------
    NotFound
        If it is not a reference.
    """
    found = _REFERENCE.fullmatch(reference)
    if found is None:
        raise NotFound("Expected an event of the log; found none")
    upload, subject, seq = found.groups()
    if upload:
        return photo_chain(tenant, upload), int(seq)
    return (subject_chain(tenant, subject) if subject else tenant_chain(tenant)), int(seq)
