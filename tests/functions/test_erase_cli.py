"""`photogate erase` and `photogate hold` against an account."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

from photogate.cli import cli
from photogate.cli import erase as module
from tests.functions.cloud import TENANT, Account
from tests.functions.erasing import events_of, left_of, rows_of, stock


def photogate(*words: str) -> Result:
    return CliRunner().invoke(cli, [*words, "--tenant", TENANT])


def shown(result: Result) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_a_dry_run_shows_what_would_go_and_changes_nothing(aws: Account) -> None:
    mine = stock(aws)
    before = (left_of(aws, mine), rows_of(aws, mine), aws.dynamodb.scan(TableName="subjects")["Items"])

    result = photogate("erase", mine.subject, "--dry-run")

    assert result.exit_code == 0
    assert shown(result)["would_delete"]["vault"] == {"versions": 3, "delete_markers": 3, "unfinished_uploads": 0}
    assert shown(result)["would_delete"]["incoming"] == {"versions": 6, "delete_markers": 0, "unfinished_uploads": 3}
    assert shown(result)["would_reduce_upload_rows"] == 3
    assert (left_of(aws, mine), rows_of(aws, mine), aws.dynamodb.scan(TableName="subjects")["Items"]) == before


def test_erase_waits_for_the_certificate_which_has_what_the_dry_run_showed(
    aws: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = stock(aws)
    would = shown(photogate("erase", mine.subject, "--dry-run"))

    def service_works(_: float) -> None:
        for item in aws.dynamodb.scan(TableName="subjects")["Items"]:
            if item["pk"]["S"].startswith("erasure#"):
                aws.erase(item["pk"]["S"].rpartition("#")[2])

    monkeypatch.setattr(module.time, "sleep", service_works)
    result = photogate("erase", mine.subject, "--yes")

    assert result.exit_code == 0
    assert shown(result)["certificate"]["deleted"]["buckets"] == would["would_delete"]
    assert left_of(aws, mine) == {}
    assert events_of(aws, mine.subject)[-1]["actor"]["kind"] == "staff"
    assert photogate("erase", mine.subject, "--dry-run").exit_code == 1


def test_erase_asks_before_it_begins(aws: Account) -> None:
    mine = stock(aws)
    assert photogate("erase", mine.subject).exit_code == 1
    assert [e["name"] for e in events_of(aws, mine.subject)] == ["consent.given"]


def test_a_hold_is_placed_seen_and_lifted_each_with_its_event(aws: Account) -> None:
    mine = stock(aws)
    assert shown(photogate("hold", "place", mine.subject, "--ground", "authority")) == {
        "subject": mine.subject,
        "hold": "authority",
    }
    dry = photogate("erase", mine.subject, "--dry-run")
    assert (dry.exit_code, shown(dry)["hold"]) == (1, "authority")
    refused = photogate("erase", mine.subject, "--yes")
    assert refused.exit_code == 1
    assert "Held" in refused.stderr
    assert photogate("hold", "lift", mine.subject).exit_code == 0
    assert photogate("hold", "lift", mine.subject).exit_code == 0
    events = [(e["name"], e["details"].get("hold_ground")) for e in events_of(aws, mine.subject)]
    assert events[1:] == [("hold.placed", "authority"), ("hold.refused", "authority"), ("hold.lifted", "authority")]
    assert left_of(aws, mine)


@pytest.mark.parametrize("words", [("erase", "Jane Doe", "--yes"), ("hold", "lift", "Jane Doe")])
def test_what_is_no_pseudonym_is_refused_and_not_repeated(aws: Account, words: tuple[str, ...]) -> None:
    result = photogate(*words)
    assert result.exit_code == 1
    assert "Jane" not in result.output


def test_a_subject_that_nobody_knows_is_refused(aws: Account) -> None:
    for words in (("erase", "9" * 32, "--yes"), ("erase", "9" * 32, "--dry-run"), ("hold", "lift", "9" * 32)):
        assert photogate(*words).exit_code == 1
