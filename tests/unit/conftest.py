"""Unit tests have no network: a connection is an error, whoever opens it."""

from __future__ import annotations

import socket
from typing import Any, NoReturn

import pytest


def refuse(_self: socket.socket, address: Any) -> NoReturn:
    """Stand in for `socket.connect`."""
    raise AssertionError(f"a unit test opened a connection to {address!r}")


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse every connection that is not to a socket of this machine's file system."""
    real = socket.socket.connect

    def connect(self: socket.socket, address: Any) -> None:
        if self.family == socket.AF_UNIX:
            return real(self, address)
        refuse(self, address)

    # Without it boto3 would ask the instance's metadata service for credentials.
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
