"""An event has no field that a personal value fits into."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from photogate.audit.event import Actor, ActorKind, DetailKey, EventName, photo_chain, subject_chain, tenant_chain
from photogate.errors import IntegrityError, Reason
from photogate.policy import Decision, RedactionMethod
from tests.audit_builders import STAFF, SUBJECT, TENANT, UPLOAD, an_event

NAMES = """upload.requested upload.received upload.expired upload.completed photo.admitted photo.redacted photo.stored
photo.read photo.expired metadata.stripped faces.detected decision.made original.deleted consent.given consent.refused
consent.withdrawn consent.expired consent.reconfirmed consent.read subject.found subject.exported
subject.fenced subject.erased hold.placed hold.refused hold.lifted
review.opened review.decided policy.changed access.denied audit.queried audit.exported audit.verified
integrity.alerted log.sealed"""


def test_the_names_are_a_closed_list() -> None:
    assert sorted(EventName) == sorted(NAMES.split())


@pytest.mark.parametrize(
    "wrong",
    [
        {"tenant": "Jane Doe"},
        {"subject": "jane@example.com"},
        {"upload_id": "IMG_1234.jpg"},
        {"purpose": "Proof of delivery"},
        {"policy_hash": "not a hash"},
        {"model_hash": "A" * 64},
        {"function": "a b"},
        {"function_version": "built by Jane"},
        {"event_id": "no step"},
        {"event_id": "jane@example.com/Step"},
        {"duration_ms": 1.5},
        {"duration_ms": -1},
        {"duration_ms": True},
        {"name": "photo.seen"},
        {"outcome": "fine"},
        {"reason": "the file jane.jpg was bad"},
        {"chain": "acme/photo/" + "f" * 32},
        {"chain": "other/tenant"},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_field_that_is_not_of_its_form_is_refused_without_repeating_it(wrong: dict[str, Any]) -> None:
    name, value = next(iter(wrong.items()))
    with pytest.raises(IntegrityError, match=name) as raised:
        an_event(**wrong)
    assert str(value) not in str(raised.value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (DetailKey.BYTES, "jane"),
        (DetailKey.BYTES, -1),
        (DetailKey.BYTES, 2**53),
        (DetailKey.SHA256, "0" * 63),
        (DetailKey.FORMAT, "jane.jpg"),
        (DetailKey.DECISION, "accept"),
        (DetailKey.CONSENT_ID, "consent"),
        ("file_name", "jane.jpg"),
    ],
)
def test_a_detail_is_a_count_a_hash_an_id_or_a_member(key: Any, value: Any) -> None:
    with pytest.raises(IntegrityError, match="details"):
        an_event(details={key: value})


def test_every_decision_and_method_of_the_policy_can_be_recorded() -> None:
    for decision in Decision:
        assert an_event(details={DetailKey.DECISION: decision}).fields()["details"] == {"decision": decision.value}
    for method in RedactionMethod:
        assert an_event(details={DetailKey.METHOD: method}).fields()["details"] == {"method": method.value}


def test_every_detail_key_has_a_value_that_it_takes() -> None:
    samples: list[Any] = [1, "0" * 64, "0" * 32, "jpeg", "yes", "REJECT", "REJECTED", "solid", "vault", "photos"]
    samples += ["list", "modified", "self", "litigation"]
    for key in DetailKey:
        assert any(_accepts(key, sample) for sample in samples), key


def _accepts(key: DetailKey, value: Any) -> bool:
    try:
        an_event(details={key: value})
    except IntegrityError:
        return False
    return True


def test_an_actor_is_a_function_or_a_pseudonym() -> None:
    assert Actor(ActorKind.STAFF, STAFF).id == STAFF
    with pytest.raises(IntegrityError):
        Actor(ActorKind.STAFF, "jane")
    with pytest.raises(IntegrityError):
        Actor(ActorKind.SERVICE, "Jane Doe")


def test_an_event_cannot_be_changed() -> None:
    event = an_event(details={DetailKey.BYTES: 1})
    with pytest.raises(FrozenInstanceError):
        event.tenant = "other"  # type: ignore[misc]
    with pytest.raises(TypeError):
        event.details[DetailKey.BYTES] = 2  # type: ignore[index]


def test_the_chains_are_those_of_the_architecture() -> None:
    assert photo_chain(TENANT, UPLOAD) == f"acme/photo/{UPLOAD}"
    assert subject_chain(TENANT, SUBJECT) == f"acme/subject/{SUBJECT}"
    assert tenant_chain(TENANT) == "acme/tenant"


def test_the_fields_are_plain_json() -> None:
    fields = an_event(reason=Reason.FACE, details={DetailKey.DECISION: Decision.RETAKE}).fields()
    assert json.loads(json.dumps(fields)) == fields
    assert (fields["reason"], fields["details"]) == ("face", {"decision": "RETAKE"})
