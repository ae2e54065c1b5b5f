"""What is and what is not held against a period: its edges, erasure, and the deployment's own verifications."""

from __future__ import annotations

from typing import Any

import pytest

from photogate.audit.event import LOG_TENANT, DetailKey, EventName
from photogate.cli.report import verification_of
from photogate.report.activity import Rule
from tests.audit_builders import SUBJECT
from tests.report_builders import SHA256, a_healthy_world, a_way


def test_a_photo_that_came_in_before_the_period_is_not_held_to_what_nobody_can_see() -> None:
    world = a_healthy_world()
    a_way(world, "6" * 32, 10, world.policy.hash)
    first_half = ("requested-6", "received-6", "admitted-6", "stripped-6", "detected-6", "decided-6")
    world.drop(lambda e: e.event_id.endswith(first_half))
    activity = world.evidence().activity
    assert activity.broken == {}
    assert activity.checked[Rule.STRIPPED] == 2


def test_a_photo_that_came_in_within_the_last_hour_may_still_be_on_its_way() -> None:
    world = a_healthy_world()
    a_way(world, "7" * 32, 47.5, world.policy.hash)
    world.drop(lambda e: e.event_id.endswith(("completed-7", "deleted-7")))
    assert world.evidence().activity.broken == {}


def test_what_was_on_its_way_or_under_review_is_gone_with_its_subject() -> None:
    world = a_healthy_world()
    a_way(world, "8" * 32, 10, world.policy.hash, decision="REVIEW")
    a_way(world, "9" * 32, 11, world.policy.hash)
    world.drop(lambda e: e.event_id.endswith(("completed-9", "deleted-9")))
    assert set(world.evidence().activity.broken) == {Rule.ENDED, Rule.REVIEWED}
    certificate: dict[DetailKey, Any] = {DetailKey.CERTIFICATE_HASH: SHA256}
    world.add(12, EventName.SUBJECT_ERASED, "gone", subject=SUBJECT, details=certificate)
    assert world.evidence().activity.broken == {}


def test_consent_that_is_given_again_counts() -> None:
    world = a_healthy_world()
    details: dict[DetailKey, Any] = {DetailKey.CONSENT_ID: "d" * 32, DetailKey.NOTICE_HASH: SHA256}
    world.add(1.5, EventName.CONSENT_WITHDRAWN, "withdrawn", subject=SUBJECT, details=details)
    assert world.evidence().activity.broken == {Rule.WITHDRAWN: 3}
    world.add(
        1.6, EventName.CONSENT_RECONFIRMED, "again", subject=SUBJECT, purpose="proof_of_delivery", details=details
    )
    assert world.evidence().activity.broken == {}


@pytest.mark.parametrize(
    ("runs", "ok"),
    [
        ([], None),
        ([(40, 0)], True),
        ([(30, 10), (40, 0)], False),
    ],
)
def test_the_deployments_own_verification_counts(runs: list[tuple[int, int]], ok: bool | None) -> None:
    world = a_healthy_world()
    for hour, code in runs:
        details: dict[DetailKey, Any] = {DetailKey.QUERY: "verify", DetailKey.EXIT_CODE: code}
        world.add(hour, EventName.AUDIT_VERIFIED, f"verified-{hour}", tenant=LOG_TENANT, details=details)
    found = verification_of(world.evidence().activity)
    assert (found.ok if found else None) is ok
