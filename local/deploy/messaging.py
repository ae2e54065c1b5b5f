"""SQS and SNS."""

from __future__ import annotations

import json
from typing import Any

from local.deploy.base import Context, Created, Handler, Properties, document, tags
from local.places import ACCOUNT, REGION

__all__ = ["HANDLERS"]


def queue(context: Context, properties: Properties) -> Created:
    """Create a queue."""
    name = properties.take("QueueName", context.name(properties.logical_id, 80))
    attributes = properties.take_all(
        "DelaySeconds",
        "FifoQueue",
        "KmsDataKeyReusePeriodSeconds",
        "KmsMasterKeyId",
        "MaximumMessageSize",
        "MessageRetentionPeriod",
        "ReceiveMessageWaitTimeSeconds",
        "RedriveAllowPolicy",
        "RedrivePolicy",
        "SqsManagedSseEnabled",
        "VisibilityTimeout",
    )
    made = context.client("sqs").create_queue(
        QueueName=name,
        Attributes={k: _text(v) for k, v in attributes.items()},
        tags={t["Key"]: t["Value"] for t in tags(properties.take("Tags", []))},
    )
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
    return Created(made["QueueUrl"], {"Arn": arn, "QueueName": name, "QueueUrl": made["QueueUrl"]})


def queue_policy(context: Context, properties: Properties) -> Created:
    """Put the policy of queues."""
    text = document(properties.take("PolicyDocument"))
    for url in properties.take("Queues"):
        context.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": text})
    return Created(properties.logical_id, {"Id": properties.logical_id})


def topic(context: Context, properties: Properties) -> Created:
    """Create a topic with its subscriptions."""
    sns = context.client("sns")
    name = properties.take("TopicName", context.name(properties.logical_id, 256))
    attributes = properties.take_all("DisplayName", "KmsMasterKeyId", "SignatureVersion", "TracingConfig", "FifoTopic")
    made = sns.create_topic(
        Name=name, Attributes={k: _text(v) for k, v in attributes.items()}, Tags=tags(properties.take("Tags", []))
    )
    for each in properties.take("Subscription", []):
        sns.subscribe(TopicArn=made["TopicArn"], Protocol=each["Protocol"], Endpoint=each["Endpoint"])
    return Created(made["TopicArn"], {"TopicArn": made["TopicArn"], "TopicName": name})


def topic_policy(context: Context, properties: Properties) -> Created:
    """Put the policy of topics."""
    text = document(properties.take("PolicyDocument"))
    for arn in properties.take("Topics"):
        context.client("sns").set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=text)
    return Created(properties.logical_id, {"Id": properties.logical_id})


def subscription(context: Context, properties: Properties) -> Created:
    """Subscribe to a topic."""
    arguments = properties.take_all("TopicArn", "Protocol", "Endpoint")
    made = context.client("sns").subscribe(**arguments, ReturnSubscriptionArn=True)
    return Created(made["SubscriptionArn"], {"Arn": made["SubscriptionArn"]})


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value) if isinstance(value, dict) else str(value)


HANDLERS: dict[str, Handler] = {
    "AWS::SNS::Subscription": subscription,
    "AWS::SNS::Topic": topic,
    "AWS::SNS::TopicPolicy": topic_policy,
    "AWS::SQS::Queue": queue,
    "AWS::SQS::QueuePolicy": queue_policy,
}
