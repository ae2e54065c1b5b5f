"""KMS: the permission on the key behind an encrypted object or table, and the encryption context of a request."""

from __future__ import annotations

import json
from typing import Any

from local.places import ACCOUNT, REGION

__all__ = ["ask_the_key"]

OBJECT_ACTIONS = {
    "s3:PutObject": "kms:GenerateDataKey",
    "s3:GetObject": "kms:Decrypt",
    "s3:GetObjectVersion": "kms:Decrypt",
}
ITEM_ACTIONS = {
    "dynamodb:BatchGetItem",
    "dynamodb:BatchWriteItem",
    "dynamodb:ConditionCheckItem",
    "dynamodb:DeleteItem",
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:Query",
    "dynamodb:Scan",
    "dynamodb:UpdateItem",
}


def ask_the_key() -> None:
    """Let nobody read or write what a customer's key encrypts without the permission on that key.

    S3 and DynamoDB call KMS in the caller's name. MiniStack does not ask; here the same evaluator is asked a second
    time, for the KMS action, with ``kms:ViaService`` and the encryption context that the service sends. A direct call
    of KMS gets ``kms:EncryptionContext:*`` from its body.

    Sources: S3 User Guide, "Using server-side encryption with AWS KMS keys" and "S3 Bucket Keys"; DynamoDB Developer
    Guide, "DynamoDB encryption at rest usage notes"; KMS Developer Guide, "Condition keys for AWS KMS".
    """
    from ministack.core import iam_evaluator

    inner = iam_evaluator.enforce

    def enforce(
        access_key: str,
        action: str,
        service: str,
        region: str,
        resource_arn: str = "*",
        service_context: dict[str, Any] | None = None,
    ) -> Any:
        if service == "kms":
            service_context = {**_encryption_context(), **(service_context or {})}
        refused = inner(access_key, action, service, region, resource_arn, service_context)
        if refused is not None or not access_key:
            return refused
        use = _key_behind(action, resource_arn)
        if use is None:
            return None
        # The signer of a form is known, though the request that carries the form is not signed.
        unsigned = iam_evaluator._anonymous.set(False)
        try:
            return inner(access_key, use[0], "kms", region, use[1], use[2])
        finally:
            iam_evaluator._anonymous.reset(unsigned)

    iam_evaluator.enforce = enforce


def _key_behind(action: str, resource: str) -> tuple[str, str, dict[str, str]] | None:
    """Give the KMS action, the key's ARN and the context that an action on an object or a table brings with it."""
    if action in OBJECT_ACTIONS and _method() != "HEAD":
        return _behind_object(OBJECT_ACTIONS[action], resource)
    if action in ITEM_ACTIONS:
        return _behind_table(resource)
    return None


def _behind_object(action: str, resource: str) -> tuple[str, str, dict[str, str]] | None:
    from ministack.services import s3

    bucket = resource.removeprefix("arn:aws:s3:::").split("/", 1)[0]
    configured = s3._bucket_encryption.get(bucket) or ""
    key = s3._bucket_default_sse_headers(bucket).get("x-amz-server-side-encryption-aws-kms-key-id")
    if not key:
        return None
    by_bucket_key = "<BucketKeyEnabled>true</BucketKeyEnabled>" in configured
    context = {
        "kms:ViaService": f"s3.{REGION}.amazonaws.com",
        "kms:EncryptionContext:aws:s3:arn": f"arn:aws:s3:::{bucket}" if by_bucket_key else resource,
    }
    return action, _key_arn(key), context


def _behind_table(resource: str) -> tuple[str, str, dict[str, str]] | None:
    from ministack.services import dynamodb

    name = resource.partition(":table/")[2].split("/", 1)[0]
    key = ((dynamodb._tables.get(name) or {}).get("SSEDescription") or {}).get("KMSMasterKeyArn")
    if not key:
        return None
    context = {
        "kms:ViaService": f"dynamodb.{REGION}.amazonaws.com",
        "kms:EncryptionContext:aws:dynamodb:tableName": name,
        "kms:EncryptionContext:aws:dynamodb:subscriberId": ACCOUNT,
    }
    return "kms:Decrypt", _key_arn(key), context


def _key_arn(key: str) -> str:
    return key if key.startswith("arn:") else f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{key}"


def _encryption_context() -> dict[str, Any]:
    from ministack.core import iam_evaluator

    request = iam_evaluator._signed_request.get()
    try:
        body = json.loads(request.body) if request and request.body else {}
    except ValueError:
        return {}
    sent = body.get("EncryptionContext") or {}
    found: dict[str, Any] = {f"kms:EncryptionContext:{k}": v for k, v in sent.items()}
    return found | ({"kms:EncryptionContextKeys": sorted(sent)} if sent else {})


def _method() -> str:
    from ministack.core import iam_evaluator

    request = iam_evaluator._signed_request.get()
    return request.method if request else ""
