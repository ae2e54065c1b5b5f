"""Events as OCSF 1.8: each has what its class requires, and numbers that mean what their captions say."""

from __future__ import annotations

from typing import Any

import pytest

from photogate.audit.event import Actor, ActorKind, EventName, Outcome
from photogate.audit.ocsf import ACTIVITIES, CLASSES, ocsf_event
from tests.audit_builders import STAFF, SUBJECT, UPLOAD, MemoryStore, a_log, an_event

# `requirement: required` and `at_least_one` of each class in the schema, those of the base event among them.
BASE = {"activity_id", "category_uid", "class_uid", "metadata", "severity_id", "time", "type_uid"}
REQUIRED = {
    6003: BASE | {"actor", "api", "src_endpoint"},
    6005: BASE | {"actor", "src_endpoint", "table"},
    6006: BASE | {"actor", "file", "src_endpoint"},
    2006: BASE | {"finding_info"},
    7002: BASE | {"command_uid", "file"},
    1008: BASE | {"log_name"},
}


def mapped(name: EventName, **changes: Any) -> dict[str, Any]:
    return ocsf_event(a_log(MemoryStore()).append(an_event(name=name, **changes)), 7)


@pytest.mark.parametrize("name", EventName)
def test_an_event_has_what_its_class_requires(name: EventName) -> None:
    event = mapped(name)
    assert REQUIRED[event["class_uid"]] <= set(event)
    assert event["category_uid"] == event["class_uid"] // 1000
    assert event["type_uid"] == event["class_uid"] * 100 + event["activity_id"]
    assert (event["metadata"]["event_code"], event["metadata"]["correlation_uid"]) == (name, UPLOAD)


@pytest.mark.parametrize("name", EventName)
def test_an_activity_has_the_schema_s_caption_or_our_own_name(name: EventName) -> None:
    uid, activity = CLASSES[name]
    assert activity == 99 or activity in ACTIVITIES[uid]
    assert mapped(name)["activity_name"] == (name if activity == 99 else ACTIVITIES[uid][activity])


@pytest.mark.parametrize(
    ("name", "status"),
    [(EventName.FACES_DETECTED, 1), (EventName.DECISION_MADE, 2), (EventName.REVIEW_DECIDED, 4)],
)
def test_a_finding_is_new_in_progress_or_resolved(name: EventName, status: int) -> None:
    assert mapped(name, outcome=Outcome.REFUSED)["status_id"] == status


@pytest.mark.parametrize(("outcome", "status"), [(Outcome.SUCCEEDED, 1), (Outcome.DENIED, 2), (Outcome.FAILED, 2)])
def test_any_other_event_succeeded_or_failed(outcome: Outcome, status: int) -> None:
    event = mapped(EventName.PHOTO_READ, outcome=outcome)
    assert (event["status_id"], event["unmapped"]["outcome"]) == (status, outcome)


@pytest.mark.parametrize(
    ("actor", "kind"),
    [
        (Actor(ActorKind.SERVICE, "read_photo"), 3),
        (Actor(ActorKind.SUBJECT, SUBJECT), 1),
        (Actor(ActorKind.STAFF, STAFF), 1),
    ],
)
def test_an_actor_is_a_user_or_the_system(actor: Actor, kind: int) -> None:
    event = mapped(EventName.PHOTO_READ, actor=actor)
    assert (event["actor"]["user"]["uid"], event["actor"]["user"]["type_id"]) == (actor.id, kind)
    assert event["unmapped"]["actor_kind"] == actor.kind
