"""A tiny HEVC intra encoder (ITU-T H.265): every coding block in PCM, one slice each, so that no bin is ever estimated.

Blocks of 16 x 16 samples. With PCM the only coded bins of a block are `part_mode`, `pcm_flag` and
`end_of_slice_segment_flag`, whose codewords never change (9.3.4.3).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from PIL import Image

# part_mode 2Nx2N and pcm_flag 1; end_of_slice_segment_flag 1 and the stop bit.
_BEFORE_SAMPLES, _AFTER_SAMPLES = b"\x86\x80", b"\xfe\x80"
VPS, SPS, PPS, PREFIX_SEI, IDR = 32, 33, 34, 39, 20


class Bits:
    """Writes fields of any number of bits, and Exp-Golomb codes (9.2)."""

    def __init__(self) -> None:
        self.text = ""

    def u(self, count: int, value: int) -> Bits:
        self.text += format(value, f"0{count}b") if count else ""
        return self

    def ue(self, *values: int) -> Bits:
        for value in values:
            code = format(value + 1, "b")
            self.text += "0" * (len(code) - 1) + code
        return self

    def raw(self, data: bytes) -> Bits:
        return self.u(8 * len(data), int.from_bytes(data, "big")) if data else self

    def ended(self) -> bytes:
        """Give the bytes with a stop bit behind (7.3.2.11)."""
        bits = self.text + "1"
        bits += "0" * (-len(bits) % 8)
        return int(bits, 2).to_bytes(len(bits) // 8, "big")


def unit(kind: int, payload: bytes, layer: int = 0) -> bytes:
    """A NAL unit, with emulation prevention bytes (7.3.1)."""
    out, zeros = bytearray((kind << 1 | layer >> 5, (layer & 31) << 3 | 1)), 0
    for byte in payload:
        if zeros >= 2 and byte <= 3:
            out.append(3)
            zeros = 0
        out.append(byte)
        zeros = 0 if byte else zeros + 1
    return bytes(out)


def prefixed(*units: bytes) -> bytes:
    """Units with lengths of four bytes in front, as items and samples hold them."""
    return b"".join(len(each).to_bytes(4, "big") + each for each in units)


@dataclass
class Planted:
    """What an encoder might hide, and where."""

    vps_extension: bytes = b""
    sps_extension: bytes = b""
    pps_extension: bytes = b""
    slice_extension: bytes = b""
    timing: tuple[int, int] | None = None
    references: tuple[int, ...] = ()
    shape: tuple[int, int] | None = None
    latency: int = 0
    level: int = 120
    vps_numbers: tuple[int, int, int] = (0, 0, 0)


@dataclass
class Coded:
    """One picture: parameter sets by kind, and its slices."""

    size: tuple[int, int]
    grey: bool
    depth: int
    sets: dict[int, bytes] = field(default_factory=dict)
    slices: list[bytes] = field(default_factory=list)

    def hvcc(self, *more: tuple[int, bytes]) -> bytes:
        """The decoder configuration record (14496-15, 8.3.2); `more` are further arrays of one unit."""
        level = Bits()
        _level(level, self.grey, self.depth)
        head = b"\1" + int(level.text, 2).to_bytes(12, "big")
        head += bytes((0xF0, 0, 0xFC, 0xFC | (not self.grey), 0xF8 | self.depth - 8, 0xF8 | self.depth - 8, 0, 0, 0x0F))
        arrays = [*self.sets.items(), *more]
        body = b"".join(bytes((0x80 | k, 0, 1)) + len(u).to_bytes(2, "big") + u for k, u in arrays)
        return head + bytes((len(arrays),)) + body


def _level(bits: Bits, grey: bool, depth: int, level: int = 120) -> None:
    """profile_tier_level (7.3.3): Main, or Rext for what Main has not; level 4, unless told otherwise."""
    extended = grey or depth > 8
    bits.u(8, 4 if extended else 1).u(32, 0x08000000 if extended else 0x60000000)
    bits.u(4, 0b1001).u(9, 0b111110010 if extended else 0).u(34, 0).u(1, 0).u(8, level)


def _extended(bits: Bits, flags: int, data: bytes) -> bytes:
    """An extension flag, `flags` zero flags where there is more, and data that no decoder reads."""
    if not data:
        return bits.u(1, 0).ended()
    return bits.u(1, 1).u(flags, 1 if flags else 0).raw(data).ended()


def encode(image: Image.Image, *, depth: int = 8, planted: Planted | None = None) -> Coded:
    """Code a picture (any size; RGB is coded as 4:2:0, L as monochrome) exactly as `decoded` gives it."""
    planted = planted or Planted()
    grey = image.mode == "L"
    width, height = image.size
    columns, rows = -(-width // 16), -(-height // 16)
    coded = Coded(image.size, grey, depth)

    vps = Bits().u(4, 0).u(2, 3).u(6, 0).u(3, 0).u(1, 1).u(16, 0xFFFF)
    _level(vps, grey, depth, planted.level)
    vps.u(1, 1).ue(*planted.vps_numbers).u(6, 0).ue(0)
    if planted.timing:
        vps.u(1, 1).u(32, planted.timing[0]).u(32, planted.timing[1]).u(1, 0).ue(0)
    else:
        vps.u(1, 0)
    coded.sets[VPS] = unit(VPS, _extended(vps, 0, planted.vps_extension))

    sps = Bits().u(4, 0).u(3, 0).u(1, 1)
    _level(sps, grey, depth)
    sps.ue(0, 0 if grey else 1, columns * 16, rows * 16)
    crop = (columns * 16 - width, rows * 16 - height)
    unit_size = 1 if grey else 2
    sps.u(1, 1).ue(0, crop[0] // unit_size, 0, crop[1] // unit_size)
    sps.ue(depth - 8, depth - 8, 4).u(1, 1).ue(0, 0, planted.latency)
    sps.ue(1, 0, 0, 2, 0, 0)  # blocks of 16 x 16, transforms of 4 to 16
    sps.u(1, 0).u(1, 0).u(1, 0).u(1, 1).u(4, depth - 1).u(4, depth - 1).ue(1, 0).u(1, 1)
    sps.ue(bool(planted.references))
    if planted.references:
        sps.ue(len(planted.references), 0)
        for delta in planted.references:
            sps.ue(delta).u(1, 0)
        sps.u(1, 1).ue(len(planted.references))
        for delta in planted.references:
            sps.u(8, delta & 255).u(1, 0)
    else:
        sps.u(1, 0)
    sps.u(1, 0).u(1, 0)
    if planted.shape:
        sps.u(1, 1).u(1, 1).u(8, 255).u(16, planted.shape[0]).u(16, planted.shape[1]).u(9, 0)
    elif planted.timing:
        sps.u(1, 1).u(8, 0).u(1, 1).u(32, planted.timing[0]).u(32, planted.timing[1]).u(1, 0).u(1, 0).u(1, 0)
    else:
        sps.u(1, 0)
    coded.sets[SPS] = unit(SPS, _extended(sps, 8, planted.sps_extension))

    pps = Bits().ue(0, 0).u(1, 0).u(1, 0).u(3, 0).u(1, 0).u(1, 0).ue(0, 0, 0)
    pps.u(1, 0).u(1, 0).u(1, 0).ue(0, 0).u(1, 0).u(1, 0).u(1, 0).u(1, 0).u(1, 0).u(1, 0).u(1, 0)
    pps.u(1, 1).u(1, 0).u(1, 1).u(1, 0).u(1, 0).ue(0).u(1, bool(planted.slice_extension))
    coded.sets[PPS] = unit(PPS, _extended(pps, 8, planted.pps_extension))

    planes = [p.convert("L") for p in image.split()] if grey else list(image.convert("YCbCr").split())
    planes[0] = _padded(planes[0], columns * 16, rows * 16)
    planes[1:] = [
        _padded(p.resize((-(-width // 2), -(-height // 2)), Image.BOX), columns * 8, rows * 8) for p in planes[1:]
    ]
    for address in range(columns * rows):
        header = Bits().u(1, address == 0).u(1, 0).ue(0)
        if address:
            header.u((columns * rows - 1).bit_length(), address)
        header.ue(2, 0)
        if planted.slice_extension:
            header.ue(len(planted.slice_extension)).raw(planted.slice_extension)
        samples = Bits()
        for number, plane in enumerate(planes):
            side = 8 if number else 16
            left, top = address % columns * side, address // columns * side
            for value in plane.crop((left, top, left + side, top + side)).tobytes():
                samples.u(depth, value << (depth - 8))
        body = int(samples.text, 2).to_bytes(len(samples.text) // 8, "big")
        coded.slices.append(unit(IDR, header.ended() + _BEFORE_SAMPLES + body + _AFTER_SAMPLES))
    return coded


def _padded(plane: Image.Image, width: int, height: int) -> Image.Image:
    whole = Image.new("L", (width, height), 128)
    whole.paste(plane, (0, 0))
    return whole
