"""Facts from the deployed stack. moto cannot do CloudFormation here; botocore's stub holds to the service's model."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from photogate.aws.stack import deployed_template
from photogate.errors import NotFound, NotPermitted
from photogate.report.facts import facts_of
from tests.stack import ROOT

STACK = {
    "StackName": "photos",
    "CreationTime": datetime(2026, 11, 1, tzinfo=UTC),
    "StackStatus": "CREATE_COMPLETE",
    "Parameters": [
        {"ParameterKey": "AlarmTopicArn", "ParameterValue": "arn:aws:sns:eu-central-1:123456789012:alarms"},
        {"ParameterKey": "AuditRetentionDays", "ParameterValue": "400"},
    ],
}


@pytest.fixture
def stub() -> Iterator[tuple[Any, Stubber]]:
    client = boto3.client(
        "cloudformation", region_name="eu-central-1", aws_access_key_id="testing", aws_secret_access_key="testing"
    )
    with Stubber(client) as stubber:
        yield client, stubber


def test_facts_are_those_of_the_submitted_template_with_the_deployed_parameters(stub: tuple[Any, Stubber]) -> None:
    client, stubber = stub
    body = (ROOT / "template.yaml").read_text(encoding="utf-8")
    stubber.add_response("get_template", {"TemplateBody": body}, {"StackName": "photos", "TemplateStage": "Original"})
    stubber.add_response("describe_stacks", {"Stacks": [STACK]}, {"StackName": "photos"})
    source, given = deployed_template(client, "photos")
    facts = facts_of(source, "photos", deployed=True, given=given)
    assert facts.source.sha256 == hashlib.sha256(body.encode()).hexdigest()
    assert facts.source.deployed
    assert facts.alarm_receiver
    assert facts.audit_days == 400
    stubber.assert_no_pending_responses()


@pytest.mark.parametrize(("code", "error"), [("ValidationError", NotFound), ("AccessDenied", NotPermitted)])
def test_a_stack_that_is_not_there_and_one_that_may_not_be_read_are_named(
    stub: tuple[Any, Stubber], code: str, error: type[Exception]
) -> None:
    client, stubber = stub
    stubber.add_client_error("get_template", code)
    with pytest.raises(error):
        deployed_template(client, "photos")
