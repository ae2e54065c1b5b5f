"""Deflate and zlib streams (RFC 1950, 1951) by zlib-ng: as the standard library, and two to three times as fast."""

from __future__ import annotations

from typing import cast

from zlib_ng import zlib_ng
from zlib_ng.zlib_ng import compress, compressobj, crc32, decompressobj

__all__ = ["DeflateError", "compress", "compressobj", "crc32", "decompressobj"]

# Its type stub calls it an instance; it is no subclass of `zlib.error`.
DeflateError = cast(type[Exception], zlib_ng.error)
