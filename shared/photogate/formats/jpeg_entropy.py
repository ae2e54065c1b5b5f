"""A Huffman decoder that only counts (ITU-T T.81 F.2.2, G.1.2.1): how many bytes do the MCUs of an interval need?

For the few pictures whose sampling or damage the fast way cannot take. About 2 MB/s. A code that is in no table is read
as libjpeg does: 17 bits that mean zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

__all__ = ["bytes_needed"]


@lru_cache(maxsize=8)  # an interval may be small, and there may be thousands
def _table(content: bytes) -> list[int]:
    """Expand a Huffman table (C.2) to a look-up by 16 bits: length << 8 | symbol."""
    counts, symbols = content[:16], content[16:]
    table: list[int] = []
    taken = 0
    for length, count in enumerate(counts, 1):
        for symbol in symbols[taken : taken + count]:
            table += [length << 8 | symbol] * (1 << (16 - length))
        taken += count
    return (table + [17 << 8] * (65_536 - len(table)))[:65_536]


def bytes_needed(data: bytes, blocks: Sequence[tuple[bytes, bytes | None]], mcus: int) -> int:
    """Walk `mcus` MCUs.

    Parameters
    ----------
    data
        One interval's bytes, stuffed.
    blocks
        For each block of an MCU its DC table and AC table, as in DHT: 16 counts, then symbols. AC is None where the
        scan codes DC alone.
    mcus
        How many MCUs the interval has.

    Returns
    -------
    int
        How many of the stuffed bytes were read; all where they run out.
    """
    plain = data.replace(b"\xff\0", b"\xff")
    walk = [(_table(dc), None if ac is None else _table(ac)) for dc, ac in blocks]
    buffer = bits = at = 0
    size = len(plain)
    for _ in range(mcus):
        for dc_table, ac_table in walk:
            k = 0
            table = dc_table
            while k < 64:
                if bits < 48:
                    more = int.from_bytes(plain[at : at + 8].ljust(8, b"\0"), "big")
                    buffer = (buffer & ((1 << bits) - 1)) << 64 | more
                    at += 8
                    bits += 64
                entry = table[buffer >> (bits - 16) & 0xFFFF]
                symbol = entry & 0xFF
                bits -= (entry >> 8) + (symbol & 15)
                if k == 0:
                    if ac_table is None:
                        break
                    table, k = ac_table, 1
                    continue
                if symbol & 15:
                    k += (symbol >> 4) + 1
                elif symbol == 0xF0:
                    k += 16
                else:
                    break
        if at - bits // 8 > size:
            return len(data)
    need = min(at - bits // 8, size)
    return min(len(plain[:need].replace(b"\xff", b"\xff\0")), len(data))
