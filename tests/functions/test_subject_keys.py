"""Subjects' data keys: made once, unwrapped for their own subject only, forgotten after five minutes."""

from __future__ import annotations

import os
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from photogate.aws.s3 import Bucket
from photogate.aws.sealed_bucket import SealedBucket
from photogate.aws.subject_keys import DataKey, KeyCache, SubjectKeys, encryption_context
from photogate.aws.subjects_table import DynamoSubjects
from photogate.errors import Fenced, IntegrityError, NotFound
from photogate.findings import FindingKind
from photogate.policy import Action, Rule, default_policy
from photogate.uploads import ObjectKey, new_id
from tests import photos
from tests.functions.cloud import TENANT, Account

SUBJECT = "1" * 32


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class CountedKms:
    """KMS, and how often it was asked for what."""

    def __init__(self) -> None:
        self._kms, self.calls = boto3.client("kms"), []

    def __getattr__(self, name: str) -> Any:
        self.calls.append(name)
        return getattr(self._kms, name)


def keys(aws: Account, kms: Any = None, clock: Clock | None = None) -> SubjectKeys:
    cache = KeyCache(clock or Clock())
    return SubjectKeys(kms or boto3.client("kms"), aws.dynamodb, "subjects", data_key(), cache)


def data_key() -> str:
    return os.environ["PHOTOGATE_DATA_KEY"]


def subject(aws: Account, pseudonym: str = SUBJECT) -> str:
    return DynamoSubjects(aws.dynamodb, "subjects").create(TENANT, f"mac of {pseudonym}", pseudonym)


def row(aws: Account) -> dict[str, Any]:
    found: dict[str, Any] = aws.dynamodb.get_item(
        TableName="subjects", Key={"pk": {"S": f"subject#{TENANT}#{SUBJECT}"}}
    )["Item"]
    return found


def fence(aws: Account) -> None:
    aws.dynamodb.update_item(
        TableName="subjects",
        Key={"pk": {"S": f"subject#{TENANT}#{SUBJECT}"}},
        UpdateExpression="SET fenced_at = :now",
        ExpressionAttributeValues={":now": {"S": "2026-11-01T00:00:00.000Z"}},
    )


def test_a_subject_has_one_key_whoever_asks(aws: Account) -> None:
    subject(aws)
    one = keys(aws).for_sealing(TENANT, SUBJECT)
    two = keys(aws).for_sealing(TENANT, SUBJECT)
    three = keys(aws).for_opening(TENANT, SUBJECT)
    assert one == two == three
    assert len(one.key) == 32


def test_two_subjects_have_two_keys(aws: Account) -> None:
    subject(aws)
    subject(aws, "2" * 32)
    assert keys(aws).for_sealing(TENANT, SUBJECT).key != keys(aws).for_sealing(TENANT, "2" * 32).key


def test_the_table_holds_the_key_wrapped_and_not_in_plaintext(aws: Account) -> None:
    subject(aws)
    key = keys(aws).for_sealing(TENANT, SUBJECT)
    assert bytes(key.key) not in row(aws)["wrapped_key"]["B"]


@pytest.mark.parametrize("changed", ["tenant", "subject", "purpose"])
def test_kms_does_not_unwrap_under_another_context(aws: Account, changed: str) -> None:
    subject(aws)
    keys(aws).for_sealing(TENANT, SUBJECT)
    context = {**encryption_context(TENANT, SUBJECT), changed: "another"}
    with pytest.raises(ClientError, match="InvalidCiphertextException"):
        boto3.client("kms").decrypt(CiphertextBlob=row(aws)["wrapped_key"]["B"], EncryptionContext=context)


def test_a_key_copied_to_another_subject_does_not_open(aws: Account) -> None:
    subject(aws)
    subject(aws, "2" * 32)
    keys(aws).for_sealing(TENANT, SUBJECT)
    aws.dynamodb.put_item(TableName="subjects", Item={**row(aws), "pk": {"S": f"subject#{TENANT}#{'2' * 32}"}})
    with pytest.raises(IntegrityError, match="wrapped for this subject"):
        keys(aws).for_opening(TENANT, "2" * 32)


def test_whoever_loses_a_race_adopts_the_winners_key(aws: Account) -> None:
    subject(aws)
    winners: list[Any] = []

    class Slow:
        """KMS whose answer comes after another function's key was stored."""

        def generate_data_key(self, **request: Any) -> Any:
            made = boto3.client("kms").generate_data_key(**request)
            winners.append(keys(aws).for_sealing(TENANT, SUBJECT))
            return made

        def decrypt(self, **request: Any) -> Any:
            return boto3.client("kms").decrypt(**request)

    assert keys(aws, Slow()).for_sealing(TENANT, SUBJECT) == winners[0]


def test_a_fenced_or_unknown_subject_gets_no_key(aws: Account) -> None:
    with pytest.raises(Fenced):
        keys(aws).for_sealing(TENANT, SUBJECT)
    with pytest.raises(NotFound):
        keys(aws).for_opening(TENANT, SUBJECT)
    subject(aws)
    keys(aws).for_sealing(TENANT, SUBJECT)
    fence(aws)
    with pytest.raises(Fenced):
        keys(aws).for_sealing(TENANT, SUBJECT)
    with pytest.raises(Fenced):
        keys(aws).for_opening(TENANT, SUBJECT)


def test_a_fence_set_while_kms_answers_refuses_the_key(aws: Account) -> None:
    subject(aws)

    class Slow:
        def generate_data_key(self, **request: Any) -> Any:
            fence(aws)
            return boto3.client("kms").generate_data_key(**request)

    with pytest.raises(Fenced):
        keys(aws, Slow()).for_sealing(TENANT, SUBJECT)
    assert "wrapped_key" not in row(aws)


def test_a_key_is_cached_for_five_minutes_and_then_overwritten(aws: Account) -> None:
    subject(aws)
    kms, clock = CountedKms(), Clock()
    mine = keys(aws, kms, clock)
    first = mine.for_sealing(TENANT, SUBJECT)
    clock.now = 299.9
    assert mine.for_sealing(TENANT, SUBJECT) is first
    assert kms.calls == ["generate_data_key"]

    clock.now = 300.0
    again = mine.for_sealing(TENANT, SUBJECT)

    assert first.key == bytearray(32)
    assert again.key != bytearray(32)
    assert kms.calls == ["generate_data_key", "decrypt"]


def test_no_cache_can_be_asked_to_keep_longer() -> None:
    clock = Clock()
    cache = KeyCache(clock, lifetime_s=3600)
    held = cache.put(TENANT, SUBJECT, DataKey("0" * 32, bytearray(b"k" * 32)))
    clock.now = 300.0
    assert cache.get(TENANT, SUBJECT) is None
    assert held.key == bytearray(32)


def test_an_original_in_quarantine_is_sealed_and_opens_for_its_own_upload_only(aws: Account) -> None:
    faces = {**default_policy().findings, FindingKind.FACE: Rule(act=Action.REVIEW, review=Action.REVIEW)}
    aws.set_policy(default_policy().model_copy(update={"findings": faces}))
    original = photos.encode(photos.picture("astronaut").resize((256, 256)))
    upload = aws.upload(original)
    aws.process(upload)
    assert aws.status(upload)["status"] == "IN_REVIEW"

    stored = aws.s3.get_object(Bucket="quarantine", Key=upload["key"])["Body"].read()
    assert stored.startswith(b"PGSEALED")
    assert original[:64] not in stored

    place = ObjectKey(*upload["key"].split("/"))
    sealed = SealedBucket(Bucket(aws.s3, "quarantine"), keys(aws))
    assert sealed.open(place) == original
    other = ObjectKey(place.tenant, place.subject, new_id())
    aws.s3.copy_object(Bucket="quarantine", Key=str(other), CopySource={"Bucket": "quarantine", "Key": str(place)})
    with pytest.raises(IntegrityError, match="for this upload"):
        sealed.open(other)
