"""The upload page's files: what can be known of them without a browser."""

import json
import re
from pathlib import Path

import pytest

from photogate.intake import MAX_UPLOAD_BYTES
from photogate.uploads import CONTENT_TYPES, Status

WEB = Path(__file__).parents[2] / "web"
TEXTS = json.loads((WEB / "strings.json").read_text())
SCRIPTS = "\n".join(path.read_text() for path in sorted(WEB.glob("*.js")))
PAGE = (WEB / "index.html").read_text()


@pytest.mark.parametrize("language", sorted(TEXTS))
def test_every_language_has_every_text_with_the_same_places_to_fill(language: str) -> None:
    places = {key: set(re.findall(r"\{(\w+)\}", text)) for key, text in TEXTS[language].items()}

    assert places == {key: set(re.findall(r"\{(\w+)\}", text)) for key, text in TEXTS["en"].items()}
    assert all(text.strip() for text in TEXTS[language].values())


def test_every_text_that_the_page_names_exists() -> None:
    named = set(re.findall(r'data-text="(\w+)"', PAGE))
    named |= set(re.findall(r'\bsay\("(\w+)"', SCRIPTS)) | set(re.findall(r'stage\("(\w+)", "\w+"\)', SCRIPTS))
    named |= set(re.findall(r'(?:askConsent|choose)\("(\w+)"\)', SCRIPTS))
    named |= set(re.findall(r'remark\("[\w-]+", "(\w+)"\)', SCRIPTS))
    named |= set(re.findall(r'"(trouble_\w+)"', SCRIPTS))

    assert len(named) > 30
    assert named <= set(TEXTS["en"])


def test_every_terminal_status_has_a_heading_and_an_advice() -> None:
    terminal = {status.value for status in Status if status.terminal}

    assert {f"outcome_{status}" for status in terminal} <= set(TEXTS["en"])
    assert {f"advice_{status}" for status in terminal} <= set(TEXTS["en"])


def test_the_page_takes_what_the_api_takes() -> None:
    limit = re.search(r"MAX_BYTES = ([\d* ]+);", SCRIPTS)
    assert limit is not None
    factors = [int(factor) for factor in limit[1].split("*")]

    assert factors[0] * factors[1] * factors[2] == MAX_UPLOAD_BYTES
    assert set(re.findall(r'"(image/\w+)"', SCRIPTS)) == set(CONTENT_TYPES)


def test_the_page_keeps_nothing_and_loads_nothing_from_elsewhere() -> None:
    assert not re.search(r"localStorage|sessionStorage|indexedDB|document\.cookie|serviceWorker|caches\.", SCRIPTS)
    assert not re.search(r"""(?:src|href)="(?:https?:)?//""", PAGE)
    assert not re.search(r"https?:|@import|url\(", (WEB / "style.css").read_text())
    assert not re.search(r"innerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", SCRIPTS)


def test_the_page_s_policy_allows_no_inline_code_and_no_other_source() -> None:
    policy = re.search(r'Content-Security-Policy"\s+content="([^"]+)"', PAGE)
    assert policy is not None
    rules = dict(rule.strip().split(" ", 1) for rule in policy[1].split(";"))

    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == "'self'"
    assert rules["base-uri"] == rules["form-action"] == "'none'"
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?! type=\"module\" src=)", PAGE)
