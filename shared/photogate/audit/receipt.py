"""Receipts: one event with the proof that it is in the log (C2SP tlog-proof).

The event's body travels in the receipt's `extra` line. The format does not authenticate that line; here it is the data
of the leaf that the proof is about, so it is authenticated all the same.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass

from photogate.audit.merkle import HASH_BYTES, leaf_hash, verify_inclusion
from photogate.audit.note import Checkpoint, NoteError, VerifierKey, open_checkpoint, parse_checkpoint
from photogate.audit.tiles import TileReader
from photogate.errors import ProofError

__all__ = ["Receipt", "check_receipt", "make_receipt", "parse_receipt"]

HEADER = "c2sp.org/tlog-proof@v1"
MOST_BYTES = 1_000_000
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,18})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Receipt:
    """A proof as it stands in a file: not checked yet."""

    index: int
    proof: tuple[bytes, ...]
    checkpoint: bytes
    body: bytes | None = None

    @property
    def data(self) -> bytes:
        """The file."""
        lines = [HEADER]
        if self.body is not None:
            lines.append("extra " + base64.b64encode(self.body).decode())
        lines.append(f"index {self.index}")
        lines += [base64.b64encode(node).decode() for node in self.proof]
        return ("\n".join(lines) + "\n\n").encode() + self.checkpoint


def make_receipt(index: int, body: bytes, checkpoint: bytes, fetch: Callable[[str], bytes | None]) -> Receipt:
    """Prove that a body is the leaf at `index` of the tree of a checkpoint, from the log's tiles.

    Parameters
    ----------
    checkpoint
        The signed note; it must open with the log's key when the receipt is checked.
    fetch
        Gives a tile by its path.

    Raises
    ------
    ProofError
        If the tiles do not make a proof that holds: no receipt is written that would not check.
    """
    head = parse_checkpoint(checkpoint.decode().rpartition("\n\n")[0] + "\n")
    proof = TileReader(fetch, head.size).inclusion_proof(index)
    verify_inclusion(index, head.size, leaf_hash(body), proof, head.root)
    return Receipt(index, tuple(proof), checkpoint, body)


def parse_receipt(data: bytes) -> Receipt:
    """Read a receipt.

    Raises
    ------
    NoteError
        If it is not of the format.
    """
    if len(data) > MOST_BYTES:
        raise NoteError(f"Expected a receipt of at most {MOST_BYTES} bytes; found {len(data)}")
    head, gap, checkpoint = data.partition(b"\n\n")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise NoteError("Expected a receipt in ASCII before its checkpoint; found other bytes") from None
    if not gap or lines.pop(0) != HEADER:
        raise NoteError(f"Expected `{HEADER}` and an empty line before the checkpoint; found another form")
    body = None
    if lines and lines[0].startswith("extra "):
        body = _decoded(lines.pop(0).removeprefix("extra "))
    index = _INDEX.fullmatch(lines.pop(0)) if lines else None
    if index is None:
        raise NoteError("Expected a line `index <number>` in the receipt; found another form")
    proof = tuple(map(_decoded, lines))
    if any(len(node) != HASH_BYTES for node in proof):
        raise NoteError(f"Expected hashes of {HASH_BYTES} bytes in the receipt; found another length")
    return Receipt(int(index[1]), proof, checkpoint, body)


def check_receipt(data: bytes, vkey: VerifierKey, body: bytes | None = None) -> tuple[bytes, int, Checkpoint]:
    """Check a receipt.

    Parameters
    ----------
    data
        The receipt.
    vkey
        The log's key.
    body
        The event, where the receipt does not carry it.

    Returns
    -------
    tuple
        The event's body, its index, and the checkpoint that it is proved for.

    Raises
    ------
    NoteError
        If the receipt is malformed, or its checkpoint is not the log's.
    ProofError
        If the event is not in the tree.
    """
    receipt = parse_receipt(data)
    checkpoint = open_checkpoint(receipt.checkpoint, vkey)
    event = receipt.body if body is None else body
    if event is None:
        raise ProofError("Expected the event in the receipt or beside it; found none")
    verify_inclusion(receipt.index, checkpoint.size, leaf_hash(event), receipt.proof, checkpoint.root)
    return event, receipt.index, checkpoint


def _decoded(text: str) -> bytes:
    try:
        decoded = base64.b64decode(text, validate=True)
    except binascii.Error:
        raise NoteError("Expected standard base64 in the receipt; found something else") from None
    if base64.b64encode(decoded).decode() != text:
        raise NoteError("Expected base64 in its one form in the receipt; found another")
    return decoded
