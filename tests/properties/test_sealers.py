"""Two sealers, redelivery, reordering across shards, crashes at every write and lost responses: nothing twice, nothing
lost, all checkpoints of one history. Without the compare-and-set, or without the dedupe, the same machine must fail.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from photogate.audit.event import photo_chain
from photogate.audit.merkle import root
from photogate.audit.note import parse_checkpoint
from photogate.audit.row import Row
from photogate.audit.seal import Head, Manifest, Places, Sealed
from photogate.errors import Transient
from tests.audit_builders import TENANT, MemoryStore, a_log, an_event
from tests.ledger_builders import MemoryFiles, MemoryLedger, a_sealer, inserted

UPLOADS = [f"{n:032x}" for n in range(4)]
CHAINS = [photo_chain(TENANT, upload) for upload in UPLOADS]
FAULTS = st.sampled_from(["none", "none", "request lost", "response lost", "rival"])


class Sealers(RuleBasedStateMachine):
    """Rows arrive in two shards, in order within each; batches are cut, repeated and interrupted at will."""

    ledger_type: ClassVar[type[MemoryLedger]] = MemoryLedger

    def __init__(self) -> None:
        super().__init__()
        self.log = a_log(MemoryStore())
        self.ledger, self.files = self.ledger_type(), MemoryFiles()
        self.shards: list[list[Row]] = [[], []]
        self.done = [0, 0]
        self.events = 0

    @rule(chain=st.integers(0, 3), count=st.integers(1, 3))
    def append(self, chain: int, count: int) -> None:
        for _ in range(count):
            self.events += 1
            event = an_event(event_id=f"run/Step{self.events}", upload_id=UPLOADS[chain], chain=CHAINS[chain])
            self.shards[chain % 2].append(self.log.append(event))

    @rule(
        shard=st.integers(0, 1),
        back=st.integers(0, 4),
        count=st.integers(1, 5),
        fault=FAULTS,
        at=st.integers(0, 8),
        rival_back=st.integers(0, 4),
        rival_shard=st.integers(0, 1),
    )
    def deliver(
        self, shard: int, back: int, count: int, fault: str, at: int, rival_back: int, rival_shard: int
    ) -> None:
        end = min(self.done[shard] + count, len(self.shards[shard]))
        batch = self.shards[shard][max(0, self.done[shard] - back) : end]
        calls = iter(range(10**6))

        def interrupt(operation: str) -> None:
            if next(calls) != at:
                return
            if fault == "rival":
                self.calm()
                self.run(rival_shard, rival_back, 3)
            else:
                raise Transient(fault)

        if fault in ("request lost", "rival"):
            self.ledger.before = self.files.before = interrupt
        elif fault == "response lost":
            self.ledger.after = self.files.after = interrupt
        try:
            a_sealer(self.ledger, self.files).seal(inserted(batch))
        except Transient:
            return
        finally:
            self.calm()
        self.done[shard] = max(self.done[shard], end)

    def run(self, shard: int, back: int, count: int) -> None:
        end = min(self.done[shard] + count, len(self.shards[shard]))
        a_sealer(self.ledger, self.files).seal(inserted(self.shards[shard][max(0, self.done[shard] - back) : end]))
        self.done[shard] = max(self.done[shard], end)

    def calm(self) -> None:
        for part in (self.ledger, self.files):
            part.before = part.after = lambda operation: None

    @invariant()
    def each_event_is_there_at_most_once(self) -> None:
        assert len(set(self.ledger.keys)) == len(self.ledger.keys)

    @invariant()
    def each_chain_is_in_order_and_without_gaps(self) -> None:
        for chain in CHAINS:
            numbers = [seq for c, seq in self.ledger.keys if c == chain]
            assert numbers == list(range(len(numbers)))

    @invariant()
    def the_head_is_the_tree_over_the_manifests(self) -> None:
        assert self.ledger.current.tree.size == len(self.ledger.leaves)
        assert self.ledger.current.tree.root == root(self.ledger.leaves)

    @invariant()
    def each_row_is_found_at_its_place(self) -> None:
        for index, (chain, seq) in enumerate(self.ledger.keys):
            assert self.ledger.place(chain, seq) == index

    @invariant()
    def all_checkpoints_are_of_this_one_history(self) -> None:
        for note in self.files.checkpoints.values():
            checkpoint = parse_checkpoint(note.decode().rpartition("\n\n")[0] + "\n")
            assert checkpoint.root == root(self.ledger.leaves[: checkpoint.size])

    def teardown(self) -> None:
        """Deliver the rest in peace: now every event must be there, and signed for."""
        for shard in (0, 1):
            self.run(shard, 0, 10**6)
        a_sealer(self.ledger, self.files).seal([])
        assert sorted(self.ledger.leaves) == sorted(row.leaf for rows in self.shards for row in rows)
        if self.events:
            assert f"checkpoint/{self.events:020d}" in self.files.files
        self.all_checkpoints_are_of_this_one_history()


class WithoutCompareAndSet(MemoryLedger):
    """Commits over whatever is there."""

    def commit(
        self, head: Head, manifest: Manifest, sealed: Mapping[str, Sealed], left: Mapping[tuple[str, int], Places]
    ) -> None:
        self.before("commit")
        self.current = head
        self.manifests.append(manifest)
        self.chains.update(sealed)
        self.blocks.update(left)
        self.after("commit")


class WithoutDedupe(MemoryLedger):
    """Forgets how far chains are sealed."""

    def sealed(self, chains: Iterable[str]) -> Mapping[str, Sealed]:
        self.before("sealed")
        return {}


SETTINGS = settings(
    max_examples=60,
    stateful_step_count=25,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def test_the_log_stays_one_whatever_happens_to_its_sealers() -> None:
    run_state_machine_as_test(Sealers, settings=SETTINGS)


@pytest.mark.parametrize("broken", [WithoutCompareAndSet, WithoutDedupe])
def test_without_one_of_its_guards_the_same_machine_fails(broken: Any) -> None:
    class Broken(Sealers):
        ledger_type = broken

    from photogate.errors import IntegrityError

    with pytest.raises((AssertionError, IntegrityError, ExceptionGroup)):
        run_state_machine_as_test(Broken, settings=settings(SETTINGS, max_examples=300, report_multiple_bugs=False))
