"""Fuzz each parser with coverage guidance (atheris), for a bounded time; what it finds becomes a named test.

usage: python -m tests.properties.fuzz [FORMAT...] [--seconds 60]

Without atheris (it is built for some Python versions only) the same bytes are mutated at random, which finds less.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from photogate.errors import ImageRefused
from photogate.formats import inspect, measure, sniff, strip
from tests.properties.test_strip import FILES

FORMATS = sorted({str(sniff(data)) for data in FILES})


def one_input(data: bytes) -> None:
    """Only `ImageRefused` may leave; the second look must agree; a second stripping changes nothing."""
    started = time.process_time()
    for ask in (measure, inspect):
        try:
            ask(data)
        except ImageRefused:
            continue
    try:
        once = strip(data).data
    except ImageRefused as refusal:
        if refusal.refusal == "strip_failed":
            raise AssertionError(str(refusal)) from refusal
    else:
        assert strip(once).data == once, "stripping twice changed something"
    assert time.process_time() - started < 3, "too slow"


def at_random(kind: str, seconds: float) -> int:
    source, until, number = random.Random(1), time.monotonic() + seconds, 0
    seeds = [data for data in FILES if sniff(data) == kind]
    while time.monotonic() < until:
        data = bytearray(source.choice(seeds))
        for _ in range(source.choice((1, 1, 2, 4, 16))):
            at = source.randrange(len(data) + 1)
            if source.random() < 0.6:
                data[at : at + 1] = bytes((source.choice((0, 1, 127, 128, 255, source.randrange(256))),))
            elif source.random() < 0.5:
                del data[at : at + source.choice((1, 2, 8, 64))]
            else:
                data[at:at] = data[at : at + source.choice((1, 2, 8, 64))]
        try:
            one_input(bytes(data))
        except Exception:
            Path(f"crash-{kind}").write_bytes(data)
            raise
        number += 1
    return number


# Coverage is seen in modules that are imported under instrumentation, so a process of its own imports them first.
_INSTRUMENTED = """
import importlib, sys, atheris
with atheris.instrument_imports(include=["photogate"]):
    from photogate.formats import container
    for name in container.MODULES.values():
        importlib.import_module(f"photogate.formats.{name}")
from tests.properties import fuzz
fuzz.with_coverage(sys.argv[1], int(sys.argv[2]))
"""


def with_coverage(kind: str, seconds: int) -> None:
    """Run atheris in this process; libFuzzer ends it."""
    import atheris

    with tempfile.TemporaryDirectory() as folder:
        for i, data in enumerate(data for data in FILES if sniff(data) == kind):
            (Path(folder) / str(i)).write_bytes(data)
        atheris.Setup([sys.argv[0], folder, f"-max_total_time={seconds}", "-max_len=65536"], one_input)
        atheris.Fuzz()


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("formats", nargs="*", help=f"Of {', '.join(FORMATS)}.")
    arguments.add_argument("--seconds", type=int, default=60)
    options = arguments.parse_args()
    try:
        import atheris  # noqa: F401
    except ImportError:
        print("atheris is not installed: mutating at random", file=sys.stderr)
        for kind in options.formats or FORMATS:
            print(f"{kind}: {at_random(kind, options.seconds)} inputs, nothing found")
        return
    for kind in options.formats or FORMATS:
        command = [sys.executable, "-c", _INSTRUMENTED, kind, str(options.seconds)]
        if subprocess.run(command, check=False).returncode:
            raise SystemExit(f"{kind}: found something; the input is in crash-* beside you")
        print(f"{kind}: nothing found")


if __name__ == "__main__":
    main()
