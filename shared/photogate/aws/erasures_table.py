"""Erasures and legal holds in the Subjects table: where the fence and the key are, so is what removes them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from photogate.aws.items import from_item, moment, to_item, to_values
from photogate.aws.session import error_code, translated
from photogate.erasure import Erasure, Phase
from photogate.errors import Conflict, Fenced, Held, NotFound, Transient
from photogate.subjects import HoldGround

__all__ = ["DynamoErasures"]

ABSENT = "Expected a subject of this tenant; found none"


class DynamoErasures:
    """Implements `photogate.erasure.ErasureStore`, and places and lifts holds.

    A record is one JSON document beside its revision; a subject's row names its erasure.
    """

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def request(self, new: Erasure) -> Erasure:
        """Put the record and bind it to the subject, or give the one that the subject has and that was not refused."""
        row = self._subject(new.tenant, new.subject)
        before = self.get(new.tenant, row["erasure_id"]) if "erasure_id" in row else None
        if before is not None and before.phase is not Phase.REFUSED:
            return before
        if "hold_ground" in row:
            raise Held(row["hold_ground"])
        bind = {
            "TableName": self._table,
            "Key": _subject_key(new.tenant, new.subject),
            "UpdateExpression": "SET erasure_id = :id",
            "ConditionExpression": "attribute_exists(pk) AND attribute_not_exists(hold_ground)"
            " AND (attribute_not_exists(erasure_id) OR erasure_id = :before)",
            "ExpressionAttributeValues": to_values(
                {"id": new.erasure_id, "before": before.erasure_id if before else "none"}
            ),
        }
        put = {"TableName": self._table, "Item": _item(new), "ConditionExpression": "attribute_not_exists(pk)"}
        try:
            with translated():
                self._client.transact_write_items(TransactItems=[{"Update": bind}, {"Put": put}])
        except ClientError as error:
            if error_code(error) != "TransactionCanceledException":
                raise
            raise Transient("Expected to be the only one who asks for this erasure; found another request") from None
        return new

    def get(self, tenant: str, erasure_id: str) -> Erasure | None:
        """Read consistently."""
        row = self._read(_key(f"erasure#{tenant}#{erasure_id}"))
        return Erasure.model_validate_json(row["record"]) if row else None

    def save(self, erasure: Erasure) -> Erasure:
        """Replace the record of revision `rev`."""
        new = erasure.model_copy(update={"rev": erasure.rev + 1})
        try:
            with translated():
                self._client.put_item(
                    TableName=self._table,
                    Item=_item(new),
                    ConditionExpression="rev = :rev",
                    ExpressionAttributeValues=to_values({"rev": erasure.rev}),
                )
        except ClientError as error:
            if error_code(error) != "ConditionalCheckFailedException":
                raise
            raise Conflict("Expected the erasure's record as it was read; found a newer one") from None
        return new

    def fence(self, erasure: Erasure, now: datetime) -> datetime:
        """Set the fence, and give the moment since when it stands."""
        try:
            with translated():
                answer = self._client.update_item(
                    TableName=self._table,
                    Key=_subject_key(erasure.tenant, erasure.subject),
                    UpdateExpression="SET fenced_at = if_not_exists(fenced_at, :now)",
                    ConditionExpression="erasure_id = :id AND attribute_not_exists(hold_ground)",
                    ExpressionAttributeValues=to_values({"now": now, "id": erasure.erasure_id}),
                    ReturnValues="ALL_NEW",
                )
        except ClientError as error:
            if error_code(error) != "ConditionalCheckFailedException":
                raise
            row = self._subject(erasure.tenant, erasure.subject)
            if "hold_ground" in row:
                raise Held(row["hold_ground"]) from None
            raise Conflict("Expected the subject's own erasure; found another") from None
        return moment(from_item(answer["Attributes"])["fenced_at"])

    def forget(self, tenant: str, subject: str) -> None:
        """Delete the wrapped key and the pseudonym's mapping, in one transaction; again is no error."""
        row = self._read(_subject_key(tenant, subject))
        if row is None:
            return
        mapping = {
            "TableName": self._table,
            "Key": _key(f"caller#{tenant}#{row['mac']}"),
            "ConditionExpression": "subject = :subject OR attribute_not_exists(pk)",
            "ExpressionAttributeValues": to_values({"subject": subject}),
        }
        key = {"TableName": self._table, "Key": _subject_key(tenant, subject)}
        try:
            with translated():
                self._client.transact_write_items(TransactItems=[{"Delete": mapping}, {"Delete": key}])
        except ClientError as error:
            if error_code(error) != "TransactionCanceledException":
                raise
            raise Transient("Expected to be the only one who writes to this subject; found another") from None

    def knows(self, tenant: str, subject: str) -> bool:
        """Tell whether anything of the subject is left."""
        return self._read(_subject_key(tenant, subject)) is not None

    def hold_of(self, tenant: str, subject: str) -> HoldGround | None:
        """Tell why the subject is on hold; None where it is not, or is unknown."""
        row = self._read(_subject_key(tenant, subject)) or {}
        return HoldGround(row["hold_ground"]) if "hold_ground" in row else None

    def place_hold(self, tenant: str, subject: str, ground: HoldGround, now: datetime) -> None:
        """Put a hold on a subject; again with the same ground changes nothing.

        Raises
        ------
        NotFound
            If there is no such subject.
        Fenced
            If its erasure has begun.
        """
        try:
            with translated():
                self._client.update_item(
                    TableName=self._table,
                    Key=_subject_key(tenant, subject),
                    UpdateExpression="SET hold_ground = :ground, held_at = if_not_exists(held_at, :now)",
                    ConditionExpression="attribute_exists(pk) AND attribute_not_exists(fenced_at)",
                    ExpressionAttributeValues=to_values({"ground": ground.value, "now": now}),
                )
        except ClientError as error:
            if error_code(error) != "ConditionalCheckFailedException":
                raise
            self._subject(tenant, subject)
            raise Fenced("Expected a subject whose erasure has not begun; found a fence") from None

    def lift_hold(self, tenant: str, subject: str) -> None:
        """Take the hold off a subject; where there is none nothing changes.

        Raises
        ------
        NotFound
            If there is no such subject.
        """
        self._subject(tenant, subject)
        with translated():
            self._client.update_item(
                TableName=self._table,
                Key=_subject_key(tenant, subject),
                UpdateExpression="REMOVE hold_ground, held_at",
                ConditionExpression="attribute_exists(pk)",
            )

    def _subject(self, tenant: str, subject: str) -> dict[str, Any]:
        row = self._read(_subject_key(tenant, subject))
        if row is None:
            raise NotFound(ABSENT)
        return row

    def _read(self, key: dict[str, Any]) -> dict[str, Any] | None:
        with translated():
            answer = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True)
        return from_item(answer["Item"]) if "Item" in answer else None


def _key(pk: str) -> dict[str, Any]:
    return to_item({"pk": pk})


def _subject_key(tenant: str, subject: str) -> dict[str, Any]:
    return _key(f"subject#{tenant}#{subject}")


def _item(erasure: Erasure) -> dict[str, Any]:
    pk = f"erasure#{erasure.tenant}#{erasure.erasure_id}"
    return to_item({"pk": pk, "rev": erasure.rev, "record": erasure.model_dump_json()})
