"""The ring around one face may hold another: neither must show in the other's fill."""

from __future__ import annotations

import pytest

from photogate.findings import Box
from photogate.policy import RedactionMethod, RedactionRule
from photogate.redaction import redact
from tests import photos

LEFT, RIGHT = Box(171, 63, 105, 133), Box(280, 63, 105, 133)


@pytest.mark.parametrize("method", RedactionMethod)
def test_other_faces_in_two_neighbouring_boxes_give_the_same_bytes(method: RedactionMethod) -> None:
    other = photos.picture("astronaut").copy()
    for box in (LEFT, RIGHT):
        other.paste(photos.picture("coffee").resize((box.width, box.height)), (box.x, box.y))

    first, second = (
        redact(photos.encode(image), [LEFT, RIGHT], rule=RedactionRule(method=method), seed=b"fixed")
        for image in (photos.picture("astronaut"), other)
    )

    assert first == second
