"""Print what each function unpacks to, with its layers, against Lambda's limit.

usage: size.py BUILT_TEMPLATE

The template is the one that `sam build` writes, whose paths lead to what was built. Exit code 1 when a function leaves
less than 5 MB of the limit, so that the next release of a dependency does not come as a surprise.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from local.template import load

LIMIT = 262_144_000
SPARE = 5_000_000


@dataclass(frozen=True, slots=True)
class Size:
    """One function's bytes: its own, and those of each of its layers."""

    function: str
    own: int
    layers: dict[str, int]

    @property
    def total(self) -> int:
        """Bytes of everything."""
        return self.own + sum(self.layers.values())

    @property
    def spare(self) -> int:
        """Bytes left of the limit."""
        return LIMIT - self.total


def bytes_below(folder: Path) -> int:
    """Sum the sizes of the files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def sizes(template: Path) -> list[Size]:
    """Measure every function of a built template."""
    content = load(template)
    everywhere = content["Globals"]["Function"]["Layers"]
    found = []
    measured: dict[str, int] = {}
    for name, resource in sorted(content["Resources"].items()):
        if resource["Type"] != "AWS::Serverless::Function":
            continue
        properties = resource["Properties"]
        layers = [layer["Ref"] for layer in (*everywhere, *properties.get("Layers", []))]
        for layer in layers:
            if layer not in measured:
                uri = content["Resources"][layer]["Properties"]["ContentUri"]
                measured[layer] = bytes_below(template.parent / uri)
        own = bytes_below(template.parent / properties["CodeUri"])
        found.append(Size(name, own, {layer: measured[layer] for layer in layers}))
    return found


def main() -> None:
    """Print the table."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    found = sizes(Path(sys.argv[1]))
    print(f"{'function':<26}{'bytes':>12}{'of limit':>10}{'to spare':>13}  layers")
    for size in found:
        layers = ", ".join(f"{name} {count:,}" for name, count in size.layers.items())
        print(f"{size.function:<26}{size.total:>12,}{size.total / LIMIT:>10.1%}{size.spare:>13,}  {layers}")
    tight = [size.function for size in found if size.spare < SPARE]
    if tight:
        sys.exit(f"Expected {SPARE:,} bytes to spare of {LIMIT:,}; found less in {', '.join(tight)}")


if __name__ == "__main__":
    main()
