"""Claim: nothing of a redacted face can be got back. The attacks: swap the face, and pick it out of a hundred."""

from __future__ import annotations

import io
import math
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from photogate.findings import Box
from photogate.policy import RedactionMethod, RedactionRule, RedactionShape
from photogate.redaction import redact
from tests import photos

BOX = Box(170, 60, 110, 130)
RULES = [RedactionRule(method=m, shape=s) for m in RedactionMethod for s in RedactionShape]
BARE = [RedactionRule(method=m, shape=s, padding_percent=0) for m in RedactionMethod for s in RedactionShape]
FILES: list[tuple[str, dict[str, Any]]] = [
    ("JPEG", {}),
    ("JPEG", {"subsampling": 0}),
    ("JPEG", {"progressive": True}),
    ("PNG", {}),
    ("WEBP", {"lossless": True}),
]
CANDIDATES = 100


def with_face(face: Image.Image) -> Image.Image:
    """Put a face where the astronaut's is."""
    scene = photos.picture("astronaut").copy()
    scene.paste(face.resize((BOX.width, BOX.height)), (BOX.x, BOX.y))
    return scene


def faces(count: int) -> list[Image.Image]:
    """Make faces of many kinds: pieces of real pictures, smooth as skin is."""
    rng = np.random.default_rng(7)
    made = []
    for _ in range(count):
        source = photos.picture(("chelsea", "coffee", "rocket")[rng.integers(3)])
        x, y = rng.integers(0, source.width - 80), rng.integers(0, source.height - 80)
        made.append(source.crop((int(x), int(y), int(x) + 80, int(y) + 80)))
    return made


def decoded(data: bytes) -> np.ndarray[Any, Any]:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(np.int16)


@pytest.mark.parametrize("rule", RULES + BARE, ids=lambda r: f"{r.method}-{r.shape}-{r.padding_percent}")
@pytest.mark.parametrize(("fmt", "options"), FILES)
def test_another_face_gives_the_same_file(rule: RedactionRule, fmt: str, options: dict[str, Any]) -> None:
    first, second = faces(2)
    redacted = [
        redact(photos.encode(with_face(f), fmt, **options), [BOX], rule=rule, seed=b"s") for f in (first, second)
    ]
    assert redacted[0] == redacted[1]


@pytest.mark.parametrize("rule", RULES, ids=lambda r: f"{r.method}-{r.shape}")
def test_the_right_face_is_not_picked_out_of_a_hundred_more_often_than_by_chance(rule: RedactionRule) -> None:
    candidates = faces(CANDIDATES)
    references = [decoded(redact(photos.encode(with_face(c)), [BOX], rule=rule, seed=b"known")) for c in candidates]
    rng = np.random.default_rng(11)
    hits, trials = 0, 20
    for _ in range(trials):
        truth = int(rng.integers(CANDIDATES))
        seen = decoded(redact(photos.encode(with_face(candidates[truth])), [BOX], rule=rule, seed=rng.bytes(8)))
        distances = [int(np.abs(seen - reference).sum()) for reference in references]
        # Ties are broken at random, as an attacker would have to.
        best = np.flatnonzero(np.asarray(distances) == min(distances))
        hits += int(rng.choice(best)) == truth
    # Upper end of a 99.9 % interval for chance, 1 in 100.
    chance = trials / CANDIDATES
    assert hits <= math.ceil(chance + 3.3 * math.sqrt(chance))


def test_the_attack_works_on_a_mosaic_that_looks_at_the_face() -> None:
    """A test of the test: the same attack tells the face from four by four blocks of its own pixels."""

    def weak(image: Image.Image) -> np.ndarray[Any, Any]:
        hidden = image.copy()
        face = hidden.crop((BOX.x, BOX.y, BOX.right, BOX.bottom)).resize((4, 4), Image.Resampling.BOX)
        hidden.paste(face.resize((BOX.width, BOX.height), Image.Resampling.NEAREST), (BOX.x, BOX.y))
        return decoded(photos.encode(hidden))

    candidates = faces(CANDIDATES)
    references = [weak(with_face(c)) for c in candidates]
    right = sum(
        int(np.argmin([np.abs(weak(with_face(c)) - reference).sum() for reference in references])) == truth
        for truth, c in enumerate(candidates[:10])
    )
    assert right == 10


@pytest.mark.parametrize("rule", RULES, ids=lambda r: f"{r.method}-{r.shape}")
def test_another_face_gives_the_same_file_at_sixteen_bits(rule: RedactionRule) -> None:
    written = []
    for face in faces(2):
        deep = np.asarray(with_face(face)).astype(np.uint16) * 257
        written.append(redact(cv2.imencode(".png", deep)[1].tobytes(), [BOX], rule=rule, seed=b"s"))
    assert written[0] == written[1]
