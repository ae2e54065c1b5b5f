"""Which colours of a GIF's tables a decoder may show; the others become black.

Pixels name most of them. Decoders show a few more: behind pictures that do not cover the screen, where codes end too
soon, and where a picture is disposed of; and they differ in which table they take.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field

from photogate.findings import MetadataCategory
from photogate.formats.container import Context
from photogate.formats.gif_lzw import Work

__all__ = ["Screen", "used_colours"]


@dataclass(slots=True)
class Screen:
    """What images share, and what is learnt from one to the next.

    Attributes
    ----------
    width, height
        As large as the images so far made it.
    background
        Index in the global table.
    coloured
        Whether there is a global table.
    still
        Whether there is one image only, which needs no timing and no disposal.
    work
        What reading codes may still cost.
    disposal
        Of the last graphic control that named one (section 23); decoders go on with it.
    images
        How many there were.
    shared
        Colours of the global table that are shown.
    table
        The last local table.
    """

    width: int
    height: int
    background: int
    coloured: bool
    still: bool
    work: Work
    disposal: int = 0
    images: int = 0
    shared: set[int] = field(default_factory=set)
    table: _Table | None = None

    def shows(self, box: tuple[int, int, int, int], control: bytes | None, whole: bool) -> set[int]:
        """Place an image; give the colours that decoders show for it though no pixel may name them.

        Parameters
        ----------
        box
            Left, top, width and height of the image.
        control
            Its graphic control.
        whole
            Whether its codes say all pixels.
        """
        left, top, width, height = box
        transparent = control[3] if control is not None and control[0] & 1 else None
        covers = left == top == 0 and width >= self.width and height >= self.height
        grows = left + width > self.width or top + height > self.height
        self.width, self.height = max(self.width, left + width), max(self.height, top + height)
        if control is not None and control[0] & 0x1C:
            self.disposal = control[0] >> 2 & 7
        colours = set()
        if grows:  # the screen behind an image that makes it larger
            colours.add(0)
        if not whole or (self.images == 0 and not covers):
            colours.add(0 if transparent is None else transparent)
        if self.disposal > 1 and not self.still:  # they take the first colour for one that is beyond the table
            colours |= {0, self.background if transparent is None else transparent}
        # Behind transparent pixels, pixels that no image has, and images that are disposed of.
        if self.still and whole and covers and transparent is None:
            self.background = 0
        else:
            self.shared.add(self.background)
        self.images += 1
        return colours

    def takes(self, table: bytes, used: set[int], out: io.BytesIO, context: Context) -> None:
        """Note from which table an image takes its colours; write its own.

        Parameters
        ----------
        table
            The local table, or nothing.
        used
            The colours that are shown for the image.
        out
            The new file up to there.
        context
            Learns what goes of the local table before, of which no more is shown.
        """
        if not table:
            self.shared |= used
            if self.table is not None and not self.coloured:  # OpenCV goes on with it
                self.table.used |= used
            return
        # Pillow shows the global table in place of a ramp, OpenCV in place of what is beyond the local one.
        self.shared |= used if _is_ramp(table) else {colour for colour in used if colour >= len(table) // 3}
        if self.table is not None:
            self.table.write(out, context)
        self.table = _Table(out.tell(), table, used)
        out.write(table)


@dataclass(slots=True)
class _Table:
    """A local colour table: where it was written, what it held, and which of its colours are shown so far."""

    at: int
    colours: bytes
    used: set[int]

    def write(self, out: io.BytesIO, context: Context) -> None:
        """Write it again without the others."""
        out.seek(self.at)
        out.write(used_colours(self.colours, self.used, context, "local colour table"))
        out.seek(0, io.SEEK_END)


def used_colours(table: bytes, used: set[int], context: Context, where: str) -> bytes:
    """Blacken the colours that no pixel uses. A grey ramp stays as it is: decoders tell grey pictures by it."""
    if _is_ramp(table):
        return table
    new = bytearray(table)
    unused = [i for i in range(len(table) // 3) if i not in used]
    for filler in (b"\0\0\0", b"\xff\xff\xff"):  # the other where the first would make a grey ramp
        for i in unused:
            new[3 * i : 3 * i + 3] = filler
        if not _is_ramp(new):
            break
    if new != table:
        context.drop(MetadataCategory.OTHER, f"unused colours of the {where}")
    return bytes(new)


def _is_ramp(table: bytes | bytearray) -> bool:
    return all(table[3 * i] == table[3 * i + 1] == table[3 * i + 2] == i for i in range(len(table) // 3))
