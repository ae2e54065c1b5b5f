"""Pages that could fall behind the code do not."""

import ast
import re

from docs import make_settings
from local.template import load
from photogate.access import SCOPES_OF
from photogate.config import REPOSITORY

DOCS = REPOSITORY / "docs"
TEMPLATE = load(REPOSITORY / "template.yaml")
WITNESS = load(REPOSITORY / "witness.yaml")
THREAT_MODEL = (DOCS / "threat-model.md").read_text()


def test_the_table_of_settings_is_current() -> None:
    assert make_settings.SETTINGS.read_text() == make_settings.text(), "Run `make docs`."


def test_every_variable_of_the_template_is_a_setting() -> None:
    known = {setting.variable for setting in make_settings.settings()}

    assert {v for v in make_settings.users(TEMPLATE) if v.startswith("PHOTOGATE_")} <= known


def test_the_runbook_has_each_alarm_once_with_what_it_means_and_what_to_do() -> None:
    resources = {**TEMPLATE["Resources"], **WITNESS["Resources"]}
    alarms = [name for name, r in resources.items() if r["Type"] == "AWS::CloudWatch::Alarm"]
    parts = re.split(r"^## ", (DOCS / "runbook.md").read_text(), flags=re.M)
    chapters = {part.partition("\n")[0]: part for part in parts[1:] if part.partition("\n")[0].endswith("Alarm")}

    assert sorted(chapters) == sorted(alarms)
    assert all("**Means.**" in chapter and "**Do.**" in chapter for chapter in chapters.values())


def test_every_test_that_the_threat_model_names_exists() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", THREAT_MODEL)

    assert len(named) > 20
    for file, function in named:
        source = REPOSITORY / file
        assert source.exists(), file
        defined = {n.name for n in ast.parse(source.read_text()).body if isinstance(n, ast.FunctionDef)}
        assert not function or function in defined, f"{file}::{function}"


def test_every_claim_of_the_threat_model_is_proven_by_a_test_or_says_that_it_is_not() -> None:
    claims = [line for line in THREAT_MODEL.splitlines() if re.match(r"\| C\d+ \|", line)]

    assert len(claims) > 15
    for claim in claims:
        proof = claim.strip("| ").split("|")[-1]
        assert "`tests/" in proof or "**not yet**" in proof, claim


def test_the_page_on_access_has_every_role_with_its_scopes_and_its_place_in_the_template() -> None:
    page = (DOCS / "access.md").read_text()
    rows = [[cell.strip() for cell in line.split("|")[1:4]] for line in page.splitlines() if line.startswith("| ")]
    assert {name: scopes for name, scopes, _ in rows[1:]} == {
        role.value: ", ".join(f"`{scope}`" for scope in sorted(scopes)) for role, scopes in SCOPES_OF.items()
    }
    staff = {iam.strip("`") for _, _, iam in rows[1:]} - {""}
    assert staff == {n for n, r in TEMPLATE["Resources"].items() if r["Type"] == "AWS::IAM::Role"}


def test_scopes_are_looked_at_in_one_place() -> None:
    looking = [
        path.relative_to(REPOSITORY).as_posix()
        for folder in ("shared", "functions")
        for path in (REPOSITORY / folder).rglob("*.py")
        if re.search(r"\.scopes\b", path.read_text())
    ]
    assert looking == ["shared/photogate/access.py"]
