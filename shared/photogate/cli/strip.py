"""`photogate strip`: files and folders in, files without metadata out."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import click

from photogate.cli.keep import keep_option
from photogate.cli.photo_files import pairs, write_atomically
from photogate.cli.removed import summed
from photogate.errors import ImageRefused, Reason
from photogate.findings import Keep
from photogate.formats import strip as strip_bytes

__all__ = ["strip"]

# Below this a second process costs more than it saves: starting one takes about 0.1 s, a photo about 1 ms and, with the
# scan check, 5 ms. Measured by bench/strip.py.
FILES_WORTH_A_PROCESS = 512
BYTES_WORTH_A_PROCESS = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Job:
    """One file to strip, and where the result goes."""

    source: str
    target: str
    keep: frozenset[Keep]
    check_scan: bool = True
    hashed: bool = True


@dataclass(frozen=True, slots=True)
class Line:
    """What is said about one input: one JSON line, `removed` by category and carrier, `kept` by field; never values."""

    file: str
    format: str | None = None
    status: str = "refused"
    reason: str | None = None
    removed: tuple[dict[str, Any], ...] = ()
    kept: tuple[Keep, ...] = ()
    orientation: int | None = None
    provenance: dict[str, Any] | None = None
    sha256_in: str | None = None
    sha256_out: str | None = None
    out: str | None = None
    message: str = field(default="", repr=False)

    def as_json(self) -> str:
        """Give the line without the message, which is for people."""
        import json

        plain = asdict(self)
        del plain["message"]
        return json.dumps(plain)


def _sha256(data: bytes) -> str:
    import hashlib  # its import costs as much as ten photos, and only --json asks for it

    return hashlib.sha256(data).hexdigest()


def _read(path: Path) -> bytes:
    with path.open("rb", buffering=0) as file:
        return file.readall()


def run(job: Job) -> Line:
    """Strip one file. A refusal is an answer, not an error."""
    try:
        data = _read(Path(job.source))
    except OSError as error:
        return Line(job.source, reason=Reason.INTERNAL, message=f"cannot be read: {error.strerror}")
    before = _sha256(data) if job.hashed else None
    try:
        new = strip_bytes(data, keep=job.keep, check_scan=job.check_scan)
    except ImageRefused as error:
        return Line(job.source, reason=error.refusal, sha256_in=before, message=f"{error}. {error.instead}")
    except MemoryError:
        return Line(job.source, reason=Reason.TOO_LARGE, sha256_in=before, message="does not fit into memory")
    except Exception as error:
        # A fault of ours must not stop the other files, nor let this one through.
        return Line(job.source, reason=Reason.INTERNAL, sha256_in=before, message=f"failed ({type(error).__name__})")
    try:
        write_atomically(Path(job.target), new.data, Path(job.source))
    except OSError as error:
        return Line(
            job.source, reason=Reason.INTERNAL, sha256_in=before, message=f"cannot be written: {error.strerror}"
        )
    return Line(
        job.source,
        new.format,
        "stripped",
        None,
        tuple({"category": r.category, "where": r.where, "count": r.count} for r in new.removed),
        tuple(sorted(new.kept)),
        new.orientation,
        {
            "synthetic": new.provenance.synthetic,
            "evidence": list(new.provenance.evidence),
            "c2pa": new.provenance.c2pa,
        },
        before,
        _sha256(new.data) if job.hashed else None,
        job.target,
    )


def _size(job: Job) -> int:
    try:
        return Path(job.source).stat().st_size
    except OSError:
        return 0


def _lines(jobs: list[Job], processes: int) -> Iterator[Line]:
    worth = len(jobs) >= FILES_WORTH_A_PROCESS or sum(map(_size, jobs)) >= BYTES_WORTH_A_PROCESS
    processes = min(processes, len(jobs))
    if processes < 2 or not worth:
        yield from map(run, jobs)
        return
    from concurrent.futures import ProcessPoolExecutor  # its import takes a tenth of a small run
    from concurrent.futures.process import BrokenProcessPool

    try:
        with ProcessPoolExecutor(processes) as pool:
            yield from pool.map(run, jobs, chunksize=min(32, max(1, len(jobs) // (4 * processes))))
    except BrokenProcessPool:
        raise click.ClickException(
            "A process was killed, for want of memory perhaps; try again with --jobs 1."
        ) from None


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Folder for the results.")
@click.option("--in-place", is_flag=True, help="Replace each file by its result.")
@click.option("--json", "as_json", is_flag=True, help="One JSON line for each input.")
@keep_option
@click.option(
    "--scan-check/--no-scan-check",
    default=True,
    show_default=True,
    help="Look for bytes behind the last MCU of a JPEG scan: one decode of each file.",
)
@click.option("--jobs", default=os.cpu_count() or 1, show_default="CPUs", type=click.IntRange(1), help="Processes.")
def strip(
    paths: tuple[Path, ...],
    out: Path | None,
    in_place: bool,
    as_json: bool,
    keep: frozenset[Keep],
    scan_check: bool,
    jobs: int,
) -> None:
    """Remove metadata from photos, losslessly.

    Pixels, orientation as seen, colour, transparency and animation stay; everything that is not needed to show the
    picture goes. What cannot be made safe is refused and not written.

    
    photogate strip --out safe photos/          results in safe/, in the same sub-folders
    photogate strip --in-place photo.jpg        the photo is replaced, whole or not at all
    photogate strip --out safe --keep copyright,creator photo.jpg

    Names stay as they are, and so do permissions; names that hold a date or a place are yours to change. The time of
    the last change becomes now. Hidden files are left alone. Exit codes: 0 all stripped, 1 some refused, 2 usage.
    """
    if (out is None) == (not in_place):
        raise click.UsageError("Say where the results go: --out DIR, or --in-place to replace the files.")
    unseen: list[OSError] = []
    todo = [Job(source, target, keep, scan_check, as_json) for source, target in pairs(paths, out, unseen.append)]
    bar = sys.stderr.isatty() and len(todo) > 1
    refused = len(unseen)
    for error in unseen:
        click.echo(f"{error.filename}: cannot be listed: {error.strerror}", err=True)
    for number, line in enumerate(_lines(todo, jobs), 1):
        if bar:
            click.echo("\r\x1b[K", err=True, nl=False)
        if line.status == "refused":
            refused += 1
            click.echo(f"{line.file}: refused ({line.reason}): {line.message}", err=True)
        if as_json:
            click.echo(line.as_json())
        elif line.status == "stripped":
            click.echo(f"{line.file}: {line.format}, {_removed(line)}")
        if bar:
            click.echo(f"{number} of {len(todo)}, {refused} refused", err=True, nl=False)
    if bar:
        click.echo("", err=True)
    if refused:
        raise SystemExit(1)


def _removed(line: Line) -> str:
    listing = summed((entry["category"], entry["where"], entry["count"]) for entry in line.removed)
    stays = f", kept {' and '.join(line.kept)}" if line.kept else ""
    return (f"removed {listing}" if listing else "nothing to remove") + stays
