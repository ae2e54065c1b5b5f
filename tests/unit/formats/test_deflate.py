"""What rides inside a zlib stream where no decoder looks (RFC 1951 3.2.4), and reading one in pieces."""

import io
import struct
import zlib

import pytest
from PIL import Image

from photogate.formats import deflate, strip

SECRET = b"CANARY-of-this-test"
PICTURE = Image.linear_gradient("L").resize((40, 30))


def spare(lengths: bytes) -> bytes:
    """The secret in the five bits before each stored block's length, of blocks of these lengths."""
    number = int.from_bytes(SECRET, "big")
    groups = [number >> shift & 31 for shift in range(0, 8 * len(SECRET), 5)]
    return b"".join(bytes((group << 3,)) + lengths for group in groups)


def in_blocks_of_nothing(rows: bytes) -> bytes:
    rest = zlib.compressobj(9, wbits=-15)
    stream = spare(b"\0\0\xff\xff") + rest.compress(rows) + rest.flush()
    return b"\x78\xda" + stream + struct.pack(">I", zlib.adler32(rows))


def in_blocks_of_a_byte(rows: bytes) -> bytes:
    groups = [block + rows[i : i + 1] for i in range(len(rows)) for block in [b"\xa8\1\0\xfe\xff"]]
    return b"\x78\xda" + b"".join(groups) + b"\1\0\0\xff\xff" + struct.pack(">I", zlib.adler32(rows))


def png(stream: bytes) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", *PICTURE.size, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", stream) + chunk(b"IEND", b"")


def tiff(stream: bytes) -> bytes:
    width, height = PICTURE.size
    values = {256: width, 257: height, 258: 8, 259: 8, 262: 1, 277: 1, 278: height, 279: len(stream)}
    values[273] = 8 + 2 + 12 * (len(values) + 1) + 4
    table = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(values.items()))
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(values)) + table + bytes(4) + stream


ROWS = {
    png: b"".join(b"\0" + PICTURE.tobytes()[40 * y : 40 * y + 40] for y in range(30)),
    tiff: PICTURE.tobytes(),
}


@pytest.mark.parametrize("build", ROWS, ids=lambda build: build.__name__)
@pytest.mark.parametrize("hide", [in_blocks_of_nothing, in_blocks_of_a_byte])
def test_room_between_blocks_is_closed(build, hide):
    planted = build(hide(ROWS[build]))
    plain = build(zlib.compress(ROWS[build], 9))
    with Image.open(io.BytesIO(planted)) as before, Image.open(io.BytesIO(strip(planted).data)) as after:
        assert before.tobytes() == after.tobytes() == PICTURE.tobytes()
    new = strip(planted).data
    assert len(new) < len(plain) + 64
    assert deflate.EMPTY not in new
    assert strip(new).data == new


@pytest.mark.parametrize("sizes", [[1], [7, 100_000], [65_536, 0, 3], [10**6]])
def test_a_stream_in_pieces_is_read_up_to_its_end(sizes):
    rows = bytes(range(256)) * 4000
    stream = zlib.compress(rows, 0) + SECRET
    pieces, at = [], 0
    while at < len(stream):
        for size in sizes:
            pieces.append(stream[at : at + size])
            at += size
    inflater = deflate.Inflater(*pieces)
    assert b"".join(inflater.blocks(1000)) == rows[:1000]
    assert not inflater.ended
    assert b"".join(inflater.blocks(len(rows))) == rows[1000:]
    assert inflater.ended
    assert stream[inflater.used :] == SECRET


def test_a_stream_that_breaks_off_ends_what_is_read_and_says_so():
    rows = bytes(range(256)) * 4000
    inflater = deflate.Inflater(zlib.compress(rows)[:-5])
    assert b"".join(inflater.blocks(2 * len(rows))) == rows
    assert not inflater.ended
