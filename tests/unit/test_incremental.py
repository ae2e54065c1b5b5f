"""The daily look goes on where the last one ended, reads no row twice, and names damage as the verifier does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import pytest

from photogate.audit.damage import Damage, DamageFound
from photogate.audit.event import photo_chain
from photogate.audit.incremental import Verified, unsealed_rows, verify_since
from photogate.audit.note import Checkpoint, open_checkpoint, sign_checkpoint
from photogate.audit.row import Row
from photogate.audit.seal import checkpoint_path
from tests.audit_builders import TENANT, MemoryStore, a_log, an_event
from tests.export_builders import KEY, SealedLog
from tests.ledger_builders import EcSigner


class Table:
    """The rows of a sealed log, as the Audit table gives them; it counts what is read."""

    def __init__(self, log: SealedLog) -> None:
        self.kept = {(row.chain, row.seq): row for row in log.rows}
        self.read = 0

    def get(self, chain: str, seq: int) -> Row | None:
        return self.kept.get((chain, seq))

    def rows(self, keys: Sequence[tuple[str, int]]) -> Mapping[tuple[str, int], Row]:
        self.read += len(keys)
        return {key: self.kept[key] for key in keys if key in self.kept}


def soon_after(log: SealedLog) -> datetime:
    return datetime.fromisoformat(str(log.rows[-1].fields["time"])) + timedelta(minutes=5)


def look(log: SealedLog, table: Table | None = None, since: Checkpoint | None = None, **more: int) -> Verified:
    table = table or Table(log)
    return verify_since(table, log.ledger, log.files.get, KEY, since, soon_after(log), **more)


def damage(log: SealedLog, table: Table | None = None, since: Checkpoint | None = None) -> Damage:
    with pytest.raises(DamageFound) as found:
        look(log, table, since)
    return found.value.damage


def checkpoint(log: SealedLog, size: int) -> Checkpoint:
    return open_checkpoint(log.files.files[checkpoint_path(size)], KEY)


def test_a_whole_log_is_verified_up_to_its_newest_checkpoint() -> None:
    log = SealedLog(photos=8)
    assert look(log) == Verified(48, checkpoint(log, 48), frozenset({TENANT}))


def test_the_next_run_reads_what_was_sealed_since_and_no_more() -> None:
    log = SealedLog(photos=60)
    table = Table(log)
    found = look(log, table, checkpoint(log, 350))
    assert (found.rows, table.read, found.checkpoint) == (10, 10, checkpoint(log, 360))
    assert look(log, table, checkpoint(log, 360)).rows == 0


def test_a_long_way_is_gone_in_stretches() -> None:
    log, since, runs = SealedLog(photos=60), None, 0
    while since is None or since.size < 360:
        since = look(log, since=since, most_rows=100).checkpoint
        runs += 1
    assert runs == 4


def test_an_empty_log_is_whole() -> None:
    log = SealedLog(photos=0)
    assert verify_since(Table(log), log.ledger, log.files.get, KEY, None, datetime.now().astimezone()).rows == 0


def test_a_row_that_was_replaced_is_named() -> None:
    log = SealedLog(photos=8)
    table, other = Table(log), SealedLog(photos=8, seed="other")
    key = (log.rows[20].chain, log.rows[20].seq)
    table.kept[key] = Table(other).kept[key]
    with pytest.raises(DamageFound) as found:
        look(log, table)
    assert (found.value.damage, found.value.place) == (Damage.EDITED, "row 20")


@pytest.mark.parametrize("index", [0, 20, 47])
def test_a_row_that_is_gone_before_its_time_is_named(index: int) -> None:
    log = SealedLog(photos=8)
    table = Table(log)
    del table.kept[log.rows[index].chain, log.rows[index].seq]
    with pytest.raises(DamageFound) as found:
        look(log, table)
    assert (found.value.damage, found.value.place) == (Damage.DELETED, f"row {index}")


def test_rows_that_have_expired_in_their_turn_are_no_damage() -> None:
    log = SealedLog(photos=8)
    table = Table(log)
    for row in log.rows[:10]:
        del table.kept[row.chain, row.seq]
    late = datetime.fromtimestamp(log.rows[10].expires_at + 1).astimezone()
    with pytest.raises(DamageFound, match="heartbeat"):  # nobody has written for 30 days, and that is said
        verify_since(table, log.ledger, log.files.get, KEY, None, late)
    early = datetime.fromtimestamp(log.rows[10].expires_at - 1).astimezone()
    with pytest.raises(DamageFound, match="not due"):
        verify_since(table, log.ledger, log.files.get, KEY, None, early)


def test_a_ledger_that_was_rewritten_with_its_table_is_not_what_was_signed() -> None:
    log, forged = SealedLog(photos=8), SealedLog(photos=8, seed="forged")
    forged.files = log.files
    assert damage(forged, Table(forged)) is Damage.REWRITTEN


def test_an_administrator_who_holds_the_key_and_rewrites_everything_is_caught_by_what_was_verified_before() -> None:
    log, forged = SealedLog(photos=8), SealedLog(photos=8, seed="forged")
    assert look(forged).rows == 48
    assert damage(forged, since=checkpoint(log, 42)) is Damage.BAD_TILE


def test_a_log_that_went_back_is_rolled_back() -> None:
    log = SealedLog(photos=8)
    assert damage(SealedLog(photos=4), since=checkpoint(log, 42)) is Damage.ROLLED_BACK
    nothing = SealedLog(photos=0)
    with pytest.raises(DamageFound) as found:
        verify_since(
            Table(nothing), nothing.ledger, nothing.files.get, KEY, checkpoint(log, 42), datetime.now().astimezone()
        )
    assert found.value.damage is Damage.ROLLED_BACK


def test_a_checkpoint_of_another_key_is_named() -> None:
    log = SealedLog(photos=8)
    log.files.files[checkpoint_path(48)] = sign_checkpoint(checkpoint(log, 48), EcSigner(seed="thief"))
    assert damage(log) is Damage.WRONG_KEY


def test_a_checkpoint_whose_signature_is_off_is_named() -> None:
    log = SealedLog(photos=8)
    log.files.files[checkpoint_path(48)] = log.newest.replace(b"\n48\n", b"\n49\n")
    assert damage(log) is Damage.BAD_SIGNATURE


def test_a_log_without_heartbeats_is_named() -> None:
    assert damage(SealedLog(photos=8, silent=True)) is Damage.MISSING_HEARTBEAT


def test_a_manifest_that_is_gone_is_named() -> None:
    log = SealedLog(photos=8)
    log.ledger.manifests = log.ledger.manifests[:-1]
    assert damage(log) is Damage.REWRITTEN


def test_a_chain_that_goes_on_from_before_is_checked_with_the_row_before_it() -> None:
    log = SealedLog(photos=8)
    table, beat, before = Table(log), log.rows[47], log.rows[41]
    assert (beat.chain, beat.seq) == (before.chain, before.seq + 1)
    assert look(log, table, checkpoint(log, 42)).rows == 6
    table.kept[before.chain, before.seq] = SealedLog(photos=8, seed="other").rows[41]
    assert damage(log, table, checkpoint(log, 42)) is Damage.BROKEN_CHAIN


def test_rows_that_should_be_sealed_and_are_not_are_named() -> None:
    log = SealedLog(photos=2)
    upload = "e" * 32
    late = [
        a_log(MemoryStore()).append(an_event("Lost", upload_id=upload, chain=photo_chain(TENANT, upload))),
    ]
    now = datetime.fromisoformat(str(late[0].fields["time"]))
    assert list(unsealed_rows(log.ledger, [*log.rows, *late], now + timedelta(hours=10))) == late
    assert list(unsealed_rows(log.ledger, late, now + timedelta(minutes=10))) == []
