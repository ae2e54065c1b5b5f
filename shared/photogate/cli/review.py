"""`photogate review`: look at what the machine could not decide, and decide it.

The commands speak to the HTTP API with the reviewer's own token. They never read the quarantine bucket: one function's
role opens originals, and a command line with that right would be a second one.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import click

from photogate.cli.api import ApiClient, api_options
from photogate.cli.audit_output import print_table
from photogate.errors import Reason
from photogate.findings import FindingKind
from photogate.review import REASONS, Verdict

__all__ = ["review"]

_REASONS = sorted({str(reason) for reasons in REASONS.values() for reason in reasons})


@click.group()
def review() -> None:
    """Look at what waits for a person, and decide it."""


@review.command("list")
@api_options
@click.option("--json", "as_json", is_flag=True, help="One JSON line a review.")
def list_(api: ApiClient, as_json: bool) -> None:
    """List the tenant's open reviews, oldest first."""
    found: list[dict[str, Any]] = []
    after: str | None = None
    while True:
        query = urlencode({"limit": 100, **({"after": after} if after else {})})
        page = api.json("GET", f"/reviews?{query}")
        found += page["reviews"]
        after = page["next"]
        if after is None:
            break
    if as_json:
        for one in found:
            click.echo(json.dumps(one))
        return
    lines = [
        [
            str(one["id"]),
            age(int(one["age_s"])),
            str(one["reason"]) + (" (appeal)" if one["appeal"] else ""),
            " ".join(f"{kind}={count}" for kind, count in one["counts"].items()),
            f"{one['votes']} of {one['reviewers']}",
            str(one["until"])[:16],
            str(one["policy_hash"] or "")[:12],
        ]
        for one in found
    ]
    print_table(("review", "age", "reason", "seen", "decided", "until", "policy"), lines, sys.stdout)


def age(seconds: int) -> str:
    """Write an age as its largest unit: ``3d``, ``5h``, ``12m``."""
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


@review.command("open")
@api_options
@click.argument("review_id")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Default: <review>.jpg, here.")
@click.option("--outlines", is_flag=True, help="Draw what the detectors saw.")
def open_(api: ApiClient, review_id: str, out: Path | None, outlines: bool) -> None:
    """Write the photo of REVIEW_ID, as it would be kept, to a file that only you can read.

    Opening is an event. Delete the file when you have decided.
    """
    headers, jpeg = api.send("GET", f"/reviews/{quote(review_id, safe='')}" + ("?outlines=true" if outlines else ""))
    known = {name.lower(): value for name, value in headers.items()}
    target = out or Path(f"{review_id}.jpg")
    if target.exists():
        target.unlink()  # a file that others could read would stay readable
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(jpeg)
    frame = f"{known['photogate-width']}x{known['photogate-height']}"
    click.echo(json.dumps({"id": review_id, "out": str(target), "frame": frame, "bytes": len(jpeg)}))


class Numbers(click.ParamType[list[int]]):
    """So many whole numbers, separated by one character."""

    def __init__(self, name: str, count: int, between: str) -> None:
        self.name, self._count, self._between = name, count, between

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[int]:
        """Read them."""
        words = str(value).split(self._between)
        if len(words) != self._count or not all(word.isdecimal() for word in words):
            self.fail(f"Expected {self.name}; found something else", param, ctx)
        return [int(word) for word in words]


class Mark(click.ParamType[tuple[str, int]]):
    """A kind of finding and how many: ``face=2``."""

    name = "KIND=COUNT"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int]:
        """Read it."""
        kind, _, count = str(value).partition("=")
        if kind not in set(FindingKind) or not count.isdecimal():
            self.fail(
                f"Expected one of {', '.join(FindingKind)}, then = and a number; found something else", param, ctx
            )
        return kind, int(count)


@review.command()
@api_options
@click.argument("review_id")
@click.argument("verdict", type=click.Choice([str(v) for v in Verdict]))
@click.option("--reason", required=True, type=click.Choice(_REASONS), help="Why; see docs/review.md.")
@click.option(
    "--box",
    "boxes",
    multiple=True,
    type=Numbers("X,Y,WIDTH,HEIGHT", 4, ","),
    help="To hide, in pixels of the file that `open` wrote; may be repeated.",
)
@click.option("--frame", type=Numbers("WIDTHxHEIGHT", 2, "x"), help="Size of that file, as `open` printed it.")
@click.option("--missed", multiple=True, type=Mark(), help="What the detectors did not see: face=2.")
@click.option("--wrong", multiple=True, type=Mark(), help="What they saw and is not there: text=1.")
def decide(
    api: ApiClient,
    review_id: str,
    verdict: str,
    reason: str,
    boxes: tuple[list[int], ...],
    frame: list[int] | None,
    missed: tuple[tuple[str, int], ...],
    wrong: tuple[tuple[str, int], ...],
) -> None:
    """Decide REVIEW_ID; the same again changes nothing.

    \b
    photogate review decide ID approve --reason false_alarm --wrong face=1
    photogate review decide ID redact --reason face --box 120,80,60,60 --frame 2048x1536
    """
    body: dict[str, Any] = {"verdict": verdict, "reason": str(Reason(reason))}
    body |= {"missed": dict(missed), "wrong": dict(wrong)}
    if boxes:
        body["boxes"] = [list(box) for box in boxes]
    if frame:
        body["frame"] = {"width": frame[0], "height": frame[1]}
    click.echo(json.dumps(api.json("POST", f"/reviews/{quote(review_id, safe='')}", body)))
