"""docs/controls.md is what the controls say."""

from __future__ import annotations

from docs import make_controls


def test_the_page_of_controls_is_current() -> None:
    assert make_controls.CONTROLS.read_text(encoding="utf-8") == make_controls.text(), "Run `make docs`."
