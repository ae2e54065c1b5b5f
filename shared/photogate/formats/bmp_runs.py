"""A bitmap's run-length codes, up to the last pixel."""

from __future__ import annotations

from photogate.formats import limits
from photogate.formats.bmp_headers import RLE4, Header
from photogate.formats.container import refuse

__all__ = ["copy_runs", "pixels_length"]


def copy_runs(data: bytes, header: Header) -> tuple[bytes, set[int], int]:
    """Write the run-length codes again up to the last pixel; tell which colours they use, and where they end.

    Runs that leave their row are cut, as decoders do; padding of absolute runs is zeroed. Of moves that no pixel
    follows it only stays that they fill the picture, for decoders that want it full.
    """
    if header.pixels >= len(data):
        refuse("Expected run-length codes; found the end", header.pixels)
    nibbles = header.compression == RLE4
    out, moves, values = bytearray(), bytearray(), {0}  # pixels that are skipped show the first colour
    codes = 0
    width, total = header.width, header.width * header.rows
    position = x = drawn = 0
    at, end = header.pixels, len(data)
    while at + 1 < end and position < total:
        codes += 1
        if codes > limits.MAX_RUNS:
            refuse(f"Expected at most {limits.MAX_RUNS} run-length codes; found more", at)
        count, value = data[at], data[at + 1]
        at += 2
        if count:
            count = min(count, width - x, total - position)
            if count > 0:
                value &= 0xF0 if nibbles and count == 1 else 0xFF
                values.add(value)
                out += moves + bytes((count, value))
                moves.clear()
                drawn = position = position + count
                x += count
            continue
        if value == 1:
            break
        if value == 0:
            moves += b"\0\0"
            position, x = -(-position // width) * width, 0
            continue
        length = 2 if value == 2 else (value + 1) // 2 if nibbles else value
        run = bytearray(data[at : at + length])
        at += length + length % 2
        if len(run) < length:
            refuse("Expected a run within the file; found the end", at)
        if value == 2:
            position += sum(run[:1]) + sum(run[1:2]) * width
            x = position % width
            moves += b"\0\2" + run
        else:
            drawn = position = position + value
            x += value
            if position > total:
                refuse("Expected an absolute run within the picture; found more", at)
            if nibbles and value % 2:
                run[-1] &= 0xF0
            values.update(run)
            run += bytes(len(run) % 2)
            out += moves + bytes((0, value)) + run
            moves.clear()
    left = total - drawn if position >= total else 0
    if 0 < left < width:
        out += b"\0\0"
    else:
        rows = -(-left // width)
        out += b"\0\2\0\xff" * (rows // 255) + bytes((0, 2, 0, rows % 255)) * (rows % 255 > 0)
    used = {value >> 4 for value in values} | {value & 15 for value in values} if nibbles else values
    return bytes(out) + b"\0\1", used, at


def pixels_length(data: bytes, header: Header) -> int:
    """Give how many bytes of the file are rows, or run-length codes up to the end of the bitmap."""
    if not header.run_lengths:
        return min(header.stride * header.rows, len(data) - header.pixels)
    end = copy_runs(data, header)[2]
    if data[end - 2 : end] != b"\0\1":  # codes for the end of the line and of the bitmap may follow the last pixel
        end += 2 * (data[end : end + 2] == b"\0\0")
        end += 2 * (data[end : end + 2] == b"\0\1")
    return end - header.pixels
