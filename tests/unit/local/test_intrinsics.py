"""The local deployer's reading of CloudFormation's functions, against what AWS documents."""

import pytest

from local.intrinsics import Intrinsics, UnknownIntrinsic, parameter_values, references

TEMPLATE = {
    "Conditions": {
        "IsProd": {"Fn::Equals": [{"Ref": "Stage"}, "prod"]},
        "IsNotProd": {"Fn::Not": [{"Condition": "IsProd"}]},
        "Both": {"Fn::And": [{"Condition": "IsProd"}, {"Condition": "IsNotProd"}]},
        "Either": {"Fn::Or": [{"Condition": "IsProd"}, {"Condition": "IsNotProd"}]},
    },
    "Mappings": {"Sizes": {"dev": {"memory": 512}}},
}


def resolver() -> Intrinsics:
    found = Intrinsics(TEMPLATE, {"Stage": "dev", "Names": ["a", "b"]}, "photogate")
    found.define("Bucket", "photogate-bucket-1", {"Arn": "arn:aws:s3:::photogate-bucket-1"})
    return found


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"Ref": "Stage"}, "dev"),
        ({"Ref": "Bucket"}, "photogate-bucket-1"),
        ({"Ref": "AWS::Partition"}, "aws"),
        ({"Fn::GetAtt": ["Bucket", "Arn"]}, "arn:aws:s3:::photogate-bucket-1"),
        ({"Fn::GetAtt": "Bucket.Arn"}, "arn:aws:s3:::photogate-bucket-1"),
        ({"Fn::Sub": "${Bucket.Arn}/*"}, "arn:aws:s3:::photogate-bucket-1/*"),
        ({"Fn::Sub": "/${Stage}/${AWS::StackName}/${!Literal}"}, "/dev/photogate/${Literal}"),
        ({"Fn::Sub": ["${Which}-${Stage}", {"Which": {"Ref": "Bucket"}}]}, "photogate-bucket-1-dev"),
        ({"Fn::Join": ["/", [{"Ref": "Stage"}, "x"]]}, "dev/x"),
        ({"Fn::Select": ["1", {"Ref": "Names"}]}, "b"),
        ({"Fn::Select": [2, {"Fn::Split": ["-", "a-b-c"]}]}, "c"),
        ({"Fn::If": ["IsProd", "big", "small"]}, "small"),
        ({"Fn::If": ["Either", {"Fn::If": ["Both", 1, 2]}, 3]}, 2),
        ({"Fn::FindInMap": ["Sizes", {"Ref": "Stage"}, "memory"]}, 512),
        ({"Fn::Base64": "photo"}, "cGhvdG8="),
        ({"Fn::ToJsonString": {"a": {"Ref": "Stage"}}}, '{"a": "dev"}'),
        ({"Fn::Length": {"Ref": "Names"}}, 2),
    ],
)
def test_each_function_gives_what_aws_documents(value: object, expected: object) -> None:
    assert resolver().resolve(value) == expected


def test_no_value_removes_its_key_and_its_place_in_a_list() -> None:
    nothing = {"Ref": "AWS::NoValue"}

    assert resolver().resolve({"a": nothing, "b": [1, nothing, {"Fn::If": ["IsProd", 2, nothing]}]}) == {"b": [1]}


def test_a_policys_condition_is_not_taken_for_a_named_condition() -> None:
    statement = {"Condition": {"Bool": {"aws:SecureTransport": "false"}}}

    assert resolver().resolve(statement) == statement


@pytest.mark.parametrize(
    "value",
    [
        {"Ref": "Nobody"},
        {"Fn::GetAtt": ["Bucket", "Colour"]},
        {"Fn::Sub": "${Nobody}"},
        {"Fn::ImportValue": "x"},
        {"Fn::If": ["NoSuchCondition", 1, 2]},
        {"Fn::FindInMap": ["Sizes", "prod", "memory"]},
    ],
)
def test_what_is_not_known_raises(value: object) -> None:
    with pytest.raises(UnknownIntrinsic):
        resolver().resolve(value)


def test_references_are_found_wherever_they_hide() -> None:
    value = {
        "a": [{"Ref": "One"}, {"Fn::GetAtt": ["Two", "Arn"]}],
        "b": {"Fn::Sub": ["${Three.Arn} ${Local} ${!Four}", {"Local": {"Ref": "Five"}}]},
    }

    assert references(value) == {"One", "Two", "Three", "Five"}


def test_a_parameter_takes_its_default_and_a_list_is_split() -> None:
    declared = {"Stage": {"Type": "String", "Default": "dev"}, "Zones": {"Type": "CommaDelimitedList"}}

    assert parameter_values(declared, {"Zones": "a, b"}) == {"Stage": "dev", "Zones": ["a", "b"]}


@pytest.mark.parametrize(
    ("declared", "given", "message"),
    [
        ({"Issuer": {"Type": "String"}}, {}, "Expected a value for the parameter Issuer"),
        ({}, {"Colour": "red"}, "found Colour"),
        ({"Stage": {"Type": "String", "AllowedValues": ["dev", "prod"]}}, {"Stage": "test"}, "one of dev, prod"),
        ({"Issuer": {"Type": "String", "AllowedPattern": "https://.+"}}, {"Issuer": "http://x"}, "to match https://"),
    ],
)
def test_a_parameter_that_the_template_would_refuse_is_refused(
    declared: dict[str, dict[str, object]], given: dict[str, str], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        parameter_values(declared, given)
