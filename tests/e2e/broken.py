"""Run the functions of a local cloud so that they can be broken: see `tests.e2e.breaking.breaking`."""

from __future__ import annotations

import json
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent / "breaking"


@dataclass(frozen=True)
class Plans:
    """What is to happen to which upload, and what did."""

    folder: Path

    def python(self) -> str:
        """Give a Python for `LocalCloud` that starts a function's handler inside the breaking one."""
        self.folder.mkdir()
        script = self.folder / "python"
        script.write_text(
            "#!/bin/sh\n"
            # What the bootstrap asks for: python -m awslambdaric app.handler
            'test "$*" = "-m awslambdaric app.handler" || exit 64\n'
            f"export PYTHONPATH={shlex.quote(str(HERE))}:$PYTHONPATH BREAKING={shlex.quote(str(self.folder))}\n"
            f"exec {shlex.quote(sys.executable)} -m awslambdaric breaking.handler\n"
        )
        script.chmod(0o755)
        return str(script)

    def plan(self, upload: str, **what: Any) -> None:
        """Say what happens to an upload: `dies_before` or `dies_after` a write, `waits_before` a step; all from 0."""
        (self.folder / f"{upload}.json").write_text(json.dumps(what))

    def seen(self, upload: str, what: str) -> list[str]:
        """Give the ``steps`` (function) or ``writes`` (function and operation) of an upload, in order."""
        file = self.folder / f"{upload}.{what}"
        return file.read_text().splitlines() if file.exists() else []

    def is_there(self, upload: str, what: str) -> bool:
        """Tell whether its step is ``waiting`` as planned, or has ``died`` so."""
        return (self.folder / f"{upload}.{what}").exists()

    def go(self, upload: str) -> None:
        """Let the step that waits go on."""
        (self.folder / f"{upload}.go").touch()
