"""DynamoDB: tables."""

from __future__ import annotations

from typing import Any

from local.deploy.base import Context, Created, Handler, Properties, document, tags

__all__ = ["HANDLERS"]


def table(context: Context, properties: Properties) -> Created:
    """Create a table with its indexes, stream, encryption, TTL and point-in-time recovery."""
    dynamodb = context.client("dynamodb")
    name = properties.take("TableName", context.name(properties.logical_id, 255))
    arguments: dict[str, Any] = properties.take_all(
        "AttributeDefinitions",
        "BillingMode",
        "DeletionProtectionEnabled",
        "GlobalSecondaryIndexes",
        "KeySchema",
        "LocalSecondaryIndexes",
        "OnDemandThroughput",
        "ProvisionedThroughput",
        "TableClass",
    )
    if encryption := properties.take("SSESpecification", None):
        arguments["SSESpecification"] = {"Enabled" if k == "SSEEnabled" else k: v for k, v in encryption.items()}
    if stream := properties.take("StreamSpecification", None):
        arguments["StreamSpecification"] = {"StreamEnabled": True, **stream}
    if marks := tags(properties.take("Tags", [])):
        arguments["Tags"] = marks
    made = dynamodb.create_table(TableName=name, **arguments)["TableDescription"]
    dynamodb.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 20})
    if ttl := properties.take("TimeToLiveSpecification", None):
        dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification=ttl)
    if recovery := properties.take("PointInTimeRecoverySpecification", None):
        dynamodb.update_continuous_backups(TableName=name, PointInTimeRecoverySpecification=recovery)
    if insights := properties.take("ContributorInsightsSpecification", None):
        action = "ENABLE" if insights["Enabled"] else "DISABLE"
        dynamodb.update_contributor_insights(TableName=name, ContributorInsightsAction=action)
    if policy := properties.take("ResourcePolicy", None):
        dynamodb.put_resource_policy(ResourceArn=made["TableArn"], Policy=document(policy["PolicyDocument"]))
    attributes = {"Arn": made["TableArn"], "TableId": made.get("TableId", "")}
    if stream:
        attributes["StreamArn"] = dynamodb.describe_table(TableName=name)["Table"]["LatestStreamArn"]
    return Created(name, attributes)


HANDLERS: dict[str, Handler] = {"AWS::DynamoDB::Table": table}
