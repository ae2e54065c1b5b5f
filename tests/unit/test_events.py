"""The events in ``events/``: what AWS sends us, what the steps are handed, and what we tell the customer's systems."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError

from photogate.access import caller_from
from photogate.errors import Reason
from photogate.intake import ConsentRequest, ReconfirmRequest, UploadRequest
from photogate.uploads import Status, Upload, parse_key
from photogate.workflow.outcome import completion
from photogate.workflow.state import PhotoState, S3Event
from tests.stack import ROOT, machine, written

EVENTS = ROOT / "events"
STEPS = sorted(path.stem for path in EVENTS.glob("step.*.json") if "admi" not in path.stem)
CALLS = sorted(path.stem for path in EVENTS.glob("api.*.json"))
WHEN = datetime(2026, 11, 2, 9, 14, tzinfo=UTC)
ENDED = Upload(
    tenant="acme",
    upload_id="0b" * 16,
    subject="5f" * 16,
    status=Status.ACCEPTED,
    purpose="proof_of_delivery",
    consent_id="c4" * 16,
    content_type="image/jpeg",
    size=1000,
    created_at=WHEN,
    expires_at=WHEN,
    reason=Reason.CLEAN,
    finished_at=WHEN,
    photo_key="acme/x/y.jpg",
    photo_sha256="ab" * 32,
)


def event(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))
    return found


def schema() -> Draft202012Validator:
    document = event("photo.completed.schema")
    Draft202012Validator.check_schema(document)
    return Draft202012Validator(document, format_checker=FormatChecker())


def test_what_we_announce_fits_the_schema_however_an_upload_ends() -> None:
    for status in (s for s in Status if s.terminal):
        for reason in Reason:
            schema().validate(completion(replace(ENDED, status=status, reason=reason)))
            schema().validate(completion(replace(ENDED, status=status, reason=reason, photo_key=None)))


def test_the_schema_knows_exactly_the_statuses_and_reasons_that_there_are() -> None:
    properties = event("photo.completed.schema")["properties"]
    assert properties["status"]["enum"] == [s.value for s in Status if s.terminal]
    assert properties["reason"]["enum"] == [r.value for r in Reason]


@pytest.mark.parametrize(
    "wrong",
    [{"status": "PROCESSING"}, {"reason": "because"}, {"subject": "5f" * 16}, {"version": 2}, {"photo": {"id": "x"}}],
)
def test_the_schema_refuses_what_is_not_an_ended_upload(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        schema().validate(completion(ENDED) | wrong)


def test_the_example_of_what_we_announce_is_one() -> None:
    example = event("photo.completed")
    assert (example["source"], example["detail-type"]) == ("photogate", "photo.completed")
    schema().validate(example["detail"])


def test_s3s_event_gives_admission_what_it_reads() -> None:
    sent, parameters = event("s3.object_created"), machine()["States"]["AdmitUpload"]["Parameters"]
    assert parameters["object.$"] == "$.detail.object"
    given = {"bucket": sent["detail"]["bucket"]["name"], "object": sent["detail"]["object"]}
    handed = event("step.admit_upload")
    assert {key: handed[key] for key in given} == given
    assert sorted(handed) == sorted(key.removesuffix(".$") for key in parameters)
    read = S3Event.parse(handed)
    assert parse_key(read.object.key) is not None
    assert read.object.version_id == sent["detail"]["object"]["version-id"]


def test_the_rule_lets_s3s_event_through() -> None:
    sent = event("s3.object_created")
    pattern = written()["Resources"]["ProcessPhoto"]["Properties"]["Events"]["Uploaded"]["Properties"]["Pattern"]
    assert sent["source"] in pattern["source"]
    assert sent["detail-type"] in pattern["detail-type"]


@pytest.mark.parametrize("name", STEPS)
def test_every_steps_input_is_a_photos_state_and_holds_nothing_else(name: str) -> None:
    given = event(name)
    state = PhotoState.parse(given)
    assert state.place is not None
    assert json.loads(state.model_dump_json(exclude_unset=True)) == given


@pytest.mark.parametrize("name", CALLS)
def test_every_call_is_to_a_route_of_the_template_by_a_caller_with_a_tenant(name: str) -> None:
    call = event(name)
    routes = {
        f"{e['Properties']['Method']} {e['Properties']['Path']}"
        for resource in written()["Resources"].values()
        for e in resource.get("Properties", {}).get("Events", {}).values()
        if isinstance(e, dict) and e["Type"] == "HttpApi"
    }
    assert call["routeKey"] in routes
    caller = caller_from(call["requestContext"]["authorizer"]["jwt"]["claims"], "custom:tenant", "sub", "scope")
    assert caller.tenant == "acme"
    assert caller.scopes


def test_the_bodies_of_the_calls_are_requests() -> None:
    assert UploadRequest.model_validate_json(event("api.request_upload")["body"]).sha256 is not None
    assert ConsentRequest.model_validate_json(event("api.give_consent")["body"]).decision == "given"
    assert ReconfirmRequest.model_validate_json(event("api.reconfirm_consent")["body"]).notice_hash
