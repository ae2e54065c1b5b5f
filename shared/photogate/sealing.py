"""Sealed originals: authenticated encryption in chunks, under the data key of one subject.

The construction is STREAM (Hoang, Reyhanitabar, Rogaway, Vizar, "Online Authenticated-Encryption and its Nonce-Reuse
Misuse-Resistance", 2015, section 7) over AES-256-GCM: each chunk's nonce holds its number and whether it is the last,
so a chunk that is changed, missing, moved, doubled or added is found. The key of an object is derived from the
subject's data key and a salt of its own (HKDF, RFC 5869), so a counter is a nonce that never repeats. Every chunk
authenticates the header and whose original it is. ``docs/sealing.md`` describes the format byte by byte.
"""

from __future__ import annotations

import secrets
import struct
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from photogate.audit.canonical import canonical
from photogate.errors import IntegrityError
from photogate.uploads import ObjectKey

__all__ = ["CHUNK_SIZE", "HEADER_SIZE", "KEY_SIZE", "Context", "Header", "read_header", "seal", "unseal"]

MAGIC = b"PGSEALED"
VERSION = 1
KEY_SIZE = 32
SALT_SIZE = 32
TAG_SIZE = 16
CHUNK_SIZE = 65536
# A header that asks for more is refused before anything is read into memory.
LARGEST_CHUNK = 1 << 20

_HEADER = struct.Struct(f">{len(MAGIC)}sBI16s{SALT_SIZE}s")
HEADER_SIZE = _HEADER.size
_INFO = b"photogate sealed original 1"


@dataclass(frozen=True, slots=True)
class Context:
    """Whose original it is. It is authenticated with every chunk and stands nowhere in the object.

    `purpose` is the data key's: what the key is for, as in the encryption context that KMS wraps it under.
    """

    tenant: str
    subject: str
    purpose: str
    upload: str

    @classmethod
    def of(cls, place: ObjectKey, purpose: str) -> Context:
        """Give the context of an upload's original."""
        return cls(place.tenant, place.subject, purpose, place.upload_id)


@dataclass(frozen=True, slots=True)
class Header:
    """The first `HEADER_SIZE` bytes. `key_id` is 32 hex digits; `chunk_size` is bytes of plaintext."""

    chunk_size: int
    key_id: str
    salt: bytes

    def pack(self) -> bytes:
        """Write it."""
        return _HEADER.pack(MAGIC, VERSION, self.chunk_size, bytes.fromhex(self.key_id), self.salt)


def read_header(start: bytes) -> Header:
    """Read a header from the first bytes of an object.

    Raises
    ------
    IntegrityError
        If it is not one of this version.
    """
    if len(start) < HEADER_SIZE:
        raise IntegrityError(f"Expected a sealed original's header of {HEADER_SIZE} bytes; found {len(start)}")
    magic, version, chunk_size, key_id, salt = _HEADER.unpack(start[:HEADER_SIZE])
    if magic != MAGIC:
        raise IntegrityError("Expected a sealed original; found something else")
    if version != VERSION:
        raise IntegrityError(f"Expected a sealed original of version {VERSION}; found version {version}")
    if not 0 < chunk_size <= LARGEST_CHUNK:
        raise IntegrityError(f"Expected chunks of at most {LARGEST_CHUNK} bytes; found {chunk_size}")
    return Header(chunk_size, key_id.hex(), salt)


def seal(
    key: bytes | bytearray, key_id: str, context: Context, data: Iterable[bytes], chunk_size: int = CHUNK_SIZE
) -> Iterator[bytes]:
    """Encrypt; memory is that of two chunks.

    Parameters
    ----------
    key
        The subject's data key, 32 bytes.
    key_id
        32 hex digits; whoever opens it finds the key by them.
    data
        The plaintext, in pieces of any size.
    chunk_size
        Bytes of plaintext in a chunk.

    Yields
    ------
    bytes
        The header, then one chunk after the other.
    """
    header = Header(chunk_size, key_id, secrets.token_bytes(SALT_SIZE))
    packed = header.pack()
    yield packed
    cipher, associated = _cipher(key, header), packed + canonical(asdict(context))
    for number, (chunk, last) in enumerate(_pieces(data, chunk_size)):
        yield cipher.encrypt(_nonce(number, last), chunk, associated)


def unseal(key: bytes | bytearray, context: Context, data: Iterable[bytes]) -> Iterator[bytes]:
    """Decrypt; memory is that of two chunks.

    What is yielded is authentic, but the whole is complete only when the iterator ends without an error: an object
    that was cut off shows at its end.

    Raises
    ------
    IntegrityError
        If the key or the context is another, or a byte, a chunk or the end is not what was sealed.
    """
    pieces = iter(data)
    start = b""
    for piece in pieces:
        start += piece
        if len(start) >= HEADER_SIZE:
            break
    header = read_header(start)
    cipher, associated = _cipher(key, header), start[:HEADER_SIZE] + canonical(asdict(context))
    for number, (chunk, last) in enumerate(_pieces(_chain(start[HEADER_SIZE:], pieces), header.chunk_size + TAG_SIZE)):
        try:
            yield cipher.decrypt(_nonce(number, last), chunk, associated)
        except InvalidTag:
            raise IntegrityError(
                f"Expected chunk {number} of a sealed original as it was sealed, under this key and for this upload; "
                "found another"
            ) from None


def _cipher(key: bytes | bytearray, header: Header) -> AESGCM:
    if len(key) != KEY_SIZE:
        raise IntegrityError(f"Expected a data key of {KEY_SIZE} bytes; found {len(key)}")
    return AESGCM(HKDF(SHA256(), KEY_SIZE, salt=header.salt, info=_INFO).derive(bytes(key)))


def _nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])


def _chain(first: bytes, rest: Iterable[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _pieces(data: Iterable[bytes], size: int) -> Iterator[tuple[bytes, bool]]:
    """Cut into pieces of one size, the last being shorter or equal; nothing at all is one empty piece."""
    held = bytearray()
    for piece in data:
        held += piece
        while len(held) > size:
            yield bytes(held[:size]), False
            del held[:size]
    yield bytes(held), True
