"""CloudWatch: log groups, metric filters, alarms, dashboards."""

from __future__ import annotations

from local.deploy.base import Context, Created, Handler, Properties, document, lower_first, tags
from local.places import ACCOUNT, REGION

__all__ = ["HANDLERS"]


def log_group(context: Context, properties: Properties) -> Created:
    """Create a log group with its retention."""
    logs = context.client("logs")
    name = properties.take("LogGroupName", context.name(properties.logical_id, 512))
    arguments = properties.take_all("KmsKeyId", "LogGroupClass", rename=lambda n: n[:1].lower() + n[1:])
    logs.create_log_group(
        logGroupName=name,
        tags={t["Key"]: t["Value"] for t in tags(properties.take("Tags", []))},
        **arguments,
    )
    if days := properties.take("RetentionInDays", None):
        logs.put_retention_policy(logGroupName=name, retentionInDays=days)
    if (policy := properties.take("DataProtectionPolicy", None)) is not None:
        logs.put_data_protection_policy(logGroupIdentifier=name, policyDocument=document(policy))
    return Created(name, {"Arn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{name}:*"})


def resource_policy(context: Context, properties: Properties) -> Created:
    """Let a service write logs."""
    name = properties.take("PolicyName")
    context.client("logs").put_resource_policy(
        policyName=name, policyDocument=document(properties.take("PolicyDocument"))
    )
    return Created(name)


def metric_filter(context: Context, properties: Properties) -> Created:
    """Count what a log says."""
    name = properties.take("FilterName", context.name(properties.logical_id))
    context.client("logs").put_metric_filter(
        logGroupName=properties.take("LogGroupName"),
        filterName=name,
        filterPattern=properties.take("FilterPattern"),
        metricTransformations=lower_first(properties.take("MetricTransformations")),
    )
    return Created(name)


def alarm(context: Context, properties: Properties) -> Created:
    """Create an alarm on a metric."""
    name = properties.take("AlarmName", context.name(properties.logical_id, 255))
    arguments = properties.take_all(
        "ActionsEnabled",
        "AlarmActions",
        "AlarmDescription",
        "ComparisonOperator",
        "DatapointsToAlarm",
        "Dimensions",
        "EvaluationPeriods",
        "ExtendedStatistic",
        "InsufficientDataActions",
        "MetricName",
        "Metrics",
        "Namespace",
        "OKActions",
        "Period",
        "Statistic",
        "Threshold",
        "ThresholdMetricId",
        "TreatMissingData",
        "Unit",
    )
    context.client("cloudwatch").put_metric_alarm(AlarmName=name, Tags=tags(properties.take("Tags", [])), **arguments)
    return Created(name, {"Arn": f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{name}"})


def dashboard(context: Context, properties: Properties) -> Created:
    """Create a dashboard."""
    name = properties.take("DashboardName", context.name(properties.logical_id))
    context.client("cloudwatch").put_dashboard(
        DashboardName=name, DashboardBody=document(properties.take("DashboardBody"))
    )
    return Created(name)


HANDLERS: dict[str, Handler] = {
    "AWS::CloudWatch::Alarm": alarm,
    "AWS::CloudWatch::Dashboard": dashboard,
    "AWS::Logs::LogGroup": log_group,
    "AWS::Logs::MetricFilter": metric_filter,
    "AWS::Logs::ResourcePolicy": resource_policy,
}
