"""`photogate redact`: hide what is found, whatever a tenant's policy would say."""

from __future__ import annotations

from pathlib import Path

import click

from photogate.cli.failing import named_errors
from photogate.cli.process import run
from photogate.findings import FindingKind
from photogate.policy import Action, Policy, RedactionMethod, RedactionRule, RedactionShape, Rule

__all__ = ["redact"]


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder for the results.")
@click.option("--method", type=click.Choice([m.value for m in RedactionMethod]), default="solid", show_default=True)
@click.option("--shape", type=click.Choice([s.value for s in RedactionShape]), default="box", show_default=True)
@click.option("--padding", type=click.IntRange(0, 100), default=15, show_default=True, help="Percent, on each side.")
@click.option("--kinds", default="face", show_default=True, help="What to hide, from face,text,code.")
@click.option("--json", "as_json", is_flag=True, help="One JSON line for each input.")
@click.option("--draw", is_flag=True, help="Also write NAME.found.png: the photo as it was, findings framed.")
def redact(
    paths: tuple[Path, ...],
    out: Path,
    method: str,
    shape: str,
    padding: int,
    kinds: str,
    as_json: bool,
    draw: bool,
) -> None:
    """Hide faces, text and codes in photos, and look again.

    Sure and unsure findings are hidden alike. A photo in which something is still found after two rounds is not
    written.
    """
    try:
        wanted = [FindingKind(kind.strip()) for kind in kinds.split(",")]
    except ValueError:
        raise click.UsageError(f"Expected --kinds from {', '.join(FindingKind)}") from None
    with named_errors():
        policy = Policy(
            findings={kind: Rule(act=Action.REDACT, review=Action.REDACT) for kind in wanted},
            redaction=RedactionRule(
                method=RedactionMethod(method), shape=RedactionShape(shape), padding_percent=padding
            ),
        )
        run(paths, out, policy, wanted, as_json=as_json, draw=draw)
