"""Builds a sealed log on disk: an export, and a copy of the ledger bucket."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from photogate.audit.event import EventName, photo_chain, tenant_chain
from photogate.audit.row import Row
from tests.audit_builders import START, TENANT, MemoryStore, a_log, an_event
from tests.ledger_builders import EcSigner, MemoryFiles, MemoryLedger, a_sealer, inserted


@dataclass
class SealedLog:
    """A log whose rows are sealed a few at a time: photos of five events each, and a heartbeat an hour."""

    photos: int = 6
    seed: str = "log"
    silent: bool = False
    retention_days: int = 30
    rows: list[Row] = field(default_factory=list)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    files: MemoryFiles = field(default_factory=MemoryFiles)

    def __post_init__(self) -> None:
        now = [START]
        log = a_log(MemoryStore(), clock=lambda: now[0], retention_days=self.retention_days)
        for n in range(self.photos):
            upload = f"{n:032x}"
            for step in ("Request", "Admit", "Strip", "Detect", "Store"):
                now[0] += timedelta(seconds=1)
                event = an_event(
                    event_id=f"{self.seed}-{n}/{step}", upload_id=upload, chain=photo_chain(TENANT, upload)
                )
                self.rows.append(log.append(event))
            now[0] += timedelta(minutes=50)
            if not self.silent:
                self.rows.append(
                    log.append(
                        an_event(
                            event_id=f"{self.seed}-beat-{n}/Beat",
                            name=EventName.LOG_SEALED,
                            upload_id=None,
                            subject=None,
                            chain=tenant_chain(TENANT),
                        )
                    )
                )
        # Photos overlap in the tree, as they do in life.
        for first in range(0, len(self.rows), 7):
            a_sealer(self.ledger, self.files).seal(inserted(self.rows[first : first + 7]))

    def write(self, folder: Path, *, tiles: bool = True) -> tuple[Path, Path]:
        """Write the export and the ledger's copy; give both folders."""
        export, ledger = folder / "export", folder / "ledger"
        export.mkdir(parents=True)
        (export / "events-00000.jsonl").write_bytes(b"".join(row.body + b"\n" for row in self.rows))
        for path, data in self.files.files.items():
            if tiles or not path.startswith("tile/"):
                (ledger / path).parent.mkdir(parents=True, exist_ok=True)
                (ledger / path).write_bytes(data)
        return export, ledger

    @property
    def newest(self) -> bytes:
        """The newest checkpoint."""
        return self.files.checkpoints[max(self.files.checkpoints)]

    def expired_line(self, index: int) -> bytes:
        """What stands in an export for a row that is gone."""
        return json.dumps({"leaf": self.rows[index].leaf.hex()}, separators=(",", ":")).encode()


KEY = EcSigner().key
