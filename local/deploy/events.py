"""EventBridge: rules, buses, schedules."""

from __future__ import annotations

from local.deploy.base import Context, Created, Handler, Properties, document, tags
from local.places import ACCOUNT, REGION

__all__ = ["HANDLERS"]


def bus(context: Context, properties: Properties) -> Created:
    """Create an event bus."""
    name = properties.take("Name")
    arguments = properties.take_all("Description", "KmsKeyIdentifier", "DeadLetterConfig")
    made = context.client("events").create_event_bus(Name=name, Tags=tags(properties.take("Tags", [])), **arguments)
    return Created(name, {"Arn": made["EventBusArn"], "Name": name})


def bus_policy(context: Context, properties: Properties) -> Created:
    """Say who may put events on a bus."""
    statement = properties.take("Statement")
    sid = properties.take("StatementId")
    policy = {"Version": "2012-10-17", "Statement": [{**statement, "Sid": sid}]}
    bus_name = properties.take("EventBusName", "default")
    context.client("events").put_permission(EventBusName=bus_name, Policy=document(policy))
    return Created(sid)


def rule(context: Context, properties: Properties) -> Created:
    """Create a rule with its targets."""
    events = context.client("events")
    name = properties.take("Name", context.name(properties.logical_id))
    bus_name = properties.take("EventBusName", "default")
    arguments = properties.take_all("Description", "RoleArn", "ScheduleExpression", "State")
    if (pattern := properties.take("EventPattern", None)) is not None:
        arguments["EventPattern"] = document(pattern)
    made = events.put_rule(Name=name, EventBusName=bus_name, Tags=tags(properties.take("Tags", [])), **arguments)
    if targets := properties.take("Targets", []):
        failed = events.put_targets(Rule=name, EventBusName=bus_name, Targets=targets)["FailedEntries"]
        if failed:
            raise ValueError(f"Expected {properties.logical_id} to accept its targets; found {failed}")
    return Created(name, {"Arn": made["RuleArn"]})


def schedule(context: Context, properties: Properties) -> Created:
    """Create a schedule of EventBridge Scheduler."""
    name = properties.take("Name", context.name(properties.logical_id))
    arguments = properties.take_all(
        "Description",
        "EndDate",
        "FlexibleTimeWindow",
        "GroupName",
        "KmsKeyArn",
        "ScheduleExpression",
        "ScheduleExpressionTimezone",
        "StartDate",
        "State",
        "Target",
    )
    arguments.setdefault("FlexibleTimeWindow", {"Mode": "OFF"})
    made = context.client("scheduler").create_schedule(Name=name, **arguments)
    return Created(name, {"Arn": made["ScheduleArn"]})


def schedule_group(context: Context, properties: Properties) -> Created:
    """Create a group of schedules."""
    name = properties.take("Name", context.name(properties.logical_id))
    context.client("scheduler").create_schedule_group(Name=name, Tags=tags(properties.take("Tags", [])))
    return Created(name, {"Arn": f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule-group/{name}"})


HANDLERS: dict[str, Handler] = {
    "AWS::Events::EventBus": bus,
    "AWS::Events::EventBusPolicy": bus_policy,
    "AWS::Events::Rule": rule,
    "AWS::Scheduler::Schedule": schedule,
    "AWS::Scheduler::ScheduleGroup": schedule_group,
}
