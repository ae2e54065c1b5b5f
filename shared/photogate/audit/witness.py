"""A witness: whoever signs that a log only grew.

It remembers the last checkpoint that it saw. A newer one it signs only after the log's own hash tiles have proved that
the one before is its beginning. A log that goes back, or shows another history, gets no signature, now or later: what
the witness remembers does not change by it.

The cosignature is a plain note signature over the checkpoint's text (type 0x02), not a ``cosignature/v1``: it says who
signed, and not when.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from photogate.audit.damage import Damage, DamageFound
from photogate.audit.merkle import verify_consistency
from photogate.audit.note import (
    BadSignature,
    Checkpoint,
    NoteError,
    Signer,
    VerifierKey,
    open_checkpoint,
    open_note,
    signature_line,
)
from photogate.audit.seal import LedgerFiles, checkpoint_path
from photogate.audit.tiles import TileReader
from photogate.errors import IntegrityError, ProofError

__all__ = ["Looked", "Memory", "Witness", "WitnessedLog"]


class WitnessedLog(Protocol):
    """What a log publishes."""

    def get(self, path: str) -> bytes | None:
        """Give a file, or None."""

    def last(self, prefix: str, after: str) -> str | None:
        """Name the last file under a prefix that sorts behind `after`, or None where there is none."""


class Memory(Protocol):
    """What the witness has seen of one log."""

    def last(self) -> bytes | None:
        """Give the last checkpoint's note with a consistent read, or None before the first."""

    def remember(self, note: bytes, size: int, before: int | None) -> None:
        """Replace it; raise `Conflict` unless the one before is of the size `before`; None: unless there is none."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What one look found: the checkpoint that is cosigned now, and whether the log has grown since the look before."""

    checkpoint: Checkpoint
    grown: bool


class Witness:
    """Looks after one log.

    Parameters
    ----------
    log
        What the log publishes.
    vkey
        The log's key, from a place that the log's operator cannot change.
    memory
        The witness's own.
    files
        Where cosigned checkpoints are kept: the witness's own, too.
    signer
        The witness's key.
    """

    def __init__(
        self, log: WitnessedLog, vkey: VerifierKey, memory: Memory, files: LedgerFiles, signer: Signer
    ) -> None:
        self._log = log
        self._vkey = vkey
        self._memory = memory
        self._files = files
        self._signer = signer

    def look(self) -> Looked | None:
        """Cosign the log's newest checkpoint, if what was seen before is its beginning.

        Returns
        -------
        Looked or None
            None where the log has published nothing yet, and nothing was ever seen.

        Raises
        ------
        DamageFound
            `ROLLED_BACK`, `FORKED`, `REWRITTEN`, `BAD_TILE`, or what is wrong with the newest checkpoint's signature.
        Conflict
            If another run of this witness was faster.
        """
        kept = self._memory.last()
        seen = None if kept is None else open_checkpoint(kept, self._vkey)
        if kept is not None and seen is not None:
            self._cosign(kept, seen)  # a run that stopped may have remembered it and signed nothing
        newest = self._log.last("checkpoint/", "checkpoint/" if seen is None else checkpoint_path(seen.size))
        if newest is None:
            if seen is None:
                return None
            self._still_there(seen)
            return Looked(seen, grown=False)
        note = self._log.get(newest) or b""
        head = self._opened(note, newest)
        if seen is not None:
            if head.size <= seen.size:
                raise self._rolled_back(seen, newest)
            self._consistent(seen, head)
        else:
            self._whole(head)
        self._memory.remember(note, head.size, None if seen is None else seen.size)
        self._cosign(note, head)
        return Looked(head, grown=True)

    def _opened(self, note: bytes, place: str) -> Checkpoint:
        try:
            return open_checkpoint(note, self._vkey)
        except BadSignature as error:
            raise DamageFound(Damage.BAD_SIGNATURE, place, str(error)) from None
        except NoteError as error:
            raise DamageFound(Damage.MALFORMED_CHECKPOINT, place, str(error)) from None

    def _still_there(self, seen: Checkpoint) -> None:
        """Check that a log that did not grow still shows what it showed."""
        place = checkpoint_path(seen.size)
        note = self._log.get(place)
        if note is None:
            raise self._rolled_back(seen, place)
        if self._opened(note, place) != seen:
            message = "Expected the root that was seen for this size; found another one that is signed"
            raise DamageFound(Damage.FORKED, f"size {seen.size}", message)

    def _consistent(self, seen: Checkpoint, head: Checkpoint) -> None:
        self._whole(head)
        if seen.size == 0:  # everything grows from the empty tree, and no proof says so (RFC 9162 2.1.4)
            return
        proof = self._tiles(head, lambda: TileReader(self._log.get, head.size).consistency_proof(seen.size))
        try:
            verify_consistency(seen.size, head.size, proof, seen.root, head.root)
        except ProofError:
            message = f"Expected the tree of {seen.size} rows that was seen to be its beginning; found another history"
            raise DamageFound(Damage.REWRITTEN, f"size {head.size}", message) from None

    def _whole(self, head: Checkpoint) -> None:
        """Check that the tiles are those of the checkpoint: then a proof that fails is the history's fault."""
        if self._tiles(head, lambda: [TileReader(self._log.get, head.size).root()]) != [head.root]:
            message = "Expected tiles that hash to the root that is signed; found others"
            raise DamageFound(Damage.BAD_TILE, f"size {head.size}", message)

    def _tiles(self, head: Checkpoint, read: Callable[[], list[bytes]]) -> list[bytes]:
        try:
            return read()
        except IntegrityError as error:
            raise DamageFound(Damage.BAD_TILE, f"size {head.size}", str(error)) from None

    def _rolled_back(self, seen: Checkpoint, place: str) -> DamageFound:
        message = f"Expected a checkpoint of {seen.size} rows or more, as was seen; found none"
        return DamageFound(Damage.ROLLED_BACK, place, message)

    def _cosign(self, note: bytes, checkpoint: Checkpoint) -> None:
        path = checkpoint_path(checkpoint.size)
        if self._files.get(path) is not None:
            return
        text = open_note(note, [self._vkey]).text
        self._files.put_new(path, note + signature_line(self._signer.key, self._signer.sign(text.encode())).encode())
