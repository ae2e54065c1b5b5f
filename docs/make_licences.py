"""Write docs/licences.md: the licence of every dependency, of what the wheels carry, and of every model.

usage: python -m docs.make_licences            (in the project's environment; `make licences` runs it)

Names and versions come from the locks, licences from the metadata of what is installed. A licence that metadata does
not state in a way that a program can read is written down below, and a package without any is an error.
"""

from __future__ import annotations

import re
from importlib.metadata import PathDistribution, distributions
from pathlib import Path

from photogate.vision.models import MODELS

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "licences.md"
LAYERS = ("photogate", "vision", "formats", "crypto")
# Lock file by what it is for; the tools live in environments of their own.
TOOLS = {"sam": ROOT / ".tools" / "sam", "checkov": ROOT / ".tools" / "checkov"}

CLASSIFIERS = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
}
WORDS = {
    "apache 2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "bsd": "BSD-3-Clause",
    "3-clause bsd license": "BSD-3-Clause",
    "mit license": "MIT",
    "the mit license (mit)": "MIT",
}
# Read in the package's own licence file, where its metadata does not say it, or where it is not installed here.
READ_BY_HAND = {
    "atheris": "Apache-2.0",
    "colorama": "BSD-3-Clause",
    "cookiecutter": "BSD-3-Clause",
    "defusedxml": "PSF-2.0",
    "pi-heif": "BSD-3-Clause",
    "python-dateutil": "Apache-2.0 OR BSD-3-Clause",
    "pywin32": "PSF-2.0",
    "scikit-image": "BSD-3-Clause",
    "text-unidecode": "Artistic-1.0 OR GPL-2.0-or-later",
    "tzdata": "Apache-2.0",
}
CARRIED = {
    "numpy": "OpenBLAS (BSD-3-Clause) and libgfortran (GPL-3.0 with the GCC runtime exception)",
    "opencv-python-headless": "FFmpeg (LGPL-2.1), OpenBLAS (BSD-3-Clause), libaom (BSD-2-Clause), OpenSSL (OpenSSL "
    "licence), libgfortran (GPL-3.0 with the GCC runtime exception); listed in its LICENSE-3RD-PARTY.txt",
    "pi-heif": "libheif and libde265 (LGPL-3.0)",
    "pillow": "libjpeg-turbo (BSD-3-Clause), libwebp (BSD-3-Clause), libtiff (libtiff), OpenJPEG (BSD-2-Clause), "
    "FreeType (FTL), libavif (BSD-2-Clause) and others, listed in its licence file",
    "simplejpeg": "libjpeg-turbo (BSD-3-Clause)",
    "zlib-ng": "zlib-ng (Zlib)",
    "cryptography": "OpenSSL (Apache-2.0)",
    "onnxruntime": "listed in its ThirdPartyNotices.txt",
}


def locked(name: str) -> dict[str, list[str]]:
    """Read a lock: versions by package, of which there can be one for each Python."""
    found: dict[str, list[str]] = {}
    for line in (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8").splitlines():
        pinned = re.match(r"([A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?==([^\s;\\]+)", line)
        if pinned:
            found.setdefault(pinned[1].lower(), []).append(pinned[2])
    return found


def installed(environment: Path | None = None) -> dict[str, PathDistribution]:
    """Give what is installed, by normalised name; in this environment unless told otherwise."""
    if environment is None:
        found = distributions()
    else:
        found = distributions(path=[str(p) for p in environment.glob("lib/python*/site-packages")])
    return {re.sub(r"[-_.]+", "-", d.metadata["Name"]).lower(): d for d in found}  # type: ignore[misc]


def licence(name: str, distribution: PathDistribution | None) -> str:
    """Give a package's licence as an SPDX expression."""
    if name in READ_BY_HAND:
        return READ_BY_HAND[name]
    if distribution is None:
        raise LookupError(f"Expected {name} to be installed, or its licence to be written down; found neither")
    metadata = distribution.metadata
    if metadata.get("License-Expression"):
        return str(metadata["License-Expression"])
    classified = [c.rsplit(" :: ", 1)[-1] for c in metadata.get_all("Classifier", []) if c.startswith("License ::")]
    known = sorted({CLASSIFIERS[c] for c in classified if c in CLASSIFIERS})
    stated = (metadata.get("License") or "").strip()
    if stated.lower() in WORDS:
        return WORDS[stated.lower()]
    if re.fullmatch(r"[A-Za-z0-9.-]+( (AND|OR) [A-Za-z0-9.-]+)*", stated):
        return stated
    if known:
        return " OR ".join(known)
    raise LookupError(f"Expected {name} to state its licence; found {stated[:60]!r} and {classified}")


def table(lock: dict[str, list[str]], here: dict[str, PathDistribution], carried: bool = False) -> list[str]:
    """Write one table of packages."""
    heading = "| package | version | licence |" + (" its wheel also carries |" if carried else "")
    lines = [heading, "|---|---|---|" + ("---|" if carried else "")]
    for name, versions in sorted(lock.items()):
        line = f"| {name} | {', '.join(versions)} | {licence(name, here.get(name))} |"
        lines.append(line + (f" {CARRIED.get(name, '')} |".replace("  ", " ") if carried else ""))
    return lines


def document() -> str:
    """Write the whole page."""
    here = installed()
    lines = ["# Licences", ""]
    lines += ["Photogate itself: Apache-2.0, see `LICENSE`. `make licences` writes this page; a test checks it.", ""]
    lines += ["## Deployed: the layers", ""]
    deployed: set[str] = set()
    for layer in LAYERS:
        lock = locked(layer)
        deployed |= set(lock)
        lines += [f"### {layer}", "", *table(lock, here, carried=True), ""]
    lines += [
        "Their licence texts stay beside them in the layers. What a function does not read is left out of them.",
        "",
    ]
    lines += ["## Deployed: the models", "", "| file | from | licence | SHA-256 |", "|---|---|---|---|"]
    lines += [f"| {m.file} | {m.wheel} | {m.licence} | `{m.sha256}` |" for m in MODELS]
    lines += ["", "Each licence text lies beside its model in the models folder, and in the layer.", ""]
    lines += ["## On a developer's machine only", ""]
    lines += [*table({n: v for n, v in locked("dev").items() if n not in deployed}, here), ""]
    for tool, environment in TOOLS.items():
        lines += [f"## The environment of {tool}", "", *table(locked(tool), installed(environment)), ""]
    return "\n".join(lines).rstrip("\n") + "\n"


if __name__ == "__main__":
    DOCUMENT.write_text(document(), encoding="utf-8")
