"""Sealed originals: what was sealed comes back, and nothing else does."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from photogate.errors import IntegrityError
from photogate.sealing import HEADER_SIZE, Context, read_header, seal, unseal

KEY = bytes(range(32))
KEY_ID = "ab" * 16
CONTEXT = Context("acme", "1" * 32, "originals", "2" * 32)
CHUNK = 16
ON_DISK = CHUNK + 16


def sealed(data: bytes) -> bytes:
    return b"".join(seal(KEY, KEY_ID, CONTEXT, [data], chunk_size=CHUNK))


def opened(data: bytes, context: Context = CONTEXT, key: bytes = KEY) -> bytes:
    return b"".join(unseal(key, context, [data]))


def chunks(data: bytes) -> tuple[bytes, list[bytes]]:
    body = data[HEADER_SIZE:]
    return data[:HEADER_SIZE], [body[i : i + ON_DISK] for i in range(0, len(body), ON_DISK)]


@pytest.mark.parametrize("length", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 5 * CHUNK, 5 * CHUNK + 3])
def test_what_is_sealed_comes_back(length: int) -> None:
    data = bytes(i % 251 for i in range(length))
    assert opened(sealed(data)) == data


@pytest.mark.parametrize("size", [1, 7, 16, 61, 1000])
def test_pieces_of_any_size_give_the_same_whole(size: int) -> None:
    data = bytes(range(200))
    whole = b"".join(seal(KEY, KEY_ID, CONTEXT, (data[i : i + size] for i in range(0, 200, size)), chunk_size=CHUNK))
    assert b"".join(unseal(KEY, CONTEXT, (whole[i : i + size] for i in range(0, len(whole), size)))) == data


def test_the_format_is_what_the_document_says() -> None:
    """A second reader, written from docs/sealing.md alone."""
    data = bytes(range(100))
    file = sealed(data)
    assert file[:8] == bytes.fromhex("50 47 53 45 41 4C 45 44")
    assert (file[8], int.from_bytes(file[9:13], "big"), file[13:29].hex()) == (1, CHUNK, KEY_ID)
    key = HKDF(SHA256(), 32, salt=file[29:61], info=b"photogate sealed original 1").derive(KEY)
    context = {"purpose": "originals", "subject": "1" * 32, "tenant": "acme", "upload": "2" * 32}
    associated = file[:61] + json.dumps(context, separators=(",", ":"), sort_keys=True).encode()
    body, found = file[61:], b""
    for number in range(7):
        chunk = body[number * 32 : (number + 1) * 32]
        nonce = number.to_bytes(11, "big") + (b"\x01" if number == 6 else b"\x00")
        found += AESGCM(key).decrypt(nonce, chunk, associated)
    assert found == data


def test_every_changed_byte_is_found() -> None:
    file = sealed(bytes(40))
    for place in range(len(file)):
        changed = bytearray(file)
        changed[place] ^= 1
        with pytest.raises(IntegrityError):
            opened(bytes(changed))


@pytest.mark.parametrize("name", ["tenant", "subject", "purpose", "upload"])
def test_another_context_does_not_open_it(name: str) -> None:
    with pytest.raises(IntegrityError, match="under this key and for this upload"):
        opened(sealed(b"photo"), context=replace(CONTEXT, **{name: "another"}))


def test_another_key_does_not_open_it() -> None:
    with pytest.raises(IntegrityError, match="under this key and for this upload"):
        opened(sealed(b"photo"), key=bytes(32))


def test_an_object_cut_off_anywhere_is_found() -> None:
    file = sealed(bytes(range(100)))
    for length in range(len(file)):
        with pytest.raises(IntegrityError):
            opened(file[:length])


def test_chunks_moved_doubled_left_out_or_added_are_found() -> None:
    header, parts = chunks(sealed(bytes(range(80))))
    assert len(parts) == 5
    swapped = [parts[1], parts[0], *parts[2:]]
    doubled = [parts[0], *parts]
    without = parts[1:]
    longer = [*parts, parts[-1]]
    for damaged in (swapped, doubled, without, longer):
        with pytest.raises(IntegrityError):
            opened(header + b"".join(damaged))


def test_a_chunk_of_another_object_of_the_same_upload_is_found() -> None:
    header, parts = chunks(sealed(bytes(80)))
    _, others = chunks(sealed(bytes(80)))
    with pytest.raises(IntegrityError):
        opened(header + b"".join([others[0], *parts[1:]]))


def test_two_seals_of_one_photo_share_no_chunk() -> None:
    _, one = chunks(sealed(bytes(80)))
    _, two = chunks(sealed(bytes(80)))
    assert not set(one) & set(two)


def test_a_header_that_asks_for_much_memory_is_refused() -> None:
    file = bytearray(sealed(b"photo"))
    file[9:13] = b"\xff\xff\xff\xff"
    with pytest.raises(IntegrityError, match="at most 1048576 bytes"):
        read_header(bytes(file))


def test_the_header_tells_the_key_and_nothing_of_the_subject() -> None:
    file = sealed(b"photo")
    assert read_header(file).key_id == KEY_ID
    assert b"acme" not in file
    assert CONTEXT.subject.encode() not in file


def test_sealing_holds_two_chunks_at_most() -> None:
    taken = 0

    def photo() -> object:
        nonlocal taken
        for _ in range(1000):
            taken += 1
            yield bytes(CHUNK)

    stream = seal(KEY, KEY_ID, CONTEXT, photo(), chunk_size=CHUNK)  # type: ignore[arg-type]
    next(stream)
    for written in range(1, 500):
        next(stream)
        assert taken <= written + 1
