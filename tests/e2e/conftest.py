"""One deployment of the real template for all end-to-end tests of a run, on a free port, in a folder of its own."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local.cloud import LocalCloud
from local.places import ACCOUNT
from photogate.config import REPOSITORY
from photogate.policy import Policy, default_policy


@pytest.fixture(scope="session")
def page_socket() -> Iterator[socket.socket]:
    """Give the socket that the upload page is served at: its origin is a parameter of the stack."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory, page_socket: socket.socket) -> Iterator[LocalCloud]:
    """Give the service, up."""
    parameters = {"PageOrigin": f"https://127.0.0.1:{page_socket.getsockname()[1]}", "WitnessAccount": ACCOUNT}
    with LocalCloud(tmp_path_factory.mktemp("cloud"), parameters=parameters, plain_http=True) as up:
        yield up


@pytest.fixture(scope="session")
def run_photogate(cloud: LocalCloud) -> Callable[..., str]:
    """Give what runs the command line against the local cloud, and returns its stdout."""

    def run(*words: str, stdin: str = "") -> str:
        done = subprocess.run(
            [sys.executable, "-m", "photogate", *words],
            input=stdin,
            env={**os.environ, **cloud.environment(), "PYTHONPATH": str(REPOSITORY / "shared")},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="session")
def new_tenant(run_photogate: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Give what creates a tenant with the default policy, changed by keywords."""
    count = iter(range(1000))

    def create(**changes: Any) -> str:
        name = f"tenant-{next(count)}"
        policy = Policy.model_validate({**json.loads(default_policy().document()), **changes})
        file: Path = tmp_path_factory.mktemp("policy") / "policy.json"
        file.write_bytes(policy.document())
        run_photogate("tenant", "create", name, "--policy", str(file))
        return name

    return create


@pytest.fixture(scope="session")
def acme(new_tenant: Callable[..., str]) -> str:
    """Give a tenant with the built-in policy."""
    return new_tenant()
