"""Everything that somebody could do to the log, or to what an auditor is given of it, and what the verifier says."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from photogate.audit.canonical import canonical
from photogate.audit.damage import Damage, DamageFound
from photogate.audit.note import Checkpoint, sign_checkpoint, signature_line
from photogate.audit.row import row_from_body
from photogate.audit.seal import checkpoint_path
from photogate.audit.verify import Report, verify
from tests.export_builders import KEY, SealedLog
from tests.ledger_builders import EcSigner, a_sealer, inserted

WITNESS = EcSigner("witness.example", "witness")
Lines = list[bytes]


def lines_of(export: Path) -> Lines:
    return (export / "events-00000.jsonl").read_bytes().split(b"\n")[:-1]


def write_lines(export: Path, lines: Lines) -> None:
    (export / "events-00000.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))


def damage_of(export: Path, ledger: Path, **options: object) -> DamageFound:
    with pytest.raises(DamageFound) as raised:
        verify(export, ledger, KEY, **options)  # type: ignore[arg-type]
    return raised.value


@pytest.mark.parametrize("tiles", [True, False], ids=["with tiles", "without tiles"])
def test_an_honest_log_verifies(tmp_path: Path, tiles: bool) -> None:
    log = SealedLog()
    report = verify(*log.write(tmp_path, tiles=tiles), KEY)
    assert (report.rows, report.chains, report.heartbeats) == (36, 7, 6)
    assert (report.newest.size, report.checkpoints) == (36, 6)
    assert report.last_time == log.rows[-1].fields["time"]


def test_a_longer_log_in_several_files_verifies(tmp_path: Path) -> None:
    log = SealedLog(photos=120)
    export, ledger = log.write(tmp_path)
    lines = lines_of(export)
    write_lines(export, lines[:500])
    (export / "events-00001.jsonl").write_bytes(b"".join(line + b"\n" for line in lines[500:]))
    assert verify(export, ledger, KEY).rows == 720


# ---- damage to rows


AT = 8  # in the middle of the second photo's chain


def edit(lines: Lines) -> Lines:
    return [*lines[:AT], lines[AT].replace(b"succeeded", b"refused"), *lines[AT + 1 :]]


def delete(lines: Lines) -> Lines:
    return [*lines[:AT], *lines[AT + 1 :]]


def insert(lines: Lines) -> Lines:
    fields = row_from_body(lines[AT]).fields | {"id": "forged/Event", "chain": "acme/photo/" + "e" * 32, "seq": 0}
    return [*lines[:AT], canonical(fields | {"prev": None}), *lines[AT:]]


def duplicate(lines: Lines) -> Lines:
    return [*lines[:AT], lines[AT - 1], *lines[AT:]]


def swap(lines: Lines) -> Lines:
    return [*lines[:AT], lines[AT + 2], lines[AT + 1], lines[AT], *lines[AT + 3 :]]


def cut(lines: Lines) -> Lines:
    return lines[:-3]


@pytest.mark.parametrize(
    ("attack", "damage", "row"),
    [
        (edit, Damage.EDITED, AT),
        (delete, Damage.DELETED, AT),
        (insert, Damage.INSERTED, AT),
        (duplicate, Damage.INSERTED, AT),
        (swap, Damage.REORDERED, AT),
        (cut, Damage.TRUNCATED, 33),
    ],
)
def test_damage_to_rows_is_told_by_its_kind_and_first_place(
    tmp_path: Path, attack: Callable[[Lines], Lines], damage: Damage, row: int
) -> None:
    export, ledger = SealedLog().write(tmp_path)
    write_lines(export, attack(lines_of(export)))
    found = damage_of(export, ledger)
    assert (found.damage, found.place) == (damage, f"row {row}")


@pytest.mark.parametrize(
    ("attack", "damage"),
    [
        (edit, Damage.EDITED),
        (delete, Damage.DELETED),
        (insert, Damage.REWRITTEN),
        (duplicate, Damage.INSERTED),
        (swap, Damage.REORDERED),
        (cut, Damage.TRUNCATED),
    ],
)
def test_without_tiles_the_chains_tell_it_as_well_as_they_can(
    tmp_path: Path, attack: Callable[[Lines], Lines], damage: Damage
) -> None:
    # A forged row in a chain of its own leaves every chain whole: without tiles only the root tells.
    export, ledger = SealedLog().write(tmp_path, tiles=False)
    write_lines(export, attack(lines_of(export)))
    assert damage_of(export, ledger).damage is damage


def test_the_last_row_deleted_is_a_truncated_tail(tmp_path: Path) -> None:
    export, ledger = SealedLog().write(tmp_path)
    write_lines(export, lines_of(export)[:-1])
    assert damage_of(export, ledger).damage is Damage.TRUNCATED


def test_rows_behind_the_newest_checkpoint_are_unsealed(tmp_path: Path) -> None:
    export, ledger = SealedLog().write(tmp_path)
    (ledger / checkpoint_path(36)).unlink()
    found = damage_of(export, ledger)
    assert (found.damage, found.place) == (Damage.UNSEALED, "row 35")


def test_rows_that_never_reached_the_tree_are_unsealed(tmp_path: Path) -> None:
    export, ledger = SealedLog().write(tmp_path)
    (export / "unsealed.jsonl").write_bytes(SealedLog(seed="other").rows[0].body + b"\n")
    assert damage_of(export, ledger).damage is Damage.UNSEALED


def test_a_row_that_was_only_just_written_may_be_unsealed(tmp_path: Path) -> None:
    log = SealedLog()
    export, ledger = log.write(tmp_path)
    (export / "unsealed.jsonl").write_bytes(log.rows[-1].body + b"\n")
    assert verify(export, ledger, KEY).rows == 36


# ---- rows that are gone by their own date


def test_a_removal_before_its_time_is_a_deletion(tmp_path: Path) -> None:
    log = SealedLog()
    export, ledger = log.write(tmp_path)
    lines = lines_of(export)
    write_lines(export, [log.expired_line(n) if n < 4 else line for n, line in enumerate(lines)])
    found = damage_of(export, ledger)  # kept for 30 days, and the log is a day old
    assert (found.damage, found.place) == (Damage.DELETED, "row 0")


def test_rows_that_expired_in_their_turn_are_no_damage(tmp_path: Path) -> None:
    log = SealedLog(retention_days=1, photos=40)
    assert log.rows[-1].fields["time"] > "2026-11-02T12"
    export, ledger = log.write(tmp_path)
    lines = lines_of(export)
    write_lines(export, [log.expired_line(n) if n < 4 else line for n, line in enumerate(lines)])
    report = verify(export, ledger, KEY)
    assert (report.rows, report.expired) == (240, 4)


def test_the_newest_rows_cannot_have_expired(tmp_path: Path) -> None:
    log = SealedLog()
    export, ledger = log.write(tmp_path)
    write_lines(export, [*lines_of(export)[:-1], log.expired_line(35)])
    assert damage_of(export, ledger).damage is Damage.DELETED


# ---- damage to checkpoints


def test_an_older_checkpoint_in_the_newest_one_s_place_is_a_rollback(tmp_path: Path) -> None:
    log = SealedLog()
    export, ledger = log.write(tmp_path)
    kept = log.newest
    (ledger / checkpoint_path(36)).unlink()
    write_lines(export, lines_of(export)[:35])
    assert verify(export, ledger, KEY).rows == 35  # whoever holds nothing cannot tell
    assert damage_of(export, ledger, since=kept).damage is Damage.ROLLED_BACK


def test_two_roots_for_one_size_are_a_fork(tmp_path: Path) -> None:
    export, ledger = SealedLog().write(tmp_path)
    fork = sign_checkpoint(Checkpoint(KEY.name, 21, b"x" * 32), EcSigner())
    (ledger / "checkpoint" / "another").write_bytes(fork)
    found = damage_of(export, ledger)
    assert (found.damage, found.place) == (Damage.FORKED, "size 21")


@pytest.mark.parametrize("tiles", [True, False])
def test_an_administrator_with_the_key_who_rewrites_everything_is_caught_by_one_old_checkpoint(
    tmp_path: Path, tiles: bool
) -> None:
    truth, forgery = SealedLog(), SealedLog(seed="forged")
    export, ledger = forgery.write(tmp_path, tiles=tiles)
    assert verify(export, ledger, KEY).rows == 36  # whole in itself, and signed
    kept = truth.files.checkpoints[checkpoint_path(14)]
    found = damage_of(export, ledger, since=kept)
    assert (found.damage, found.place) == (Damage.REWRITTEN, "size 14")


def test_one_forged_checkpoint_among_true_ones_is_a_rewritten_history(tmp_path: Path) -> None:
    export, ledger = SealedLog().write(tmp_path)
    (ledger / checkpoint_path(14)).write_bytes(sign_checkpoint(Checkpoint(KEY.name, 14, b"x" * 32), EcSigner()))
    assert damage_of(export, ledger).damage is Damage.REWRITTEN


def test_a_signature_that_does_not_verify(tmp_path: Path) -> None:
    log = SealedLog()
    export, ledger = log.write(tmp_path)
    text = log.newest.decode().rpartition("\n\n")[0] + "\n"
    (ledger / checkpoint_path(36)).write_text(text + "\n" + signature_line(KEY, EcSigner().sign(b"another text")))
    assert damage_of(export, ledger).damage is Damage.BAD_SIGNATURE


def test_a_checkpoint_of_another_key(tmp_path: Path) -> None:
    export, ledger = SealedLog().write(tmp_path)
    with pytest.raises(DamageFound) as raised:
        verify(export, ledger, EcSigner(seed="another").key)
    assert raised.value.damage is Damage.WRONG_KEY


def test_a_checkpoint_of_another_log(tmp_path: Path) -> None:
    export, ledger = SealedLog().write(tmp_path)
    other = EcSigner("other.example")
    text = Checkpoint("other.example", 36, b"x" * 32).text
    note = text + "\n" + signature_line(KEY, EcSigner().sign(text.encode()))
    (ledger / checkpoint_path(36)).write_text(note + signature_line(other.key, other.sign(text.encode())))
    assert damage_of(export, ledger).damage is Damage.WRONG_KEY


def test_a_file_that_is_no_checkpoint(tmp_path: Path) -> None:
    export, ledger = SealedLog().write(tmp_path)
    (ledger / "checkpoint" / "notes.txt").write_text("hello")
    found = damage_of(export, ledger)
    assert (found.damage, found.place) == (Damage.MALFORMED_CHECKPOINT, "checkpoint/notes.txt")


def test_no_checkpoint_at_all(tmp_path: Path) -> None:
    export, _ = SealedLog().write(tmp_path)
    (tmp_path / "empty").mkdir()
    assert damage_of(export, tmp_path / "empty").damage is Damage.NO_CHECKPOINT


def test_no_export_at_all(tmp_path: Path) -> None:
    _, ledger = SealedLog().write(tmp_path)
    assert damage_of(tmp_path / "ledger" / "tile", ledger).damage is Damage.UNREADABLE_EXPORT


def cosigned(note: bytes, text: bytes | None = None) -> bytes:
    body = note.rpartition(b"\n\n")[0] + b"\n"
    return note + signature_line(WITNESS.key, WITNESS.sign(body if text is None else text)).encode()


def test_a_witness_must_have_signed_where_one_is_expected(tmp_path: Path) -> None:
    log = SealedLog()
    export, ledger = log.write(tmp_path)
    assert damage_of(export, ledger, witness=WITNESS.key).damage is Damage.NO_WITNESS
    (ledger / "witnessed").write_bytes(cosigned(log.files.checkpoints[checkpoint_path(21)]))
    assert verify(export, ledger, KEY, witness=WITNESS.key).witnessed == 21
    (ledger / "witnessed").write_bytes(cosigned(log.newest, b"another text"))
    assert damage_of(export, ledger, witness=WITNESS.key).damage is Damage.BAD_SIGNATURE


def test_the_witness_alone_cannot_sign_for_the_log(tmp_path: Path) -> None:
    export, ledger = SealedLog().write(tmp_path)
    text = Checkpoint(KEY.name, 40, b"x" * 32).text
    (ledger / "alone").write_text(text + "\n" + signature_line(WITNESS.key, WITNESS.sign(text.encode())))
    assert damage_of(export, ledger, witness=WITNESS.key).damage is Damage.WRONG_KEY


# ---- damage that was sealed


def resealed(log: SealedLog, rows: list[bytes], folder: Path) -> tuple[Path, Path]:
    """Seal other rows with the log's own key."""
    fresh = SealedLog(photos=0)
    fresh.rows = [row_from_body(body) for body in rows]
    a_sealer(fresh.ledger, fresh.files).seal(inserted(fresh.rows))
    return fresh.write(folder)


def test_a_broken_chain_is_told_even_where_it_was_sealed(tmp_path: Path) -> None:
    log = SealedLog()
    bodies = [row.body for row in log.rows]
    found = damage_of(*resealed(log, bodies[:7] + bodies[8:], tmp_path))
    assert (found.damage, found.place) == (Damage.BROKEN_CHAIN, "row 7")


def test_a_log_that_fell_silent(tmp_path: Path) -> None:
    found = damage_of(*SealedLog(silent=True).write(tmp_path))
    assert found.damage is Damage.MISSING_HEARTBEAT


def test_a_log_whose_heart_stopped_in_the_middle(tmp_path: Path) -> None:
    log = SealedLog(photos=12)
    bodies = [row.body for row in log.rows if not (18 <= log.rows.index(row) < 54)]
    beats = [body for body in bodies if b'"log.sealed"' not in body] + [log.rows[5].body]
    export, ledger = resealed(log, [log.rows[5].body, *beats[:-1]], tmp_path)
    assert damage_of(export, ledger).damage is Damage.MISSING_HEARTBEAT


def test_a_sealed_row_that_is_no_event(tmp_path: Path) -> None:
    log = SealedLog()
    fields = {"chain": "acme/x", "seq": 0, "time": "2026-11-01T09:00:00Z", "prev": None, "name": "x"}
    row = row_from_body(canonical(fields))
    a_sealer(log.ledger, log.files).seal(inserted([row]))
    log.rows.append(row)
    found = damage_of(*log.write(tmp_path))
    assert (found.damage, found.place) == (Damage.MALFORMED_ROW, "row 36")


def test_a_tile_that_is_not_the_tree_s(tmp_path: Path) -> None:
    export, ledger = SealedLog().write(tmp_path)
    tile = ledger / "tile/0/000.p/35"
    tile.write_bytes(b"x" + tile.read_bytes()[1:])
    found = damage_of(export, ledger)
    assert (found.damage, found.place) == (Damage.BAD_TILE, "tile/0/000.p/35")


# ---- the whole


def test_every_flipped_byte_of_an_export_is_found(tmp_path: Path) -> None:
    log = SealedLog(photos=1)
    export, ledger = log.write(tmp_path)
    files = [path for folder in (export, ledger) for path in sorted(folder.rglob("*")) if path.is_file()]
    assert len(files) >= 3
    for path in files:
        genuine = path.read_bytes()
        for place in range(len(genuine)):
            path.write_bytes(genuine[:place] + bytes([genuine[place] ^ 0x01]) + genuine[place + 1 :])
            found = damage_of(export, ledger)
            assert 10 <= found.damage <= 29
        path.write_bytes(genuine)
    assert isinstance(verify(export, ledger, KEY), Report)


def test_every_kind_of_damage_is_mounted_here() -> None:
    source = Path(__file__).read_text()
    assert [damage.name for damage in Damage if f"Damage.{damage.name}" not in source] == []


def test_exit_codes_are_distinct_and_documented() -> None:
    from photogate.audit import damage

    assert all(10 <= kind <= 29 for kind in Damage)
    for kind in Damage:
        assert f"    {kind.value} {kind.title}" in (damage.__doc__ or ""), kind


def test_the_verifier_needs_nothing_but_cryptography() -> None:
    script = (
        "import sys; before = set(sys.modules); import photogate.audit.verify; "
        "roots = {name.split('.')[0] for name in set(sys.modules) - before}; "
        "print(sorted(r for r in roots if r not in sys.stdlib_module_names and not r.startswith('_')))"
    )
    shared = Path(__file__).resolve().parents[2] / "shared"
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env={"PYTHONPATH": str(shared)}
    )
    assert set(eval(result.stdout)) <= {"photogate", "cryptography"}
