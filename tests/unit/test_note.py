"""Signed notes and checkpoints: what the specification allows is read, anything else is refused with its reason."""

from __future__ import annotations

import base64
import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, SECP384R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from photogate.audit.note import (
    Checkpoint,
    NoteError,
    SignatureType,
    VerifierKey,
    make_vkey,
    open_checkpoint,
    open_note,
    parse_checkpoint,
    parse_vkey,
    sign_checkpoint,
    signature_line,
)

ORIGIN = "log.example/photogate"
ROOT = hashlib.sha256(b"root").digest()
HEAD = Checkpoint(ORIGIN, 7, ROOT)
EC_KEY = generate_private_key(SECP256R1())
ED_KEY = Ed25519PrivateKey.generate()
SPKI = EC_KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
RAW = ED_KEY.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
EC = make_vkey(ORIGIN, SignatureType.ECDSA_P256, SPKI)
ED = make_vkey("witness.example", SignatureType.ED25519, RAW)


class EcSigner:
    key = EC

    def sign(self, message: bytes) -> bytes:
        return EC_KEY.sign(message, ECDSA(SHA256()))


class EdSigner:
    key = ED

    def sign(self, message: bytes) -> bytes:
        return ED_KEY.sign(message)


NOTE = sign_checkpoint(HEAD, EcSigner())


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


# ---- keys


def test_key_ids_are_those_of_the_specification() -> None:
    assert EC.key_id == hashlib.sha256(SPKI).digest()[:4]
    assert ED.key_id == hashlib.sha256(b"witness.example\n\x01" + RAW).digest()[:4]


@pytest.mark.parametrize("key", [EC, ED], ids=["ecdsa", "ed25519"])
def test_a_verifier_key_is_read_as_it_was_written(key: VerifierKey) -> None:
    assert parse_vkey(str(key)) == key


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "fewer parts"),
        (f"{ORIGIN}+{ED.key_id.hex()}", "fewer parts"),
        (f"+{EC.key_id.hex()}+{b64(bytes([2]) + SPKI)}", "key name"),
        (f"a b+{EC.key_id.hex()}+{b64(bytes([2]) + SPKI)}", "key name"),
        (f"a\u2003b+{EC.key_id.hex()}+{b64(bytes([2]) + SPKI)}", "key name"),
        (f"{ORIGIN}+{EC.key_id.hex()[:7]}+{b64(bytes([2]) + SPKI)}", "8 hex digits"),
        (f"{ORIGIN}+{'g' * 8}+{b64(bytes([2]) + SPKI)}", "8 hex digits"),
        (f"{ORIGIN}+{'0' * 8}+{b64(bytes([2]) + SPKI)}", "Expected the key id"),
        (f"{ORIGIN}+{EC.key_id.hex()}+{b64(bytes([2]) + SPKI)} ", "standard base64"),
        (f"{ORIGIN}+{EC.key_id.hex()}+{b64(bytes([2]) + SPKI)}\n", "standard base64"),
        (f"{ORIGIN}+{EC.key_id.hex()}+", "of type"),
        (f"{ORIGIN}+{EC.key_id.hex()}+{b64(bytes([4]) + RAW)}", "of type"),
        (f"{ORIGIN}+{EC.key_id.hex()}+{b64(bytes([1]) + RAW[:31])}", "32 bytes"),
        (f"{ORIGIN}+{EC.key_id.hex()}+{b64(bytes([2]) + SPKI + b'0')}", "P-256"),
        (f"{ORIGIN}+{EC.key_id.hex()}+{b64(bytes([2]) + RAW)}", "P-256"),
    ],
)
def test_a_malformed_verifier_key_is_refused(text: str, message: str) -> None:
    with pytest.raises(NoteError, match=message):
        parse_vkey(text)


def test_a_key_on_another_curve_is_refused() -> None:
    other = generate_private_key(SECP384R1()).public_key()
    with pytest.raises(NoteError, match="P-256"):
        make_vkey(ORIGIN, SignatureType.ECDSA_P256, other.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def test_the_compressed_form_of_a_key_is_refused() -> None:
    prefix = bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200")
    point = EC_KEY.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    with pytest.raises(NoteError, match="P-256"):
        make_vkey(ORIGIN, SignatureType.ECDSA_P256, prefix + point)


# ---- notes


def test_a_note_gives_its_text_and_who_signed() -> None:
    note = open_note(sign_checkpoint(HEAD, EcSigner(), EdSigner()), [EC, str(ED)])
    assert note.text == HEAD.text
    assert [signature.name for signature in note.signatures] == [ORIGIN, "witness.example"]


def test_text_may_hold_empty_lines() -> None:
    text = "one\n\n\ntwo\n\n"
    note = f"{text}\n{signature_line(ED, ED_KEY.sign(text.encode()))}".encode()
    assert open_note(note, [ED]).text == text


def test_signatures_of_strangers_are_ignored() -> None:
    note = NOTE + signature_line(ED, b"x" * 64).encode()
    assert [s.name for s in open_note(note, [EC]).signatures] == [ORIGIN]


def test_a_name_with_another_key_id_is_a_stranger() -> None:
    other = VerifierKey(ORIGIN, b"\0\0\0\0", SignatureType.ED25519, RAW)
    note = NOTE + signature_line(other, b"x" * 64).encode()
    assert len(open_note(note, [EC]).signatures) == 1


def test_a_known_signature_that_does_not_verify_spoils_the_note() -> None:
    note = NOTE + signature_line(ED, b"x" * 64).encode()
    with pytest.raises(NoteError, match="that verifies"):
        open_note(note, [EC, ED])


def test_a_second_signature_of_a_known_key_must_verify_too() -> None:
    with pytest.raises(NoteError, match="that verifies"):
        open_note(NOTE + signature_line(EC, b"x" * 64).encode(), [EC])
    again = open_note(NOTE + signature_line(EC, EcSigner().sign(HEAD.text.encode())).encode(), [EC])
    assert len(again.signatures) == 1


def test_a_note_without_a_known_signature_is_refused() -> None:
    with pytest.raises(NoteError, match="known key; found none"):
        open_note(NOTE, [ED])
    with pytest.raises(NoteError, match="known key; found none"):
        open_note(NOTE, [])


def test_two_keys_of_one_name_and_id_are_refused() -> None:
    twin = VerifierKey(EC.name, EC.key_id, SignatureType.ED25519, RAW)
    with pytest.raises(NoteError, match="one key for each"):
        open_note(NOTE, [EC, twin])


def test_sixteen_signatures_are_accepted_and_a_flood_is_not() -> None:
    stranger = signature_line(ED, b"x" * 64).encode()
    assert open_note(NOTE + 15 * stranger, [EC])
    with pytest.raises(NoteError, match="at most"):
        open_note(NOTE + 64 * stranger, [EC])


LINE = signature_line(EC, EcSigner().sign(HEAD.text.encode()))
MALFORMED = {
    "nothing": (b"", "another form"),
    "no gap": (HEAD.text.encode() + LINE.encode(), "another form"),
    "no signature": (HEAD.text.encode() + b"\n", "another form"),
    "no newline at the end": (NOTE[:-1], "another form"),
    "a carriage return": (NOTE.replace(b"\n", b"\r\n"), "control characters"),
    "a tab in the text": (NOTE.replace(b"photogate", b"photo\tgate", 1), "control characters"),
    "no utf-8": (b"\xff" + NOTE, "UTF-8"),
    "a hyphen for the dash": (NOTE.replace("\u2014".encode(), b"-"), "signature line"),
    "no space after the dash": (NOTE.replace("\u2014 ".encode(), "\u2014".encode()), "signature line"),
    "no name": (f"{HEAD.text}\n\u2014 {b64(b'x' * 68)}\n".encode(), "signature line"),
    "an empty name": (f"{HEAD.text}\n\u2014  {b64(b'x' * 68)}\n".encode(), "key name"),
    "a plus in the name": (f"{HEAD.text}\n\u2014 a+b {b64(b'x' * 68)}\n".encode(), "key name"),
    "two spaces": (f"{HEAD.text}\n\u2014 a  {b64(b'x' * 68)}\n".encode(), "base64"),
    "url-safe base64": (f"{HEAD.text}\n\u2014 a {'_' * 8}\n".encode(), "base64"),
    "base64 without padding": (f"{HEAD.text}\n\u2014 a {b64(b'x' * 68).rstrip('=')}\n".encode(), "base64"),
    "base64 with loose bits": (f"{HEAD.text}\n\u2014 a {b64(b'x' * 68)[:-2]}F=\n".encode(), "base64"),
    "only a key id": (f"{HEAD.text}\n\u2014 a {b64(b'xxxx')}\n".encode(), "4 bytes"),
    "a space after the line": (NOTE[:-1] + b" \n", "base64"),
    "too long": (b"x" * 1_000_001, "at most 1000000 bytes"),
    "an empty line after the signatures": (NOTE + b"\n", "another form"),
    "text after the signatures": (NOTE + b"more\n", "signature line"),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_a_malformed_note_is_refused(case: str) -> None:
    note, message = MALFORMED[case]
    with pytest.raises(NoteError, match=message):
        open_note(note, [EC])


def test_no_single_flipped_byte_gives_the_same_checkpoint() -> None:
    for place in range(len(NOTE)):
        for mask in (0x01, 0x20, 0x80):
            flipped = NOTE[:place] + bytes([NOTE[place] ^ mask]) + NOTE[place + 1 :]
            with pytest.raises(NoteError):
                open_checkpoint(flipped, EC)


# ---- checkpoints


def test_a_checkpoint_is_read_as_it_was_written() -> None:
    assert open_checkpoint(NOTE, EC) == HEAD
    assert parse_checkpoint(f"o\n0\n{b64(ROOT)}\n") == Checkpoint("o", 0, ROOT)


def test_extension_lines_are_allowed() -> None:
    assert parse_checkpoint(HEAD.text + "an extension\n") == HEAD


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"{ORIGIN}\n7\n{b64(ROOT)}",
        f"{ORIGIN}\n7\n",
        f"\n7\n{b64(ROOT)}\n",
        f"{ORIGIN}\n\n{b64(ROOT)}\n",
        f"{ORIGIN}\n07\n{b64(ROOT)}\n",
        f"{ORIGIN}\n+7\n{b64(ROOT)}\n",
        f"{ORIGIN}\n-7\n{b64(ROOT)}\n",
        f"{ORIGIN}\n 7\n{b64(ROOT)}\n",
        f"{ORIGIN}\n\u0667\n{b64(ROOT)}\n",
        f"{ORIGIN}\n7.0\n{b64(ROOT)}\n",
        f"{ORIGIN}\n{2**63}\n{b64(ROOT)}\n",
        f"{ORIGIN}\n7\n{b64(ROOT[:31])}\n",
        f"{ORIGIN}\n7\n{b64(ROOT + b'x')}\n",
        f"{ORIGIN}\n7\n{b64(ROOT)} \n",
        f"{ORIGIN}\n7\n{b64(ROOT)[:-1]}\n",
        f"{ORIGIN}\n7\n{ROOT.hex()}\n",
        f"{ORIGIN}\n7\n{b64(ROOT)}\n\n",
        f"{ORIGIN}\n7\n{b64(ROOT)}\n\nextension\n",
        f"{ORIGIN}\r\n7\r\n{b64(ROOT)}\r\n",
    ],
)
def test_a_malformed_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(NoteError):
        parse_checkpoint(text)


def test_a_checkpoint_of_another_origin_is_refused() -> None:
    class Impostor(EcSigner):
        key = make_vkey("other.example", SignatureType.ECDSA_P256, SPKI)

    with pytest.raises(NoteError, match="origin"):
        open_checkpoint(sign_checkpoint(HEAD, Impostor()), Impostor.key)
