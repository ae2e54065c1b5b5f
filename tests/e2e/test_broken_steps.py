"""The functions' processes die before and after every write of a photo's way on the local cloud.

The real state machine retries, catches and gives up; `tests/faults` walks the same places in process, and more ways.
Where the places are is counted on one run of each way. A place that an earlier way has (the same write of the same
function) is not broken again; nor is the one before a write where the same function has written just before, because
to die there leaves the same as to die after that.
"""

import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest

from local.client import Client, send_form
from local.cloud import LocalCloud
from photogate.audit.event import Actor, ActorKind
from photogate.audit.log import AuditLog
from photogate.audit.trail import Trail
from photogate.aws.audit_table import AuditTable
from photogate.aws.policies_table import DynamoPolicies
from photogate.findings import FindingKind
from photogate.policy import Action, Rule, default_policy
from photogate.tenants import create_tenant
from tests import photos
from tests.e2e.broken import Plans
from tests.e2e.test_adversity import BUCKETS, an_hour_ago, events, executions, versions


def small(name: str, kind: str = "JPEG") -> bytes:
    return photos.encode(photos.picture(name).resize((256, 256)), kind)


@dataclass(frozen=True)
class Way:
    """A photo, what the tenant does with faces, and how it ends when nothing breaks."""

    photo: bytes
    faces: Action
    ends: str

    @property
    def tenant(self) -> str:
        return f"faces-{self.faces.value}"


WAYS = {
    "redacted": Way(small("astronaut"), Action.REDACT, "REDACTED"),
    "in_review": Way(small("astronaut"), Action.REVIEW, "IN_REVIEW"),
    "retake": Way(small("astronaut"), Action.RETAKE, "RETAKE"),
    "rejected": Way(b"not a photo", Action.RETAKE, "REJECTED"),
}


@pytest.fixture(scope="module")
def plans(tmp_path_factory: pytest.TempPathFactory) -> Plans:
    return Plans(tmp_path_factory.mktemp("broken") / "plans")


@pytest.fixture(scope="module")
def breakable(plans: Plans, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """A cloud of its own, whose functions can be broken."""
    with LocalCloud(tmp_path_factory.mktemp("cloud"), python=plans.python()) as up:
        dynamodb = up.client("dynamodb")
        log = AuditLog(AuditTable(dynamodb, up.resources["AuditTable"]))
        trail = Trail(log, "photogate_cli", "1", "setup", Actor(ActorKind.SERVICE, "photogate_cli"))
        for way in {way.tenant: way for way in WAYS.values()}.values():
            rule = Rule(act=way.faces, review=way.faces)
            policy = default_policy().model_copy(
                update={"findings": {**default_policy().findings, FindingKind.FACE: rule}}
            )
            create_tenant(DynamoPolicies(dynamodb, up.resources["PoliciesTable"]), trail, way.tenant, policy)
        yield up


@dataclass(frozen=True)
class Sent:
    """One photo on its way, and what is planned for it."""

    way: Way
    courier: Client
    consent: str
    upload: str


def send(cloud: LocalCloud, plans: Plans, way: Way, **plan: Any) -> Sent:
    """Announce a photo, plan what happens to it, and send it."""
    courier = cloud.as_caller(way.tenant, f"courier-{secrets.token_hex(8)}")
    consent = courier.consent()
    upload = courier.request_upload(way.photo, "image/jpeg", consent)
    plans.plan(upload["id"], **plan)
    assert send_form(courier.pool, upload["post"], way.photo).status == 204
    return Sent(way, courier, consent, upload["id"])


def places(cloud: LocalCloud, plans: Plans, what: str) -> tuple[dict[str, list[int]], dict[str, set[int]]]:
    """Count the steps or writes of each way: those that no earlier way has, and the first of each function in a row."""
    known: set[tuple[str, int]] = set()
    found, firsts = {}, {}
    for name, way in WAYS.items():
        sent = send(cloud, plans, way)
        assert sent.courier.wait(sent.upload)["status"] == way.ends
        until_ended(cloud, 1)
        lines = plans.seen(sent.upload, what)
        named = [(line, lines[:place].count(line)) for place, line in enumerate(lines)]
        found[name] = [place for place, at in enumerate(named) if at not in known]
        known |= set(named)
        functions = [line.split()[0] for line in lines]
        firsts[name] = {n for n, function in enumerate(functions) if n == 0 or functions[n - 1] != function}
    return found, firsts


def until(holds: Callable[[], bool], what: str) -> None:
    """Wait for something that another process does."""
    for _ in range(600):
        if holds():
            return
        time.sleep(0.1)
    raise AssertionError(f"Expected that {what}; it did not within a minute")


def until_ended(cloud: LocalCloud, started: int) -> None:
    """Wait until so many workflows have been started and all have ended."""
    for _ in range(1200):
        found = executions(cloud)
        if len(found) >= started and all(e["status"] != "RUNNING" for e in found):
            return
        time.sleep(0.2)
    raise AssertionError(f"Expected {started} workflows, all ended; found {[e['status'] for e in found]}")


def sweep_later(cloud: LocalCloud, sent: list[Sent]) -> None:
    """Run the sweep as if the hour were over in which nobody ended what is open."""
    for one in sent:
        # What has ended whole is not open, and the condition refuses it.
        with suppress(cloud.client("dynamodb").exceptions.ConditionalCheckFailedException):
            an_hour_ago(cloud, one.way.tenant, one.upload, "claimed_at", "open_since", only_where="open_since")
    ends = cloud.invoke("SweepUploadsFunction", {})
    assert not [end for end in ends if end.startswith("failed")], ends


def must_have_ended_once(cloud: LocalCloud, sent: Sent) -> str:
    """One terminal status, one whole chain, the photo in the one place that its status says."""
    status = str(sent.courier.status(sent.upload)["status"])
    assert status in (sent.way.ends, "IN_REVIEW")
    chain = events(cloud, f"{sent.way.tenant}/photo/{sent.upload}")
    assert [event["seq"] for event in chain] == list(range(len(chain)))
    assert len({event["id"] for event in chain}) == len(chain)
    names = [event["name"] for event in chain]
    assert (names.count("upload.completed"), names.count("original.deleted")) == (1, 1)
    kept = {"REDACTED": "VaultBucket", "IN_REVIEW": "QuarantineBucket"}.get(status)
    for bucket in BUCKETS:
        assert bool(versions(cloud, bucket, sent.upload)) == (bucket == kept), f"{bucket} after {status}"
    return status


@pytest.mark.timeout(600)
def test_a_process_that_dies_before_or_after_any_write_loses_nothing(breakable: LocalCloud, plans: Plans) -> None:
    found, firsts = places(breakable, plans, "writes")
    before = len(executions(breakable))

    sent = [
        send(breakable, plans, WAYS[way], **{when: place})
        for way, wanted in found.items()
        for place in wanted
        for when in ("dies_before", "dies_after")
        if when == "dies_after" or place in firsts[way]
    ]
    until_ended(breakable, before + len(sent))
    failed = [one for one in sent if one.courier.status(one.upload)["status"] == "PROCESSING"]
    sweep_later(breakable, sent)

    alive = {one.upload: plans.seen(one.upload, "writes") for one in sent if not plans.is_there(one.upload, "died")}
    assert not alive
    # Quarantine and RecordOutcome have no Catch: what died in them was the sweep's.
    assert failed
    ends = Counter(must_have_ended_once(breakable, one) for one in sent)
    assert ends["IN_REVIEW"] > len(failed)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("way", ["redacted", "in_review"])
def test_a_consent_withdrawn_before_each_step_leaves_nothing(breakable: LocalCloud, plans: Plans, way: str) -> None:
    whole = send(breakable, plans, WAYS[way])
    assert whole.courier.wait(whole.upload)["status"] == WAYS[way].ends
    steps = plans.seen(whole.upload, "steps")
    assert len(steps) >= 5

    for place, step in enumerate(steps):
        started = len(executions(breakable))
        sent = send(breakable, plans, WAYS[way], waits_before=place)
        until(lambda upload=sent.upload: plans.is_there(upload, "waiting"), f"{step} begins")
        assert sent.courier.post(f"/consents/{sent.consent}/withdraw").json["state"] == "withdrawn"
        plans.go(sent.upload)
        until_ended(breakable, started + 1)

        # The erasure that the withdrawal starts waits out every workflow: what is seen now is the workflow's own.
        view = sent.courier.status(sent.upload)
        assert (view["status"], view["reason"]) in {("REJECTED", "no_consent"), ("REJECTED", "fenced")}, step
        for bucket in BUCKETS:
            assert not versions(breakable, bucket, sent.upload), f"{bucket}, withdrawn before {step}"
