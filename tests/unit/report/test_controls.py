"""Every control is there, holds in a healthy deployment, and turns when one of its checks is broken."""

from __future__ import annotations

from functools import cache

import pytest

from photogate.report.assess import Assessment, assess
from photogate.report.controls import FRAMEWORKS, Control
from photogate.report.evidence import CHECKS, Evidence, State
from tests.report_breaks import BREAKS
from tests.report_builders import World, a_healthy_world

# As the product's requirements name them.
NAMED = {
    "soc2": "CC6.1 CC6.3 CC6.6 CC6.7 CC6.8 CC7.1 CC7.2 CC7.3 CC8.1 A1.2 PI1.1 PI1.2 PI1.3 PI1.4 PI1.5 C1.1 C1.2 "
    "P1 P2 P3 P4 P5 P6 P7 P8",
    "iso27001": "A.5.3 A.5.12 A.5.13 A.5.15 A.5.18 A.5.28 A.5.33 A.5.34 A.8.2 A.8.3 A.8.10 A.8.11 A.8.12 A.8.13 A.8.15 "
    "A.8.16 A.8.17 A.8.24 A.8.25 A.8.28 A.8.29 A.8.32",
    "gdpr": "Art.~5 Art.~6 Art.~7 Art.~9 Art.~17 Art.~25 Art.~30 Art.~32 Art.~33 Art.~35",
}
CONTROLS = [(name, control) for name, framework in FRAMEWORKS.items() for control in framework.controls]


@pytest.fixture(scope="module")
def healthy() -> Evidence:
    return a_healthy_world().evidence()


def judged(evidence: Evidence, framework: str, control: Control) -> Assessment:
    return next(a for a in assess(FRAMEWORKS[framework], evidence) if a.control is control)


@pytest.mark.parametrize("framework", NAMED)
def test_every_control_that_the_product_promises_is_there(framework: str) -> None:
    ids = [control.id for control in FRAMEWORKS[framework].controls]
    assert ids == [word.replace("~", " ") for word in NAMED[framework].split()]


def test_each_control_says_what_it_asks_and_what_the_organisation_has_to_show() -> None:
    for _, control in CONTROLS:
        assert len(control.asks.split()) > 7, control.id
        assert len(control.organisation.split()) > 3, control.id
        assert len(control.checks) >= 2, control.id
        assert set(control.checks) <= set(CHECKS), control.id


def test_each_check_serves_a_control_and_can_be_broken() -> None:
    assert {name for _, control in CONTROLS for name in control.checks} == set(CHECKS)
    assert set(BREAKS) == set(CHECKS)


@pytest.mark.parametrize(("framework", "control"), CONTROLS, ids=[c.id for _, c in CONTROLS])
def test_a_healthy_deployment_has_evidence_for_every_control(
    healthy: Evidence, framework: str, control: Control
) -> None:
    found = judged(healthy, framework, control)
    assert found.state is State.FOUND, [(c.name, r.lines) for c, r in found.results if r.state is not State.FOUND]
    assert not found.of(State.ABSENT)


@cache
def broken(name: str) -> Evidence:
    """Break one thing of a healthy deployment, and gather what a report is made from."""
    world = a_healthy_world()
    BREAKS[name](world)
    return world.evidence()


@pytest.mark.parametrize("name", BREAKS)
def test_breaking_one_thing_fails_its_check_and_no_other(name: str) -> None:
    results = {check: CHECKS[check].examine(broken(name)) for check in CHECKS}
    assert [check for check, result in results.items() if result.state is State.FAILING] == [name]
    assert all(results[name].lines)


@pytest.mark.parametrize(
    ("framework", "control", "name"),
    [pytest.param(f, c, name, id=f"{c.id}-{name}") for f, c in CONTROLS for name in c.checks],
)
def test_a_control_fails_when_any_thing_that_it_rests_on_is_broken(framework: str, control: Control, name: str) -> None:
    assert judged(broken(name), framework, control).state is State.FAILING


def test_a_period_without_events_has_no_evidence_for_what_should_happen() -> None:
    world = World(verification=None)
    for framework, control in CONTROLS:
        operating = any(CHECKS[name].operating for name in control.checks)
        expected = State.ABSENT if operating else State.FOUND
        assert judged(world.evidence(), framework, control).state is expected, control.id


def test_who_receives_alarms_cannot_be_told_from_a_file() -> None:
    world = a_healthy_world()
    world.given, world.deployed = {}, False
    assert CHECKS["alarms_received"].examine(world.evidence()).state is State.ABSENT
