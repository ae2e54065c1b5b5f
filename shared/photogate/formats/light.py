"""Light levels of pictures of high dynamic range: SMPTE ST 2086 (mastering display) and CTA-861.3 (content).

Decoders take them as hints for tone mapping. Free numbers would be a place to write in, so primaries stay only as those
of a known colour space, and luminances only where a display could have them.
"""

from __future__ import annotations

import struct

__all__ = ["content", "mastering"]

# Red, green, blue and white as x and y in steps of 0.00002: BT.709, Display P3, BT.2020; all with D65.
_WHITE = (15_635, 16_450)
_PRIMARIES = (
    (32_000, 16_500, 15_000, 30_000, 7_500, 3_000, *_WHITE),
    (34_000, 16_000, 13_250, 34_500, 7_500, 3_000, *_WHITE),
    (35_400, 14_600, 8_500, 39_850, 6_550, 2_300, *_WHITE),
)
_NEAR = 100  # encoders round: 0.002
_CANDELA = 10_000  # luminances count in steps of 0.0001 cd/m2
_BRIGHTEST = 10_000  # cd/m2, where PQ (ST 2084) ends


def mastering(raw: bytes, order: str) -> bytes | None:
    """Rebuild 24 bytes of primaries, white and luminances; None where no display is such.

    Parameters
    ----------
    raw
        Eight numbers of 16 bits (x and y of each primary in `order`, then of white), then the greatest and the least
        luminance in 32 bits.
    order
        ``RGB`` (PNG 11.3.2.7) or ``GBR`` (ISO/IEC 14496-12, 12.1.7).
    """
    *colours, brightest, darkest = struct.unpack(">8HII", raw)
    for known in _PRIMARIES:
        wanted = [v for name in order for v in known[2 * "RGB".index(name) :][:2]] + list(known[6:])
        if all(abs(a - b) <= _NEAR for a, b in zip(colours, wanted, strict=True)):
            break
    else:
        return None
    if brightest > _BRIGHTEST * _CANDELA or darkest > _CANDELA:
        return None
    return struct.pack(">8HII", *wanted, brightest - brightest % _CANDELA, darkest)


def content(brightest: int, average: int) -> tuple[int, int] | None:
    """Check light levels in cd/m2; None where no picture has such."""
    return (brightest, average) if brightest <= _BRIGHTEST and average <= _BRIGHTEST else None
