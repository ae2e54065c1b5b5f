"""Fixtures of the function tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.functions.cloud import Account, account


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """An account with one tenant and nothing in it."""
    with account(monkeypatch) as made:
        yield made
