"""The Policies table."""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import ClientError

from photogate.aws.items import from_item, to_item, to_values
from photogate.aws.session import error_code, translated
from photogate.errors import Conflict, PolicyRefused
from photogate.policy import Policy, parse_policy
from photogate.tenants import CurrentPolicy

__all__ = ["DynamoPolicies"]


class DynamoPolicies:
    """Implements `photogate.tenants.PolicyStore`."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def current(self, tenant: str) -> CurrentPolicy | None:
        """Give the hash in force, and where the log says so."""
        row = self._read(tenant, "current")
        return CurrentPolicy(row["policy_hash"], row["revision"], row["event_sequence"]) if row else None

    def get(self, tenant: str, policy_hash: str) -> Policy | None:
        """Read a policy by its hash.

        Raises
        ------
        PolicyRefused
            If what is there does not have that hash.
        """
        row = self._read(tenant, f"policy#{policy_hash}")
        if row is None:
            return None
        policy = parse_policy(row["document"])
        if policy.hash != policy_hash:
            raise PolicyRefused("Expected a policy document with the hash that addresses it; found another")
        return policy

    def put(self, tenant: str, policy: Policy) -> None:
        """Put a document and its notices under their hashes; the same again changes nothing."""
        rows: list[dict[str, Any]] = [
            {"pk": tenant, "sk": f"policy#{policy.hash}", "document": policy.document().decode()}
        ]
        for purpose in policy.purposes.values():
            rows.append({"pk": tenant, "sk": f"notice#{purpose.notice_hash}", "document": json.dumps(purpose.notice)})
        for row in rows:
            with translated():
                self._client.put_item(TableName=self._table, Item=to_item(row))

    def set_current(self, tenant: str, new: CurrentPolicy, expected: CurrentPolicy | None) -> None:
        """Put a policy in force, if nobody did meanwhile.

        Raises
        ------
        Conflict
            If somebody did.
        """
        condition = "attribute_not_exists(pk)" if expected is None else "revision = :revision"
        values = {} if expected is None else {"ExpressionAttributeValues": to_values({"revision": expected.revision})}
        row = {
            "pk": tenant,
            "sk": "current",
            "policy_hash": new.policy_hash,
            "revision": new.revision,
            "event_sequence": new.event_sequence,
        }
        try:
            with translated():
                self._client.put_item(TableName=self._table, Item=to_item(row), ConditionExpression=condition, **values)
        except ClientError as error:
            if error_code(error) != "ConditionalCheckFailedException":
                raise
            raise Conflict("Expected the policy that was read; found a newer one. Read it and try again") from None

    def _read(self, tenant: str, sk: str) -> dict[str, Any] | None:
        with translated():
            answer = self._client.get_item(
                TableName=self._table, Key=to_item({"pk": tenant, "sk": sk}), ConsistentRead=True
            )
        return from_item(answer["Item"]) if "Item" in answer else None
