"""What an uploader reads: messages by key in four languages, from positions, sizes and counts alone.

Of a photo that must be taken again nothing is kept but a `Scene`: counts by kind, and where most of it is. The text is
made when somebody asks, in their language.
"""

from __future__ import annotations

import gettext
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources

from photogate.errors import Reason
from photogate.findings import Box, Finding, FindingKind

__all__ = ["LANGUAGES", "Place", "Scene", "guidance", "message", "negotiate"]

LANGUAGES = ("en", "de", "fr", "es")

# A face whose longer side is more than this share of the picture's shorter side is what the photo is of.
NEAR = 0.25
# A finding whose centre lies in this share of the width or height from a border is at that edge.
EDGE = 0.25


class Place(StrEnum):
    """Where most of the findings are."""

    NEAR = "near"
    LEFT = "left"
    RIGHT = "right"
    TOP = "top"
    BOTTOM = "bottom"
    CENTRE = "centre"


@dataclass(frozen=True, slots=True)
class Scene:
    """What was seen, as counts and a word of a closed set."""

    faces: int = 0
    texts: int = 0
    codes: int = 0
    place: Place = Place.CENTRE

    @classmethod
    def from_findings(cls, findings: Sequence[Finding], width: int, height: int) -> Scene:
        """Count findings and place the faces.

        Parameters
        ----------
        width, height
            Of the upright picture, in pixels.
        """
        counts = Counter(str(f.kind) for f in findings)
        faces = [f.box for f in findings if f.kind == FindingKind.FACE]
        places = Counter(_place(box, width, height) for box in faces)
        place = Place.NEAR if places[Place.NEAR] else max(places, key=lambda p: places[p], default=Place.CENTRE)
        return cls(counts[FindingKind.FACE], counts[FindingKind.TEXT], counts[FindingKind.CODE], place)

    def to_dict(self) -> dict[str, int | str]:
        """Give what the Uploads table keeps."""
        return {"faces": self.faces, "texts": self.texts, "codes": self.codes, "place": self.place.value}

    @classmethod
    def from_dict(cls, plain: Mapping[str, int | str]) -> Scene:
        """Read what the Uploads table kept; what is missing or unknown is as if nothing had been seen there."""
        place = plain.get("place")
        faces, texts, codes = (int(plain.get(k, 0)) for k in ("faces", "texts", "codes"))
        return cls(faces, texts, codes, Place(place) if place in set(Place) else Place.CENTRE)


def _place(box: Box, width: int, height: int) -> Place:
    if max(box.width, box.height) >= NEAR * min(width, height):
        return Place.NEAR
    x, y = (box.x + box.width / 2) / width, (box.y + box.height / 2) / height
    # The nearest border, if it is near.
    share, place = min((x, Place.LEFT), (1 - x, Place.RIGHT), (y, Place.TOP), (1 - y, Place.BOTTOM))
    return place if share <= EDGE else Place.CENTRE


def guidance(scene: Scene, language: str) -> str:
    """Say what was seen and what to do, in one of `LANGUAGES`."""
    if scene.faces:
        return _say(f"retake.{scene.place.value}", language, scene.faces)
    if scene.codes:
        return _say("retake.code", language, scene.codes)
    if scene.texts:
        return _say("retake.text", language, scene.texts)
    return _say("retake.other", language)


def message(status: str, reason: Reason | None, scene: Scene, language: str) -> str:
    """Give the message for an upload's status.

    Parameters
    ----------
    status
        A `photogate.uploads.Status`.
    reason
        Why, where it is `REJECTED`.
    scene
        What was seen, where it is `RETAKE`.
    language
        One of `LANGUAGES`.
    """
    if status == "RETAKE":
        return guidance(scene, language)
    if status == "REJECTED":
        key = f"rejected.{reason}"
        return _say(key if key in _catalogue(language)[1] else "rejected.other", language)
    return _say(status.lower(), language)


def negotiate(accept_language: str | None) -> str:
    """Choose a language by an ``Accept-Language`` header (RFC 9110 12.5.4); English where none of ours is asked for."""
    asked: list[tuple[float, int, str]] = []
    for place, part in enumerate((accept_language or "")[:256].split(",")):
        tag, _, weight = part.partition(";")
        try:
            quality = float(weight.strip().removeprefix("q=")) if weight else 1.0
        except ValueError:
            continue
        asked.append((-quality, place, tag.strip().lower().partition("-")[0]))
    return next((tag for quality, _, tag in sorted(asked) if tag in LANGUAGES and quality < 0), "en")


@cache
def _catalogue(language: str) -> tuple[Callable[[int], int], dict[str, str | list[str]]]:
    source = resources.files("photogate") / "messages" / f"{language}.json"
    plain = json.loads(source.read_text(encoding="utf-8"))
    plural: Callable[[int], int] = gettext.c2py(plain["plural"])
    return plural, plain["messages"]


def _say(key: str, language: str, count: int = 1) -> str:
    plural, messages = _catalogue(language)
    found = messages[key]
    return (found if isinstance(found, str) else found[plural(count)]).format(count=count)
