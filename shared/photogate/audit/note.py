"""Signed notes and checkpoints, as the C2SP specifications signed-note and tlog-checkpoint define them.

A note is text and signatures; a checkpoint is a note whose text is a tree head. Reading is strict: what the
specification does not allow raises `NoteError`, and so does a signature of a known key that does not verify.

`cryptography` is imported where a key is used: functions that only pass notes on do without its layer.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Protocol

from photogate.errors import NoteError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

__all__ = [
    "BadSignature",
    "Checkpoint",
    "Note",
    "NoteError",
    "Signature",
    "SignatureType",
    "Signer",
    "UnknownSigner",
    "VerifierKey",
    "make_vkey",
    "open_checkpoint",
    "open_note",
    "parse_checkpoint",
    "parse_vkey",
    "sign_checkpoint",
    "signature_line",
]

LONGEST_NOTE = 1_000_000
MOST_SIGNATURES = 64  # the specification demands that at least 16 are accepted
LARGEST_TREE = 2**63 - 1
_DASH = "\u2014 "
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
_KEY_ID = re.compile(r"[0-9a-f]{8}", re.ASCII)


class BadSignature(NoteError):
    """A signature of a known key does not verify."""


class UnknownSigner(NoteError):
    """No known key signed, or the log's name is not its key's."""


class SignatureType(IntEnum):
    """The first byte of a verifier key's material."""

    ED25519 = 0x01
    ECDSA_P256 = 0x02


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key with the name that it signs under.

    `key` is 32 bytes for Ed25519 and the DER SubjectPublicKeyInfo for ECDSA P-256; `key_id` has 4 bytes.
    """

    name: str
    key_id: bytes
    type: SignatureType
    key: bytes

    def __str__(self) -> str:
        """Write the key as a vkey: ``name+key id+base64(type || key)``."""
        return f"{self.name}+{self.key_id.hex()}+{_encoded(bytes([self.type]) + self.key)}"


@dataclass(frozen=True, slots=True)
class Signature:
    """One verified signature."""

    name: str
    key_id: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Note:
    """A note that at least one known key signed. `text` ends in a newline."""

    text: str
    signatures: tuple[Signature, ...]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree head: the log's name, the number of leaves, and the tree hash (32 bytes)."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """The text that is signed."""
        return f"{self.origin}\n{self.size}\n{_encoded(self.root)}\n"


class Signer(Protocol):
    """Signs with a key that it does not give out."""

    @property
    def key(self) -> VerifierKey:
        """The public half, with its name."""

    def sign(self, message: bytes) -> bytes:
        """Sign; for ECDSA P-256 with SHA-256 the DER of the signature."""


def make_vkey(name: str, type: SignatureType, key: bytes) -> VerifierKey:
    """Name a public key.

    Raises
    ------
    NoteError
        If the name may not stand in a note, or the key is not of its type.
    """
    _check_name(name)
    _public_key(type, key)
    return VerifierKey(name, _key_id(name, type, key), type, key)


def parse_vkey(text: str) -> VerifierKey:
    """Read a verifier key.

    Raises
    ------
    NoteError
        If the form is not ``name+8 hex digits+base64``, the type is unknown, or the id is not the key's.
    """
    parts = text.split("+", 2)
    if len(parts) != 3:
        raise NoteError("Expected a verifier key `name+id+base64`; found fewer parts")
    name, key_id, encoded = parts
    if not _KEY_ID.fullmatch(key_id):
        raise NoteError("Expected a key id of 8 hex digits in the verifier key; found something else")
    material = _decoded(encoded, "the verifier key")
    try:
        type = SignatureType(material[0]) if material else None
    except ValueError:
        type = None
    if type is None:
        raise NoteError("Expected a verifier key of type 0x01 (Ed25519) or 0x02 (ECDSA); found another")
    vkey = make_vkey(name, type, material[1:])
    if vkey.key_id.hex() != key_id:
        raise NoteError(f"Expected the key id {vkey.key_id.hex()} for this verifier key; found {key_id}")
    return vkey


def open_note(note: bytes, vkeys: Iterable[VerifierKey | str]) -> Note:
    """Read a note and verify its signatures.

    Parameters
    ----------
    note
        The whole note.
    vkeys
        The keys that the reader knows, parsed or as text. Signatures of others are ignored.

    Returns
    -------
    Note
        The text, and the signatures that verified.

    Raises
    ------
    NoteError
        If the note is malformed, a signature of a known key does not verify, or no known key signed.
    """
    known = _known(vkeys)
    text, lines = _divided(note)
    verified: dict[tuple[str, bytes], Signature] = {}
    for line in lines:
        signature = _signature(line)
        pair = (signature.name, signature.key_id)
        if pair in known:
            _verify(known[pair], signature.signature, text.encode())
            verified.setdefault(pair, signature)
    if not verified:
        raise UnknownSigner("Expected a signature of a known key; found none")
    return Note(text, tuple(verified.values()))


def parse_checkpoint(text: str) -> Checkpoint:
    """Read a note's text as a tree head.

    Raises
    ------
    NoteError
        Unless it has an origin, a size in decimal without leading zeros, a root of 32 bytes in base64, and no
        empty line.
    """
    if not text.endswith("\n"):
        raise NoteError("Expected a checkpoint that ends in a newline; found another end")
    lines = text[:-1].split("\n")
    if len(lines) < 3 or not all(lines):
        raise NoteError("Expected a checkpoint of three lines or more, none of them empty; found another form")
    _no_control_characters(text)
    origin, size, encoded = lines[:3]
    if not _SIZE.fullmatch(size) or int(size) > LARGEST_TREE:
        raise NoteError("Expected a tree size in decimal without leading zeros; found another form")
    tree_hash = _decoded(encoded, "the checkpoint's root")
    if len(tree_hash) != 32:
        raise NoteError(f"Expected a root of 32 bytes; found {len(tree_hash)}")
    return Checkpoint(origin, int(size), tree_hash)


def open_checkpoint(note: bytes, key: VerifierKey) -> Checkpoint:
    """Read a checkpoint that must be signed by the log's own key, whose name is the origin.

    Raises
    ------
    NoteError
        If the note does not open with the key, or the origin is another name.
    """
    checkpoint = parse_checkpoint(open_note(note, [key]).text)
    if checkpoint.origin != key.name:
        raise UnknownSigner("Expected the checkpoint's origin to be its key's name; found another origin")
    return checkpoint


def sign_checkpoint(checkpoint: Checkpoint, *signers: Signer) -> bytes:
    """Write a checkpoint as a signed note."""
    text = checkpoint.text
    return (text + "\n" + "".join(signature_line(s.key, s.sign(text.encode())) for s in signers)).encode()


def signature_line(key: VerifierKey, signature: bytes) -> str:
    """Write one signature as a line of a note."""
    return f"{_DASH}{key.name} {_encoded(key.key_id + signature)}\n"


def _known(vkeys: Iterable[VerifierKey | str]) -> dict[tuple[str, bytes], VerifierKey]:
    known: dict[tuple[str, bytes], VerifierKey] = {}
    for given in vkeys:
        vkey = parse_vkey(given) if isinstance(given, str) else given
        if known.setdefault((vkey.name, vkey.key_id), vkey) != vkey:
            raise NoteError("Expected one key for each name and id; found two")
    return known


def _divided(note: bytes) -> tuple[str, list[str]]:
    if len(note) > LONGEST_NOTE:
        raise NoteError(f"Expected a note of at most {LONGEST_NOTE} bytes; found {len(note)}")
    try:
        whole = note.decode("utf-8")
    except UnicodeDecodeError:
        raise NoteError("Expected a note in UTF-8; found other bytes") from None
    _no_control_characters(whole)
    before, gap, signatures = whole.rpartition("\n\n")
    if not gap or not signatures.endswith("\n"):
        raise NoteError("Expected text, an empty line and signature lines, each ended by a newline; found another form")
    lines = signatures[:-1].split("\n")
    if len(lines) > MOST_SIGNATURES:
        raise NoteError(f"Expected at most {MOST_SIGNATURES} signatures; found {len(lines)}")
    return before + "\n", lines


def _no_control_characters(text: str) -> None:
    if any(character < " " and character != "\n" for character in text):
        raise NoteError("Expected no control characters but newlines; found another")


def _signature(line: str) -> Signature:
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not space:
        raise NoteError("Expected a signature line `\u2014 name base64`; found another form")
    _check_name(name)
    decoded = _decoded(encoded, "a signature line")
    if len(decoded) < 5:
        raise NoteError(f"Expected a key id and a signature in a signature line; found {len(decoded)} bytes")
    return Signature(name, decoded[:4], decoded[4:])


def _check_name(name: str) -> None:
    if not name or "+" in name or any(c.isspace() or c < " " for c in name):
        raise NoteError("Expected a key name without spaces and `+`; found another")


def _decoded(encoded: str, where: str) -> bytes:
    try:
        decoded = base64.b64decode(encoded.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise NoteError(f"Expected standard base64 in {where}; found something else") from None
    if _encoded(decoded) != encoded:  # padding bits that are not zero
        raise NoteError(f"Expected base64 in its one form in {where}; found another")
    return decoded


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _key_id(name: str, type: SignatureType, key: bytes) -> bytes:
    hashed = key if type is SignatureType.ECDSA_P256 else name.encode() + b"\n" + bytes([type]) + key
    return hashlib.sha256(hashed).digest()[:4]


def _public_key(type: SignatureType, key: bytes) -> Ed25519PublicKey | EllipticCurvePublicKey:
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

    if type is SignatureType.ED25519:
        if len(key) != 32:
            raise NoteError(f"Expected an Ed25519 key of 32 bytes; found {len(key)}")
        return Ed25519PublicKey.from_public_bytes(key)
    try:
        loaded = load_der_public_key(key)
    except Exception:  # the library raises several kinds for malformed DER and unknown curves
        loaded = None
    if not isinstance(loaded, EllipticCurvePublicKey) or not isinstance(loaded.curve, SECP256R1):
        raise NoteError("Expected the SubjectPublicKeyInfo of a P-256 key; found something else")
    if loaded.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) != key:
        raise NoteError("Expected the one DER form of a P-256 key; found another")
    return loaded


def _verify(vkey: VerifierKey, signature: bytes, message: bytes) -> None:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.hashes import SHA256

    key = _public_key(vkey.type, vkey.key)
    try:
        if isinstance(key, Ed25519PublicKey):
            key.verify(signature, message)
        else:
            key.verify(signature, message, ECDSA(SHA256()))
    except InvalidSignature:
        raise BadSignature(
            f"Expected a signature of the key {vkey.key_id.hex()} that verifies; found another"
        ) from None
