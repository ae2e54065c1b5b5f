"""Fuzz each parser with coverage guidance (atheris), for a bounded time; what it finds becomes a named test.

usage: python -m tests.properties.fuzz [TARGET...] [--seconds 60]

A target is a format (everything that is asked of a file), `verify-FORMAT` (the second reader alone), or a reader that
stands within several containers: exif, icc, xmp. Without atheris (it is built for some Python versions only) the same
mutations run without guidance, which finds less.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import os
import random
import struct
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps

from photogate.errors import ImageRefused
from photogate.findings import Keep
from photogate.formats import exif, icc, measure, sniff, strip, xmp
from photogate.formats.container import MODULES, Context, ImageFormat, container_for
from photogate.inspection import inspect
from tests.properties import seeds
from tests.properties.mutate import mutate, repaired, split

FORMATS = sorted(map(str, MODULES))
TARGETS = [*FORMATS, *(f"verify-{kind}" for kind in FORMATS), "exif", "icc", "xmp"]
# One file of so many is decoded as well, before and after: decoders are slower than parsers.
_DECODED = 8
_seen = 0


def of_file(data: bytes) -> None:
    """Only `ImageRefused` may leave, the second look must agree, and a second stripping changes nothing.

    The planted mark may be left within picture data only, where a mutation may have moved it. Every eighth file that
    decoders open must look the same when stripped.
    """
    global _seen
    for ask in (measure, inspect):
        try:
            ask(data)
        except ImageRefused as refusal:
            if not str(refusal).startswith("Expected"):
                raise AssertionError(str(refusal)) from refusal
    try:
        once = strip(data).data
    except ImageRefused as refusal:
        if refusal.refusal == "strip_failed":
            raise AssertionError(str(refusal)) from refusal
        return
    assert strip(once).data == once, "stripping twice changed something"
    assert seeds.MARK not in around_pictures(once), "the planted mark is still there"
    _seen += 1
    kind = str(sniff(data))
    if _seen % _DECODED or not shows_a_seed(kind, data):
        return
    look = decoded_apart if kind == "heic" else decoded
    if (before := look(data)) is not None:
        after = look(once)
        if kind == "tiff" and after != before:  # damaged tags: turned by one reader, and not by another
            before, after = turned(before), after and turned(after)
        # A second acTL makes an animation a still for Pillow.
        shown = min(len(before), len(after or ())) if kind == "png" else len(before)
        assert (after or [])[:shown] == before[:shown], "the picture changed"


# What of a format's parts holds the picture and how it is read; in the other formats it lies between the parts.
_PICTURE = {
    "jpeg": (0, 2, (b"\xff\xda", b"\xff\xc4", b"\xff\xdb", b"\xff\xc0", b"\xff\xc2", b"\xff\xdd")),
    "png": (4, 8, (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"fdAT", b"fcTL", b"acTL")),
    "webp": (0, 4, (b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF", b"ICCP")),
    "gif": (0, 1, (b"G", b",", b"!", b";")),
    "heic": (4, 8, (b"mdat",)),
    "avif": (4, 8, (b"mdat",)),
}


def pictures(kind: str, data: bytes) -> list[bytes]:
    at, stop, names = _PICTURE.get(kind, (0, 0, (b"",)))
    return [part for part in split(kind, data) if part[at:stop] in names]


def around_pictures(data: bytes) -> bytes:
    """Give what of a file is no picture data: where no mutation can turn metadata into something to keep."""
    kind = str(sniff(data))
    held = set(pictures(kind, data))
    return b"".join(part for part in split(kind, data) if part not in held)


def shows_a_seed(kind: str, data: bytes) -> bool:
    """Whether only what is no picture was changed: decoders differ on damaged pictures, with and without metadata."""
    if kind == "bmp":
        (depth,), (colours,) = struct.unpack_from("<H", data, 28), struct.unpack_from("<I", data, 46)
        colours = colours or (1 << depth if depth <= 8 else 0)
        return colours <= 256 and 54 + 4 * colours <= int.from_bytes(data[10:14], "little")
    if kind in ("tiff", "heic", "avif"):
        return True
    return any(pictures(kind, data) == pictures(kind, seed) for seed in seeds.files()[kind])


def decoded_apart(data: bytes) -> list[Any] | None:
    """Decode in a process of its own, since libheif may die of damage; a digest, or None where nothing opens."""
    back, there = os.pipe()
    child = os.fork()
    if not child:
        os.close(back)
        if found := decoded(data):
            os.write(there, hashlib.sha256(repr(found).encode()).digest())
        os._exit(0)
    os.close(there)
    with os.fdopen(back, "rb") as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    return [answer] if answer else None


def decoded(data: bytes) -> list[Any] | None:
    """Decode up to four frames; None where no decoder opens the file."""
    import pi_heif

    pi_heif.register_heif_opener()
    found: list[Any] = []
    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(data)) as image:
            warnings.simplefilter("ignore")
            if image.width * image.height > 1 << 20:
                return None
            if image.format == "TIFF" and len(image.tag_v2) < len(split("tiff", data)) - 2:
                return None  # Pillow ends a directory at its first damaged entry
            # Of a HEIF file the primary picture is asked for, and of a JPEG with others behind it the first.
            frames = 1 if image.format in ("HEIF", "MPO", "JPEG") else min(getattr(image, "n_frames", 1), 4)
            for number in range(frames):
                image.seek(number)
                image.load()
                shown = image.convert("RGBA") if image.mode in ("1", "L", "P", "PA", "RGB") else image
                if image.format == "TIFF" and not number:  # Pillow turns by the tag, and only later by XMP
                    shown = ImageOps.exif_transpose(shown)
                duration = image.info.get("duration") if frames > 1 and image.format != "PNG" else None
                found.append((shown.mode, shown.size, shown.tobytes(), duration))
    except (
        OSError,
        ValueError,
        RuntimeError,
        SyntaxError,
        EOFError,
        KeyError,
        TypeError,
        IndexError,
        Image.DecompressionBombError,
    ):
        return None
    except Exception as error:  # Pillow's plugins raise what their parsers meet
        if type(error).__module__.startswith(("PIL", "struct", "zlib", "builtins")):
            return None
        raise
    return found


def turned(pictures: list[Any]) -> list[Any]:
    """What stays of pictures however they are turned."""
    return [(mode, sorted(size), sorted(pixels)) for mode, size, pixels, _ in pictures]


def of_second_reader(kind: str) -> Callable[[bytes], None]:
    """What a second reader accepts holds nothing that stripping would take out."""
    container = container_for(ImageFormat(kind))

    def ask(data: bytes) -> None:
        from photogate.formats.container import guarded

        try:
            with guarded():
                container.verify(data)
        except ImageRefused:
            return
        assert seeds.MARK not in around_pictures(data), "the second reader accepts the planted mark"

    return ask


def of_exif(data: bytes) -> None:
    """Reading never fails, what is built is accepted, and both readers of the orientation agree."""
    context = Context()
    found = exif.read(data, context)
    exif.orientation_of(data)
    built = exif.build(found.orientation or 1, found.rights.cleaned())
    assert not built or exif.verify(built) == (found.orientation or 1)
    try:
        exif.verify(data)
    except ImageRefused:
        return
    assert data == built


def of_icc(data: bytes) -> None:
    """Reducing twice changes nothing, and the second reader accepts what was reduced."""
    new = icc.reduce(data)
    if new is None:
        return
    assert icc.reduce(new) == new
    icc.verify(new, 0)


def of_xmp(data: bytes) -> None:
    """Reading never fails, and gives no more than it may."""
    context = Context(keep=frozenset(Keep))
    xmp.read(data, context)
    rights = context.claims.xmp
    assert len(rights.copyright) + len(rights.creator) <= 4 * len(data) + 64
    xmp.orientation_of(data)


def target(name: str) -> tuple[str, Callable[[bytes], None], list[bytes]]:
    """Give the kind of a target's parts, what is asked, and the seeds."""
    if name.startswith("verify-"):
        kind = name.removeprefix("verify-")
        return kind, of_second_reader(kind), [*seeds.stripped(kind), *seeds.files()[kind]]
    if name in FORMATS:
        return name, of_file, seeds.files()[name]
    return name, {"exif": of_exif, "icc": of_icc, "xmp": of_xmp}[name], seeds.parts()[name]


def at_random(name: str, seconds: float, seed: int = 1) -> int:
    kind, ask, found = target(name)
    source, until, number = random.Random(seed), time.monotonic() + seconds, 0
    while time.monotonic() < until:
        data = mutate(kind, source.choice(found), source.choice(found), source)
        try:
            ask(data)
        except Exception:
            Path(f"crash-{name}").write_bytes(data)
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


def with_coverage(name: str, seconds: int) -> None:
    """Run atheris in this process; libFuzzer ends it."""
    import atheris

    kind, ask, found = target(name)

    def custom(data: bytes, most: int, seed: int) -> bytes:
        source = random.Random(seed)
        if source.random() < 0.3:
            return repaired(kind, atheris.Mutate(data, most))[:most]
        return mutate(kind, data, source.choice(found), source)[:most]

    with tempfile.TemporaryDirectory() as folder:
        for i, data in enumerate(found):
            (Path(folder) / str(i)).write_bytes(data)
        options = [f"-max_total_time={seconds}", "-max_len=65536", "-timeout=10", "-print_final_stats=1"]
        atheris.Setup([sys.argv[0], folder, f"-artifact_prefix=crash-{name}-", *options], ask, custom_mutator=custom)
        atheris.Fuzz()


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("targets", nargs="*", help=f"Of {', '.join(TARGETS)}.")
    arguments.add_argument("--seconds", type=int, default=60)
    options = arguments.parse_args()
    try:
        import atheris  # noqa: F401
    except ImportError:
        print("atheris is not installed: mutating at random", file=sys.stderr)
        for name in options.targets or TARGETS:
            print(f"{name}: {at_random(name, options.seconds)} inputs, nothing found")
        return
    for name in options.targets or TARGETS:
        command = [sys.executable, "-c", _INSTRUMENTED, name, str(options.seconds)]
        if subprocess.run(command, check=False).returncode:
            raise SystemExit(f"{name}: found something; the input is in crash-{name}-* beside you")
        print(f"{name}: nothing found")


if __name__ == "__main__":
    main()
