"""Measure stripping against the tools that this machine has: ExifTool, jpegtran, mat2, Pillow.

usage: PYTHONPATH=shared:. python bench/strip.py [FOLDER...] [--out docs/stripping.svg]

Without folders a corpus is made with Pillow: photo-like noise with Exif and GPS. Prints what each tool leaves of
secrets planted in 1,400 places (tests/unit/formats/carriers) and of the tags of photos, and what it changes there; then
CPU seconds, images a second, speed in memory, memory; and draws one chart. Ratios matter, not seconds: compare runs of
one machine only. Each row of CPU seconds is a whole run with its start, some 50 ms for tools in Python and Perl; the
rows "warm" are the library in a process that has stripped before, as the function runs. Python runs from bytecode, as
what is installed does.
"""

from __future__ import annotations

import argparse
import io
import os
import platform
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageFilter

from bench import strip_quality
from photogate.errors import ImageRefused
from photogate.formats import ImageFormat, sniff, strip

REPEATS = 5
# CPU seconds; what takes less is run several times.
LONG_ENOUGH = 0.2
# Where tools write: what a file system costs is theirs alike, and not theirs to answer for.
SCRATCH = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


@dataclass(frozen=True, slots=True)
class Row:
    """One tool on one format: CPU seconds of the whole run, and how many files came out."""

    format: str
    tool: str
    files: int
    seconds: float

    @property
    def rate(self) -> float:
        return self.files / self.seconds if self.seconds else 0.0


def photo(size: tuple[int, int], seed: int) -> Image.Image:
    """Noise on three scales, which codecs find about as hard as a photo."""
    source = random.Random(seed)
    picture = Image.new("RGB", size)
    for scale, strength in ((64, 0.6), (8, 0.5), (1, 0.12)):
        small = (max(size[0] // scale, 1), max(size[1] // scale, 1))
        layer = Image.frombytes("RGB", small, source.randbytes(3 * small[0] * small[1]))
        picture = Image.blend(picture, layer.resize(size, Image.Resampling.BICUBIC), strength)
    return picture.filter(ImageFilter.GaussianBlur(0.6))


def corpus(folder: Path, count: int) -> None:
    """Write JPEGs and PNGs of several sizes with metadata."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x0110], exif[0x0132] = 6, "Maker", "Model", "2026:01:02 03:04:05"
    exif.get_ifd(0x8825)[1], exif.get_ifd(0x8825)[2] = "N", (52.0, 30.0, 15.0)
    sizes = [(640, 480), (1280, 960), (2048, 1536)]
    for i in range(count):
        picture = photo(sizes[i % 3], i)
        picture.save(folder / f"{i:03}.jpg", quality=88, exif=exif, progressive=i % 5 == 4)
        picture.resize((320, 240)).save(folder / f"{i:03}.png", exif=exif)


def cpu_of(command: list[str]) -> float:
    """Run a command; give the CPU seconds that it and its children took."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = str(Path(tempfile.gettempdir()) / f"photogate-bench-{os.getuid()}")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=False, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def with_exiftool(files: list[Path], out: Path) -> float:
    return cpu_of(["exiftool", "-q", "-q", "-all=", "-o", f"{out}/", *map(str, files)])


def with_exiftool_keeping(files: list[Path], out: Path) -> float:
    """Do the same job: colour and orientation stay."""
    keep = ["-tagsfromfile", "@", "-ColorSpaceTags", "-Orientation"]
    return cpu_of(["exiftool", "-q", "-q", "-all=", *keep, "-o", f"{out}/", *map(str, files)])


def with_photogate(files: list[Path], out: Path) -> float:
    return cpu_of([sys.executable, "-m", "photogate", "strip", "--out", str(out), *map(str, files)])


def with_photogate_unchecked(files: list[Path], out: Path) -> float:
    return cpu_of([sys.executable, "-m", "photogate", "strip", "--no-scan-check", "--out", str(out), *map(str, files)])


def in_this_process(files: list[Path], out: Path, check_scan: bool) -> float:
    """Read, strip and write, as a function does that has been called before: nothing is started, nothing imported."""
    strip(files[0].read_bytes(), check_scan=check_scan)
    start = time.process_time()
    for file in files:
        (out / file.name).write_bytes(strip(file.read_bytes(), check_scan=check_scan).data)
    return time.process_time() - start


def in_this_process_checked(files: list[Path], out: Path) -> float:
    return in_this_process(files, out, True)


def in_this_process_unchecked(files: list[Path], out: Path) -> float:
    return in_this_process(files, out, False)


def with_jpegtran(files: list[Path], out: Path) -> float:
    return sum(cpu_of(["jpegtran", "-copy", "none", "-outfile", str(out / f.name), str(f)]) for f in files)


def with_mat2(files: list[Path], out: Path) -> float:
    copies = [Path(shutil.copy(f, out / f.name)) for f in files]
    return cpu_of(["mat2", "--inplace", *map(str, copies)])


def with_pillow(files: list[Path], out: Path) -> float:
    """Decode and encode again: what many do, and what changes the pixels of a JPEG."""
    start = time.process_time()
    for file in files:
        with Image.open(file) as picture:
            options = {"quality": 88} if picture.format == "JPEG" else {}
            Image.frombytes(picture.mode, picture.size, picture.tobytes()).save(out / file.name, **options)
    return time.process_time() - start


Tool = Callable[[list[Path], Path], float]
TOOLS: dict[str, tuple[Tool, str | None, tuple[ImageFormat, ...]]] = {
    "photogate": (with_photogate, None, (ImageFormat.JPEG, ImageFormat.PNG)),
    "photogate, no scan check": (with_photogate_unchecked, None, (ImageFormat.JPEG,)),
    "photogate, warm": (in_this_process_checked, None, (ImageFormat.JPEG, ImageFormat.PNG)),
    "photogate, warm, no scan check": (in_this_process_unchecked, None, (ImageFormat.JPEG,)),
    "exiftool -all=": (with_exiftool, "exiftool", (ImageFormat.JPEG, ImageFormat.PNG)),
    "exiftool, colour and turn kept": (with_exiftool_keeping, "exiftool", (ImageFormat.JPEG, ImageFormat.PNG)),
    "jpegtran -copy none": (with_jpegtran, "jpegtran", (ImageFormat.JPEG,)),
    "mat2 --inplace": (with_mat2, "mat2", (ImageFormat.JPEG, ImageFormat.PNG)),
    "Pillow, coded again": (with_pillow, None, (ImageFormat.JPEG, ImageFormat.PNG)),
}


def measure(files: dict[ImageFormat, list[Path]]) -> list[Row]:
    """Run each tool on each format, in turns; the median of the rounds counts."""
    rows = []
    for kind, paths in files.items():
        tools = {
            name: run
            for name, (run, binary, kinds) in TOOLS.items()
            if kind in kinds and (not binary or shutil.which(binary))
        }
        rounds = [{name: one_round(run, paths) for name, run in tools.items()} for _ in range(REPEATS)]
        for name in tools:
            done = rounds[0][name][1]
            rows.append(Row(kind, name, done, statistics.median(seconds for seconds, _ in (r[name] for r in rounds))))
    return rows


def one_round(run: Tool, paths: list[Path]) -> tuple[float, int]:
    """Run a tool, a short run several times; give the CPU seconds of one run, and how many files came out."""
    taken: list[float] = []
    while sum(taken) < LONG_ENOUGH:
        with tempfile.TemporaryDirectory(dir=SCRATCH) as out:
            taken.append(run(paths, Path(out)))
            done = sum(1 for _ in Path(out).iterdir())
    return statistics.fmean(taken), done


def fastest(call: Callable[[], object]) -> float:
    seconds = []
    for _ in range(REPEATS):
        start = time.process_time()
        call()
        seconds.append(time.process_time() - start)
    return min(seconds)


def in_memory() -> list[tuple[str, str]]:
    """Speed and memory within one process, on one large JPEG and PNG."""
    lines = []
    file = io.BytesIO()
    picture = photo((4000, 3000), 1)
    picture.save(file, "JPEG", quality=92)
    jpeg = file.getvalue()
    seconds = fastest(lambda: strip(jpeg, check_scan=False))
    lines.append(("JPEG without scan check", f"{len(jpeg) / seconds / 1e9:.2f} GB/s"))
    try:
        import simplejpeg
    except ImportError:
        lines.append(("JPEG with scan check", "simplejpeg is not installed"))
    else:
        decode = fastest(lambda: simplejpeg.decode_jpeg(jpeg))
        checked = fastest(lambda: strip(jpeg))
        lines.append(("JPEG with scan check", f"{len(jpeg) / checked / 1e6:.0f} MB/s"))
        lines.append(("  of libjpeg-turbo's decode speed", f"{decode / checked:.2f}"))
    file = io.BytesIO()
    picture.resize((2000, 1500)).save(file, "PNG")
    png = file.getvalue()
    seconds = fastest(lambda: strip(png))
    lines.append(("PNG with hidden-data check", f"{len(png) / seconds / 1e6:.0f} MB/s"))
    return lines


# What is added to the highest that one strip reaches is what the process held before, with the file.
MEMORY = """
import sys
from pathlib import Path
from photogate.formats import strip

def held(name):
    return next(int(line.split()[1]) for line in Path("/proc/self/status").open() if line.startswith(name))

small, large = (Path(path).read_bytes() for path in sys.argv[1:])
strip(small)
Path("/proc/self/clear_refs").write_text("5")
before = held("VmRSS")
new = strip(large)
print((held("VmHWM") - before) / 1024 - len(new.data) / 2**20)
"""
LARGE: dict[str, tuple[str, dict[str, object]]] = {
    "JPEG": ("JPEG", {"quality": 92}),
    "JPEG, progressive": ("JPEG", {"quality": 92, "progressive": True}),
    "PNG": ("PNG", {"compress_level": 1}),
    "GIF": ("GIF", {}),
    "BMP": ("BMP", {}),
    "TIFF": ("TIFF", {}),
    "TIFF, deflate": ("TIFF", {"compression": "tiff_adobe_deflate"}),
    "TIFF, LZW": ("TIFF", {"compression": "tiff_lzw"}),
    "WebP": ("WEBP", {"quality": 80}),
    "AVIF": ("AVIF", {"speed": 9}),
}


def memory() -> list[tuple[str, str]]:
    """Memory beyond input and output, of a picture of 12 megapixels in each format; Linux tells it."""
    if not Path("/proc/self/clear_refs").exists():
        return []
    lines = []
    picture = photo((4000, 3000), 1)
    with tempfile.TemporaryDirectory() as folder:
        small, large = Path(folder, "small"), Path(folder, "large")
        for name, (kind, options) in LARGE.items():
            picture.crop((0, 0, 400, 300)).save(small, kind, **options)
            picture.save(large, kind, **options)
            told = subprocess.run(
                [sys.executable, "-c", MEMORY, small, large], check=True, capture_output=True, text=True
            )
            size = large.stat().st_size / 2**20
            lines.append((f"{name}, {size:.0f} MiB", f"{float(told.stdout):.1f} MiB"))
    return lines


def chart(rows: list[Row], survivors: dict[str, tuple[int, int]], path: Path) -> None:
    """Draw secrets that survive, and images a CPU second, as bars, as SVG."""
    height, left, width = 24, 236, 420
    out, y = [], 20
    groups = [("secrets that survive, of those in files that the tool takes", [
        (tool, most and found / most, f"{found} of {most}") for tool, (found, most) in survivors.items()
    ])]  # fmt: skip
    for kind in dict.fromkeys(row.format for row in rows):
        group = [row for row in rows if row.format == kind]
        most = max(row.rate for row in group)
        bars = [(row.tool, row.rate / most, f"{row.rate:.0f}") for row in group]
        groups.append((f"{kind}: images a CPU second", bars))
    for title, bars in groups:
        out.append(f'<text x="0" y="{y + 14}" font-weight="bold">{title}</text>')
        y += height
        for tool, share, label in bars:
            fill = "#2a6f4e" if tool.startswith("photogate") else "#b8b8b8"
            out.append(f'<text x="10" y="{y + 14}">{tool}</text>')
            long = max(1, round(width * share))
            out.append(f'<rect x="{left}" y="{y + 2}" width="{long}" height="{height - 8}" fill="{fill}"/>')
            out.append(f'<text x="{left + long + 6}" y="{y + 14}">{label}</text>')
            y += height
        y += height // 2
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="720" height="{y}" font-family="sans-serif" font-size="13">'
    path.write_text("\n".join((head, *out, "</svg>", "")))


def strippable(path: Path) -> ImageFormat | None:
    data = path.read_bytes()
    try:
        strip(data)
    except ImageRefused:
        return None
    return sniff(data)


def quality(files: list[Path]) -> dict[str, tuple[int, int]]:
    """Print what tools leave and what they change; give each tool's survivors, and the files that it took."""
    survivors: dict[str, tuple[int, int]] = {}
    print(f"{'planted':8}{'tool':32}{'files':>6}{'refused':>9}{'secret left':>13}{'picture changed':>17}")
    with tempfile.TemporaryDirectory() as folder:
        for kind, tool, left in strip_quality.planted(Path(folder)):
            taken = left.files - left.refused
            print(
                f"{kind:8}{tool:32}{left.files:>6}{left.refused:>9}{left.survivors:>13}{left.changed:>17}", flush=True
            )
            found, most = survivors.get(tool, (0, 0))
            survivors[tool] = (found + left.survivors, most + taken)
    print(
        f"\n{'photos':8}{'tool':32}{'files':>6}{'refused':>9}{'pixels':>8}{'turned':>8}{'colour':>8}{'tags left':>11}"
    )
    with tempfile.TemporaryDirectory() as folder:
        for kind, tool, left in strip_quality.photos(files, Path(folder)):
            numbers = f"{left.changed:>8}{left.turned:>8}{left.off_colour:>8}{left.tags:>11}"
            print(f"{kind:8}{tool:32}{left.files:>6}{left.refused:>9}{numbers}", flush=True)
    print()
    return survivors


def main() -> None:
    warnings.simplefilter("ignore")
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("folders", nargs="*", type=Path)
    arguments.add_argument("--count", type=int, default=120, help="Files of each format in the made corpus.")
    arguments.add_argument("--out", type=Path, default=Path("docs/stripping.svg"))
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folders = options.folders or [Path(made)]
        if not options.folders:
            corpus(Path(made), options.count)
        files: dict[ImageFormat, list[Path]] = {ImageFormat.JPEG: [], ImageFormat.PNG: []}
        found = sorted(p for folder in folders for p in folder.rglob("*") if p.is_file())
        print(f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}")
        missing = [tool for tool in ("exiftool", "jpegtran", "mat2") if not shutil.which(tool)]
        print(f"Not on this machine: {', '.join(missing)}\n" if missing else "")
        survivors = quality(found)
        for path in found:
            if (kind := strippable(path)) in files:
                files[kind].append(path)
        rows = measure({kind: paths for kind, paths in files.items() if paths})
    print(f"{'format':8}{'tool':32}{'files':>6}{'CPU s':>9}{'images/s':>10}{'to ExifTool':>13}")
    for row in rows:
        peer = next((r for r in rows if r.format == row.format and r.tool.startswith("exiftool")), None)
        ratio = f"{row.rate / peer.rate:.1f} x" if peer and peer.rate else ""
        print(f"{row.format:8}{row.tool:32}{row.files:>6}{row.seconds:>9.2f}{row.rate:>10.0f}{ratio:>13}")
    print()
    for name, value in in_memory():
        print(f"{name:42}{value:>14}")
    print("\nMemory beyond input and output, 12 megapixels")
    for name, value in memory():
        print(f"{name:42}{value:>14}")
    chart(rows, survivors, options.out)
    print(f"\nChart: {options.out}", file=sys.stderr)


if __name__ == "__main__":
    main()
