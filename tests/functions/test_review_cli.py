"""`photogate review`: the real commands, with the real handlers behind them in place of the network."""

from __future__ import annotations

import base64
import json
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from photogate.cli import cli
from photogate.cli.api import ApiClient, error_of
from tests.functions.cloud import Account
from tests.functions.test_audit_cli import tomorrow
from tests.functions.test_reviews import in_review

NAME = "erika.mustermann@example.com"


@pytest.fixture
def api(aws: Account, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Account:
    """Give the account, with the commands' requests led to its handlers."""
    calls = iter(range(1000))

    def send(client: ApiClient, method: str, path: str, body: Mapping[str, Any] | None = None) -> tuple[Any, bytes]:
        assert (client.url, client.token) == ("https://api.example.com", "a-token")
        plain, _, query = path.partition("?")
        asked = dict(part.split("=") for part in query.split("&")) if query else {}
        answer = aws.answer(
            "review_photos", method, plain, body, caller=NAME, scopes="reviews:decide", query=asked,
            request_id=f"cli-{next(calls)}",
        )  # fmt: skip
        data = base64.b64decode(answer["body"]) if answer["isBase64Encoded"] else answer["body"].encode()
        if answer["statusCode"] != 200:
            raise error_of(answer["statusCode"], data)
        return answer["headers"], data

    monkeypatch.setattr(ApiClient, "send", send)
    monkeypatch.setenv("PHOTOGATE_API_URL", "https://api.example.com/")
    monkeypatch.setenv("PHOTOGATE_TOKEN", "a-token")
    return aws


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, ["review", *words])


def test_a_review_from_list_to_decision(api: Account, tmp_path: Path) -> None:
    upload = in_review(api)
    listed = json.loads(run("list", "--json").stdout)
    assert listed["id"] == upload
    table = run("list").stdout
    assert "face_act=1" in table
    assert "0 of 1" in table

    out = tmp_path / "seen.jpg"
    out.write_text("an older file, which others may read")
    shown = json.loads(run("open", upload, "--out", str(out), "--outlines").stdout)
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert Image.open(out).size == (512, 512)
    assert shown["frame"] == "512x512"

    words = ("--reason", "face", "--box", "300,400,100,60", "--frame", shown["frame"], "--missed", "text=2")
    done = json.loads(run("decide", upload, "redact", *words).stdout)

    assert (done["status"], done["reason"]) == ("REDACTED", "face")
    assert run("list", "--json").stdout == ""
    (event,) = [e for e in api.chain(upload) if e["name"] == "review.decided"]
    assert event["details"] == {"decision": "REDACT", "boxes": 1, "missed_text": 2}


@pytest.mark.parametrize(
    "words",
    [
        ("decide", "0" * 32, "approve"),
        ("decide", "0" * 32, "maybe", "--reason", "face"),
        ("decide", "0" * 32, "reject", "--reason", "ugly"),
        ("decide", "0" * 32, "redact", "--reason", "face", "--box", "1,2,3"),
        ("decide", "0" * 32, "redact", "--reason", "face", "--box", "1,2,3,4", "--frame", "big"),
        ("decide", "0" * 32, "reject", "--reason", "face", "--missed", "hat=1"),
        ("decide", "0" * 32, "reject", "--reason", "face", "--wrong", "face=some"),
    ],
)
def test_a_command_that_says_too_little_or_too_much_is_a_usage_error(api: Account, words: tuple[str, ...]) -> None:
    assert run(*words).exit_code == 2


def test_what_the_api_refuses_ends_with_its_reason_and_code(api: Account) -> None:
    unknown = run("open", "0" * 32)
    assert (unknown.exit_code, "NotFound" in unknown.stderr) == (1, True)
    own = in_review(api, caller=NAME)
    refused = run("decide", own, "reject", "--reason", "face")
    assert (refused.exit_code, "uploader" in refused.stderr) == (4, True)


def test_no_token_and_no_tls_is_no_command(api: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PHOTOGATE_TOKEN")
    without = run("list")
    assert (without.exit_code, "PHOTOGATE_TOKEN" in without.stderr) == (2, True)
    monkeypatch.setenv("PHOTOGATE_TOKEN", "a-token")
    monkeypatch.setenv("PHOTOGATE_API_URL", "http://api.example.com")
    assert run("list").exit_code == 2


def test_marks_are_counted_in_the_logs_stats(api: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = in_review(api, request_id="http-1"), in_review(api, request_id="http-2")
    run("decide", first, "reject", "--reason", "face", "--missed", "face=2", "--wrong", "text=1")
    run("decide", second, "retake", "--reason", "face", "--missed", "face=1")

    done = CliRunner().invoke(
        cli, ["audit", "stats", "--tenant", "acme", "--by", "mark,reason", "--until", tomorrow(), "--json"]
    )

    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {"mark": "missed_face", "reason": "face", "count": 3},
        {"mark": "wrong_text", "reason": "face", "count": 1},
    ]
