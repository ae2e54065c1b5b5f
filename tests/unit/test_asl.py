"""The state machine: every step is retried on what another try may mend, and fails into quarantine."""

from __future__ import annotations

import inspect
import json
from functools import cache
from typing import Any

import pytest

from photogate import errors
from photogate.policy import Decision
from tests.stack import ROOT, machine, text, written

STATES: dict[str, dict[str, Any]] = machine()["States"]
TASKS = [name for name, state in STATES.items() if state["Type"] == "Task"]
# After these nothing catches: the workflow fails, and the sweeper finds the upload, still open.
LAST_RESORTS = {"Quarantine", "RecordOutcome"}
LAMBDA_ERRORS = {
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.ServiceException",
    "Lambda.TooManyRequestsException",
}


def successors(name: str) -> set[str]:
    state = STATES[name]
    found = {state[key] for key in ("Next", "Default") if key in state}
    found |= {rule["Next"] for rule in state.get("Choices", [])}
    return found | {catch["Next"] for catch in state.get("Catch", [])}


def test_the_states_are_the_designs() -> None:
    assert TASKS == [
        "AdmitUpload",
        "StripMetadata",
        "ConvertPhoto",
        "DetectFaces",
        "RedactPhoto",
        "SecondLook",
        "StorePhoto",
        "AskRetake",
        "Reject",
        "Quarantine",
        "RecordOutcome",
    ]


def test_every_state_is_reached_and_every_next_exists() -> None:
    reached, waiting = set(), [machine()["StartAt"]]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting.extend(successors(name))
    assert reached == set(STATES)


@pytest.mark.parametrize("task", TASKS)
def test_every_task_is_retried_on_transient_errors_only_with_backoff_and_jitter(task: str) -> None:
    (retry,) = STATES[task]["Retry"]
    assert set(retry["ErrorEquals"]) == {"Transient"} | LAMBDA_ERRORS
    assert retry["BackoffRate"] > 1
    assert retry["JitterStrategy"] == "FULL"
    assert retry["MaxDelaySeconds"] >= retry["IntervalSeconds"]
    assert retry["MaxAttempts"] == 3


def test_the_errors_that_are_retried_are_raised_by_the_product() -> None:
    ours = {name for task in TASKS for name in STATES[task]["Retry"][0]["ErrorEquals"]} - LAMBDA_ERRORS
    known = {
        name for name, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.PhotogateError)
    }
    assert ours <= known


@pytest.mark.parametrize("task", [t for t in TASKS if t not in LAST_RESORTS])
def test_every_task_catches_everything_on_its_way_to_quarantine(task: str) -> None:
    (catch,) = STATES[task]["Catch"]
    assert catch["ErrorEquals"] == ["States.ALL"]
    assert catch["ResultPath"] == "$.error"
    keeper = STATES[catch["Next"]]
    assert keeper["Type"] == "Pass"
    assert keeper["Next"] == "Quarantine"


@pytest.mark.parametrize("task", sorted(LAST_RESORTS))
def test_a_last_resort_that_fails_fails_the_workflow(task: str) -> None:
    assert "Catch" not in STATES[task]


def test_of_an_error_only_its_name_goes_on() -> None:
    assert STATES["KeepErrorName"]["Parameters"] == {"name.$": "$.error.Error"}
    assert STATES["KeepErrorName"]["ResultPath"] == "$.error"
    assert STATES["KeepAdmissionErrorName"]["Parameters"]["error"] == {"name.$": "$.error.Error"}
    assert "$.error.Cause" not in json.dumps(machine())
    assert "ResultPath" not in STATES["KeepAdmissionErrorName"], "the caught error would stay beside it"


@pytest.mark.parametrize("choice", [n for n, s in STATES.items() if s["Type"] == "Choice"])
def test_what_a_choice_does_not_know_goes_to_quarantine(choice: str) -> None:
    # After Quarantine itself only the claim decides: another execution's ends here, all else is recorded.
    assert STATES[choice]["Default"] == ("RecordOutcome" if choice == "WhatWasQuarantined" else "Quarantine")


def test_every_decision_has_its_way() -> None:
    ways = {rule["StringEquals"]: rule["Next"] for rule in STATES["WhatWasDecided"]["Choices"]}
    ways |= {d.value: STATES["WhatWasDecided"]["Default"] for d in Decision if d.value not in ways}
    assert ways == {
        "ACCEPT": "StorePhoto",
        "REDACT": "RedactPhoto",
        "RETAKE": "AskRetake",
        "REVIEW": "Quarantine",
        "REJECT": "Reject",
    }


def test_whatever_ends_is_recorded_but_for_another_executions_upload() -> None:
    ends = [name for name, state in STATES.items() if state["Type"] == "Succeed" or state.get("End")]
    assert sorted(ends) == ["Done", "Duplicate"]
    assert [n for n in STATES if "Done" in successors(n)] == ["RecordOutcome"]


def test_a_photo_is_redacted_twice_at_most() -> None:
    again = [rule for rule in STATES["WhatRemains"]["Choices"] if rule["Next"] == "RedactPhoto"]
    assert [rule["And"] for rule in again] == [
        [
            {"Variable": "$.second.verdict", "StringEquals": "again"},
            {"Variable": "$.redact.round", "NumericEquals": 1},
        ]
    ]


@cache
def longest(name: str, redactions: int) -> int:
    """Give the seconds of the slowest way from a state to its end, when nothing is retried."""
    if name == "RedactPhoto":
        redactions += 1
    own = int(STATES[name].get("TimeoutSeconds", 0))
    onward = [s for s in successors(name) if not (s == "RedactPhoto" and redactions == 2)]
    return own + max((longest(s, redactions) for s in onward), default=0)


def test_the_slowest_way_fits_into_the_workflow_and_that_into_an_express_execution() -> None:
    assert longest(machine()["StartAt"], 0) <= machine()["TimeoutSeconds"] < 300


@pytest.mark.parametrize("task", TASKS)
def test_no_function_works_on_after_its_step_has_been_given_up(task: str) -> None:
    function = STATES[task]["Resource"].removeprefix("${").removesuffix("Arn}") + "Function"
    timeout = written()["Resources"][function]["Properties"].get("Timeout")
    timeout = timeout or written()["Globals"]["Function"]["Timeout"]
    assert timeout <= STATES[task]["TimeoutSeconds"]


def test_every_placeholder_is_filled_and_the_role_may_call_exactly_those() -> None:
    properties = written()["Resources"]["ProcessPhoto"]["Properties"]
    filled = {"${" + name + "}": text(value) for name, value in properties["DefinitionSubstitutions"].items()}
    used = {STATES[task]["Resource"] for task in TASKS}
    assert set(filled) == used
    (policy,) = properties["Policies"]
    call = next(s for s in policy["Statement"] if s["Sid"] == "CallSteps")
    assert call["Action"] == "lambda:InvokeFunction"
    assert sorted(text(r) for r in call["Resource"]) == sorted(filled.values())


def test_it_is_written_in_json_path_which_every_runner_knows() -> None:
    assert "QueryLanguage" not in (ROOT / "functions" / "process_photo.asl.json").read_text()
