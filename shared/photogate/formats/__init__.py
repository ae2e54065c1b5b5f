"""Take metadata out of image files without touching a pixel.

`strip` is an allow-list rewriter: it parses a file, keeps what rendering needs, rebuilds every kept part from its
parsed fields, and lets a second, strict reader look at what was written. What is not known goes; what cannot be
parsed is refused.
"""

from __future__ import annotations

from dataclasses import dataclass

from photogate.errors import ImageRefused, Reason
from photogate.findings import Keep, Provenance, Removed
from photogate.formats.container import (
    Context,
    ImageFormat,
    Measure,
    check_measure,
    container_for,
    guarded,
)
from photogate.formats.sniff import measure, sniff

__all__ = ["ImageFormat", "Keep", "Measure", "Stripped", "measure", "sniff", "strip", "strip_with"]


@dataclass(frozen=True, slots=True)
class Stripped:
    """A file without metadata, and what was taken out of it.

    Attributes
    ----------
    data
        The new file.
    format
        Same as that of the input.
    removed
        What went, by category and carrier; never values. Rights that stay are written anew, and their carriers go too.
    kept
        Rights fields that stay, of those that were asked for.
    orientation
        How the picture is shown (Exif, 1-8); the new file says the same.
    provenance
        What the input said about its own origin.
    """

    data: bytes
    format: ImageFormat
    removed: tuple[Removed, ...]
    orientation: int
    provenance: Provenance
    kept: frozenset[Keep] = frozenset()


def strip(data: bytes, *, keep: frozenset[Keep] = frozenset(), check_scan: bool = True) -> Stripped:
    """Rewrite an image file with what rendering needs and nothing else.

    Pixels, orientation as seen, colour, transparency, animation and aspect stay as they are.

    Parameters
    ----------
    data
        A whole file.
    keep
        Rights fields that may stay where the container has a place for them.
    check_scan
        Look for bytes behind the last MCU of a JPEG scan as well. Costs about one decode of the file.

    Returns
    -------
    Stripped

    Raises
    ------
    ImageRefused
        The bytes are no image, of a kind that we do not handle, malformed, or beyond a limit of `limits`; and where the
        second look at the new file finds anything that is not on the allow-list (``STRIP_FAILED``).
    """
    return strip_with(data, Context(keep=keep, check_scan=check_scan))


def strip_with(data: bytes, context: Context) -> Stripped:
    """Strip as `context` asks; where the file is refused, it holds what was learnt before."""
    if not data:
        raise ImageRefused("Expected an image; found no bytes", offset=0, reason=Reason.EMPTY)
    kind = context.format = sniff(data)
    container = container_for(kind)
    with guarded():
        check_measure(container.measure(data))
        new = container.rewrite(data, context)
        try:
            container.verify(new.data)
        except ImageRefused as error:
            raise ImageRefused(f"The second look found: {error}", reason=Reason.STRIP_FAILED) from error
    return Stripped(
        new.data, kind, context.tally.removed(), new.orientation, context.provenance(), context.written.said()
    )
