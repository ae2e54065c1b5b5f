"""Tenants' names: one is the log's own."""

from __future__ import annotations

from typing import Any, cast

import pytest

from photogate.audit.event import LOG_TENANT
from photogate.errors import RequestRefused
from photogate.tenants import create_tenant


class NothingStored:
    """A store of policies that must not be asked."""


def test_no_tenant_takes_the_name_of_the_log() -> None:
    with pytest.raises(RequestRefused, match="keeps for itself"):
        create_tenant(cast(Any, NothingStored()), cast(Any, None), LOG_TENANT)
