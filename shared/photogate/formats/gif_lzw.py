"""GIF's LZW codes (GIF89a, appendix F): where the picture's last code ends, and which colours the codes name.

A decoder stops at the end code or the last pixel; what stands behind is never looked at. To find that place every code
must be read, and how many pixels it stands for be known. Both need no pixel: how wide a code is depends on how
many codes stand between it and the last clear code, and a code of the table stands for one pixel more than the code
before the one that made it. So the codes of a run, from one clear code to the next, are read at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from photogate.formats import limits
from photogate.formats.container import refuse
from photogate.formats.vectors import numpy_for

__all__ = ["BEHIND", "Codes", "Work", "walk"]

# Codes are read four bytes at once.
BEHIND = bytes(4)

_TABLE = 4096
_WIDEST = 12
# Below this our loop is done before numpy has begun.
_WORTH_NUMPY = 512
_BYTES_A_SECOND = 4e6
# Codes read at once, at first: most runs are longer, and of those that are not little is read in vain.
_FIRST = 512
# Not more: each array of 16,384 numbers is memory mapped anew, at three times the price.
_MORE = 4_096
# A run that ends sooner leaves most of the table unused; encoders clear a table that is full.
_LONG = 2_000


@dataclass(slots=True)
class Work:
    """What reading the codes of all images of a file has cost so far.

    Attributes
    ----------
    slow
        Bytes that our own loop read; images below `_WORTH_NUMPY` bytes are not counted, their number is bounded.
    short
        Runs that were cleared early.
    read
        Bytes of the codes of all images before, as far as they were needed: a stripped file has as many.
    """

    slow: int = 0
    short: int = 0
    read: int = 0


@dataclass(slots=True)
class Codes:
    """What is known of one image's codes.

    Attributes
    ----------
    coded
        Its bytes, and possibly others behind.
    size
        How many bytes they are.
    code_size
        Bits of a pixel, 1 to 11.
    left
        Pixels that are still to come; above 0 at the end where the picture is cut short.
    position
        Bits that were read.
    end
        Bits of an end code at `position`, once all that decoders read was read; 0 before, and where codes are cut off.
    used
        Colours that are named.
    """

    coded: bytes
    size: int
    code_size: int
    left: int
    position: int = 0
    end: int = 0
    used: set[int] = field(default_factory=set)

    @property
    def clear(self) -> int:
        """The clear code; the end code is the next, and the table's first own code the one behind."""
        return 1 << self.code_size

    def needed(self) -> tuple[memoryview, bytes]:
        """Give the bytes up to `position`, with an end code behind where the codes are not cut off, in two parts."""
        whole, rest = divmod(self.position, 8)
        last = self.coded[whole] & ((1 << rest) - 1) if rest else 0
        if self.end:
            last |= (self.clear + 1) << rest
        return memoryview(self.coded)[:whole], last.to_bytes(-(-(rest + self.end) // 8), "little")


def walk(coded: bytes, size: int, code_size: int, pixels: int, work: Work) -> Codes:
    """Read codes up to the end code, the last pixel, or a code that the table does not have: decoders stop there.

    A colour can be used only after a code has named it, so the codes below the clear code tell which are in use.

    Parameters
    ----------
    coded
        The contents of the image's sub-blocks, and `BEHIND`.
    size
        Bytes of the contents.
    code_size
        Bits of a pixel, 1 to 11.
    pixels
        Of the image, width times height.
    work
        What the images before took; this one is added.

    Raises
    ------
    ImageRefused
        The codes are cleared so often, or coded so oddly, that reading them takes longer than a bounded time.
    """
    codes = Codes(coded, size, code_size, pixels)
    # With one bit a pixel the table is full before it begins, and decoders differ in how wide the codes are then.
    np = numpy_for(size / _BYTES_A_SECOND) if size >= _WORTH_NUMPY and code_size > 1 else None
    if np is None:
        work.slow += size if size >= _WORTH_NUMPY else 0
        if work.slow > limits.MAX_SLOW_LZW:
            refuse(f"Expected at most {limits.MAX_SLOW_LZW} bytes of such LZW codes in all images; found more")
        _one_by_one(codes)
    else:
        _run_by_run(np, codes, work)
    work.read += codes.position // 8
    return codes


def _one_by_one(codes: Codes) -> None:
    coded, size, clear = codes.coded, codes.size, codes.clear
    end = clear + 1
    # How many pixels each code stands for; the two special codes for none.
    lengths = [1] * clear + [0, 0]
    used = codes.used
    width, limit = codes.code_size + 1, 2 << codes.code_size
    buffer = bits = at = 0
    previous = 0
    left = codes.left
    while left > 0:
        while bits < width:
            if at >= size:
                codes.position, codes.left = 8 * at - bits, left
                return
            taken = min(6, size - at)
            buffer |= int.from_bytes(coded[at : at + taken], "little") << bits
            at += taken
            bits += 8 * taken
        code = buffer & (limit - 1)
        buffer >>= width
        bits -= width
        if code == clear:
            del lengths[clear + 2 :]
            width, limit, previous = codes.code_size + 1, 2 << codes.code_size, 0
            continue
        grows = previous > 0 and len(lengths) < _TABLE
        if code == end or code > len(lengths) - (not grows):
            bits += width
            break
        if grows:
            lengths.append(previous + 1)
            if len(lengths) == limit and width < _WIDEST:
                width += 1
                limit <<= 1
        if code < clear:
            used.add(code)
        previous = lengths[code]
        left -= previous
    codes.position, codes.end, codes.left = 8 * at - bits, width, left


def _run_by_run(np: Any, codes: Codes, work: Work) -> None:
    reader = _Reader(np, codes)
    at_once = _FIRST
    short = False
    while not codes.end:
        if short and reader.short_runs(at_once):
            at_once = min(2 * at_once, _MORE)
            continue
        at_once = _FIRST
        length = reader.run()
        if length < 0:
            break
        short = 0 < length <= reader.fixed
        # The clear code that an image begins with ends no run.
        work.short += length < _LONG and codes.position > codes.code_size + 1
        if work.short > limits.short_lzw_runs(work.read + codes.position // 8):
            refuse("Expected LZW tables to be used before they are cleared; found too many that were not")
    codes.used = reader.used()


class _Reader:
    """Reads many codes of `codes` at once. Positions, offsets and widths are in bits."""

    def __init__(self, np: Any, codes: Codes) -> None:
        self._np, self._codes = np, codes
        self._own = codes.clear + 2
        # The four bytes from each byte on, as one number.
        self._words = np.ndarray((codes.size,), "<u4", codes.coded, 0, (1,))
        self._widths, self._offsets = _schedule(codes.code_size)
        self._index = np.arange(_TABLE)
        self._seen = np.zeros(_TABLE, np.bool_)
        # So many codes a run may have for all of them, and the clear code behind, to be as wide as the first.
        self.fixed = codes.clear - 2

    def _read(self, positions: Any, masks: Any) -> Any:
        return (self._words[positions >> 3] >> (positions & 7)).astype(self._np.int64) & masks

    def _read_run(self, first: int, stop: int) -> Any:
        """Read those codes of the run that begins here which are there whole."""
        start, widths = self._codes.position, self._widths[first:stop]
        positions = start + self._offsets[first:stop]
        there = int(self._np.searchsorted(positions + widths, 8 * self._codes.size, "right"))
        return self._read(positions[:there], (1 << widths[:there]) - 1)

    def _read_equal(self, width: int, most: int) -> Any:
        """Read codes of one width from here on, those that are there whole."""
        there = min((8 * self._codes.size - self._codes.position) // width, most)
        return self._read(self._codes.position + width * self._index[:there], (1 << width) - 1)

    def _specials(self, found: Any) -> Any:
        return self._np.flatnonzero(found >> 1 == self._codes.clear >> 1)

    def _offset(self, index: int) -> int:
        """Where code `index` of a run stands behind the run's start."""
        over = max(index - len(self._offsets) + 1, 0)
        return int(self._offsets[index - over]) + over * _WIDEST

    def _width(self, index: int) -> int:
        return int(self._widths[index]) if index < len(self._widths) else _WIDEST

    def run(self) -> int:
        """Read one run, and its clear code; give its number of codes, or -1 where there is nothing more to read."""
        np, codes = self._np, self._codes
        start = codes.position
        found = self._read_run(0, _FIRST)
        if len(found) == _FIRST and not len(self._specials(found)):
            found = np.concatenate((found, self._read_run(_FIRST, _TABLE)))
        done = 0
        table = None
        while True:
            specials = self._specials(found)
            part = found[: specials[0]] if len(specials) else found
            if table is None:
                known = self._lengths(part, 0)
                table = known[: _TABLE - self._own] + 1
            else:  # it is full: a code makes no other
                known = np.where(part < self._own, 1, table[np.maximum(part - self._own, 0)])
            last = self._take(part[: len(known)], known)
            if last >= 0 or len(known) < len(part):
                self._stop(start, done + (last + 1 if last >= 0 else len(known)))
                return -1
            done += len(part)
            if len(specials):
                if found[specials[0]] != codes.clear:
                    self._stop(start, done)
                    return -1
                codes.position = start + self._offset(done) + self._width(done)
                return done
            codes.position = start + self._offset(done)
            found = found[:0] if done < len(self._offsets) else self._read_equal(_WIDEST, _MORE)
            if not len(found):
                return -1

    def _stop(self, start: int, index: int) -> None:
        """Note that the end code stands, or must stand, as code `index` of the run that begins at `start`."""
        self._codes.position, self._codes.end = start + self._offset(index), self._width(index)

    def short_runs(self, most: int) -> int:
        """Read whole runs in which all codes are as wide as the first; give how many codes, clear codes included."""
        np, codes = self._np, self._codes
        start, width = codes.position, codes.code_size + 1
        found = self._read_equal(width, most)
        clears = self._specials(found)
        begins = np.concatenate(([0], clears + 1))[: len(clears)]
        fits = np.append((clears - begins <= self.fixed) & (found[clears] == codes.clear), False)
        clears, begins = clears[: np.argmin(fits)], begins[: np.argmin(fits)]
        if not len(clears):
            return 0
        stop = int(clears[-1]) + 1
        known = self._lengths(found[:stop], np.repeat(begins, clears - begins + 1))
        if len(known) < stop:  # damage, which is for `run` to meet
            stop = int(begins[np.searchsorted(begins, len(known), "right") - 1])
        known = np.where(found[:stop] == codes.clear, 0, known[:stop])
        last = self._take(found[:stop], known)
        if last >= 0:
            begin = int(begins[np.searchsorted(begins, last, "right") - 1])
            self._stop(start + width * begin, last - begin + 1)
        else:
            codes.position = start + width * stop
        return stop

    def _lengths(self, found: Any, begins: Any) -> Any:
        """Count the pixels of each code, up to the first that the table does not have.

        Parameters
        ----------
        found
            Codes, no end codes among them.
        begins
            Where in `found` the run of each code begins.
        """
        np = self._np
        index = np.arange(len(found))
        single = found < self._own
        # A code of the table stands for the pixels of the code before the one that made it, and one more.
        towards = np.where(single, index, found - self._own + begins)
        damaged = ~single & (towards >= index)
        if damaged.any():
            cut = int(np.argmax(damaged))
            index, single, towards = index[:cut], single[:cut], towards[:cut]
        pixels = np.where(single, 0, 1)
        while (towards != (further := towards[towards])).any():
            pixels += pixels[towards]
            towards = further
        return pixels + 1

    def _take(self, found: Any, known: Any) -> int:
        """Account for codes and their pixels; give which of them completes the picture, or -1."""
        np, codes = self._np, self._codes
        total = np.cumsum(known)
        last = -1
        if len(total) and total[-1] >= codes.left:
            last = int(np.searchsorted(total, codes.left))
            found = found[: last + 1]
        codes.left -= int(total[len(found) - 1]) if len(found) else 0
        self._seen[found] = True
        return last

    def used(self) -> set[int]:
        """Give the colours that the codes so far name."""
        return set(self._np.flatnonzero(self._seen[: self._codes.clear]).tolist())


@lru_cache(maxsize=16)
def _schedule(code_size: int) -> tuple[Any, Any]:
    """Give the width of each code of a run until the table is full, and where it stands behind the start, in bits."""
    import numpy as np

    first = (1 << code_size) + 2
    known = first + np.maximum(np.arange(_TABLE - first + 1) - 1, 0)
    widths = np.minimum(np.floor(np.log2(known)).astype(np.int64) + 1, _WIDEST)
    return widths, np.cumsum(widths) - widths
