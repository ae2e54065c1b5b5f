"""`decide` against a table written down as data: every kind, band and action, the unknown ones included."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import pytest

from photogate.errors import PolicyRefused, Reason
from photogate.findings import Band, Box, Finding, FindingKind, Provenance, Synthetic
from photogate.policy import Action, Decision, Policy, Rule, decide, default_policy, parse_policy

TABLE = json.loads((Path(__file__).parent / "decisions.json").read_text())
KINDS = [*FindingKind, "tattoo"]
BANDS = [*Band, "certain"]


def seen(kind: str, band: str) -> Finding:
    return Finding(kind, Box(1, 2, 3, 4), 0.5, band)


def policy(act: Action, review: Action) -> Policy:
    return Policy(findings={kind: Rule(act=act, review=review) for kind in FindingKind})


@pytest.mark.parametrize("row", TABLE["single"], ids=lambda row: "-".join(row[:4]))
def test_one_finding_is_decided_as_the_table_says(row: list[str]) -> None:
    kind, band, act, review, decision, reason = row
    verdict = decide(policy(Action(act), Action(review)), [seen(kind, band)])
    assert (verdict.decision, verdict.reason) == (decision, reason)


def test_the_table_covers_the_whole_cross_product() -> None:
    rows = {tuple(row[:4]) for row in TABLE["single"]}
    assert rows == set(product(map(str, KINDS), map(str, BANDS), map(str, Action), map(str, Action)))


@pytest.mark.parametrize(("first", "second"), list(product(Decision, Decision)))
def test_the_strictest_of_two_wins(first: Decision, second: Decision) -> None:
    expected = TABLE["precedence"][max(TABLE["precedence"].index(first), TABLE["precedence"].index(second))]
    action = {"ACCEPT": "flag", "REDACT": "redact", "RETAKE": "retake", "REVIEW": "review", "REJECT": "reject"}
    rules = Policy(
        findings={
            FindingKind.FACE: Rule(act=Action(action[first]), review=Action.FLAG),
            FindingKind.TEXT: Rule(act=Action(action[second]), review=Action.FLAG),
        }
    )
    assert decide(rules, [seen("face", "act"), seen("text", "act")]).decision == expected


def test_nothing_seen_is_accepted() -> None:
    assert decide(default_policy(), []).decision is Decision.ACCEPT
    assert decide(default_policy(), []).reason is Reason.CLEAN


def test_a_kind_without_a_rule_is_reviewed() -> None:
    rules = Policy(findings={FindingKind.FACE: Rule(act=Action.FLAG, review=Action.FLAG)})
    assert decide(rules, [seen("code", "act")]).decision is Decision.REVIEW


@pytest.mark.parametrize(
    ("synthetic", "action", "decision"),
    [
        (Synthetic.YES, Action.FLAG, Decision.ACCEPT),
        (Synthetic.YES, Action.REJECT, Decision.REJECT),
        (Synthetic.YES, Action.REVIEW, Decision.REVIEW),
        (Synthetic.NO, Action.REJECT, Decision.ACCEPT),
        (Synthetic.UNKNOWN, Action.REJECT, Decision.ACCEPT),
    ],
)
def test_what_a_photo_says_of_its_origin_counts(synthetic: Synthetic, action: Action, decision: Decision) -> None:
    assert decide(Policy(synthetic=action), [], Provenance(synthetic=synthetic)).decision is decision


def test_by_default_faces_are_asked_to_be_retaken_and_doubt_is_reviewed() -> None:
    assert decide(default_policy(), [seen("face", "act")]).decision is Decision.RETAKE
    assert decide(default_policy(), [seen("face", "review")]).decision is Decision.REVIEW
    assert decide(default_policy(), [seen("text", "act"), seen("code", "act")]).decision is Decision.ACCEPT


def test_the_hash_addresses_the_content() -> None:
    assert parse_policy(default_policy().document()).hash == default_policy().hash
    assert Policy(synthetic=Action.REJECT).hash != default_policy().hash


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ('{"version": 2}', "version"),
        ('{"findings": {"tattoo": {"act": "flag", "review": "flag"}}}', "findings"),
        ('{"findings": {"face": {"act": "ignore", "review": "flag"}}}', "findings.face.act"),
        ('{"findings": {"face": {"act": "flag"}}}', "findings.face.review"),
        ('{"purposes": {}}', "purposes"),
        ('{"surprise": 1}', "surprise"),
        ("not json", "JSON"),
    ],
)
def test_what_is_wrong_with_a_policy_is_named(document: str, field: str) -> None:
    with pytest.raises(PolicyRefused, match=field):
        parse_policy(document)
