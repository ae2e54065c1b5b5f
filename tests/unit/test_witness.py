"""A witness signs a log that only grew, and nothing else, whoever asks and however often it is stopped."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from photogate.audit.damage import Damage, DamageFound
from photogate.audit.note import Checkpoint, open_checkpoint, open_note, sign_checkpoint
from photogate.audit.seal import checkpoint_path
from photogate.audit.tiles import Tree
from photogate.audit.witness import Looked, Witness
from photogate.errors import Conflict, Transient
from tests.ledger_builders import EcSigner, MemoryFiles

LOG = EcSigner()
SIGNER = EcSigner("witness.example", "witness")


class Published(MemoryFiles):
    """What a log publishes, and how it grows."""

    def __init__(self, seed: str = "a") -> None:
        super().__init__()
        self.seed = seed
        self.tree = Tree()

    def grow(self, count: int) -> Published:
        first = self.tree.size
        leaves = [(self.seed + str(n)).encode().ljust(32, b".") for n in range(first, first + count)]
        self.tree = self.tree.settled().extended(leaves)
        for tile in self.tree.tiles():
            self.files[tile.path] = tile.data
        self.files[checkpoint_path(self.tree.size)] = self.signed(self.tree.size, self.tree.root)
        return self

    def signed(self, size: int, root: bytes, by: EcSigner = LOG) -> bytes:
        return sign_checkpoint(Checkpoint(LOG.key.name, size, root), by)

    def last(self, prefix: str, after: str) -> str | None:
        return max((p for p in self.files if p.startswith(prefix) and p > after), default=None)


@dataclass
class Memory:
    """What was seen, in memory."""

    note: bytes | None = None
    size: int | None = None
    sizes: list[int] = field(default_factory=list)

    def last(self) -> bytes | None:
        return self.note

    def remember(self, note: bytes, size: int, before: int | None) -> None:
        if self.size != before:
            raise Conflict("another run")
        self.note, self.size = note, size
        self.sizes.append(size)


def a_witness(log: Published, memory: Memory, files: MemoryFiles) -> Witness:
    return Witness(log, LOG.key, memory, files, SIGNER)


def refused(log: Published, memory: Memory, files: MemoryFiles) -> Damage:
    before, kept = (memory.note, memory.size), dict(files.files)
    with pytest.raises(DamageFound) as found:
        a_witness(log, memory, files).look()
    assert ((memory.note, memory.size), files.files) == (before, kept), "a refusal must change nothing"
    return found.value.damage


def test_the_newest_checkpoint_of_a_log_that_grew_is_cosigned() -> None:
    log, memory, files = Published(), Memory(), MemoryFiles()
    for count in (3, 300, 1, 70):
        looked = a_witness(log.grow(count), memory, files).look()
        assert looked == Looked(Checkpoint(LOG.key.name, log.tree.size, log.tree.root), grown=True)
        note = open_note(files.files[checkpoint_path(log.tree.size)], [LOG.key, SIGNER.key])
        assert {signature.name for signature in note.signatures} == {LOG.key.name, SIGNER.key.name}
    assert memory.sizes == [3, 303, 304, 374]


def test_what_is_cosigned_verifies_as_the_log_s_and_as_the_witness_s() -> None:
    log, files = Published().grow(5), MemoryFiles()
    a_witness(log, Memory(), files).look()
    note = files.files[checkpoint_path(5)]
    assert open_checkpoint(note, LOG.key) == Checkpoint(LOG.key.name, 5, log.tree.root)
    assert open_note(note, [SIGNER.key]).text == Checkpoint(LOG.key.name, 5, log.tree.root).text


def test_a_log_that_stands_still_is_looked_at_and_not_signed_again() -> None:
    log, memory, files = Published().grow(5), Memory(), MemoryFiles()
    a_witness(log, memory, files).look()
    looked = a_witness(log, memory, files).look()
    assert looked is not None
    assert not looked.grown
    assert (memory.sizes, len(files.files)) == ([5], 1)


def test_a_log_that_has_published_nothing_is_waited_for() -> None:
    assert a_witness(Published(), Memory(), MemoryFiles()).look() is None


def test_a_log_that_went_back_is_refused() -> None:
    log, memory, files = Published().grow(5), Memory(), MemoryFiles()
    a_witness(log.grow(5), memory, files).look()
    assert refused(Published().grow(5), memory, files) is Damage.ROLLED_BACK
    assert refused(Published(), memory, files) is Damage.ROLLED_BACK


def test_another_root_for_the_size_that_was_seen_is_refused() -> None:
    memory, files = Memory(), MemoryFiles()
    a_witness(Published().grow(5), memory, files).look()
    assert refused(Published("b").grow(5), memory, files) is Damage.FORKED


@pytest.mark.parametrize("count", [1, 300])
def test_a_rewritten_history_is_refused_though_the_log_s_own_key_signs_it(count: int) -> None:
    memory, files = Memory(), MemoryFiles()
    a_witness(Published().grow(5), memory, files).look()
    assert refused(Published("b").grow(5 + count), memory, files) is Damage.REWRITTEN
    honest = Published().grow(5 + count)
    looked = a_witness(honest, memory, files).look()
    assert looked is not None
    assert looked.grown


def test_a_checkpoint_of_another_key_is_refused() -> None:
    log = Published().grow(5)
    log.files[checkpoint_path(5)] = log.signed(5, log.tree.root, EcSigner(seed="thief"))
    assert refused(log, Memory(), MemoryFiles()) is Damage.MALFORMED_CHECKPOINT


def test_a_signature_that_does_not_verify_is_refused() -> None:
    log = Published().grow(5)
    log.files[checkpoint_path(5)] = log.signed(5, log.tree.root).replace(b"\n5\n", b"\n6\n")
    assert refused(log, Memory(), MemoryFiles()) is Damage.BAD_SIGNATURE


def test_tiles_that_are_not_the_checkpoint_s_are_refused() -> None:
    log, memory, files = Published().grow(5), Memory(), MemoryFiles()
    log.files["tile/0/000.p/5"] = Published("b").grow(5).files["tile/0/000.p/5"]
    assert refused(log, memory, files) is Damage.BAD_TILE
    del log.files["tile/0/000.p/5"]
    assert refused(log, memory, files) is Damage.BAD_TILE


def test_a_checkpoint_under_another_size_s_name_is_refused() -> None:
    log, memory, files = Published().grow(5), Memory(), MemoryFiles()
    a_witness(log, memory, files).look()
    log.files[checkpoint_path(9)] = log.files[checkpoint_path(5)]
    assert refused(log, memory, files) is Damage.ROLLED_BACK


def test_a_run_that_stopped_before_it_signed_is_made_up_for() -> None:
    log, memory, files = Published().grow(5), Memory(), MemoryFiles()

    def crash(operation: str) -> None:
        if operation == "put":
            raise Transient("crashed")

    files.before = crash
    with pytest.raises(Transient):
        a_witness(log, memory, files).look()
    assert (memory.sizes, files.files) == ([5], {})
    files.before = lambda operation: None
    a_witness(log, memory, files).look()
    assert list(files.files) == [checkpoint_path(5)]


def test_of_two_runs_at_once_one_signs() -> None:
    memory, files = Memory(), MemoryFiles()
    a_witness(Published().grow(5), memory, files).look()
    first, second = Published().grow(5).grow(2), Published().grow(5)
    second.seed = "b"
    second.grow(3)  # both continue what was seen, and not each other

    class Late(Memory):
        def last(self) -> bytes | None:
            note = memory.last()
            a_witness(first, memory, files).look()
            return note

        def remember(self, note: bytes, size: int, before: int | None) -> None:
            memory.remember(note, size, before)

    with pytest.raises(Conflict):
        a_witness(second, Late(), files).look()
    assert sorted(files.files) == [checkpoint_path(5), checkpoint_path(7)]
