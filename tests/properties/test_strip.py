"""Whatever the bytes: only `ImageRefused` leaves the parsers, and what they accept stays as it is a second time."""

import io
import struct
import zlib
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from photogate.errors import ImageRefused
from photogate.formats import measure, strip
from photogate.inspection import inspect
from tests.noise import noise

SETTINGS = settings(max_examples=300, deadline=None)


def files() -> list[bytes]:
    made = []
    for kind, options in (
        ("JPEG", {}),
        ("JPEG", {"progressive": True}),
        ("JPEG", {"restart_marker_rows": 1}),
        ("PNG", {}),
        ("WEBP", {}),
        ("WEBP", {"lossless": True}),
        ("GIF", {}),
        ("BMP", {}),
        ("AVIF", {"speed": 10}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"compression": "jpeg"}),
        ("TIFF", {"big_tiff": True, "compression": "tiff_adobe_deflate"}),
    ):
        file = io.BytesIO()
        noise((17, 11), "P" if kind == "GIF" else "RGB").save(file, kind, **options)
        made.append(file.getvalue())
    for kind in ("PNG", "WEBP", "GIF", "AVIF", "TIFF"):
        file = io.BytesIO()
        more = [noise((9, 9), seed=seed) for seed in (2, 3)]
        noise((9, 9)).save(file, kind, save_all=True, append_images=more, duration=70)
        made.append(file.getvalue())
    return made


FILES = files()


def refusal_of(ask: Callable[[bytes], object], data: bytes) -> ImageRefused | None:
    """Ask; a refusal is an answer, anything else that is raised is a fault."""
    try:
        ask(data)
    except ImageRefused as refusal:
        return refusal
    return None


def check(data: bytes) -> None:
    """Ask everything of `data`; nothing but a refusal may come out, and the second look must agree with the first."""
    for ask in (measure, inspect, strip):
        refusal = refusal_of(ask, data)
        assert refusal is None or str(refusal).startswith("Expected")
    if refusal is None:
        once = strip(data).data
        assert strip(once).data == once


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    data = bytearray(draw(st.sampled_from(FILES)))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, max(len(data) - 1, 0)))
        change = draw(st.sampled_from(["set", "cut", "insert", "repeat", "end"]))
        if change == "set" and data:
            data[at] = draw(st.integers(0, 255))
        elif change == "cut":
            del data[at : at + draw(st.integers(1, 40))]
        elif change == "insert":
            data[at:at] = draw(st.binary(min_size=1, max_size=20))
        elif change == "repeat":
            data[at:at] = data[at : at + draw(st.integers(1, 60))]
        else:
            del data[at:]
    return bytes(data)


@SETTINGS
@given(mutated())
def test_a_mutated_file_is_stripped_or_refused(data: bytes):
    check(data)


def jpeg_segment(draw: st.DrawFn) -> bytes:
    marker = draw(st.sampled_from([*range(0xC0, 0xD0), *range(0xD0, 0x100)]))
    body = draw(st.binary(max_size=80))
    size = draw(st.one_of(st.just(len(body) + 2), st.integers(0, 65_535)))
    return bytes((0xFF, marker)) + struct.pack(">H", size) + body


def png_chunk(draw: st.DrawFn) -> bytes:
    kinds = [b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"acTL", b"fcTL", b"fdAT", b"iCCP", b"eXIf", b"zTXt", b"iTXt"]
    kind = draw(st.sampled_from(kinds))
    body = draw(st.binary(max_size=60))
    if draw(st.booleans()):
        body = draw(st.binary(max_size=6)) + b"\0\0" + zlib.compress(body)
    size = draw(st.one_of(st.just(len(body)), st.integers(0, 2**32 - 1)))
    return struct.pack(">I", size) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def riff_chunk(draw: st.DrawFn) -> bytes:
    kind = draw(
        st.sampled_from([b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF", b"ICCP", b"EXIF", b"XMP ", b"abcd"])
    )
    body = draw(st.binary(max_size=60))
    size = draw(st.one_of(st.just(len(body)), st.integers(0, 2**32 - 1)))
    return kind + struct.pack("<I", size) + body


def gif_block(draw: st.DrawFn) -> bytes:
    start = draw(st.sampled_from([b"\x21\xf9\4", b"\x21\xfe", b"\x21\xff\x0bNETSCAPE2.0", b"\x21\x01\x0c", b","]))
    return start + draw(st.binary(max_size=60))


@st.composite
def built(draw: st.DrawFn) -> bytes:
    """A real file's start and end, with parts of a grammar between them."""
    data = draw(st.sampled_from(FILES))
    part = {b"\xff": jpeg_segment, b"\x89": png_chunk, b"R": riff_chunk, b"G": gif_block}.get(data[:1])
    if part is None:
        return data + draw(st.binary(max_size=50))
    at = {b"\xff": 2, b"\x89": 33, b"R": 12, b"G": 13}[data[:1]]
    if draw(st.booleans()):
        at = draw(st.integers(at, len(data)))
    parts = b"".join(part(draw) for _ in range(draw(st.integers(1, 5))))
    rest = data[at:] if draw(st.booleans()) else b""
    return data[:at] + parts + rest


@SETTINGS
@given(built())
def test_a_file_built_from_parts_is_stripped_or_refused(data: bytes):
    check(data)


@SETTINGS
@given(st.sampled_from(FILES), st.binary(min_size=1, max_size=4096))
def test_a_tail_vanishes(data: bytes, tail: bytes):
    assert strip(data + tail).data == strip(data).data
