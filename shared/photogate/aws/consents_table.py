"""The Consents table."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from photogate.aws.items import from_item, moment, to_item, to_values
from photogate.aws.session import error_code, translated
from photogate.clock import stamp
from photogate.consent import Capacity, Consent, ConsentEvent, ConsentState
from photogate.errors import NotFound

__all__ = ["DynamoConsents"]


class DynamoConsents:
    """Implements `photogate.consent.ConsentStore`."""

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
            "policy_hash": consent.policy_hash,
            "capacity": consent.capacity.value,
            "state": consent.state.value,
            "valid_until": consent.valid_until,
            "events": [_event(e.state, e.at) for e in consent.events],
        }
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

    def withdraw(self, consent: Consent, now: datetime) -> Consent:
        """Append the withdrawal; withdrawing twice changes nothing."""
        withdrawn = ConsentState.WITHDRAWN
        try:
            with translated():
                self._client.update_item(
                    TableName=self._table,
                    Key=_key(consent.tenant, consent.subject, consent.consent_id),
                    UpdateExpression="SET #state = :withdrawn, #events = list_append(#events, :event)",
                    ConditionExpression="attribute_exists(pk) AND #state <> :withdrawn",
                    ExpressionAttributeNames={"#state": "state", "#events": "events"},
                    ExpressionAttributeValues=to_values(
                        {"withdrawn": withdrawn.value, "event": [_event(withdrawn, now)]}
                    ),
                )
        except ClientError as error:
            if error_code(error) != "ConditionalCheckFailedException":
                raise
        found = self.get(consent.tenant, consent.subject, consent.consent_id)
        if found is None:
            raise NotFound("Expected a consent record; found none")
        return found


def _key(tenant: str, subject: str, consent_id: str) -> dict[str, Any]:
    return to_item({"pk": f"{tenant}#{subject}", "sk": consent_id})


def _event(state: ConsentState, at: datetime) -> dict[str, str]:
    return {"state": state.value, "at": stamp(at)}


def _consent(row: dict[str, Any]) -> Consent:
    tenant, _, subject = row["pk"].partition("#")
    return Consent(
        tenant=tenant,
        subject=subject,
        consent_id=row["sk"],
        purpose=row["purpose"],
        notice_hash=row["notice_hash"],
        policy_hash=row["policy_hash"],
        capacity=Capacity(row["capacity"]),
        valid_until=moment(row["valid_until"]),
        events=tuple(ConsentEvent(ConsentState(e["state"]), moment(e["at"])) for e in row["events"]),
    )
