"""IAM: roles and policies."""

from __future__ import annotations

from local.deploy.base import Context, Created, Handler, Properties, document, tags
from local.places import ACCOUNT

__all__ = ["HANDLERS"]


def role(context: Context, properties: Properties) -> Created:
    """Create a role with its inline and managed policies."""
    iam = context.client("iam")
    name = properties.take("RoleName", context.name(properties.logical_id))
    arguments = properties.take_all("Path", "Description", "MaxSessionDuration", "PermissionsBoundary")
    trust = document(properties.take("AssumeRolePolicyDocument"))
    created = iam.create_role(
        RoleName=name, AssumeRolePolicyDocument=trust, Tags=tags(properties.take("Tags", [])), **arguments
    )
    for policy in properties.take("Policies", []):
        iam.put_role_policy(
            RoleName=name, PolicyName=policy["PolicyName"], PolicyDocument=document(policy["PolicyDocument"])
        )
    for arn in properties.take("ManagedPolicyArns", []):
        iam.attach_role_policy(RoleName=name, PolicyArn=arn)
    found = created["Role"]
    return Created(name, {"Arn": found["Arn"], "RoleId": found["RoleId"]})


def policy(context: Context, properties: Properties) -> Created:
    """Create an inline policy of roles."""
    name = properties.take("PolicyName")
    text = document(properties.take("PolicyDocument"))
    for holder in properties.take("Roles", []):
        context.client("iam").put_role_policy(RoleName=holder, PolicyName=name, PolicyDocument=text)
    return Created(name)


def managed_policy(context: Context, properties: Properties) -> Created:
    """Create a managed policy, and attach it to roles."""
    iam = context.client("iam")
    name = properties.take("ManagedPolicyName", context.name(properties.logical_id, 128))
    arguments = properties.take_all("Path", "Description")
    made = iam.create_policy(PolicyName=name, PolicyDocument=document(properties.take("PolicyDocument")), **arguments)
    arn = made["Policy"]["Arn"]
    for holder in properties.take("Roles", []):
        iam.attach_role_policy(RoleName=holder, PolicyArn=arn)
    assert f":{ACCOUNT}:" in arn
    return Created(arn, {"PolicyArn": arn})


HANDLERS: dict[str, Handler] = {
    "AWS::IAM::Role": role,
    "AWS::IAM::Policy": policy,
    "AWS::IAM::ManagedPolicy": managed_policy,
}
