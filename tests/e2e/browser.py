"""A browser for the upload page's tests: the machine's own, or one that ``python -m tests.e2e.browser`` installs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Browser, Playwright, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MISSING = "Expected Chromium or Chrome; found none. Run `make browser`, or install one and put it on the PATH."


def on_path() -> Path | None:
    """Give the browser that the machine has."""
    return next((Path(found) for name in NAMES if (found := shutil.which(name))), None)


def find() -> Path | None:
    """Give the browser to use: the machine's own, else the one that Playwright has installed."""
    if found := on_path():
        return found
    with sync_playwright() as playwright:
        own = Path(playwright.chromium.executable_path)
    return own if own.exists() else None


def install() -> None:
    """Install one, by the system's packages where we may, else by Playwright.

    Raises
    ------
    SystemExit
        If there is none afterwards.
    """
    for command in _ways():
        print("$", " ".join(command), file=sys.stderr)
        if subprocess.run(command, check=False).returncode == 0 and find():
            return
    raise SystemExit(MISSING)


def _ways() -> list[list[str]]:
    ways = []
    if shutil.which("apt-get") and os.geteuid() == 0:
        ways += [["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "chromium"]]
    return [*ways, [sys.executable, "-m", "playwright", "install", "chromium"]]


def launch(playwright: Playwright, *arguments: str) -> Browser:
    """Start it without a window.

    Raises
    ------
    RuntimeError
        If there is none; it says what to do.
    """
    found = on_path() or Path(playwright.chromium.executable_path)
    if not found.exists():
        raise RuntimeError(MISSING)
    # Chromium's sandbox does not start as root, which is what a container runs as.
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    return playwright.chromium.launch(executable_path=found, args=[*sandbox, *arguments])


if __name__ == "__main__":
    if (browser := find()) is None:
        install()
        browser = find()
    print(browser)
