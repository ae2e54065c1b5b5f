"""The Consents table."""

from __future__ import annotations

import zlib
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from photogate.audit.event import ActorKind
from photogate.aws.items import from_item, moment, to_item, to_values
from photogate.aws.session import error_code, translated
from photogate.clock import stamp
from photogate.consent import Capacity, Consent, ConsentEvent, ConsentState, DueConsent, newest_first
from photogate.errors import Conflict

__all__ = ["DynamoConsents"]

DUE_SHARDS = 4


class DynamoConsents:
    """Implements `photogate.consent.ConsentStore`, and finds the consents whose time is over.

    The sparse index `due` has what the sweep must look at: a consent that stands at the moment when it ends by itself,
    and one with an event that the log does not have yet from the moment of that event on.
    """

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def put(self, consent: Consent) -> Consent:
        """Put a new record."""
        row = {
            "pk": f"{consent.tenant}#{consent.subject}",
            "sk": consent.consent_id,
            "purpose": consent.purpose,
            "notice_hash": consent.notice_hash,
            "capacity": consent.capacity.value,
            "retention_days": consent.retention_days,
            "state": consent.state.value,
            "valid_until": consent.valid_until,
            "events": [_row_of(event) for event in consent.events],
            "logged": list(consent.logged),
        }
        row |= _due(consent.consent_id, consent.events[-1].at)
        with translated():
            self._client.put_item(
                TableName=self._table, Item=to_item(row), ConditionExpression="attribute_not_exists(pk)"
            )
        return consent

    def get(self, tenant: str, subject: str, consent_id: str) -> Consent | None:
        """Read consistently."""
        with translated():
            answer = self._client.get_item(
                TableName=self._table, Key=_key(tenant, subject, consent_id), ConsistentRead=True
            )
        return _consent(from_item(answer["Item"])) if "Item" in answer else None

    def of_subject(self, tenant: str, subject: str) -> list[Consent]:
        """Give all records of a subject, with consistent reads, newest first."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues=to_values({"pk": f"{tenant}#{subject}"}),
            ConsistentRead=True,
        )
        with translated():
            return newest_first([_consent(from_item(item)) for page in pages for item in page["Items"]])

    def append(self, consent: Consent, event: ConsentEvent) -> Consent:
        """Append an event to the record as it was read.

        Raises
        ------
        Conflict
            If somebody appended one meanwhile, or the record is gone.
        """
        values = {
            "state": event.state.value,
            "until": event.valid_until,
            "event": [_row_of(event)],
            "seen": len(consent.events),
            **_due(consent.consent_id, event.at),
        }
        try:
            with translated():
                answer = self._client.update_item(
                    TableName=self._table,
                    Key=_key(consent.tenant, consent.subject, consent.consent_id),
                    UpdateExpression="SET #state = :state, valid_until = :until, "
                    "#events = list_append(#events, :event), due_shard = :due_shard, due_at = :due_at",
                    ConditionExpression="size(#events) = :seen",
                    ExpressionAttributeNames={"#state": "state", "#events": "events"},
                    ExpressionAttributeValues=to_values(values),
                    ReturnValues="ALL_NEW",
                )
        except ClientError as error:
            if error_code(error) != "ConditionalCheckFailedException":
                raise
            raise Conflict("Expected the consent's record as it was read; found another event in it") from None
        return _consent(from_item(answer["Attributes"]))

    def mark_logged(self, consent: Consent) -> None:
        """Note where the log has the record's events; what stands is due when it ends by itself."""
        values = {"places": list(consent.logged), "count": len(consent.logged)}
        stands = consent.state.stands
        try:
            with translated():
                self._client.update_item(
                    TableName=self._table,
                    Key=_key(consent.tenant, consent.subject, consent.consent_id),
                    UpdateExpression="SET #logged = :places"
                    + (", due_at = :until" if stands else " REMOVE due_shard, due_at"),
                    ConditionExpression="size(#logged) < :count AND size(#events) = :count",
                    ExpressionAttributeNames={"#events": "events", "#logged": "logged"},
                    ExpressionAttributeValues=to_values(values | ({"until": consent.valid_until} if stands else {})),
                )
        except ClientError as error:
            # Another writer has noted as much, or appended more and will note that; or the record was erased.
            if error_code(error) != "ConditionalCheckFailedException":
                raise

    def due(self, by: datetime) -> list[DueConsent]:
        """Give the consents that the sweep must look at by then."""
        found: list[DueConsent] = []
        for shard in range(DUE_SHARDS):
            pages = self._client.get_paginator("query").paginate(
                TableName=self._table,
                IndexName="due",
                KeyConditionExpression="due_shard = :shard AND due_at <= :by",
                ExpressionAttributeValues=to_values({"shard": f"due#{shard}", "by": by}),
            )
            with translated():
                for page in pages:
                    for item in page["Items"]:
                        row = from_item(item)
                        tenant, _, subject = row["pk"].partition("#")
                        found.append(DueConsent(tenant, subject, row["sk"]))
        return found


def _due(consent_id: str, at: datetime) -> dict[str, Any]:
    return {"due_shard": f"due#{zlib.crc32(consent_id.encode()) % DUE_SHARDS}", "due_at": at}


def _key(tenant: str, subject: str, consent_id: str) -> dict[str, Any]:
    return to_item({"pk": f"{tenant}#{subject}", "sk": consent_id})


def _row_of(event: ConsentEvent) -> dict[str, str]:
    return {
        "state": event.state.value,
        "at": stamp(event.at),
        "valid_until": stamp(event.valid_until),
        "policy_hash": event.policy_hash,
        "by": event.by.value,
    }


def _event(row: dict[str, str]) -> ConsentEvent:
    return ConsentEvent(
        state=ConsentState(row["state"]),
        at=moment(row["at"]),
        valid_until=moment(row["valid_until"]),
        policy_hash=row["policy_hash"],
        by=ActorKind(row["by"]),
    )


def _consent(row: dict[str, Any]) -> Consent:
    tenant, _, subject = row["pk"].partition("#")
    return Consent(
        tenant=tenant,
        subject=subject,
        consent_id=row["sk"],
        purpose=row["purpose"],
        notice_hash=row["notice_hash"],
        capacity=Capacity(row["capacity"]),
        retention_days=row["retention_days"],
        events=tuple(_event(event) for event in row["events"]),
        logged=tuple(row["logged"]),
    )
