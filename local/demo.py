"""The demo: real photos through the real template on this machine, and what became of each.

``make demo`` runs it. It exits with 1 if a photo ended otherwise than it must, or if a planted value is found anywhere.
"""

from __future__ import annotations

import argparse
import html
import io
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps
from rich.console import Console
from rich.table import Table

from local.client import Client, send_form
from local.cloud import LocalCloud
from local.places import REPOSITORY
from local.samples import PLANTED, SAMPLES, Sample
from photogate.audit.event import Actor, ActorKind
from photogate.audit.log import AuditLog
from photogate.audit.query import AuditReader, check_chain
from photogate.audit.trail import Trail
from photogate.aws.audit_table import AuditTable
from photogate.aws.policies_table import DynamoPolicies
from photogate.findings import FindingKind
from photogate.policy import Action, Policy, Rule, default_policy
from photogate.tenants import create_tenant

WIDTH = 560
POLICIES = {"courier": Action.RETAKE, "scooter": Action.REDACT, "insurer": Action.REVIEW}


@dataclass(frozen=True)
class Result:
    """What became of one photo."""

    sample: Sample
    before: bytes
    upload_id: str
    view: dict[str, Any]
    events: list[dict[str, Any]]
    after: bytes | None
    seconds: float

    @property
    def status(self) -> str:
        """In the words of the API."""
        return str(self.view["status"])

    @property
    def removed(self) -> str:
        """What stripping took out, by category."""
        for event in self.events:
            if event["name"] == "metadata.stripped":
                counts = {k.removeprefix("removed_"): v for k, v in event["details"].items() if "removed_" in k}
                return ", ".join(f"{category} {count}" for category, count in sorted(counts.items())) or "nothing"
        return ""


def policy_of(action: Action) -> Policy:
    """Give the default policy with another rule for faces."""
    review = Action.REVIEW if action is Action.RETAKE else action
    findings = {**default_policy().findings, FindingKind.FACE: Rule(act=action, review=review)}
    return default_policy().model_copy(update={"findings": findings})


def prepare_tenants(cloud: LocalCloud) -> AuditTable:
    """Create the demo's tenants where they are not there yet; give the log's table."""
    table = AuditTable(cloud.client("dynamodb"), cloud.outputs["AuditTable"])
    policies = DynamoPolicies(cloud.client("dynamodb"), cloud.outputs["PoliciesTable"])
    operator = Trail(AuditLog(table), "demo", "1", cloud.outputs["AuditTable"], Actor(ActorKind.SERVICE, "demo"))
    for tenant, action in POLICIES.items():
        if policies.current(tenant) is None:
            create_tenant(policies, operator, tenant, policy_of(action))
    return table


def send(cloud: LocalCloud, audit: AuditReader, sample: Sample, consents: dict[str, str]) -> Result:
    """Send one photo as its uploader would, and wait for the outcome."""
    token = cloud.token(sample.tenant, f"demo-{sample.tenant}", ["uploads:write", "consents:write"])
    client = Client(cloud.outputs["ApiUrl"], token, cloud.ca_bundle)
    if sample.tenant not in consents:
        consents[sample.tenant] = client.consent()
    photo = sample.make()
    announced = photo[:-200_000] if sample.expected == "refused by S3" else photo
    started = time.monotonic()
    upload = client.request_upload(announced, sample.content_type, consents[sample.tenant])
    sent = send_form(client.pool, upload["post"], photo)
    after = None
    if sent.status >= 400:
        view: dict[str, Any] = {"status": "refused by S3", "reason": f"HTTP {sent.status}", "message": ""}
    else:
        view = client.wait(upload["id"])
        if view.get("photo"):
            link = client.get(view["photo"]).json
            after = client.pool.request("GET", link["url"]).data
    seconds = time.monotonic() - started
    rows = audit.photo(sample.tenant, upload["id"])
    check_chain(rows)
    return Result(sample, photo, upload["id"], view, [row.fields for row in rows], after, seconds)


def print_results(console: Console, results: Sequence[Result]) -> None:
    """Print the table: file, status, reason, what was removed, time."""
    table = Table(title="What happened to each photo", title_justify="left", expand=False)
    for column in ("tenant", "file", "status", "reason", "removed", "seconds"):
        table.add_column(column, justify="right" if column == "seconds" else "left", overflow="fold")
    colours = {"ACCEPTED": "green", "REDACTED": "green", "RETAKE": "yellow", "IN_REVIEW": "yellow"}
    for r in results:
        colour = colours.get(r.status, "red")
        status, reason = f"[{colour}]{r.status}[/]", str(r.view.get("reason") or "")
        table.add_row(r.sample.tenant, r.sample.name, status, reason, r.removed, f"{r.seconds:.1f}")
    console.print(table)
    for r in results:
        if r.status == "RETAKE":
            console.print(f"What the uploader of {r.sample.name} reads: [italic]{r.view['message']}[/]\n")


def print_trail(console: Console, result: Result) -> None:
    """Print the trail of one photo, whose chain has been checked."""
    table = Table(title=f"The trail of {result.sample.name} ({result.upload_id})", title_justify="left", expand=False)
    for column in ("#", "time", "event", "by", "outcome", "details"):
        table.add_column(column, overflow="fold")
    for event in result.events:
        details = ", ".join(f"{k}={str(v)[:12]}" for k, v in event["details"].items())
        table.add_row(
            str(event["seq"]), event["time"][11:23], event["name"], event["function"], event["outcome"], details
        )
    console.print(table)
    console.print(
        f"verified: {len(result.events)} events, numbered without a gap, each with the hash of the one before."
    )


def as_png(data: bytes) -> bytes:
    """Show a file as a viewer would: upright, and not too wide."""
    with Image.open(io.BytesIO(data)) as image:
        upright = ImageOps.exif_transpose(image).convert("RGB")
    upright.thumbnail((WIDTH, WIDTH))
    out = io.BytesIO()
    upright.save(out, "PNG", optimize=True)
    return out.getvalue()


def draw(results: Sequence[Result], folder: Path) -> Path:
    """Write before and after pictures, and a page to look at them."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    rows = []
    for number, r in enumerate(results, 1):
        cells = []
        for side, data in (("before", r.before), ("after", r.after)):
            name = f"{number:02d}-{r.sample.tenant}-{Path(r.sample.name).stem}-{side}.png"
            try:
                (folder / name).write_bytes(as_png(data or b""))
                cells.append(f'<figure><img src="{name}" alt="{side}"><figcaption>{side}</figcaption></figure>')
            except OSError:
                text = "nothing is kept" if side == "after" else "not an image"
                cells.append(f'<figure><div class="none">{text}</div><figcaption>{side}</figcaption></figure>')
        said = html.escape(str(r.view.get("message") or ""))
        name, reason = html.escape(r.sample.name), html.escape(str(r.view.get("reason") or ""))
        rows.append(
            f"<section><h2>{name} <small>{r.sample.tenant}</small></h2><p><b>{r.status}</b> {reason}. {said} "
            f"<i>Removed: {r.removed or 'not looked at'}.</i></p>"
            f'<div class="pair">{"".join(cells)}</div></section>'
        )
    style = (
        "body{font:16px/1.5 system-ui,sans-serif;max-width:76rem;margin:2rem auto;padding:0 1rem}"
        ".pair{display:flex;gap:1rem;flex-wrap:wrap}figure{margin:0;flex:1 1 20rem}img{max-width:100%}"
        ".none{display:grid;place-items:center;height:12rem;background:#8882;border-radius:.5rem}"
        "figcaption,small{color:#777}:root{color-scheme:light dark}"
    )
    page = folder / "index.html"
    page.write_text(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Photogate: before and after</title>'
        f"<style>{style}</style><h1>Before and after</h1>{''.join(rows)}</html>"
    )
    return page


def leaks(cloud: LocalCloud, results: Sequence[Result]) -> list[str]:
    """Search what was stored, told and logged for the values that were planted."""
    found = [f"stored {r.sample.name}" for r in results if r.after and PLANTED.encode() in r.after]
    found += [f"events of {r.sample.name}" for r in results if PLANTED in json.dumps([r.events, r.view])]
    found += ["logs" for line in cloud.logs() if PLANTED in line]
    return found


def from_repository(path: Path) -> Path:
    """Say where a file is, as short as can be."""
    return path.relative_to(REPOSITORY) if path.is_relative_to(REPOSITORY) else path


def show_command(console: Console, cloud: LocalCloud, result: Result) -> None:
    """Ask the log as a security team would, with the command line."""
    outputs = cloud.places.root / "outputs.json"
    outputs.write_text(json.dumps({**cloud.outputs, "EndpointUrl": cloud.base}, indent=2))
    command = ["audit", "list", "--tenant", result.sample.tenant, "--since", "1h", "--exceptions", "--format", "table"]
    console.print(f"\n$ photogate {' '.join(command)} --outputs {from_repository(outputs)}")
    environment = {**os.environ, **cloud.environment(), "NO_COLOR": "1"}
    line = [sys.executable, "-m", "photogate", *command, "--outputs", str(outputs)]
    subprocess.run(line, env=environment, cwd=REPOSITORY, check=True)


def run(cloud: LocalCloud, folder: Path, console: Console) -> int:
    """Send every sample, and print what became of it.

    Returns
    -------
    int
        0 if every photo ended as it must and no planted value is left.
    """
    table = prepare_tenants(cloud)
    results: list[Result] = []
    consents: dict[str, str] = {}
    for number, sample in enumerate(SAMPLES, 1):
        console.print(f"[dim]{number}/{len(SAMPLES)} sending {sample.name} for {sample.tenant}[/]")
        results.append(send(cloud, AuditReader(table), sample, consents))
    print_results(console, results)
    redacted = next(r for r in results if r.status == "REDACTED")
    print_trail(console, redacted)
    show_command(console, cloud, results[0])
    page = draw(results, folder)
    console.print(f"\nBefore and after pictures: {from_repository(page)}")
    wrong = [
        f"{r.sample.name}: expected {r.sample.expected}, found {r.status}"
        for r in results
        if r.status != r.sample.expected
    ]
    wrong += [f"a planted value was found in {place}" for place in leaks(cloud, results)]
    for line in wrong:
        console.print(f"[red]{line}[/]")
    if not wrong:
        console.print(
            "Every photo ended as its tenant's policy says; no planted value is left in what was stored or logged."
        )
    return 1 if wrong else 0


def main() -> None:
    """Run the demo on a cloud of its own, or on the one that is up already."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--out", type=Path, default=REPOSITORY / "out" / "demo", help="folder for the pictures")
    parser.add_argument("--keep", action="store_true", help="leave the local cloud up")
    options = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 140, highlight=False)
    cloud = LocalCloud(tell=lambda line: console.print(f"[dim]{line}[/]"))
    was_up = cloud.attach()
    cloud.start()
    try:
        code = run(cloud, options.out.resolve(), console)
    finally:
        if not (was_up or options.keep):
            cloud.stop()
    if was_up or options.keep:
        console.print("The local cloud is up: `photogate local status`, and `make down` to stop it.")
    sys.exit(code)


if __name__ == "__main__":
    main()
