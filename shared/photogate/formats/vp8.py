"""Partitions of a VP8 key frame (RFC 6386 7, 9): where each ends, so that nothing rides behind its last symbol."""

from __future__ import annotations

from photogate.formats.container import refuse

__all__ = ["joined", "most_bytes", "partitions"]

_HEAD = 10  # frame tag, start code and size (RFC 6386 9.1)

# What a partition may hold at most, where each symbol costs seven bits: a header with 1,056 probabilities of 8 bits
# (RFC 6386 19.2); 151 symbols of a macroblock's modes, 19 of each of its 384 coefficients (RFC 6386 11, 13).
_MOST_HEADER, _MOST_MODES, _MOST_TOKENS = 4_096, 160, 6_400


class _Bools:
    """The boolean decoder at even odds, which is all that a frame header uses (RFC 6386 7.3)."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 2
        self.value, self.range, self.shifted = int.from_bytes(data[:2].ljust(2, b"\0"), "big"), 255, 0

    def bits(self, count: int) -> int:
        """Read an unsigned literal."""
        number = 0
        for _ in range(count):
            split = 1 + ((self.range - 1) * 128 >> 8)
            bit = self.value >= split << 8
            if bit:
                self.range -= split
                self.value -= split << 8
            else:
                self.range = split
            while self.range < 128:
                self.value, self.range, self.shifted = self.value << 1, self.range << 1, self.shifted + 1
                if self.shifted == 8:
                    self.value |= self.data[self.at] if self.at < len(self.data) else 0
                    self.at, self.shifted = self.at + 1, 0
            number = number << 1 | bit
        return number

    def optional(self, *sizes: int) -> None:
        """Pass over values of these sizes, each behind a flag that tells whether it is there."""
        for size in sizes:
            if self.bits(1):
                self.bits(size)


def _token_partitions(first: bytes) -> int:
    """Read the frame header up to the number of token partitions (RFC 6386 9.2-9.5, 19.2)."""
    read = _Bools(first)
    read.bits(2)
    if read.bits(1):  # segmentation
        update_map, update_data = read.bits(1), read.bits(1)
        if update_data:
            read.bits(1)
            read.optional(8, 8, 8, 8, 7, 7, 7, 7)
        if update_map:
            read.optional(8, 8, 8)
    read.bits(10)
    if read.bits(1) and read.bits(1):  # loop filter deltas
        read.optional(*[7] * 8)
    return 1 << read.bits(2)


def partitions(coded: bytes) -> list[bytes]:
    """Take a key frame apart.

    Returns
    -------
    list of bytes
        The head of 10 bytes with its scaling bits zero, the first partition, and the token partitions; the last reaches
        to the end of `coded`.

    Raises
    ------
    ImageRefused
        A partition leaves the frame.
    """
    size = int.from_bytes(coded[:3], "little") >> 5
    if len(coded) < _HEAD + size:
        refuse("Expected partitions within the frame; found one that leaves it")
    head = bytearray(coded[:_HEAD])
    head[7] &= 0x3F
    head[9] &= 0x3F
    at = _HEAD + size
    first = coded[_HEAD:at]
    count = _token_partitions(first)
    sizes = [int.from_bytes(coded[at + 3 * i : at + 3 * i + 3], "little") for i in range(count - 1)]
    at += 3 * (count - 1)
    found = [bytes(head), first]
    for size in sizes:
        if at + size > len(coded):
            refuse("Expected partitions within the frame; found one that leaves it")
        found.append(coded[at : at + size])
        at += size
    return [*found, coded[at:]]


def joined(parts: list[bytes]) -> bytes:
    """Put together what `partitions` took apart, each part possibly of another length."""
    head, first, *tokens = parts
    tag = int.from_bytes(head[:3], "little") & 0x1F | len(first) << 5
    sizes = [len(part).to_bytes(3, "little") for part in tokens[:-1]]
    return b"".join((tag.to_bytes(3, "little"), head[3:], first, *sizes, *tokens))


def most_bytes(size: tuple[int, int], count: int) -> list[int]:
    """Give how many bytes each of `count` partitions, the first among them, may have that a decoder reads.

    Rows of macroblocks take turns with the token partitions (RFC 6386 9.5), so some may have no row.
    """
    columns, rows = (size[0] + 15) // 16, (size[1] + 15) // 16
    tokens = count - 1
    turns = [max(0, (rows - i + tokens - 1) // tokens) for i in range(tokens)]
    return [_MOST_HEADER + _MOST_MODES * columns * rows, *(_MOST_TOKENS * columns * turn for turn in turns)]
