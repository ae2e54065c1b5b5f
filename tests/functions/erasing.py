"""A subject with something in every place where something of a subject can be, without looking at a photo."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import boto3

from photogate.aws.s3 import Bucket
from photogate.aws.sealed_bucket import SealedBucket
from photogate.aws.subject_keys import KeyCache, SubjectKeys
from photogate.uploads import ObjectKey
from tests.functions.cloud import TENANT, Account

ORIGINAL = b"the original of a photo, which nobody else may see" * 40
PRIVACY_OFFICER = {"scopes": "erasures:write", "caller": "officer-1"}


@dataclass(frozen=True)
class Stock:
    """What `stock` made."""

    subject: str
    uploads: list[ObjectKey]

    @property
    def prefix(self) -> str:
        return f"{TENANT}/{self.subject}/"


def subject_keys() -> SubjectKeys:
    """Give the keys as a function that starts has them: nothing is cached."""
    client = boto3.client("dynamodb")
    return SubjectKeys(boto3.client("kms"), client, "subjects", os.environ["PHOTOGATE_DATA_KEY"], KeyCache())


def sealed_bucket(aws: Account) -> SealedBucket:
    """Give the quarantine bucket as the review opens it."""
    return SealedBucket(Bucket(aws.s3, "quarantine"), subject_keys())


def stock(aws: Account, uploads: int = 3, **who: Any) -> Stock:
    """Give a caller uploads with objects in every bucket: versions, markers, unfinished parts, a sealed original."""
    request = {
        "content_type": "image/jpeg",
        "size": 10,
        "purpose": "proof_of_delivery",
        "consent_id": aws.consent(**who),
    }
    places = []
    for _ in range(uploads):
        status, upload = aws.http("request_upload", "POST", "/uploads", request, **who)
        assert status == 201, upload
        places.append(ObjectKey(*upload["post"]["fields"]["key"].split("/")))
    for place in places:
        aws.s3.put_object(Bucket="incoming", Key=str(place), Body=b"one version")
        aws.s3.put_object(Bucket="incoming", Key=str(place), Body=b"and another")
        aws.s3.put_object(Bucket="work", Key=place.part("stripped"), Body=b"stripped")
        aws.s3.put_object(Bucket="vault", Key=f"{place}.jpg", Body=b"stored")
        aws.s3.delete_object(Bucket="vault", Key=f"{place}.jpg")
        sealed_bucket(aws).seal(place, ORIGINAL)
        aws.s3.create_multipart_upload(Bucket="incoming", Key=str(place))
    return Stock(places[0].subject, places)


def left_of(aws: Account, made: Stock) -> dict[str, list[str]]:
    """List what is left below a subject's prefix: versions, markers and unfinished uploads."""
    left = {}
    for bucket in ("incoming", "work", "quarantine", "vault"):
        versions = aws.s3.list_object_versions(Bucket=bucket, Prefix=made.prefix)
        parts = aws.s3.list_multipart_uploads(Bucket=bucket, Prefix=made.prefix)
        found = [*versions.get("Versions", []), *versions.get("DeleteMarkers", []), *parts.get("Uploads", [])]
        if found:
            left[bucket] = [entry["Key"] for entry in found]
    return left


def rows_of(aws: Account, made: Stock) -> list[dict[str, Any]]:
    """Give a subject's rows of the Uploads table."""
    items = aws.dynamodb.scan(TableName="uploads", ConsistentRead=True)["Items"]
    ids = {place.upload_id for place in made.uploads}
    return [item for item in items if item["pk"]["S"].rpartition("#")[2] in ids]


def subject_rows(aws: Account) -> list[str]:
    """Give the keys of the Subjects table, but for the erasures' own records."""
    keys = [item["pk"]["S"] for item in aws.dynamodb.scan(TableName="subjects", ConsistentRead=True)["Items"]]
    return sorted(key for key in keys if not key.startswith("erasure#"))


def other_stock(aws: Account) -> Stock:
    """Give somebody else the same, which no erasure may touch."""
    return stock(aws, uploads=1, caller="somebody-else")


def events_of(aws: Account, subject: str) -> list[dict[str, Any]]:
    """Give the events of a subject's chain, in order."""
    return [row.fields for row in reversed(aws.audit.last(f"{TENANT}/subject/{subject}", 100))]
