"""What follows from what reviewers say, and where their boxes are in the picture."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from photogate.errors import ImageRefused, Reason, RequestRefused
from photogate.findings import Band, Box, Finding, FindingKind
from photogate.policy import Action, Rule, default_policy
from photogate.rendition import MOST_BYTES, look, picture_size
from photogate.review import REASONS, DecisionRequest, Frame, Ruling, Verdict, Vote, found_boxes, rule, to_picture

ONE, TWO = Box(1, 2, 3, 4), Box(5, 6, 7, 8)


def a_vote(verdict: Verdict, by: str = "a", *boxes: Box) -> Vote:
    return Vote(by * 32, verdict, REASONS[verdict][0], "0" * 64, boxes)


def encoded(image: Image.Image, fmt: str = "JPEG", **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, fmt, **options)
    return out.getvalue()


# ---------------------------------------------------------------------------------------------------------- rulings


def test_without_enough_votes_there_is_no_ruling() -> None:
    assert rule([], 1) is None
    assert rule([a_vote(Verdict.REJECT)], 2) is None


@pytest.mark.parametrize("first", Verdict)
@pytest.mark.parametrize("second", Verdict)
def test_of_two_votes_the_stricter_wins_in_either_order(first: Verdict, second: Verdict) -> None:
    votes = [a_vote(first, "a"), a_vote(second, "b")]
    ruling = rule(votes, 2)
    assert ruling is not None
    assert ruling.verdict is max(first, second, key=list(Verdict).index)
    assert ruling.reason is REASONS[ruling.verdict][0]


def test_what_either_hides_is_hidden_once() -> None:
    votes = [a_vote(Verdict.REDACT, "a", ONE, TWO), a_vote(Verdict.REDACT, "b", TWO)]
    assert rule(votes, 2) == Ruling(Verdict.REDACT, Reason.FACE, (ONE, TWO))
    assert rule([a_vote(Verdict.APPROVE), a_vote(Verdict.REDACT, "b", ONE)], 2) == Ruling(
        Verdict.REDACT, Reason.FACE, (ONE,)
    )


def test_a_vote_survives_being_kept() -> None:
    vote = Vote("a" * 32, Verdict.REDACT, Reason.TEXT, "0" * 64, (ONE,), {"face": 2}, {"code": 1})
    assert Vote.read(vote.plain()) == vote


def test_another_request_has_another_digest() -> None:
    one = DecisionRequest(verdict=Verdict.REJECT, reason=Reason.FACE)
    assert one.digest == DecisionRequest(verdict=Verdict.REJECT, reason=Reason.FACE).digest
    assert one.digest != DecisionRequest(verdict=Verdict.REJECT, reason=Reason.TEXT).digest


# ------------------------------------------------------------------------------------------------ the machine's boxes


@pytest.mark.parametrize(
    ("kind", "band", "hidden"),
    [
        (FindingKind.FACE, Band.ACT, True),
        (FindingKind.FACE, Band.REVIEW, False),
        (FindingKind.TEXT, Band.ACT, False),
        (FindingKind.CODE, Band.ACT, False),
        ("hat", Band.ACT, True),
        (FindingKind.FACE, "certain", True),
        ("hat", "certain", True),
    ],
)
def test_what_the_machine_was_sure_of_and_the_policy_acts_on_is_hidden(kind: str, band: str, hidden: bool) -> None:
    assert found_boxes(default_policy(), [Finding(kind, ONE, 0.9, band)]) == ((ONE,) if hidden else ())


def test_a_kind_without_a_rule_is_hidden() -> None:
    policy = default_policy().model_copy(
        update={"findings": {FindingKind.TEXT: Rule(act=Action.FLAG, review=Action.FLAG)}}
    )
    assert found_boxes(policy, [Finding(FindingKind.FACE, ONE, 0.9, Band.ACT)]) == (ONE,)


# ------------------------------------------------------------------------------------------------------------ frames


def test_boxes_of_the_full_picture_stay_as_they_are() -> None:
    assert to_picture([(1, 2, 3, 4)], Frame(width=100, height=80), 100, 80) == (Box(1, 2, 3, 4),)


@pytest.mark.parametrize(("width", "height"), [(4032, 3024), (3999, 3001), (6000, 4000), (4097, 13)])
def test_boxes_of_a_rendition_cover_at_least_what_was_drawn(width: int, height: int) -> None:
    frame = Frame(width=1000, height=max(1, round(1000 * height / width)))
    drawn = (frame.width // 3, frame.height // 3, max(1, frame.width // 7), max(1, frame.height // 5))
    (box,) = to_picture([drawn], frame, width, height)
    x, y, w, h = drawn
    assert box.x <= x * width / frame.width < box.x + 1
    assert box.y <= y * height / frame.height < box.y + 1
    assert box.right >= (x + w) * width / frame.width > box.right - 1
    assert box.bottom >= (y + h) * height / frame.height > box.bottom - 1
    assert box.right <= width
    assert box.bottom <= height


@pytest.mark.parametrize(
    ("box", "frame"),
    [
        ((0, 0, 10, 10), None),
        ((0, 0, 10, 10), (3024, 4032)),
        ((0, 0, 10, 10), (1000, 1000)),
        ((0, 0, 10, 10), (8064, 6048)),
        ((0, 0, 1001, 10), (1000, 750)),
        ((990, 740, 10, 11), (1000, 750)),
    ],
)
def test_a_frame_of_another_shape_and_a_box_beyond_it_are_refused(
    box: tuple[int, int, int, int], frame: tuple[int, int] | None
) -> None:
    seen = Frame(width=frame[0], height=frame[1]) if frame else None
    with pytest.raises(RequestRefused):
        to_picture([box], seen, 4032, 3024)


# -------------------------------------------------------------------------------------------------------- renditions


def test_noise_of_twelve_megapixels_fits_into_four_megabytes() -> None:
    noise = np.random.default_rng(7).integers(0, 256, (3000, 4000, 3), np.uint8)
    rendition = look(encoded(Image.fromarray(noise), quality=95), 1)
    assert len(rendition.data) <= MOST_BYTES
    assert (rendition.picture_width, rendition.picture_height) == (4000, 3000)
    assert Image.open(io.BytesIO(rendition.data)).size == (rendition.width, rendition.height)
    assert abs(rendition.width / rendition.height - 4 / 3) < 0.01


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_shown_upright(orientation: int) -> None:
    """One dark corner tells how a picture was turned (Exif 4.6.5.1.6): where its first row and column are seen."""
    stored = np.full((40, 60), 255, np.uint8)
    stored[:10, :10] = 0
    rendition = look(encoded(Image.fromarray(stored), "PNG"), orientation)
    seen = np.asarray(Image.open(io.BytesIO(rendition.data)).convert("L"))
    assert seen.shape == ((40, 60) if orientation < 5 else (60, 40))
    corners = {1: (0, 0), 2: (0, -1), 3: (-1, -1), 4: (-1, 0), 5: (0, 0), 6: (0, -1), 7: (-1, -1), 8: (-1, 0)}
    dark = [place for place in ((0, 0), (0, -1), (-1, 0), (-1, -1)) if seen[place] < 128]
    assert dark == [corners[orientation]]


def test_what_cannot_be_seen_in_one_picture_is_not_whole() -> None:
    still = Image.new("RGB", (8, 8))
    clear = Image.new("RGBA", (8, 8), (1, 2, 3, 0))
    animated = encoded(still, "GIF", save_all=True, append_images=[Image.new("RGB", (8, 8), "red")])
    assert picture_size(encoded(still, "PNG"), 1) == (8, 8, True)
    assert picture_size(encoded(Image.new("RGBA", (8, 8), "red"), "PNG"), 1) == (8, 8, True)
    for data in (encoded(clear, "PNG"), animated):
        assert not picture_size(data, 1)[2]
        assert not look(data, 1).whole
    assert not picture_size(encoded(still, "TIFF"), 6)[2]


def test_sixteen_bits_of_grey_are_shown_in_all_their_shades() -> None:
    ramp = np.tile(np.linspace(0, 65535, 256).astype(np.uint16), (16, 1))
    seen = np.asarray(Image.open(io.BytesIO(look(encoded(Image.fromarray(ramp), "PNG"), 1).data)).convert("L"), int)
    assert abs(seen.mean() - 127) < 4
    assert seen[0, 0] < 5
    assert seen[0, -1] > 250


def test_what_is_no_picture_is_refused() -> None:
    with pytest.raises(ImageRefused):
        look(b"no picture", 1)
