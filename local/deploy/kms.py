"""KMS: keys and aliases."""

from __future__ import annotations

from local.deploy.base import Context, Created, Handler, Properties, document, tags

__all__ = ["HANDLERS"]


def key(context: Context, properties: Properties) -> Created:
    """Create a symmetric, HMAC or elliptic-curve key with its policy."""
    kms = context.client("kms")
    rotates, days = properties.take("EnableKeyRotation", False), properties.take("RotationPeriodInDays", None)
    enabled = properties.take("Enabled", True)
    properties.take("PendingWindowInDays", None)  # says how deletion waits; nothing to do at creation
    arguments = properties.take_all("Description", "KeySpec", "KeyUsage", "MultiRegion", "Origin")
    arguments["Tags"] = [{"TagKey": t["Key"], "TagValue": t["Value"]} for t in tags(properties.take("Tags", []))]
    if (policy := properties.take("KeyPolicy", None)) is not None:
        arguments["Policy"] = document(policy)
    made = kms.create_key(**arguments)["KeyMetadata"]
    if rotates:
        kms.enable_key_rotation(KeyId=made["KeyId"], **({"RotationPeriodInDays": days} if days else {}))
    if not enabled:
        kms.disable_key(KeyId=made["KeyId"])
    return Created(made["KeyId"], {"Arn": made["Arn"], "KeyId": made["KeyId"]})


def alias(context: Context, properties: Properties) -> Created:
    """Name a key."""
    name = properties.take("AliasName")
    context.client("kms").create_alias(AliasName=name, TargetKeyId=properties.take("TargetKeyId"))
    return Created(name)


HANDLERS: dict[str, Handler] = {"AWS::KMS::Key": key, "AWS::KMS::Alias": alias}
