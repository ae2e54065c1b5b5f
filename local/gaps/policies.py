"""IAM: condition keys that MiniStack resolves otherwise than AWS, and asking a role's policies."""

from __future__ import annotations

from typing import Any

from local.places import ACCOUNT, REGION

__all__ = ["name_the_role_in_principal_arn", "role_allows", "show_encryption_headers"]


def role_allows(role_arn: str, action: str, resource: str) -> bool:
    """Evaluate a role's identity policies for one action on one resource, with MiniStack's evaluator."""
    from ministack.core import iam_evaluator

    name = role_arn.rsplit("/", 1)[-1]
    context = iam_evaluator.EvalContext(
        principal_arn=f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/service",
        principal_type="AssumedRole",
        principal_account=ACCOUNT,
        action=action,
        resource_arn=resource,
        region=REGION,
    )
    return bool(iam_evaluator.evaluate(context, iam_evaluator._gather_role_policies(name, ACCOUNT)).decision == "Allow")


def name_the_role_in_principal_arn() -> None:
    """Give ``aws:PrincipalArn`` the role's own ARN, its path included; MiniStack gives the session's.

    Source: IAM User Guide, "AWS global condition context keys", aws:PrincipalArn.
    """
    from ministack.core import iam_evaluator
    from ministack.services import iam

    inner = iam_evaluator._resolve_condition_key

    def resolve(key: str, context: Any) -> Any:
        if key.lower() == "aws:principalarn" and ":assumed-role/" in context.principal_arn:
            name = context.principal_arn.split("/")[1]
            role = iam._roles.get_scoped(context.principal_account, None, name)
            if role is not None:
                return role["Arn"]
        return inner(key, context)

    iam_evaluator._resolve_condition_key = resolve


def show_encryption_headers() -> None:
    """Give bucket policies every ``x-amz-server-side-encryption*`` header of a PUT; MiniStack gives the algorithm only.

    Source: Service Authorization Reference, "Condition keys for Amazon S3".
    """
    from ministack.core import iam_actions

    inner = iam_actions.s3_service_context

    def context(
        action: str, query: dict[str, Any] | None, path: str = "", headers: dict[str, str] | None = None
    ) -> dict[str, Any]:
        found = dict(inner(action, query, path, headers))
        if action == "s3:PutObject":
            prefix = "x-amz-server-side-encryption"
            found |= {f"s3:{k.lower()}": v for k, v in (headers or {}).items() if k.lower().startswith(prefix)}
        return found

    iam_actions.s3_service_context = context
