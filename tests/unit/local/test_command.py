"""`photogate local` without a cloud."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from photogate.cli import local as command


def test_an_installed_package_says_that_it_needs_a_checkout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(command, "REPOSITORY", tmp_path)

    result = CliRunner().invoke(command.local, ["up"])

    assert result.exit_code == 2
    assert "Expected to run from a checkout" in result.output


def test_a_cloud_that_is_not_up_is_down(tmp_path: Path) -> None:
    result = CliRunner().invoke(command.local, ["status", "--dir", str(tmp_path)])

    assert (result.exit_code, result.output) == (1, "down\n")


def test_a_token_needs_a_cloud_that_is_up(tmp_path: Path) -> None:
    result = CliRunner().invoke(command.local, ["token", "--dir", str(tmp_path), "acme", "courier-1"])

    assert result.exit_code == 1
    assert "run `photogate local up` first" in result.output


def test_down_is_fine_where_nothing_is_up(tmp_path: Path) -> None:
    assert CliRunner().invoke(command.local, ["down", "--dir", str(tmp_path)]).exit_code == 0
