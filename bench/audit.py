"""The audit log's numbers: appending, sealing, verifying, proving, asking. `make bench-audit`.

Everything is measured without the network: the tables are in memory, the export is on disk. The events are real ones,
ten to a photo, with an hourly heartbeat.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from photogate.audit.canonical import canonical
from photogate.audit.event import EventName, photo_chain, tenant_chain
from photogate.audit.export import ROWS_IN_FILE, SealedRow
from photogate.audit.merkle import leaf_hash
from photogate.audit.note import Checkpoint, sign_checkpoint
from photogate.audit.query import AuditReader, Question
from photogate.audit.receipt import make_receipt
from photogate.audit.row import row_from_body
from photogate.audit.seal import Sealer, checkpoint_path
from photogate.audit.stream import Inserted, read_record
from photogate.audit.tiles import Tree
from photogate.audit.verify import verify
from photogate.cli.audit_files import write_parquet
from photogate.cli.audit_tables import open_export
from tests.audit_builders import START, TENANT, MemoryStore, a_log, an_event
from tests.ledger_builders import EcSigner, MemoryFiles, MemoryLedger, a_record

STEPS = 10
CHECKPOINT_EVERY = 10_000


@dataclass(frozen=True, slots=True)
class Line:
    """One measure: what came out, and what it must be."""

    measure: str
    found: str
    must: str
    holds: bool


def bodies(count: int, pace: timedelta = timedelta(milliseconds=100)) -> Iterator[bytes]:
    """Make the bodies of a log, in the order of its tree: photos of ten events, eight at a time, and heartbeats."""
    base = an_event().fields()
    chains: dict[str, tuple[int, str | None]] = {}
    now, beat, made, photo = START, START, 0, 0

    def body(fields: dict[str, Any]) -> bytes:
        seq, prev = chains.get(fields["chain"], (0, None))
        stamp = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        expires = int(now.timestamp()) + 86400 * 2557
        whole = canonical(
            fields | {"seq": seq, "prev": prev, "salt": f"{made:032x}", "time": stamp, "expires_at": expires}
        )
        chains[fields["chain"]] = (seq + 1, leaf_hash(whole).hex())
        return whole

    while True:
        uploads = [f"{photo + n:032x}" for n in range(8)]
        photo += 8
        for step in range(STEPS):
            for upload in uploads:
                now += pace
                fields = base | {"id": f"run-{upload}/Step{step}", "upload_id": upload}
                yield body(fields | {"chain": photo_chain(TENANT, upload)})
                made += 1
                if now - beat > timedelta(hours=1) and made < count:
                    beat = now
                    alive = {"id": f"beat-{made}/Beat", "name": EventName.LOG_SEALED.value, "upload_id": None}
                    yield body(base | alive | {"subject": None, "chain": tenant_chain(TENANT)})
                    made += 1
                if made >= count:
                    return
        for upload in uploads:
            chains.pop(photo_chain(TENANT, upload), None)


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Give the processor seconds that a piece of work takes, and its result."""
    started = time.process_time()
    result = work()
    return time.process_time() - started, result


def appending() -> list[Line]:
    """Count the requests of an append."""
    store = MemoryStore()
    row = a_log(store).append(an_event())
    indexes = len(row.index_keys) // 2
    found = f"{store.reads} tail read, {store.writes} conditional put, {indexes} indexes"
    return [Line("append an event", found, "1 put, at most 1 read", (store.reads, store.writes) == (1, 1))]


def sealing(count: int) -> list[Line]:
    """Seal from records as the runtime hands them over, 1,000 at a time. JSON was decoded by the runtime."""
    rows = [row_from_body(body) for body in bodies(count)]
    batches = [[json.loads(json.dumps(a_record(r))) for r in rows[n : n + 1000]] for n in range(0, count, 1000)]
    ledger, files, alarms = MemoryLedger(), MemoryFiles(), list[Any]()
    sealer = Sealer(ledger, files, EcSigner(), alarms.append)

    def seal() -> None:
        for batch in batches:
            changes = [read_record(record) for record in batch]
            sealer.seal([change for change in changes if isinstance(change, Inserted)])

    gc.collect()
    gc.freeze()  # the input is not part of the work
    seconds, _ = timed(seal)
    assert ledger.leaves == [row.leaf for row in rows]
    assert not alarms
    rate = count / seconds
    return [Line(f"seal {count:,} events", f"{rate:,.0f} events/s", "at least 60,000 events/s", rate >= 60_000)]


def write_log(folder: Path, count: int) -> None:
    """Write an export, its tiles and its checkpoints, without the table behind them."""
    tree, signer, batch = Tree(), EcSigner(), list[bytes]()
    (folder / "export").mkdir(parents=True)

    def publish() -> None:
        nonlocal tree
        tree = tree.settled().extended(batch)
        batch.clear()
        for tile in tree.tiles():
            path = folder / "ledger" / tile.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(tile.data)
        path = folder / "ledger" / checkpoint_path(tree.size)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(sign_checkpoint(Checkpoint(signer.key.name, tree.size, tree.root), signer))

    with (folder / "export" / "events-00000.jsonl").open("wb") as file:
        for body in bodies(count):
            file.write(body + b"\n")
            batch.append(leaf_hash(body))
            if len(batch) == CHECKPOINT_EVERY:
                publish()
    if batch:
        publish()


def verifying(folder: Path, count: int) -> list[Line]:
    """Verify an export in a process of its own, so that its memory is its own."""
    import subprocess

    script = f"import bench.audit as b; b.verify_alone({str(folder)!r})"
    root = Path(__file__).resolve().parents[1]
    run = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        cwd=root,
        env={"PYTHONPATH": "shared:."},
    )
    seconds, megabytes, rows = (float(value) for value in run.stdout.split())
    assert rows == count
    holds = seconds <= 14 * count / 1_000_000
    lines = [Line(f"verify {count:,} events", f"{seconds:.1f} s", f"{14 * count / 1_000_000:.1f} s", holds)]
    return [*lines, Line("  its memory", f"{megabytes:.0f} MB", "at most 300 MB at 5,000,000", megabytes <= 300)]


def verify_alone(folder: str) -> None:
    """Print processor seconds, megabytes and rows of one verification."""
    path = Path(folder)
    seconds, report = timed(lambda: verify(path / "export", path / "ledger", EcSigner().key))
    # ru_maxrss would count what the parent process held before exec.
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    print(seconds, int(peak.split()[1]) / 1024, report.rows)


def proving(folder: Path, count: int) -> list[Line]:
    """Prove one event from the tiles."""
    index = count * 2 // 3
    with (folder / "export" / "events-00000.jsonl").open("rb") as file:
        body = next(line for n, line in enumerate(file) if n == index).removesuffix(b"\n")
    note = max((folder / "ledger" / "checkpoint").iterdir()).read_bytes()
    read: list[str] = []

    def fetch(path: str) -> bytes | None:
        read.append(path)
        file = folder / "ledger" / path
        return file.read_bytes() if file.is_file() else None

    seconds, receipt = timed(lambda: make_receipt(index, body, note, fetch))
    size = len(type(receipt)(receipt.index, receipt.proof, receipt.checkpoint).data)
    lines = [Line(f"prove 1 of {count:,}", f"{size:,} bytes without the body", "at most 1,536 bytes", size <= 1536)]
    lines.append(Line("  its time", f"{seconds * 1000:.1f} ms", "at most 40 ms", seconds <= 0.04))
    return [*lines, Line("  its reads", f"{len(read)} tiles", "O(log n)", len(read) <= 12)]


def grouping(folder: Path, count: int) -> list[Line]:
    """Group an export in Parquet, files and columns as `photogate audit export` writes them: the best of three."""
    target, batch = folder / "parquet", list[SealedRow]()
    target.mkdir()
    with (folder / "export" / "events-00000.jsonl").open("rb") as file:
        for index, line in enumerate(file):
            row = row_from_body(line.removesuffix(b"\n"))
            batch.append(SealedRow(index, row.leaf, row))
            if len(batch) == ROWS_IN_FILE or index == count - 1:
                write_parquet(target / f"events-{index // ROWS_IN_FILE:05d}.parquet", batch)
                batch = []
    query = "select name, outcome, substr(time, 1, 10) as day, count(*) as events from events group by all"
    open_export(target).close()  # DuckDB is imported here
    times = []
    for _ in range(3):
        started = time.perf_counter()
        with open_export(target) as tables:
            groups = tables.execute(query).fetchall()
        times.append(time.perf_counter() - started)
        assert sum(group[3] for group in groups) == count
    return [Line(f"group {count:,} events", f"{min(times):.3f} s", "under 0.5 s", min(times) < 0.5)]


def asking(sizes: tuple[int, int] = (10_000, 100_000)) -> list[Line]:
    """Count the requests of `audit list --since 1h` in a small table and in a large one."""
    found = []
    for size in sizes:
        store = MemoryStore(page_rows=500)
        old = [row_from_body(body) for body in bodies(size - 500, timedelta(milliseconds=10))]
        recent = datetime(2027, 3, 1, 12, tzinfo=UTC)
        for row in old:
            store.put(row)
        log = a_log(store, clock=lambda now=recent: now - timedelta(minutes=10))
        for n in range(500):
            upload = f"{n + 10**9:032x}"
            log.append(an_event(event_id=f"r-{n}/Step", upload_id=upload, chain=photo_chain(TENANT, upload)))
        reader = AuditReader(store)
        rows = list(reader.rows(Question(tenant=TENANT, since=recent - timedelta(hours=1), until=recent)))
        found.append((len(rows), reader.pages))
    same = found[0] == found[1]
    return [Line("list --since 1h", f"{found[0]} and {found[1]} rows, pages", "the same at both sizes", same)]


def main() -> None:
    """Print every line; exit with 1 where one does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000, help="size of the log that is verified")
    parser.add_argument("--sealed", type=int, default=100_000, help="how many events are sealed")
    options = parser.parse_args()
    lines = appending() + sealing(options.sealed) + asking()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_log(folder, options.events)
        lines += verifying(folder, options.events) + proving(folder, options.events)
        lines += grouping(folder, options.events) if options.events <= 1_000_000 else []
    for line in lines:
        print(f"{'ok ' if line.holds else 'NOT'}  {line.measure:28} {line.found:48} {line.must}")
    sys.exit(0 if all(line.holds for line in lines) else 1)


if __name__ == "__main__":
    main()
