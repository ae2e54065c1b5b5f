"""Builders for sealing: a ledger and its files in memory, a signer, records as the stream gives them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, derive_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from photogate.audit.note import SignatureType, VerifierKey, make_vkey
from photogate.audit.row import Row
from photogate.audit.seal import BLOCK, Head, Manifest, Places, Sealed, Sealer
from photogate.audit.stream import Alarm, Inserted
from photogate.aws.audit_table import item_of
from photogate.errors import Conflict

ORIGIN = "log.example/photogate"


class EcSigner:
    """Signs as KMS does, with a key that is the same in every run."""

    def __init__(self, name: str = ORIGIN, seed: str = "log") -> None:
        self._key = derive_private_key(int.from_bytes(hashlib.sha256(seed.encode()).digest(), "big"), SECP256R1())
        spki = self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self.key: VerifierKey = make_vkey(name, SignatureType.ECDSA_P256, spki)

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message, ECDSA(SHA256()))


def no_fault(operation: str) -> None:
    """Let every operation through."""


class MemoryLedger:
    """A Ledger table in memory. `before` and `after` may raise, or do something else first."""

    def __init__(self) -> None:
        self.current = Head()
        self.chains: dict[str, Sealed] = {}
        self.blocks: dict[tuple[str, int], Places] = {}
        self.manifests: list[Manifest] = []
        self.before: Callable[[str], None] = no_fault
        self.after: Callable[[str], None] = no_fault

    def head(self) -> Head:
        self.before("head")
        return self.current

    def sealed(self, chains: Iterable[str]) -> Mapping[str, Sealed]:
        self.before("sealed")
        return {chain: self.chains[chain] for chain in chains if chain in self.chains}

    def manifest(self, number: int) -> Manifest | None:
        return self.manifests[number - 1] if number <= len(self.manifests) else None

    def place(self, chain: str, seq: int) -> int | None:
        last = self.chains.get(chain)
        if last is None:
            return None
        here = last.places if last.block == seq // BLOCK else self.blocks.get((chain, seq // BLOCK), ())
        return dict(here).get(seq)

    def commit(
        self, head: Head, manifest: Manifest, sealed: Mapping[str, Sealed], left: Mapping[tuple[str, int], Places]
    ) -> None:
        self.before("commit")
        if head.version != self.current.version + 1:
            raise Conflict("another version")
        self.current = head
        self.manifests.append(manifest)
        self.chains.update(sealed)
        self.blocks.update(left)
        self.after("commit")

    @property
    def keys(self) -> list[tuple[str, int]]:
        return [key for manifest in self.manifests for key in manifest.keys]

    @property
    def leaves(self) -> list[bytes]:
        return [leaf for manifest in self.manifests for leaf in manifest.leaves]


class MemoryFiles:
    """A ledger bucket in memory."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.before: Callable[[str], None] = no_fault
        self.after: Callable[[str], None] = no_fault

    def get(self, path: str) -> bytes | None:
        self.before("get")
        return self.files.get(path)

    def put_new(self, path: str, data: bytes) -> bool:
        self.before("put")
        new = path not in self.files
        self.files.setdefault(path, data)
        self.after("put")
        return new

    @property
    def checkpoints(self) -> dict[str, bytes]:
        return {path: data for path, data in self.files.items() if path.startswith("checkpoint/")}


def a_sealer(ledger: Any, files: Any, alarms: list[Alarm] | None = None) -> Sealer:
    """Build a sealer that collects its alarms."""
    return Sealer(ledger, files, EcSigner(), (alarms if alarms is not None else []).append)


def inserted(rows: Iterable[Row]) -> list[Inserted]:
    """Give rows as the stream's reader does."""
    return [Inserted(str(n), row) for n, row in enumerate(rows)]


def a_record(row: Row, kind: str = "INSERT", **changes: Any) -> dict[str, Any]:
    """Give a stream record of a row as Lambda hands it over."""
    item = item_of(row)
    change: dict[str, Any] = {
        "ApproximateCreationDateTime": 1793525400.0,
        "Keys": {"pk": item["pk"], "sk": item["sk"]},
        "SequenceNumber": f"{row.seq + 1}00",
        "SizeBytes": 1000,
        "StreamViewType": "NEW_AND_OLD_IMAGES",
    }
    if kind in ("INSERT", "MODIFY"):
        change["NewImage"] = item
    if kind in ("MODIFY", "REMOVE"):
        change["OldImage"] = item
    record = {"eventID": row.leaf.hex()[:32], "eventName": kind, "eventSource": "aws:dynamodb", "dynamodb": change}
    return record | changes
