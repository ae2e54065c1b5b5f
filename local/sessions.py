"""Clients of the local cloud's services, and what its logs say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

__all__ = ["RoleSession", "client_of", "log_lines"]


@dataclass(frozen=True)
class RoleSession:
    """Clients that act as one role."""

    session: boto3.Session
    base: str
    ca: Path

    def client(self, service: str, base: str | None = None) -> Any:
        """Give a client; of another address than the cloud's own where `base` names one."""
        return client_of(self.session, service, base or self.base, self.ca)


def client_of(session: boto3.Session, service: str, base: str, ca: Path) -> Any:
    """Make a client that signs with SigV4 and trusts the local authority."""
    config = Config(
        signature_version="s3v4" if service == "s3" else None,
        s3={"addressing_style": "path"} if service == "s3" else None,
        retries={"mode": "standard", "total_max_attempts": 2},
        max_pool_connections=64,
    )
    return session.client(service, endpoint_url=base, verify=str(ca), config=config)


def log_lines(logs: Any) -> Iterator[str]:
    """Read every line of every log group."""
    for group in _pages(logs.describe_log_groups, "logGroups"):
        name = group["logGroupName"]
        for stream in _pages(logs.describe_log_streams, "logStreams", logGroupName=name):
            arguments = {"logGroupName": name, "logStreamName": stream["logStreamName"], "startFromHead": True}
            token = None
            while True:
                page = logs.get_log_events(**arguments, **({"nextToken": token} if token else {}))
                yield from (event["message"] for event in page["events"])
                if not page["events"] or page["nextForwardToken"] == token:
                    break
                token = page["nextForwardToken"]


def _pages(call: Callable[..., Any], key: str, **arguments: Any) -> Iterator[dict[str, Any]]:
    token: str | None = None
    while True:
        page = call(**arguments, **({"nextToken": token} if token else {}))
        yield from page[key]
        token = page.get("nextToken")
        if not token:
            return
