"""What is left by stripping tools: of secrets planted in one place each, of tags in real photos; and what they change.

Used by bench/strip.py. The planted files are those of tests/unit/formats/carriers. A tool that does not take a file, or
writes nothing, has refused it.
"""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageChops, ImageCms, ImageOps, ImageSequence, ImageStat

from photogate.errors import ImageRefused
from photogate.formats import sniff, strip
from tests.unit.formats.carriers import bmp, gif, heif, jpeg, kit, png, tiff, webp

SUFFIXES = {
    "jpeg": ".jpg",
    "png": ".png",
    "webp": ".webp",
    "gif": ".gif",
    "bmp": ".bmp",
    "tiff": ".tif",
    "heif": ".avif",
    "avif": ".avif",
    "heic": ".heic",
}
PLANTED = (jpeg, png, webp, gif, bmp, tiff, heif)

# Groups of ExifTool that tell of the container and never of a person; tags of others that tell how to show a picture.
CONTAINER = (
    "ExifTool",
    "System",
    "File",
    "Composite",
    "ICC",
    "QuickTime",
    "Meta",
    "Track",
    "RIFF",
    "GIF",
    "JFIF",
    "APP14",
)
_SHOWING = """
    Orientation XResolution YResolution ResolutionUnit YCbCrPositioning ImageWidth ImageHeight BitDepth
    BitsPerSample ColorType Compression Filter Interlace Palette Transparency Gamma SRGBRendering
    BackgroundColor SignificantBits AnimationFrames AnimationPlays PixelsPerUnitX PixelsPerUnitY PixelUnits
    WhitePointX WhitePointY RedX RedY GreenX GreenY BlueX BlueY ProfileName ColorPrimaries
    TransferCharacteristics MatrixCoefficients VideoFullRangeFlag SubfileType PhotometricInterpretation
    StripOffsets StripByteCounts RowsPerStrip SamplesPerPixel PlanarConfiguration Predictor ExtraSamples
    ColorMap SampleFormat TileWidth TileLength TileOffsets TileByteCounts FillOrder YCbCrCoefficients
    YCbCrSubSampling ReferenceBlackWhite WhitePoint PrimaryChromaticities InkSet T4Options T6Options ColorSpace
    ExifVersion ComponentsConfiguration FlashpixVersion ExifImageWidth ExifImageHeight MaxContentLightLevel
    MaxPicAverageLightLevel DCTEncodeVersion APP14Flags0 APP14Flags1 ColorTransform
"""
SHOWING = frozenset(_SHOWING.split())


def photogate(files: list[Path], out: Path) -> None:
    for file in files:
        try:
            (out / file.name).write_bytes(strip(file.read_bytes()).data)
        except ImageRefused:
            continue


def exiftool(files: list[Path], out: Path) -> None:
    _run(["exiftool", "-q", "-q", "-all=", "-o", f"{out}/", *map(str, files)])


def exiftool_for_viewing(files: list[Path], out: Path) -> None:
    """Remove all but what a picture is shown by, as ExifTool's manual advises."""
    keep = ["-tagsfromfile", "@", "-ColorSpaceTags", "-Orientation"]
    _run(["exiftool", "-q", "-q", "-all=", *keep, "-o", f"{out}/", *map(str, files)])


def jpegtran(files: list[Path], out: Path) -> None:
    for file in files:
        _run(["jpegtran", "-copy", "none", "-outfile", str(out / file.name), str(file)])


def mat2(files: list[Path], out: Path) -> None:
    copies = [Path(shutil.copy(file, out / file.name)) for file in files]
    _run(["mat2", "--inplace", *map(str, copies)])
    for copy, file in zip(copies, files, strict=True):
        if copy.exists() and copy.read_bytes() == file.read_bytes():
            copy.unlink()  # it was not touched


def pillow(files: list[Path], out: Path) -> None:
    for file in files:
        try:
            with warnings.catch_warnings(), Image.open(file) as picture:
                warnings.simplefilter("ignore")
                options = {"quality": 88} if picture.format == "JPEG" else {}
                clean = Image.frombytes(picture.mode, picture.size, picture.tobytes())
                if palette := picture.getpalette():
                    clean.putpalette(palette)
                clean.save(out / file.name, **options)
        except Exception:
            (out / file.name).unlink(missing_ok=True)
            continue


Tool = Callable[[list[Path], Path], None]
TOOLS: dict[str, tuple[Tool, str | None]] = {
    "photogate": (photogate, None),
    "exiftool -all=": (exiftool, "exiftool"),
    "exiftool, colour and turn kept": (exiftool_for_viewing, "exiftool"),
    "jpegtran -copy none": (jpegtran, "jpegtran"),
    "mat2 --inplace": (mat2, "mat2"),
    "Pillow, coded again": (pillow, None),
}


@dataclass
class Left:
    """What one tool left of files of one format."""

    files: int = 0
    refused: int = 0
    survivors: int = 0
    changed: int = 0
    tags: int = 0
    turned: int = 0
    off_colour: int = 0


def planted(folder: Path) -> Iterable[tuple[str, str, Left]]:
    """Plant, strip with each tool, and look: format, tool, and what is left."""
    for module in PLANTED:
        kind = module.__name__.rpartition(".")[2]
        shown = getattr(module, "shown", kit.shown)
        place = folder / kind
        place.mkdir()
        files: dict[Path, bytes] = {}
        for i, (_, data) in enumerate(module.carriers()):
            file = place / f"{i:04}{SUFFIXES[kind]}"
            file.write_bytes(data)
            files[file] = data
        for tool, out in _each_tool(list(files), folder / f"{kind} out"):
            left = Left(len(files))
            for file, data in files.items():
                new = out / file.name
                if not new.exists() or not new.stat().st_size:
                    left.refused += 1
                    continue
                content = new.read_bytes()
                left.survivors += _is_found(content)
                picture = shown(data)
                left.changed += bool(picture) and shown(content) != picture
            yield "avif" if kind == "heif" else kind, tool, left


def photos(files: list[Path], folder: Path) -> Iterable[tuple[str, str, Left]]:
    """Strip photos with each tool: how many pixels, turns, colours it changed, and how many tags it left."""
    kinds: dict[str, list[Path]] = {}
    source = folder / "photos"
    source.mkdir()
    for i, file in enumerate(files):
        kind = str(sniff(file.read_bytes()))
        if kind in SUFFIXES and _look(file) is not None:
            copy = source / f"{i:05}{SUFFIXES[kind]}"
            shutil.copy(file, copy)
            kinds.setdefault(kind, []).append(copy)
    for kind, paths in kinds.items():
        before = {path.name: _look(path) for path in paths}
        for tool, out in _each_tool(paths, folder / f"{kind} photos out"):
            left = Left(len(paths))
            tags = _tags(out)
            for path in paths:
                new = out / path.name
                after = _look(new) if new.exists() and new.stat().st_size else None
                was = before[path.name]
                if after is None or was is None:
                    left.refused += 1
                    continue
                left.changed += after[0] != was[0]
                left.turned += after[1] != was[1]
                left.off_colour += after[1] == was[1] and _far(after[2], was[2])
                left.tags += bool(tags.get(path.name))
            yield kind, tool, left


def _each_tool(files: list[Path], out: Path) -> Iterable[tuple[str, Path]]:
    for tool, (run, binary) in TOOLS.items():
        if binary and not shutil.which(binary):
            continue
        if tool.startswith("jpegtran") and files[0].suffix != ".jpg":
            continue
        out.mkdir()
        run(files, out)
        yield tool, out
        shutil.rmtree(out)


def _run(command: list[str]) -> None:
    subprocess.run(command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _is_found(data: bytes) -> bool:
    try:
        return kit.is_found(data)
    except Exception:
        return any(form in data for form in (kit.SECRET, kit.WIDE))


def _look(file: Path) -> tuple[list[bytes], tuple[int, int], Image.Image] | None:
    """Decode: the frames' pixels, the size as seen, and a small picture as seen, in sRGB; None where it does not."""
    try:
        import pi_heif

        pi_heif.register_heif_opener()
    except ImportError:
        pass
    try:
        with warnings.catch_warnings(), Image.open(file) as picture:
            warnings.simplefilter("ignore")
            seen = ImageOps.exif_transpose(picture).copy()
            small = seen.convert("RGB").resize((64, 64), Image.Resampling.BOX)
            if (profile := picture.info.get("icc_profile")) and picture.mode == "RGB":
                small = ImageCms.profileToProfile(small, io.BytesIO(profile), ImageCms.createProfile("sRGB")) or small
            frames = [picture] if picture.format in ("MPO", "HEIF") else ImageSequence.Iterator(picture)
            pixels = [
                (f.convert("RGBA") if f.mode == "P" else f).tobytes() for _, f in zip(range(8), frames, strict=False)
            ]
            return pixels, seen.size, small
    except Exception:
        return None


def _far(one: Image.Image, other: Image.Image) -> bool:
    """Whether colours differ by more than coding again explains."""
    return max(ImageStat.Stat(ImageChops.difference(one, other)).mean) > 4


def _tags(folder: Path) -> dict[str, list[str]]:
    """Give the tags that ExifTool finds and that are not needed to show a picture, by file."""
    if not shutil.which("exiftool"):
        return {}
    command = ["exiftool", "-j", "-G1", "-a", "-s", "-u", "-q", str(folder)]
    listed = subprocess.run(command, check=False, capture_output=True).stdout
    found: dict[str, list[str]] = {}
    for entry in json.loads(listed or b"[]"):
        names = [name.split(":", 1) for name in entry if ":" in name]
        found[Path(entry["SourceFile"]).name] = [
            f"{group}:{tag}"
            for group, tag in names
            if not (group.startswith(CONTAINER) and tag != "Comment" and "Thumbnail" not in tag) and tag not in SHOWING
        ]
    return found
