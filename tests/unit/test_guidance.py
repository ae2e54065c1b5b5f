"""What an uploader reads is whole in every language, and says only what positions, sizes and counts can."""

from __future__ import annotations

import json
from importlib import resources

import pytest

from photogate.errors import Reason
from photogate.findings import Band, Box, Finding, FindingKind
from photogate.guidance import LANGUAGES, Place, Scene, guidance, message, negotiate
from photogate.uploads import Status


def face(x: int, y: int, side: int = 40) -> Finding:
    return Finding(FindingKind.FACE, Box(x, y, side, side), 0.9, Band.ACT)


def catalogue(language: str) -> dict[str, str | list[str]]:
    text = (resources.files("photogate") / "messages" / f"{language}.json").read_text(encoding="utf-8")
    found: dict[str, str | list[str]] = json.loads(text)["messages"]
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_the_same_messages_with_the_same_shape(language: str) -> None:
    here, english = catalogue(language), catalogue("en")
    assert here.keys() == english.keys()
    assert {k: len(v) for k, v in here.items() if isinstance(v, list)} == {
        k: len(v) for k, v in english.items() if isinstance(v, list)
    }


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("reason", Reason)
def test_every_status_and_reason_has_a_message(language: str, status: Status, reason: Reason) -> None:
    said = message(status, reason, Scene(), language)
    assert len(said) > 10
    assert "{" not in said


@pytest.mark.parametrize(
    ("finding", "place"),
    [
        (face(10, 480), Place.LEFT),
        (face(950, 480), Place.RIGHT),
        (face(480, 10), Place.TOP),
        (face(480, 950), Place.BOTTOM),
        (face(480, 480), Place.CENTRE),
        (face(300, 300, 400), Place.NEAR),
    ],
)
def test_the_scene_says_where_the_person_is(finding: Finding, place: Place) -> None:
    scene = Scene.from_findings([finding], 1000, 1000)
    assert scene == Scene(faces=1, place=place)
    assert Scene.from_dict(scene.to_dict()) == scene


def test_plural_follows_the_language() -> None:
    one, two = Scene(faces=1, place=Place.LEFT), Scene(faces=2, place=Place.LEFT)
    assert guidance(one, "en").startswith("There is a person near the left edge.")
    assert guidance(two, "en").startswith("There are 2 people, most of them near the left edge.")
    assert guidance(two, "fr").startswith("Il y a 2 personnes")


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "en"),
        ("", "en"),
        ("de-AT,en;q=0.5", "de"),
        ("pl, fr;q=0.3, es;q=0.7", "es"),
        ("de;q=0, fr;q=0.1", "fr"),
        ("xx;q=nonsense", "en"),
        ("*" * 10_000, "en"),
    ],
)
def test_the_language_is_the_one_that_was_asked_for(header: str | None, language: str) -> None:
    assert negotiate(header) == language
