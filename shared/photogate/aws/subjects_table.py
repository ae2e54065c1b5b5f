"""The Subjects table."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from photogate.aws.items import from_item, to_item
from photogate.aws.session import error_code, translated
from photogate.errors import Transient

__all__ = ["DynamoSubjects"]


class DynamoSubjects:
    """Implements `photogate.subjects.SubjectStore`."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def find(self, tenant: str, mac: str) -> str | None:
        """Give the pseudonym that this caller has."""
        row = self._read(f"caller#{tenant}#{mac}")
        return str(row["subject"]) if row else None

    def create(self, tenant: str, mac: str, pseudonym: str) -> str:
        """Give the caller this pseudonym, unless it has one: then that."""
        rows = [
            {"pk": f"caller#{tenant}#{mac}", "subject": pseudonym},
            {"pk": f"subject#{tenant}#{pseudonym}", "mac": mac},
        ]
        puts = [
            {"Put": {"TableName": self._table, "Item": to_item(r), "ConditionExpression": "attribute_not_exists(pk)"}}
            for r in rows
        ]
        try:
            with translated():
                self._client.transact_write_items(TransactItems=puts)
        except ClientError as error:
            if error_code(error) != "TransactionCanceledException":
                raise
            found = self.find(tenant, mac)
            if found is None:
                raise Transient("Expected a pseudonym after a lost race; found none yet") from None
            return found
        return pseudonym

    def is_open(self, tenant: str, pseudonym: str) -> bool:
        """Tell whether the subject is known and not fenced."""
        row = self._read(f"subject#{tenant}#{pseudonym}")
        return row is not None and "fenced_at" not in row

    def is_held(self, tenant: str, pseudonym: str) -> bool:
        """Tell whether the subject is under a legal hold."""
        row = self._read(f"subject#{tenant}#{pseudonym}")
        return row is not None and "held_at" in row

    def _read(self, pk: str) -> dict[str, Any] | None:
        with translated():
            answer = self._client.get_item(TableName=self._table, Key=to_item({"pk": pk}), ConsistentRead=True)
        return from_item(answer["Item"]) if "Item" in answer else None
