"""Subjects: people who upload, known only by a pseudonym.

A pseudonym is a random 128-bit id. It is found again through HMAC(tenant, caller id) with a key that never leaves KMS,
and forgotten when the subject is erased, so that the same caller then starts as somebody new.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from photogate.errors import Fenced
from photogate.uploads import new_id

__all__ = ["CallerMac", "HoldGround", "SubjectStore", "find_pseudonym", "pseudonym_of", "require_open"]


class CallerMac(Protocol):
    """Hides a caller's id behind a key."""

    def mac(self, message: bytes) -> str:
        """Give HMAC-SHA-256 of `message` in hex."""


class HoldGround(StrEnum):
    """Why a subject's photos must be kept: a closed set, because events carry it."""

    LITIGATION = "litigation"
    AUTHORITY = "authority"
    CLAIM = "claim"


class SubjectStore(Protocol):
    """What the domain needs of the Subjects table."""

    def find(self, tenant: str, mac: str) -> str | None:
        """Give the pseudonym that this caller has."""

    def create(self, tenant: str, mac: str, pseudonym: str) -> str:
        """Give the caller this pseudonym, unless it has one: then that. One transaction for both rows."""

    def is_open(self, tenant: str, pseudonym: str) -> bool:
        """Tell whether the subject is known and not fenced; a consistent read."""


def caller_message(tenant: str, caller: str) -> bytes:
    """Give what is authenticated. The lengths keep ("a", "bc") and ("ab", "c") apart."""
    return f"{len(tenant)}:{tenant}{len(caller)}:{caller}".encode()


def find_pseudonym(store: SubjectStore, macs: CallerMac, tenant: str, caller: str) -> str | None:
    """Give the caller's pseudonym, or None where it has none yet."""
    return store.find(tenant, macs.mac(caller_message(tenant, caller)))


def pseudonym_of(store: SubjectStore, macs: CallerMac, tenant: str, caller: str) -> str:
    """Give the caller's pseudonym, a new one where it has none yet."""
    mac = macs.mac(caller_message(tenant, caller))
    return store.find(tenant, mac) or store.create(tenant, mac, new_id())


def require_open(store: SubjectStore, tenant: str, pseudonym: str) -> None:
    """Go on only if the subject is known and not being erased.

    Raises
    ------
    Fenced
        Otherwise: an unknown subject is one whose erasure has ended.
    """
    if not store.is_open(tenant, pseudonym):
        raise Fenced("Expected a subject that is not being erased; found a fence")
