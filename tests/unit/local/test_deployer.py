"""The local deployer drops nothing in silence."""

import re
from pathlib import Path

import boto3
import pytest

from local.deploy.base import Properties, UnknownProperty, typed
from local.deploy.functions import bootstrap
from local.deploy.workflows import substitute
from local.deployer import UnknownResource, check, wanted
from local.intrinsics import Intrinsics
from local.template import LOCAL_BUCKET, load, local_path, translate

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  Bucket: {Type: String, Default: photos}
Resources:
  Hello:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.13
      Handler: app.handler
      CodeUri: ./functions/hello/
      Policies:
        - Version: 2012-10-17
          Statement: [{Effect: Allow, Action: s3:GetObject, Resource: !Sub "arn:aws:s3:::${Bucket}/*"}]
"""


def test_a_type_that_nobody_wrote_a_handler_for_stops_the_deployment_by_name() -> None:
    resources = {"Site": {"Type": "AWS::CloudFront::Distribution"}, "Key": {"Type": "AWS::KMS::Key"}}

    with pytest.raises(UnknownResource, match=re.escape("Site (AWS::CloudFront::Distribution)")):
        check(resources)


def test_a_section_of_a_resource_that_is_not_known_stops_the_deployment() -> None:
    with pytest.raises(UnknownResource, match="Key: CreationPolicy"):
        check({"Key": {"Type": "AWS::KMS::Key", "CreationPolicy": {}}})


def test_a_property_that_no_call_carries_over_is_an_error() -> None:
    properties = Properties("Bucket", {"BucketName": "a", "AccelerateConfiguration": {}})

    assert properties.take("BucketName") == "a"
    with pytest.raises(UnknownProperty, match="AccelerateConfiguration"):
        properties.done()


def test_a_required_property_that_is_missing_is_an_error() -> None:
    with pytest.raises(UnknownProperty, match="Expected Role to set AssumeRolePolicyDocument"):
        Properties("Role", {}).take("AssumeRolePolicyDocument")


def test_a_resource_whose_condition_does_not_hold_is_left_out() -> None:
    template = {
        "Conditions": {"Never": {"Fn::Equals": ["a", "b"]}},
        "Resources": {"A": {"Type": "AWS::KMS::Key", "Condition": "Never"}, "B": {"Type": "AWS::KMS::Key"}},
    }

    assert set(wanted(template, Intrinsics(template, {}, "photogate"))) == {"B"}


def test_sam_is_translated_with_local_code_and_dates_stay_text(tmp_path: Path) -> None:
    (tmp_path / "template.yaml").write_text(TEMPLATE)

    resources = translate(load(tmp_path / "template.yaml"), {"Bucket": "photos"})["Resources"]

    assert local_path(resources["Hello"]["Properties"]["Code"]) == "functions/hello"
    policy = resources["HelloRole"]["Properties"]["Policies"][0]["PolicyDocument"]
    assert policy["Version"] == "2012-10-17"
    assert policy["Statement"][0]["Resource"] == {"Fn::Sub": "arn:aws:s3:::${Bucket}/*"}


def test_code_that_is_not_beside_the_template_is_refused() -> None:
    with pytest.raises(ValueError, match="Expected code beside the template"):
        local_path({"S3Bucket": "elsewhere", "S3Key": "x"})
    assert local_path({"Bucket": LOCAL_BUCKET, "Key": "functions/a.asl.json"}) == "functions/a.asl.json"


def test_a_definition_with_a_placeholder_without_value_is_refused() -> None:
    assert substitute('"${AdmitArn}"', {"AdmitArn": "arn:x"}) == '"arn:x"'
    with pytest.raises(ValueError, match="StoreArn"):
        substitute('"${StoreArn}"', {"AdmitArn": "arn:x"})


def test_a_path_with_blanks_and_quotes_cannot_break_out_of_the_bootstrap() -> None:
    script = bootstrap("/opt/my python", [Path("/a b'$(x)")], "app.handler", {"LOG": "JSON"})

    assert "exec '/opt/my python' -m awslambdaric app.handler\n" in script
    assert """export PYTHONPATH='/a b'"'"'$(x)'\n""" in script


def test_arguments_take_the_types_that_the_api_wants_as_cloudformation_converts_them() -> None:
    shape = (
        boto3.Session(region_name="eu-central-1").client("dynamodb").meta.service_model.shape_for("CreateTableInput")
    )

    given = {"DeletionProtectionEnabled": "false", "ProvisionedThroughput": {"ReadCapacityUnits": "5"}, "TableName": 7}

    assert typed(given, shape) == {
        "DeletionProtectionEnabled": False,
        "ProvisionedThroughput": {"ReadCapacityUnits": 5},
        "TableName": "7",
    }
