"""What alarms count is counted: keys that are refused, and the age of what lies in quarantine."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from local.template import load
from photogate.aws.s3 import Bucket
from photogate.aws.session import translated
from photogate.config import REPOSITORY

PATTERN = load(REPOSITORY / "template.yaml")["Resources"]["KeyErrors"]["Properties"]["FilterPattern"]


@pytest.mark.parametrize(
    ("operation", "code"),
    [("GenerateMac", "DisabledException"), ("GetObject", "KMS.DisabledException"), ("Sign", "ThrottlingException")],
)
def test_a_key_that_is_refused_is_a_line_that_the_filter_counts(
    caplog: pytest.LogCaptureFixture, operation: str, code: str
) -> None:
    with caplog.at_level(logging.ERROR), pytest.raises(Exception), translated():  # noqa: B017, PT011
        raise ClientError({"Error": {"Code": code, "Message": "secret"}}, operation)
    assert PATTERN == '{ $.message = "key refused" }'
    [line] = caplog.records
    assert (line.message, line.__dict__["operation"], line.__dict__["code"]) == ("key refused", operation, code)
    assert "secret" not in caplog.text


def test_other_refusals_are_not_the_keys_fault(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ClientError), translated():
        raise ClientError({"Error": {"Code": "NoSuchKey"}}, "GetObject")
    assert caplog.records == []


def test_the_age_of_quarantine_is_that_of_its_oldest_object(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        s3 = boto3.client("s3", region_name="eu-central-1")
        s3.create_bucket(Bucket="quarantine", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        s3.put_bucket_versioning(Bucket="quarantine", VersioningConfiguration={"Status": "Enabled"})
        bucket = Bucket(s3, "quarantine")
        assert bucket.oldest() is None
        s3.put_object(Bucket="quarantine", Key="a", Body=b"x")
        found = bucket.oldest()
        assert found is not None
        assert abs(found - datetime.now(UTC)) < timedelta(minutes=5)
        s3.delete_object(Bucket="quarantine", Key="a")
        assert bucket.oldest() is None
