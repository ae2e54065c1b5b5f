"""`photogate audit tail`, `stats` and `sql`: one event each where the log is read, none where an export is."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from photogate.audit.event import DetailKey, EventName, tenant_chain
from photogate.audit.saved import saved_queries
from photogate.aws.audit_table import AuditTable
from photogate.cli import audit_watch
from tests.audit_builders import TENANT, a_log, an_event, ticking_clock
from tests.functions.test_audit_cli import lines, run, table, tomorrow

__all__ = ["table"]


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """Give an export of three rows as JSON lines."""
    rows = [{"id": f"run/{n}", "name": "photo.stored" if n else "photo.read", "seq": n} for n in range(3)]
    (tmp_path / "events-00000.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


def test_tail_shows_the_last_minutes(table: AuditTable) -> None:
    result = run("tail", "--format", "json")
    assert [line["id"].split("/")[1] for line in lines(result)] == ["Admit", "Decide"]


def test_tail_follows_and_shows_each_event_once(table: AuditTable, monkeypatch: pytest.MonkeyPatch) -> None:
    polls = iter(["append", "nothing", "stop"])

    def wait(seconds: float) -> None:
        step = next(polls)
        if step == "append":
            a_log(table, clock=ticking_clock(datetime.now(UTC))).append(an_event("Later"))
        if step == "stop":
            raise KeyboardInterrupt

    monkeypatch.setattr(audit_watch.time, "sleep", wait)
    result = run("tail", "--follow", "--format", "json")
    steps = [line["id"].split("/")[1] for line in lines(result)]
    assert [step for step in steps if step != "tail"] == ["Admit", "Decide", "Later"]
    queried = [row for row in table.last(tenant_chain(TENANT), 10) if row.fields["name"] == "audit.queried"]
    assert len(queried) == 1


def test_stats_counts_by_what_is_asked_for(table: AuditTable) -> None:
    ended = {DetailKey.DECISION: "RETAKE", DetailKey.STATUS: "RETAKE"}
    log = a_log(table, clock=ticking_clock(datetime.now(UTC)))
    for name in (EventName.UPLOAD_COMPLETED, EventName.ORIGINAL_DELETED):
        log.append(an_event(name.split(".")[1], name=name, details=ended))
    result = run("stats", "--by", "decision,day", "--until", tomorrow(), "--json")
    today = datetime.now(UTC).strftime("%Y-%m-%d")
    assert lines(result) == [{"decision": "RETAKE", "day": today, "count": 1}]
    chart = run("stats", "--by", "name", "--until", tomorrow())
    assert "metadata.stripped" in chart.stdout
    assert "#" * audit_watch.BAR in chart.stdout


def test_stats_of_nothing_say_so(table: AuditTable) -> None:
    result = run("stats", "--by", "decision", "--until", tomorrow())
    assert (result.stdout, "None of 2 events has decision" in result.stderr) == ("", True)


def test_stats_by_something_else_is_a_usage_error(table: AuditTable) -> None:
    assert run("stats", "--by", "weather", "--until", tomorrow()).exit_code == 2


@pytest.mark.parametrize(("count", "most", "marks"), [(1, 1000, 1), (500, 1000, 20), (1000, 1000, 40)])
def test_a_bar_is_never_empty(count: int, most: int, marks: int) -> None:
    assert audit_watch.bar(count, most) == "#" * marks


def test_sql_runs_over_an_export(export: Path) -> None:
    query = "select name, count(*) as events from events group by all order by all"
    result = run("sql", query, "--export", str(export), "--format", "json")
    assert lines(result) == [{"name": "photo.read", "events": 1}, {"name": "photo.stored", "events": 2}]


def test_sql_as_csv_runs_no_formula(export: Path) -> None:
    result = run("sql", "select '=1+1' as x from events limit 1", "--export", str(export), "--format", "csv")
    assert result.stdout.splitlines() == ["x", "'=1+1"]


def test_a_saved_query_runs_with_its_parameters(export: Path) -> None:
    words = ("sql", "--export", str(export), "--saved")
    assert lines(run(*words, "events-by-day", "--format", "json"))[0]["events"] == 3
    three = [word for value in ("b" * 32, "2026-10-01", "2026-11-01") for word in ("--param", value)]
    assert run(*words, "reads-of-a-subject", *three, "--format", "json").stdout == ""
    missing = run(*words, "reads-of-a-subject")
    assert (missing.exit_code, "subject's pseudonym" in missing.stderr) == (2, True)
    assert run(*words, "no-such").exit_code == 2


def test_the_saved_queries_are_listed() -> None:
    assert [line["name"] for line in lines(run("sql", "--list", "--format", "json"))] == list(saved_queries())


@pytest.mark.parametrize("query", ["select nothing_there from events", "nonsense"])
def test_a_query_that_is_wrong_is_a_usage_error(export: Path, query: str) -> None:
    result = run("sql", query, "--export", str(export))
    assert result.exit_code == 2
    assert "DuckDB says" in result.stderr


def test_a_folder_without_an_export_is_a_usage_error(tmp_path: Path) -> None:
    result: Any = run("sql", "select 1", "--export", str(tmp_path))
    assert result.exit_code == 2
