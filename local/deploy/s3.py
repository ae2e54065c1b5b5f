"""S3: buckets and their policies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from local.deploy.base import Context, Created, Handler, Properties, document, tags
from local.places import REGION

__all__ = ["HANDLERS"]


def bucket(context: Context, properties: Properties) -> Created:
    """Create a bucket with all that CloudFormation would configure on it."""
    s3 = context.client("s3")
    name = properties.take("BucketName", context.name(properties.logical_id, 63).lower())
    lock = properties.take("ObjectLockEnabled", False)
    arguments: dict[str, Any] = {"CreateBucketConfiguration": {"LocationConstraint": REGION}}
    if ownership := properties.take("OwnershipControls", None):
        arguments["ObjectOwnership"] = ownership["Rules"][0]["ObjectOwnership"]
    s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=lock, **arguments)
    if ownership:
        s3.put_bucket_ownership_controls(Bucket=name, OwnershipControls=ownership)
    if block := properties.take("PublicAccessBlockConfiguration", None):
        s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=block)
    if encryption := properties.take("BucketEncryption", None):
        rules = [_encryption_rule(r) for r in encryption["ServerSideEncryptionConfiguration"]]
        s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": rules})
    if versioning := properties.take("VersioningConfiguration", None):
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration=versioning)
    if retention := properties.take("ObjectLockConfiguration", None):
        s3.put_object_lock_configuration(Bucket=name, ObjectLockConfiguration=retention)
    if lifecycle := properties.take("LifecycleConfiguration", None):
        rules = [_lifecycle_rule(r) for r in lifecycle["Rules"]]
        s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": rules})
    if cors := properties.take("CorsConfiguration", None):
        s3.put_bucket_cors(Bucket=name, CORSConfiguration={"CORSRules": [_cors_rule(r) for r in cors["CorsRules"]]})
    if notification := properties.take("NotificationConfiguration", None):
        s3.put_bucket_notification_configuration(
            Bucket=name, NotificationConfiguration=_notification(properties.logical_id, notification)
        )
    if logging := properties.take("LoggingConfiguration", None):
        target = {"TargetBucket": logging.get("DestinationBucketName", name)}
        target["TargetPrefix"] = logging.get("LogFilePrefix", "")
        s3.put_bucket_logging(Bucket=name, BucketLoggingStatus={"LoggingEnabled": target})
    if marks := tags(properties.take("Tags", [])):
        s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": marks})
    return Created(
        name,
        {
            "Arn": f"arn:aws:s3:::{name}",
            "DomainName": f"{name}.s3.amazonaws.com",
            "RegionalDomainName": f"{name}.s3.{REGION}.amazonaws.com",
        },
    )


def bucket_policy(context: Context, properties: Properties) -> Created:
    """Put a bucket's policy; never without its TLS-only deny, for it comes from the template as it is."""
    name = properties.take("Bucket")
    context.client("s3").put_bucket_policy(Bucket=name, Policy=document(properties.take("PolicyDocument")))
    return Created(name)


def _renamed(rule: Mapping[str, Any], names: Mapping[str, str | tuple[str, Callable[[Any], Any]]]) -> dict[str, Any]:
    """Give a rule under the API's names; a key that is not in `names` is an error."""
    result: dict[str, Any] = {}
    for key, value in rule.items():
        if key not in names:
            raise ValueError(f"Expected a rule whose keys local/deploy/s3.py knows; found {key}")
        target = names[key]
        if isinstance(target, str):
            result[target] = value
        else:
            result[target[0]] = target[1](value)
    return result


def _encryption_rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    return _renamed(
        rule,
        {
            "ServerSideEncryptionByDefault": "ApplyServerSideEncryptionByDefault",
            "BucketKeyEnabled": "BucketKeyEnabled",
            "BlockedEncryptionTypes": "BlockedEncryptionTypes",
        },
    )


def _lifecycle_rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    prefix = rule.get("Prefix", "")
    expiration = {
        api: rule[ours]
        for ours, api in (("ExpirationInDays", "Days"), ("ExpiredObjectDeleteMarker", "ExpiredObjectDeleteMarker"))
        if ours in rule
    }
    rest = {k: v for k, v in rule.items() if k not in ("Prefix", "ExpirationInDays", "ExpiredObjectDeleteMarker")}
    renamed = _renamed(
        rest,
        {
            "Id": "ID",
            "Status": "Status",
            "AbortIncompleteMultipartUpload": "AbortIncompleteMultipartUpload",
            "NoncurrentVersionExpiration": "NoncurrentVersionExpiration",
            "NoncurrentVersionExpirationInDays": (
                "NoncurrentVersionExpiration",
                lambda days: {"NoncurrentDays": int(days)},
            ),
        },
    )
    renamed["Filter"] = {"Prefix": prefix}
    if expiration:
        renamed["Expiration"] = expiration
    return renamed


def _cors_rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    return _renamed(
        rule,
        {
            "Id": "ID",
            "AllowedHeaders": "AllowedHeaders",
            "AllowedMethods": "AllowedMethods",
            "AllowedOrigins": "AllowedOrigins",
            "ExposedHeaders": "ExposeHeaders",
            "MaxAge": "MaxAgeSeconds",
        },
    )


def _notification(logical_id: str, value: Mapping[str, Any]) -> dict[str, Any]:
    if unknown := set(value) - {"EventBridgeConfiguration"}:
        raise ValueError(f"Expected {logical_id} to notify EventBridge only; found {sorted(unknown)}")
    enabled = value["EventBridgeConfiguration"].get("EventBridgeEnabled", True)
    return {"EventBridgeConfiguration": {}} if str(enabled).lower() == "true" else {}


HANDLERS: dict[str, Handler] = {"AWS::S3::Bucket": bucket, "AWS::S3::BucketPolicy": bucket_policy}
