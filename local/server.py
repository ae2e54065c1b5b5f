"""Start the server, wait until it answers, stop it: one process group, known by its pid file."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass
from pathlib import Path

from local.authority import ensure_certificates, write_private
from local.places import REPOSITORY, Places

__all__ = ["LocalCloudError", "Running", "running", "start", "stop"]

START_SECONDS = 40.0
STOP_SECONDS = 8.0


class LocalCloudError(Exception):
    """The local cloud could not be brought to where it should be; the message says what to look at."""


@dataclass(frozen=True)
class Running:
    """A server that answers."""

    pid: int
    port: int
    plain_port: int | None = None

    @property
    def base(self) -> str:
        """Its address."""
        return f"https://127.0.0.1:{self.port}"


def running(places: Places) -> Running | None:
    """Give the server of these places if its process lives and answers; else None."""
    try:
        found = json.loads(places.server.read_text())
        server = Running(**found)
    except (FileNotFoundError, ValueError, TypeError):
        return None
    return server if _is_ours(server.pid, places) and _answers(server, places) else None


def start(places: Places, port: int | None = None, *, plain_http: bool = False) -> Running:
    """Start a server and wait until it answers.

    Parameters
    ----------
    places
        Where its files are.
    port
        A port on 127.0.0.1; a free one unless given.
    plain_http
        Open a second door without TLS, for the tests that knock there and must be refused.

    Raises
    ------
    LocalCloudError
        When the port is taken, or the server ends or does not answer in time.
    """
    stop(places)
    places.root.mkdir(parents=True, exist_ok=True)
    places.root.chmod(0o700)
    places.scratch.mkdir(exist_ok=True)
    ensure_certificates(places)
    write_private(places.admin_secret, secrets.token_hex(20).encode())
    chosen = port or _free_port()
    if not _is_free(chosen):
        raise LocalCloudError(f"Expected port {chosen} on 127.0.0.1 to be free; something else listens there")
    plain = [str(_free_port())] if plain_http else []
    path = os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "shared")])
    with places.log.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "local.serve", str(places.root), str(chosen), *plain],
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONPATH": path},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    server = Running(process.pid, chosen, *(int(p) for p in plain))
    write_private(places.server, json.dumps(asdict(server)).encode())
    deadline = time.monotonic() + START_SECONDS
    while not _answers(server, places):
        if process.poll() is not None:
            places.server.unlink(missing_ok=True)
            raise LocalCloudError(f"Expected the server to run; it ended with {process.returncode}. See {places.log}")
        if time.monotonic() > deadline:
            stop(places)
            raise LocalCloudError(f"Expected the server to answer within {START_SECONDS:g} s. See {places.log}")
        time.sleep(0.1)
    return server


def stop(places: Places) -> None:
    """Stop the server and every function process that it started. Nothing to do is fine too."""
    try:
        pid = int(json.loads(places.server.read_text())["pid"])
    except (FileNotFoundError, ValueError, KeyError):
        return
    # The server keeps nothing that it would have to write down first. Function processes are in its group.
    if _group_is_ours(pid, places):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        deadline = time.monotonic() + STOP_SECONDS
        while _group_is_ours(pid, places) and time.monotonic() < deadline:
            time.sleep(0.02)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    shutil.rmtree(places.scratch, ignore_errors=True)
    places.server.unlink(missing_ok=True)


def _is_ours(pid: int, places: Places) -> bool:
    """Tell whether the process is our server: a pid alone may have been given to another program."""
    try:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        if Path("/proc/self").exists():
            return False
        shown = subprocess.run(["ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, check=False)
        arguments = shown.stdout.split()
    return b"local.serve" in arguments and str(places.root).encode() in arguments


def _group_is_ours(pid: int, places: Places) -> bool:
    """Tell whether what is left of the group runs from our scratch folder."""
    if _is_ours(pid, places):
        return True
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            member = os.getpgid(int(entry.name)) == pid
            if member and (entry / "cwd").readlink().is_relative_to(places.scratch):
                return True
        except (OSError, ValueError):
            continue
    return False


def _answers(server: Running, places: Places) -> bool:
    try:
        trust = ssl.create_default_context(cafile=str(places.ca))
        with urllib.request.urlopen(  # noqa: S310 - the address is our own
            server.base + "/_ministack/health", timeout=2, context=trust
        ) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0
