"""Verifying a log offline: an export, the signed checkpoints, and the public key. No AWS, no third party but
`cryptography`.

An export's lines are the rows' bodies in the order of the tree: line n, without its newline, is the data of leaf n. So
the verifier hashes lines, never serialises anything, and compares the tree with every checkpoint on the way. The
checkpoints' folder is a copy of the ledger bucket; where it holds hash tiles, they are checked, and they tell which row
is damaged and how. A row that expired stands as ``{"leaf":"<hex>"}``: allowed where the row behind it is due, too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path

from photogate.audit.damage import Damage, DamageFound, compared, parsed, unlinked
from photogate.audit.log import timestamp
from photogate.audit.merkle import HASH_BYTES, Frontier, root
from photogate.audit.note import (
    BadSignature,
    Checkpoint,
    NoteError,
    UnknownSigner,
    VerifierKey,
    open_note,
    parse_checkpoint,
)
from photogate.audit.tiles import HEIGHT, WIDTH, TileReader, tile_path
from photogate.errors import IntegrityError

__all__ = ["HEARTBEAT", "Report", "export_lines", "leaf_of", "read_checkpoints", "verify"]

HEARTBEAT = timedelta(hours=3)
"""The longest time without a `log.sealed`: it is scheduled hourly."""

SEALING_TAKES = timedelta(minutes=15)
EXPIRY_TAKES = timedelta(days=7)  # AWS says "within a few days"; heartbeats leave no longer gap between rows
_EXPIRED = b'{"leaf":"'
_EXPIRED_BYTES = len(_EXPIRED) + 64 + len(b'"}')


@dataclass(frozen=True, slots=True)
class Report:
    """What was verified."""

    rows: int
    expired: int
    chains: int
    heartbeats: int
    checkpoints: int
    newest: Checkpoint
    witnessed: int | None
    last_time: str


def verify(
    export: Path,
    checkpoints: Path,
    vkey: VerifierKey,
    *,
    witness: VerifierKey | None = None,
    since: bytes | None = None,
    heartbeat: timedelta = HEARTBEAT,
) -> Report:
    """Verify a log, or raise the first damage that is found.

    Parameters
    ----------
    export
        Folder with ``events-*.jsonl``, and ``unsealed.jsonl`` where there are such rows.
    checkpoints
        Folder with signed checkpoints, and tiles under ``tile/``.
    vkey
        The log's key; its name is the log's origin.
    witness
        The witness's key; at least one checkpoint must carry its signature.
    since
        A checkpoint that the auditor kept from before.
    heartbeat
        The longest time allowed without a `log.sealed`.

    Raises
    ------
    DamageFound
        With the kind of damage and its first place.
    """
    heads, witnessed = read_checkpoints(checkpoints, vkey, witness)
    newest = heads[-1]
    kept = None if since is None else _opened(since, [vkey], "the note given by --since", vkey)[0]
    if kept is not None and kept.size > newest.size:
        message = f"Expected a checkpoint of {kept.size} rows or more, as the auditor holds; found {newest.size}"
        raise DamageFound(Damage.ROLLED_BACK, f"size {newest.size}", message)
    reading = _Reading(export, checkpoints, heads, kept, heartbeat)
    reading.run()
    return Report(
        rows=reading.rows,
        expired=len(reading.expired),
        chains=len(reading.chains),
        heartbeats=reading.heartbeats,
        checkpoints=len(heads),
        newest=newest,
        witnessed=witnessed,
        last_time=reading.last_time,
    )


def read_checkpoints(
    folder: Path, vkey: VerifierKey, witness: VerifierKey | None = None
) -> tuple[list[Checkpoint], int | None]:
    """Read all checkpoints of a folder, by size, and the largest size that the witness signed.

    Raises
    ------
    DamageFound
        If one is malformed, not signed, or differs from another of its size.
    """
    found: dict[int, Checkpoint] = {}
    witnessed: int | None = None
    tiles = folder / "tile"
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and tiles not in p.parents):
        keys = [vkey] if witness is None else [vkey, witness]
        checkpoint, names = _opened(path.read_bytes(), keys, path.relative_to(folder).as_posix(), vkey)
        if found.setdefault(checkpoint.size, checkpoint).root != checkpoint.root:
            message = "Expected one root for each size; found two that are signed"
            raise DamageFound(Damage.FORKED, f"size {checkpoint.size}", message)
        if witness is not None and witness.name in names:
            witnessed = max(witnessed or 0, checkpoint.size)
    if not found:
        raise DamageFound(Damage.NO_CHECKPOINT, folder.name, "Expected signed checkpoints; found none")
    if witness is not None and witnessed is None:
        raise DamageFound(Damage.NO_WITNESS, folder.name, "Expected a checkpoint that the witness signed; found none")
    return [found[size] for size in sorted(found)], witnessed


def _opened(note: bytes, keys: Sequence[VerifierKey], place: str, log: VerifierKey) -> tuple[Checkpoint, set[str]]:
    try:
        opened = open_note(note, keys)
        if log.name not in {signature.name for signature in opened.signatures}:
            raise UnknownSigner("Expected the log's own signature; found the witness's alone")
        checkpoint = parse_checkpoint(opened.text)
        if checkpoint.origin != log.name:
            raise UnknownSigner("Expected the checkpoint's origin to be the name of its key; found another")
    except BadSignature as error:
        raise DamageFound(Damage.BAD_SIGNATURE, place, str(error)) from None
    except UnknownSigner as error:
        raise DamageFound(Damage.WRONG_KEY, place, str(error)) from None
    except NoteError as error:
        raise DamageFound(Damage.MALFORMED_CHECKPOINT, place, str(error)) from None
    return checkpoint, {signature.name for signature in opened.signatures}


def export_lines(export: Path) -> Iterator[bytes]:
    """Give the lines of an export in order, without their newlines.

    Raises
    ------
    DamageFound
        If there is no export.
    """
    files = sorted(export.glob("events-*.jsonl"))
    if not files:
        raise DamageFound(Damage.UNREADABLE_EXPORT, export.name, "Expected files events-*.jsonl; found none")
    for path in files:
        with path.open("rb") as file:
            for line in file:
                yield line.removesuffix(b"\n")


def leaf_of(line: bytes) -> bytes:
    """Give the leaf hash of an export's line; an expired row's is written in it."""
    if line.startswith(_EXPIRED) and len(line) == _EXPIRED_BYTES:
        try:
            return bytes.fromhex(line[len(_EXPIRED) : -2].decode("ascii"))
        except ValueError:
            pass
    return hashlib.sha256(b"\x00" + line).digest()


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _is_time(text: str) -> bool:
    """Tell whether a text is a moment as the log writes it: ``2026-11-01T09:30:00.123Z``."""
    if len(text) != 24 or text[10] != "T" or text[23] != "Z":
        return False
    try:
        _moment(text)
    except ValueError:
        return False
    return True


class _Reading:
    """One pass over an export."""

    def __init__(
        self,
        export: Path,
        ledger: Path,
        heads: Sequence[Checkpoint],
        kept: Checkpoint | None,
        heartbeat: timedelta,
    ) -> None:
        self._export, self._ledger, self._heads, self._kept = export, ledger, heads, kept
        self._heartbeat = heartbeat
        self._tiles = {
            path.relative_to(ledger).as_posix(): path for path in (ledger / "tile").rglob("*") if path.is_file()
        }
        self._levels: list[list[bytes]] = [[]]
        self._dropped = [0]  # full tiles of each level that are behind us
        self._bad_tile: str | None = None
        self._break: DamageFound | None = None
        self._silence: DamageFound | None = None
        self._beat: str | None = None
        self._due: tuple[int, int] | None = None  # row behind expired ones: its expiry, its index
        self._open_gap: int | None = None
        self.rows = 0
        self.heartbeats = 0
        self.chains: dict[bytes, bytes] = {}
        self.expired: set[bytes] = set()
        self.last_time = ""

    def run(self) -> None:
        """Read everything; raise the first damage."""
        heads = iter(self._heads)
        head = next(heads, None)
        good = 0
        while head is not None and head.size == 0:
            self._compare(head, good)
            head = next(heads, None)
        sizes = {h.size for h in self._heads} | ({self._kept.size} if self._kept else set())
        rewritten = False
        for line in export_lines(self._export):
            leaf = leaf_of(line)
            self._row(line, leaf)
            self._leaf(leaf)
            if self.rows in sizes:
                self._check_partial_tiles()
                if head is not None and head.size == self.rows:
                    self._compare(head, good)
                    good, head = head.size, next(heads, None)
                if self._kept is not None and self._kept.size == self.rows:
                    rewritten = self._kept.root != self._root()
        if head is not None:
            raise self._diagnosed(self._heads[-1], good)
        self._conclude(rewritten, good)

    def _conclude(self, rewritten: bool, good: int) -> None:
        if rewritten and self._kept is not None:
            message = "Expected the history that the auditor's checkpoint was signed for; found another, signed too"
            raise DamageFound(Damage.REWRITTEN, f"size {self._kept.size}", message)
        if self.rows > good:
            raise DamageFound(Damage.UNSEALED, f"row {good}", f"Expected no row behind the newest checkpoint of {good}")
        if self._break is not None:
            raise self._break
        self._check_expiry()
        if self._bad_tile is not None:
            raise DamageFound(Damage.BAD_TILE, self._bad_tile, "Expected the hashes of the tree; found others")
        self._check_silence(self.last_time)
        if self._silence is not None:
            raise self._silence
        self._check_unsealed()

    # ---- rows

    def _row(self, line: bytes, leaf: bytes) -> None:
        if line.startswith(_EXPIRED) and len(line) == _EXPIRED_BYTES:
            self.expired.add(leaf)
            self._open_gap = self.rows if self._open_gap is None else self._open_gap
            return
        fields = parsed(line)
        if fields is None or not _is_time(fields["time"]):
            self._first_break(DamageFound(Damage.MALFORMED_ROW, f"row {self.rows}", "Expected an event"))
            return
        if self._open_gap is not None:
            if self._due is None or fields["expires_at"] > self._due[0]:
                self._due = (fields["expires_at"], self._open_gap)
            self._open_gap = None
        chain = hashlib.blake2b(fields["chain"].encode(errors="surrogatepass"), digest_size=16).digest()
        seq, prev = fields["seq"], fields["prev"]
        before = self.chains.get(chain)
        if before is None:
            fits = (seq == 0 and prev is None) or self._after_expired(prev)
        else:
            fits = seq == int.from_bytes(before[HASH_BYTES:], "big") + 1 and prev == before[:HASH_BYTES].hex()
            fits = fits or self._after_expired(prev)
        if not fits:
            message = f"Expected the next row of chain {fields['chain']}; found sequence {seq} or another link"
            self._first_break(DamageFound(Damage.BROKEN_CHAIN, f"row {self.rows}", message))
        self.chains[chain] = leaf + seq.to_bytes(6, "big", signed=True)
        self.last_time = max(self.last_time, fields["time"])
        if self._beat is None:
            self._beat = fields["time"]
        if fields["name"] == "log.sealed":
            self.heartbeats += 1
            self._check_silence(fields["time"])
            self._beat = fields["time"]

    def _after_expired(self, prev: str | None) -> bool:
        try:
            return prev is not None and bytes.fromhex(prev) in self.expired
        except ValueError:
            return False

    def _first_break(self, damage: DamageFound) -> None:
        if self._break is None:
            self._break = damage

    def _check_silence(self, until: str) -> None:
        if self._beat is None or self._silence is not None:
            return
        if _moment(until) - _moment(self._beat) > self._heartbeat:
            message = f"Expected a log.sealed within {self._heartbeat} after {self._beat}; found none before {until}"
            self._silence = DamageFound(Damage.MISSING_HEARTBEAT, f"row {self.rows}", message)

    def _check_expiry(self) -> None:
        if self._open_gap is not None:
            message = "Expected rows to expire in order; found the newest ones gone"
            raise DamageFound(Damage.DELETED, f"row {self._open_gap}", message)
        if self._due is not None:
            latest = _moment(self.last_time) + EXPIRY_TAKES
            if self._due[0] > latest.timestamp():
                message = "Expected a row that is not due to expire; found its leaf alone"
                raise DamageFound(Damage.DELETED, f"row {self._due[1]}", message)

    def _check_unsealed(self) -> None:
        path = self._export / "unsealed.jsonl"
        if not path.is_file():
            return
        latest = timestamp(_moment(self.last_time) - SEALING_TAKES) if self.last_time else "~"
        for n, line in enumerate(path.read_bytes().splitlines()):
            fields = parsed(line)
            if fields is None or not _is_time(fields["time"]) or fields["time"] < latest:
                message = f"Expected every row to be sealed within {SEALING_TAKES}; found one that is not"
                raise DamageFound(Damage.UNSEALED, f"row {n} of unsealed.jsonl", message)

    # ---- the tree

    def _leaf(self, leaf: bytes) -> None:
        self.rows += 1
        level, carried = 0, leaf
        while True:
            hashes = self._levels[level]
            hashes.append(carried)
            if len(hashes) < WIDTH:
                return
            self._check_tile(tile_path(level, self._dropped[level]), hashes)
            carried = root(hashes)
            hashes.clear()
            self._dropped[level] += 1
            level += 1
            if level == len(self._levels):
                self._levels.append([])
                self._dropped.append(0)

    def _check_partial_tiles(self) -> None:
        for level, hashes in enumerate(self._levels):
            if hashes:
                self._check_tile(tile_path(level, self._dropped[level], len(hashes)), hashes)

    def _check_tile(self, path: str, hashes: list[bytes]) -> None:
        if self._bad_tile is None and path in self._tiles and self._tiles[path].read_bytes() != b"".join(hashes):
            self._bad_tile = path

    def _root(self) -> bytes:
        edge: list[bytes] = []
        for hashes in self._levels:
            frontier = Frontier()
            frontier.extend(hashes)
            edge = [*frontier.hashes, *edge]
        return Frontier(self.rows, edge).root

    def _compare(self, head: Checkpoint, good: int) -> None:
        if self._root() != head.root:
            raise self._diagnosed(head, good)

    # ---- what is wrong

    def _diagnosed(self, head: Checkpoint, good: int) -> DamageFound:
        """Tell what is wrong between the last good checkpoint and one that the export does not agree with."""
        sealed = self._sealed_leaves(head, good)
        lines = export_lines(self._export)
        if sealed is not None:
            found = [leaf_of(line) for line in islice(lines, good, head.size + 1)]
            damage = compared(found, sealed, good)
        else:
            damage = unlinked((line, leaf_of(line)) for line in lines)
        if damage is not None:
            return damage
        if self.rows < head.size:
            message = f"Expected {head.size} rows, as the newest checkpoint says; found {self.rows}"
            return DamageFound(Damage.TRUNCATED, f"row {self.rows}", message)
        message = "Expected the history that this checkpoint was signed for; found another, whole in itself"
        if sealed is None:
            message += ". With the ledger's tiles beside the checkpoints it could be told which row differs"
        return DamageFound(Damage.REWRITTEN, f"size {head.size}", message)

    def _sealed_leaves(self, head: Checkpoint, good: int) -> list[bytes] | None:
        """Give the leaves that were sealed, where the tiles are there and are what the checkpoint was signed for."""

        def fetch(path: str) -> bytes | None:
            return self._tiles[path].read_bytes() if path in self._tiles else None

        reader = TileReader(fetch, head.size)
        try:
            leaves = [reader.leaf(index) for index in range(head.size)]
        except IntegrityError:
            return None
        return leaves[good:] if root(leaves) == head.root else None


assert WIDTH == 1 << HEIGHT
