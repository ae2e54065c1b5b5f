"""The audit table in DynamoDB: conditional puts, consistent tail reads, and errors that the domain knows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from moto import mock_aws

from photogate.audit.event import photo_chain
from photogate.aws.audit_table import AuditTable, item_of
from photogate.errors import Conflict, IntegrityError, NotPermitted, Transient
from tests.audit_builders import TENANT, UPLOAD, MemoryStore, a_log, an_event

CHAIN = photo_chain(TENANT, UPLOAD)


@pytest.fixture
def client() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client(
            "dynamodb", region_name="eu-west-1", aws_access_key_id="testing", aws_secret_access_key="testing"
        )
        client.create_table(
            TableName="audit",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[
                {"AttributeName": "pk", "AttributeType": "S"},
                {"AttributeName": "sk", "AttributeType": "N"},
            ],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        )
        yield client


def test_what_was_appended_is_read_back_to_the_byte(client: Any) -> None:
    table = AuditTable(client, "audit")
    rows = [a_log(table).append(an_event(step)) for step in ("Admit", "Strip", "Detect")]
    assert list(table.last(CHAIN, 2)) == [rows[2], rows[1]]
    assert table.get(CHAIN, 1) == rows[1]
    assert table.get(CHAIN, 3) is None
    assert table.last("acme/photo/" + "0" * 32, 5) == []


def test_a_place_is_taken_once(client: Any) -> None:
    table = AuditTable(client, "audit")
    row = a_log(MemoryStore()).append(an_event())
    table.put(row)
    with pytest.raises(Conflict):
        table.put(row)


def test_an_append_costs_one_query_and_one_put(client: Any) -> None:
    calls: list[str] = []
    client.meta.events.register("before-call.dynamodb.*", lambda model, **_: calls.append(model.name))
    a_log(AuditTable(client, "audit")).append(an_event())
    assert calls == ["Query", "PutItem"]


def test_a_response_that_was_lost_does_not_write_twice(client: Any) -> None:
    def lose(http_response: Any, model: Any, **_: Any) -> None:
        if model.name == "PutItem":
            raise ReadTimeoutError(endpoint_url="https://dynamodb")

    table = AuditTable(client, "audit")
    client.meta.events.register("after-call.dynamodb.PutItem", lose)
    with pytest.raises(Transient):
        a_log(table).append(an_event())
    client.meta.events.unregister("after-call.dynamodb.PutItem", lose)
    a_log(table).append(an_event())
    assert len(table.last(CHAIN, 10)) == 1


def test_a_row_whose_body_was_edited_is_not_read_as_if_it_were_whole(client: Any) -> None:
    row = a_log(MemoryStore()).append(an_event())
    item = item_of(row)
    item["body"]["S"] = item["body"]["S"].replace('"succeeded"', '"refused"')
    client.put_item(TableName="audit", Item=item)
    with pytest.raises(IntegrityError):
        AuditTable(client, "audit").last(CHAIN, 1)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("ConditionalCheckFailedException", Conflict),
        ("ProvisionedThroughputExceededException", Transient),
        ("ThrottlingException", Transient),
        ("AccessDeniedException", NotPermitted),
        ("ValidationException", ClientError),
    ],
)
def test_errors_become_what_the_domain_knows(client: Any, code: str, expected: type[Exception]) -> None:
    def refuse(**_: Any) -> None:
        raise ClientError({"Error": {"Code": code, "Message": "m"}}, "PutItem")

    client.meta.events.register("before-call.dynamodb.PutItem", refuse)
    with pytest.raises(expected):
        AuditTable(client, "audit").put(a_log(MemoryStore()).append(an_event()))
