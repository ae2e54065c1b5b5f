"""Headers of coded pictures, read bit by bit and written again: HEVC's parameter sets, AV1's sequence header."""

from __future__ import annotations

from collections.abc import Callable

from photogate.formats.container import refuse

__all__ = ["BitCopy"]


class BitCopy:
    """Reads fields bit by bit, and copies them unless told to skip."""

    def __init__(self, data: bytes) -> None:
        self.text = format(int.from_bytes(b"\1" + data, "big"), "b")[1:]
        self.at = 0
        self.out: list[str] = []
        self.writing = True

    def u(self, count: int) -> int:
        """Read an unsigned number of `count` bits."""
        if count > len(self.text) - self.at:
            refuse("Expected a complete header of coded pictures; found its end")
        piece = self.text[self.at : self.at + count]
        self.at += count
        if self.writing:
            self.out.append(piece)
        return int(piece, 2) if piece else 0

    def ue(self) -> int:
        """Read an Exp-Golomb code (H.265, 9.2), which is AV1's uvlc (4.10.3) too."""
        stop = self.text.find("1", self.at, self.at + 33)
        if stop < 0:
            refuse("Expected an Exp-Golomb code of at most 32 bits; found more")
        return self.u(2 * (stop - self.at) + 1) - 1

    def many(self, count: int, most: int) -> range:
        """Give `count` rounds, where there may be so many."""
        if count > most:
            refuse("Expected fewer entries in a header of coded pictures; found more")
        return range(count)

    def instead(self, bits: str, read: Callable[[], object]) -> None:
        """Read something, and write `bits` in its place."""
        before, self.writing = self.writing, False
        read()
        self.writing = before
        if before:
            self.out.append(bits)

    def ended(self) -> bytes:
        """Give what was copied, with a stop bit behind (H.265, 7.3.2.11; AV1, 5.3.4)."""
        text = "".join(self.out) + "1"
        text += "0" * (-len(text) % 8)
        return int("1" + text, 2).to_bytes(len(text) // 8 + 1, "big")[1:]
