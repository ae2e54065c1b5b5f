"""The way of a photo without AWS: each ending, and nothing kept where there is doubt."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from photogate.errors import DetectionFailed, Reason
from photogate.findings import Band, Box, Finding, FindingKind
from photogate.formats import strip
from photogate.pipeline import Processed, process
from photogate.policy import Action, Decision, Policy, Rule
from tests import photos

FACE = Finding(FindingKind.FACE, Box(170, 60, 110, 140), 0.9, Band.ACT)
LEFT = Finding(FindingKind.FACE, Box(20, 20, 30, 30), 0.9, Band.ACT)
REDACT = Policy(findings={FindingKind.FACE: Rule(act=Action.REDACT, review=Action.REDACT)})


@dataclass
class Look:
    findings: tuple[Finding, ...]


@dataclass
class Script:
    """Eyes that see what they are told to, look by look."""

    looks: list[tuple[Finding, ...]]
    shown: list[bytes] = field(default_factory=list)

    def look(self, data: bytes, *, orientation: int = 1) -> Look:
        self.shown.append(data)
        return Look(self.looks.pop(0))


class Blind:
    """Eyes that fail."""

    def look(self, data: bytes, *, orientation: int = 1) -> Look:
        raise DetectionFailed("Expected an answer; found none")


def ended(eyes: Script | Blind, data: bytes | None = None, policy: Policy = REDACT) -> Processed:
    return process(photos.face() if data is None else data, policy=policy, eyes=eyes, seed=b"fixed")


def test_nothing_found_is_accepted_and_stripped() -> None:
    done = ended(Script([()]), photos.encode(photos.picture("coffee"), exif=photos.exif("CANARY")))
    assert (done.decision, done.reason) == (Decision.ACCEPT, Reason.CLEAN)
    assert done.removed
    assert b"CANARY" not in (done.data or b"CANARY")


def test_what_was_seen_is_hidden_and_looked_at_again() -> None:
    eyes = Script([(FACE,), ()])
    done = ended(eyes)
    assert done.decision is Decision.REDACT
    assert eyes.shown == [strip(photos.face()).data, done.data]


def test_what_the_second_look_finds_is_hidden_as_well() -> None:
    once, twice = ended(Script([(FACE,), ()])), ended(Script([(FACE,), (LEFT,), ()]))
    assert twice.decision is Decision.REDACT
    assert twice.data != once.data


def test_what_survives_twice_goes_to_review_and_is_not_kept() -> None:
    done = ended(Script([(FACE,), (LEFT,), (LEFT,)]))
    assert (done.decision, done.reason, done.data) == (Decision.REVIEW, Reason.FACE_REMAINS, None)


@pytest.mark.parametrize(
    ("findings", "policy", "decision"),
    [((FACE,), Policy(), Decision.RETAKE), ((FACE,), Policy(findings={}), Decision.REVIEW)],
)
def test_the_policy_decides(findings: tuple[Finding, ...], policy: Policy, decision: Decision) -> None:
    done = ended(Script([findings]), policy=policy)
    assert (done.decision, done.reason is Reason.CLEAN, done.data) == (decision, False, None)


def test_a_failed_look_goes_to_review() -> None:
    done = ended(Blind())
    assert (done.decision, done.reason, done.data) == (Decision.REVIEW, Reason.DETECT_FAILED, None)


def test_what_is_no_image_is_rejected() -> None:
    done = ended(Blind(), b"not an image")
    assert (done.decision, done.reason, done.data) == (Decision.REJECT, Reason.NOT_AN_IMAGE, None)
