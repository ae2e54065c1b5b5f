"""What the steps need of the world, in the domain's words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from photogate.uploads import ObjectKey

__all__ = ["Announcer", "Head", "Objects", "Sealed", "Version"]


class Head(Protocol):
    """What a bucket says of one object version."""

    @property
    def version_id(self) -> str:
        """The version's id."""

    @property
    def size(self) -> int:
        """Bytes."""


class Version(Protocol):
    """One version, or delete marker, of a key."""

    @property
    def key(self) -> str:
        """The object's key."""

    @property
    def version_id(self) -> str:
        """The version's id."""


class Objects(Protocol):
    """One bucket; what is missing raises `photogate.errors.NotFound`."""

    def head(self, key: str, version_id: str | None = None) -> Head:
        """Ask for size and version."""

    def get(self, key: str, version_id: str | None = None) -> bytes:
        """Read an object whole."""

    def put(self, key: str, data: bytes, content_type: str) -> str:
        """Write an object; give its version id."""

    def delete(self, key: str, version_id: str | None = None) -> None:
        """Delete one version for good."""

    def versions(self, prefix: str) -> Iterator[Version]:
        """List every version and delete marker below a prefix."""

    def keys(self, prefix: str) -> Iterator[str]:
        """List the current keys below a prefix."""


class Sealed(Protocol):
    """The bucket of originals under review, each sealed under its subject's data key."""

    def seal(self, place: ObjectKey, original: bytes) -> str:
        """Write an upload's original; give its version id; raise `Fenced` for a subject that is being erased."""

    def open(self, place: ObjectKey, version_id: str | None = None) -> bytes:
        """Read it; only the review's role may."""


class Announcer(Protocol):
    """Tells the customer's own systems."""

    def announce(self, detail: dict[str, Any]) -> None:
        """Send one ``photo.completed``; it may come twice."""
