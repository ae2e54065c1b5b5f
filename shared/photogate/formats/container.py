"""What every container module speaks: the request, the answer, and the tree of parts.

A container module (`jpeg`, `png`, ...) offers three functions, and nothing of it is imported elsewhere:

``measure(data) -> Measure``
    Size, frames and orientation from headers alone.
``rewrite(data, context) -> Rewritten``
    The allow-list: builds a new file of what rendering needs, each part from its parsed fields.
``verify(data) -> None``
    A second reader that shares no code with `rewrite` beyond constants, and knows only what `rewrite` may write.
"""

from __future__ import annotations

import importlib
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from types import ModuleType
from typing import NoReturn, Protocol, cast

from photogate.errors import ImageRefused, Reason
from photogate.findings import Keep, MetadataCategory, Provenance, Removed
from photogate.formats import deflate, limits
from photogate.formats.provenance import Marks
from photogate.formats.rights import NO_RIGHTS, Rights, RightsClaims

__all__ = [
    "INSTEAD",
    "NO_RIGHTS",
    "Container",
    "Context",
    "ImageFormat",
    "Measure",
    "Part",
    "Rewritten",
    "Rights",
    "Tally",
    "check_measure",
    "container_for",
    "guarded",
    "refuse",
]


class ImageFormat(StrEnum):
    """The kinds of file that we can tell apart; the first eight can be made safe."""

    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"
    GIF = "gif"
    HEIC = "heic"
    AVIF = "avif"
    TIFF = "tiff"
    BMP = "bmp"
    JXL = "jxl"
    JP2 = "jp2"
    SVG = "svg"
    PDF = "pdf"
    PSD = "psd"
    RAW = "raw"
    ICO = "ico"
    VIDEO = "video"
    ARCHIVE = "archive"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Measure:
    """What the headers say of a picture.

    `width` and `height` are as stored, in pixels; `orientation` (Exif, 1-8) says how it is shown.
    """

    format: ImageFormat
    width: int
    height: int
    frames: int = 1
    orientation: int = 1


class Tally:
    """Counts what is removed, by category and carrier."""

    def __init__(self) -> None:
        self._counts: dict[tuple[MetadataCategory, str], int] = {}

    def add(self, category: MetadataCategory, where: str, count: int = 1) -> None:
        """Note `count` removed things. `where` is the carrier in the standard's words, never a value."""
        if count > 0:
            self._counts[category, where] = self._counts.get((category, where), 0) + count

    def removed(self) -> tuple[Removed, ...]:
        """Give everything noted, in the order in which it was met."""
        return tuple(Removed(category, where, count) for (category, where), count in self._counts.items())


@dataclass(slots=True)
class Context:
    """One request to strip, and what is learnt on the way.

    Attributes
    ----------
    keep
        Rights fields that may stay.
    check_scan
        Look for bytes behind the last MCU of a JPEG scan (one decode).
    format
        What `sniff` said.
    tally
        What was removed.
    marks
        What the file says about its own origin.
    claims
        Copyright and creator, as the file's carriers say them.
    look
        How many bytes of text are still searched for property names and marks; what is beyond is counted as one.
    entries
        How many Exif entries and IPTC data sets are still read; a block that is beyond is counted as one.
    written
        Rights that stay.
    """

    keep: frozenset[Keep] = frozenset()
    check_scan: bool = True
    format: ImageFormat = ImageFormat.UNKNOWN
    tally: Tally = field(default_factory=Tally)
    marks: Marks = field(default_factory=Marks)
    claims: RightsClaims = field(default_factory=RightsClaims)
    look: int = limits.MAX_TEXT_SEARCHED
    entries: int = limits.MAX_ENTRIES_READ
    written: Rights = NO_RIGHTS

    def drop(self, category: MetadataCategory, where: str, count: int = 1) -> None:
        """Note that something is left out."""
        self.tally.add(category, where, count)

    def text(self, text: bytes, keyword: bytes = b"") -> None:
        """Look for marks of origin at the beginning of a text; `keyword` is the field's name, where it has one."""
        seen = bytes(text[: min(self.look, limits.MAX_MARK_BYTES)])
        self.look -= len(seen)
        self.marks.text(keyword, seen)

    def rights(self, own: Rights | None = None) -> Rights:
        """Give the rights to write, of all that the carriers said; `own` stands for Exif's."""
        if not self.keep:
            return NO_RIGHTS
        found = self.claims.settled(self.keep, own)
        self.written = self.written.otherwise(found)
        return found

    def provenance(self) -> Provenance:
        """Sum up what the file says about its origin."""
        return self.marks.provenance()


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A new file, and the orientation (Exif, 1-8) that it is shown with."""

    data: bytes
    orientation: int = 1


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a file as `photogate inspect` shows it.

    Attributes
    ----------
    name
        In the standard's words: "APP1 Exif", "iTXt", "moov".
    offset, size
        In bytes, header included.
    stays
        Whether stripping keeps it (rebuilt).
    note
        What it is for. Never a value.
    children
        Parts of it, within its range and apart from each other.
    category
        What kind of information goes with it; None where it stays.
    rebuilt
        Whether it stays with other bytes than before: sizes, places and reserved fields written again.
    """

    name: str
    offset: int
    size: int
    stays: bool
    note: str = ""
    children: tuple[Part, ...] = ()
    category: MetadataCategory | None = None
    rebuilt: bool = False


class Container(Protocol):
    """The functions of a container module."""

    measure: Callable[[bytes], Measure]
    rewrite: Callable[[bytes, Context], Rewritten]
    verify: Callable[[bytes], None]


MODULES = {
    ImageFormat.JPEG: "jpeg",
    ImageFormat.PNG: "png",
    ImageFormat.WEBP: "webp",
    ImageFormat.GIF: "gif",
    ImageFormat.HEIC: "isobmff",
    ImageFormat.AVIF: "isobmff",
    ImageFormat.TIFF: "tiff",
    ImageFormat.BMP: "bmp",
}

# What a sender of a refused kind can do.
INSTEAD = {
    ImageFormat.JXL: "Export the photo as JPEG, PNG or AVIF, and send that.",
    ImageFormat.JP2: "Export the photo as JPEG or PNG, and send that.",
    ImageFormat.SVG: "Render the drawing to PNG, and send that: SVG can hold scripts and hidden text.",
    ImageFormat.PDF: "Send the page as a JPEG or PNG.",
    ImageFormat.PSD: "Export the picture as JPEG, PNG or TIFF, and send that.",
    ImageFormat.RAW: "Send the camera's JPEG, or develop the raw file to JPEG.",
    ImageFormat.ICO: "Send the picture as PNG.",
    ImageFormat.VIDEO: "Send one frame as a JPEG.",
    ImageFormat.ARCHIVE: "Unpack it, and send the photos one by one.",
}


def container_for(kind: ImageFormat) -> Container:
    """Import the module that handles a format.

    Raises
    ------
    ImageRefused
        ``UNSUPPORTED_FORMAT`` for what is recognised and not handled, ``NOT_AN_IMAGE`` for what is not recognised.
    """
    name = MODULES.get(kind)
    if name is None:
        if kind is ImageFormat.UNKNOWN:
            raise ImageRefused(
                "Expected JPEG, PNG, WebP, GIF, HEIC, AVIF, TIFF or BMP; found none of their signatures",
                offset=0,
                reason=Reason.NOT_AN_IMAGE,
            )
        raise ImageRefused(
            f"Expected JPEG, PNG, WebP, GIF, HEIC, AVIF, TIFF or BMP; found {kind}",
            offset=0,
            reason=Reason.UNSUPPORTED_FORMAT,
            instead=INSTEAD[kind],
        )
    module: ModuleType = importlib.import_module(f"photogate.formats.{name}")
    return cast(Container, module)


def refuse(message: str, offset: int | None = None, reason: Reason = Reason.MALFORMED) -> NoReturn:
    """Raise `ImageRefused`: what was expected, what was found, and where."""
    raise ImageRefused(message, offset=offset, reason=reason)


@contextmanager
def guarded() -> Iterator[None]:
    """Let only `ImageRefused` out of a parser: a field that points nowhere must not look like a fault of ours."""
    try:
        yield
    except (struct.error, deflate.DeflateError, ValueError, LookupError, ArithmeticError, RecursionError) as error:
        refuse(f"Expected a well-formed file; a field could not be read ({type(error).__name__})")


def check_measure(measure: Measure) -> Measure:
    """Refuse what no decoder should be asked to open.

    Raises
    ------
    ImageRefused
        ``TOO_MANY_PIXELS`` or ``TOO_MANY_FRAMES``; ``MALFORMED`` for a side of zero.
    """
    width, height, frames = measure.width, measure.height, measure.frames
    if width < 1 or height < 1:
        refuse(f"Expected at least one pixel; found {width} x {height}")
    if width > limits.MAX_DIMENSION or height > limits.MAX_DIMENSION or width * height > limits.MAX_PIXELS:
        refuse(
            f"Expected at most {limits.MAX_PIXELS} pixels and sides of {limits.MAX_DIMENSION}; "
            f"found {width} x {height}",
            reason=Reason.TOO_MANY_PIXELS,
        )
    if frames > limits.MAX_FRAMES:
        refuse(f"Expected at most {limits.MAX_FRAMES} frames; found {frames} or more", reason=Reason.TOO_MANY_FRAMES)
    if width * height * frames > limits.MAX_FRAME_PIXELS_TOTAL:
        refuse(
            f"Expected at most {limits.MAX_FRAME_PIXELS_TOTAL} pixels over all frames; found {width * height * frames}",
            reason=Reason.TOO_MANY_PIXELS,
        )
    return measure
