"""The canonical form is RFC 8785's, and what the log may not hold is refused."""

import pytest

from photogate.audit.canonical import canonical


def test_keys_are_sorted_by_utf16_code_units() -> None:
    # RFC 8785 3.2.3: U+1F600 is written as a surrogate pair and so sorts before U+FB33.
    assert canonical({"\ufb33": 1, "\U0001f600": 2, "a": 3}) == '{"a":3,"\U0001f600":2,"\ufb33":1}'.encode()


def test_strings_are_escaped_as_little_as_json_allows() -> None:
    assert canonical("\u20ac$\u000f\nA'\"\\/\b") == '"\u20ac$\\u000f\\nA\'\\"\\\\/\\b"'.encode()


@pytest.mark.parametrize("value", [1.5, {1: 2}, b"x", {"a": [2.0]}])
def test_what_the_log_may_not_hold_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        canonical(value)


def test_an_integer_that_javascript_cannot_hold_is_refused() -> None:
    with pytest.raises(ValueError, match=r"2\^53"):
        canonical(2**53)
