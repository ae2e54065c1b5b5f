"""`photogate process`: all that the service does, on files."""

from __future__ import annotations

import json
import secrets
import sys
from collections import Counter
from pathlib import Path

import click

from photogate.cli.detect import drawn, openable
from photogate.cli.failing import named_errors
from photogate.cli.photo_files import photos, write_atomically
from photogate.config import VisionSettings, load
from photogate.findings import FindingKind
from photogate.pipeline import Processed
from photogate.pipeline import process as process_photo
from photogate.policy import Policy, default_policy, parse_policy
from photogate.vision.detector import Detectors

__all__ = ["process", "run"]


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder for the results.")
@click.option("--policy", "file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A policy's JSON.")
@click.option("--json", "as_json", is_flag=True, help="One JSON line for each input.")
@click.option("--draw", is_flag=True, help="Also write NAME.found.png: the photo as it was, findings framed.")
def process(paths: tuple[Path, ...], out: Path, file: Path | None, as_json: bool, draw: bool) -> None:
    """Strip, look, decide and redact photos as the service does.

    Only what is accepted or redacted is written, and with --draw what was seen in every photo that could be opened.
    """
    with named_errors():
        policy = parse_policy(file.read_bytes()) if file else default_policy()
        run(paths, out, policy, list(FindingKind), as_json=as_json, draw=draw)


def run(
    paths: tuple[Path, ...], out: Path, policy: Policy, kinds: list[FindingKind], *, as_json: bool, draw: bool
) -> None:
    """Process every file, say how each ended, and exit with 1 if something was not kept."""
    todo = list(photos(paths))
    twice = [name for name, count in Counter(source.name for source in todo).items() if count > 1]
    if twice:
        raise click.UsageError(f"{len(twice)} base names occur more than once; process their folders one by one.")
    if any((out / source.name).resolve() == source.resolve() for source in todo):
        raise click.UsageError("--out is the inputs' own folder; choose another.")
    detectors = Detectors.load(load(VisionSettings), kinds)
    out.mkdir(parents=True, exist_ok=True)
    refused = 0
    if sys.stdout.isatty() and not as_json:
        click.echo(row("decision", "reason", "found", "file"))
    for number, source in enumerate(todo, 1):
        data = source.read_bytes()
        done = process_photo(data, policy=policy, eyes=detectors, seed=secrets.token_bytes(16))
        target = out / source.name
        if done.data is None:
            refused += 1
        else:
            write_atomically(target, done.data)
        if draw and done.findings:
            write_atomically(out / f"{source.name}.found.png", drawn(*openable(data), done.findings))
        say(source, done, target if done.data is not None else None, as_json)
        if sys.stderr.isatty() and len(todo) > 1:
            click.echo(f"\r\x1b[K{number} of {len(todo)}, {refused} not kept", err=True, nl=number == len(todo))
    sys.exit(1 if refused else 0)


def row(decision: str, reason: str, found: str, file: str) -> str:
    """Give one line of the table that people read; the last columns are as long as they have to be."""
    return f"{decision:9} {reason:22} {found:36} {file}"


def say(source: Path, done: Processed, target: Path | None, as_json: bool) -> None:
    """Print how one photo ended."""
    if not as_json:
        counts = Counter(f"{f.kind} {f.band}" for f in done.findings)
        found = ", ".join(f"{count} {name}" for name, count in counts.items()) or "nothing"
        click.echo(row(done.decision, done.reason, found, str(source)))
        return
    line = {
        "file": str(source),
        "decision": done.decision,
        "reason": done.reason,
        "findings": [
            {"kind": str(f.kind), "box": list(f.box), "score": f.score, "band": str(f.band)} for f in done.findings
        ],
        "removed": [{"category": r.category, "where": r.where, "count": r.count} for r in done.removed],
        "out": None if target is None else str(target),
    }
    click.echo(json.dumps(line))
