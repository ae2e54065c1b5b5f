"""The evidence report as a page: whole, safe, quiet about persons, and honest."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest

from photogate.report.assess import assess
from photogate.report.controls import FRAMEWORKS
from photogate.report.evidence import State, Verification
from photogate.report.markup import VOID, join, page, table, tag
from photogate.report.pack import Pack, as_json, as_page
from tests.audit_builders import STAFF
from tests.report_breaks import BREAKS
from tests.report_builders import World, a_healthy_world

HOSTILE = '"><script>alert(1)</script>'


def a_pack(world: World, framework: str = "soc2", **changes: object) -> Pack:
    evidence = world.evidence()
    assessments = assess(FRAMEWORKS[framework], evidence)
    return Pack(FRAMEWORKS[framework], evidence, assessments, datetime(2026, 11, 3, 12, tzinfo=UTC), {})


class Reader(HTMLParser):
    """Reads a page strictly: every element is closed in order."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(source)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words.append(data)


def test_text_is_escaped_wherever_it_is_put() -> None:
    assert HOSTILE not in tag("p", HOSTILE)
    assert HOSTILE not in tag("a", "x", href=HOSTILE)
    assert HOSTILE not in join([HOSTILE], HOSTILE)
    assert HOSTILE not in table([HOSTILE], [[HOSTILE]], HOSTILE)
    assert HOSTILE not in page(HOSTILE, tag("p", HOSTILE))


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_page_is_whole_and_needs_nothing_from_elsewhere(framework: str) -> None:
    source = as_page(a_pack(a_healthy_world(), framework))
    read = Reader(source)
    names = {name for name, _ in read.elements}
    assert not names & {"script", "link", "img", "iframe", "object", "form"}
    assert "://" not in source
    assert not [a for _, attributes in read.elements for a in attributes if a.startswith("on")]
    ids = [a["id"] for _, a in read.elements if "id" in a]
    targets = [str(a["href"])[1:] for name, a in read.elements if name == "a" and str(a.get("href")).startswith("#")]
    assert len(ids) == len(set(ids)) == len(FRAMEWORKS[framework].controls)
    assert targets == ids


def test_hostile_names_in_a_template_stay_text() -> None:
    world = a_healthy_world()
    world.properties("ReadPhotoFunction")["Policies"].append(
        {"Statement": [{"Sid": HOSTILE, "Effect": "Allow", "Action": HOSTILE + "*", "Resource": HOSTILE}]}
    )
    world.resources[HOSTILE] = {"Type": "AWS::KMS::Key", "Properties": {"KeySpec": HOSTILE}}
    world.verification = Verification(HOSTILE, False, HOSTILE)
    source = as_page(a_pack(world))
    assert "<script" not in source
    assert "script" not in {name for name, _ in Reader(source).elements}
    assert source.count("&lt;script&gt;") > 3


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_it_never_says_that_a_norm_is_met(framework: str) -> None:
    pack = a_pack(a_healthy_world(), framework)
    said = as_page(pack) + json.dumps(as_json(pack)).replace('"COMPLIANCE"', "")  # S3's own name of a lock
    assert not re.search(r"compli|certified|conform", said, re.IGNORECASE)


def test_a_verdict_is_told_by_words_and_not_by_colour_alone() -> None:
    world = a_healthy_world()
    BREAKS["keys_rotate"](world)
    words = " ".join(Reader(as_page(a_pack(world))).words)
    assert "✕ Failing" in words
    assert "✓ Evidence found" in words
    assert "Failing: Encryption keys rotate." in words
    assert "DataKey does not rotate" in words


def test_what_fails_is_in_the_json_too_with_its_place() -> None:
    world = a_healthy_world()
    BREAKS["inputs_identified"](world)
    plain = json.loads(json.dumps(as_json(a_pack(world))))
    controls = {control["id"]: control for control in plain["controls"]}
    assert controls["PI1.2"]["verdict"] == "failing"
    [check] = [c for c in controls["PI1.2"]["checks"] if c["name"] == "inputs_identified"]
    assert check["events"][0]["name"] == "upload.received"
    assert controls["PI1.2"]["missing"] == ["Photos received: 3, 1 of them without a hash"]
    assert controls["CC6.3"]["verdict"] == "found"
    assert sum(plain["summary"].values()) == len(plain["controls"])


def test_the_matrix_of_roles_is_on_the_page_and_in_the_json() -> None:
    world = a_healthy_world()
    BREAKS["log_append_only"](world)
    pack = a_pack(world)
    roles = {role["name"]: role["may"] for role in as_json(pack)["deployment"]["roles"]}
    assert "dynamodb:DeleteItem" in roles["read_photo"]["AuditTable.Arn"]
    assert "s3:GetObject" in roles["read_photo"]["${VaultBucket.Arn}/*"]
    assert "dynamodb:DeleteItem" in as_page(pack)
    assert json.loads(json.dumps(as_json(pack)["deployment"]["keys"][0]))["rotates"] is True


def test_what_is_shown_of_people_is_pseudonyms() -> None:
    plain = json.dumps(as_json(a_pack(a_healthy_world())))
    assert "@" not in plain
    assert STAFF not in plain  # an evidence report counts what staff did; who it was is for `audit list --actor`


def test_a_receipt_that_was_written_is_linked() -> None:
    pack = a_pack(a_healthy_world())
    example = next(x for a in pack.assessments for x in a.examples)
    linked = Pack(
        pack.framework, pack.evidence, pack.assessments, pack.made_at, {(example.chain, example.seq): "receipts/x"}
    )
    hrefs = [a.get("href") for _, a in Reader(as_page(linked)).elements]
    assert "receipts/x" in hrefs
    assert "receipts/x" not in [a.get("href") for _, a in Reader(as_page(pack)).elements]


def test_without_a_verified_log_the_page_says_so() -> None:
    world = a_healthy_world()
    world.verification = None
    pack = a_pack(world, "gdpr")
    assert "not verified for this report" in as_page(pack)
    assert any(a.of(State.ABSENT) for a in pack.assessments)
