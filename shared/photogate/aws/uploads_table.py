"""The Uploads table."""

from __future__ import annotations

import zlib
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from photogate.aws.items import epoch, from_item, moment, to_item, to_values
from photogate.aws.retention_index import due_keys, not_due
from photogate.aws.session import error_code, translated
from photogate.clock import stamp
from photogate.consent import ConsentState
from photogate.errors import Conflict, ConsentMissing, Duplicate, Fenced, Reason, RequestRefused, Transient
from photogate.policy import Decision
from photogate.review import Vote
from photogate.uploads import CLAIM_LIFETIME, DEFAULT_RETENTION_DAYS, Claim, Outcome, ReviewPage, Status, Upload

__all__ = ["DynamoUploads"]

# Open items are few; a few shards keep one busy minute from heating one index partition.
OPEN_SHARDS = 4
IDEMPOTENCY_LIFETIME = timedelta(hours=24)

# A review lies in two sparse indexes: its tenant's list, and what its sweep looks at.
_OPEN_REVIEW = "open_shard = :shard, open_since = :since, review_tenant = :tenant, review_since = :place"
_CLAIM_REVIEW = ", claim_execution = :execution, claimed_at = :now, open_since = :late"


class DynamoUploads:
    """Implements `photogate.uploads.UploadStore`.

    Parameters
    ----------
    client
        A boto3 DynamoDB client.
    table, consents, subjects
        Table names; the latter two take part in the transaction that ends an upload, and may be empty for a
        function that never ends one.
    """

    def __init__(self, client: Any, table: str, consents: str = "", subjects: str = "") -> None:
        self._client = client
        self._table = table
        self._consents = consents
        self._subjects = subjects

    def create(self, upload: Upload, idempotency: str | None, request_hash: str) -> Upload:
        """Put a new upload, or give the one that the same idempotency key made before."""
        puts = [self._put(_row(upload))]
        if idempotency is not None:
            key = f"idem#{upload.tenant}#{upload.subject}#{idempotency}"
            row = {
                "pk": key,
                "upload_id": upload.upload_id,
                "request_hash": request_hash,
                "expires_at": epoch(upload.created_at + IDEMPOTENCY_LIFETIME),
            }
            puts.append(self._put(row))
        try:
            with translated():
                self._client.transact_write_items(TransactItems=puts)
        except ClientError as error:
            reasons = _cancellations(error)
            _retry_conflicts(reasons)
            if idempotency is None or "ConditionalCheckFailed" not in reasons[1:]:
                raise
            return self._earlier(upload, key, request_hash)
        return upload

    def _earlier(self, upload: Upload, key: str, request_hash: str) -> Upload:
        row = self._read(key)
        if row is None:
            raise Transient("Expected the earlier request with this Idempotency-Key; found it expired")
        if row["request_hash"] != request_hash:
            raise RequestRefused(
                "Expected the same request as before with this Idempotency-Key; found another. Use a new key"
            )
        earlier = self.get(upload.tenant, row["upload_id"])
        if earlier is None:
            raise Transient("Expected the upload of the earlier request; found none")
        return earlier

    def get(self, tenant: str, upload_id: str) -> Upload | None:
        """Read consistently."""
        row = self._read(_pk(tenant, upload_id))
        return _upload(row) if row else None

    def claim(self, upload: Upload, claim: Claim, policy_hash: str | None, now: datetime) -> Upload:
        """Move to `PROCESSING`, take over a claim that is too old, or find one's own."""
        values = {
            "processing": Status.PROCESSING.value,
            "awaiting": Status.AWAITING_UPLOAD.value,
            "execution": claim.execution_id,
            "version": claim.version_id,
            "sha256": claim.sha256,
            "claimed": stamp(claim.claimed_at),
            "stale": stamp(now - CLAIM_LIFETIME),
            "policy": policy_hash or "",
        }
        try:
            with translated():
                answer = self._client.update_item(
                    TableName=self._table,
                    Key=to_item({"pk": _pk(upload.tenant, upload.upload_id)}),
                    UpdateExpression="SET #status = :processing, claim_execution = :execution, "
                    "claim_version = :version, claim_sha256 = :sha256, claimed_at = :claimed, "
                    "open_since = :claimed, policy_hash = :policy",
                    ConditionExpression="#status = :awaiting OR (#status = :processing AND claimed_at < :stale)",
                    ExpressionAttributeNames={"#status": "status"},
                    ExpressionAttributeValues=to_values(values),
                    ReturnValues="ALL_NEW",
                )
            return _upload(from_item(answer["Attributes"]))
        except ClientError as error:
            if error_code(error) != "ConditionalCheckFailedException":
                raise
        found = self.get(upload.tenant, upload.upload_id)
        if found is None or found.claim is None or found.claim.execution_id != claim.execution_id:
            raise Duplicate("Expected an upload that nobody has claimed; found another execution's claim")
        return found

    def finish(self, upload: Upload, execution_id: str, outcome: Outcome, now: datetime) -> Upload:
        """Move `PROCESSING` to a terminal status, with consent and fence where something is kept."""
        return self._end(upload, execution_id, outcome, now, Status.PROCESSING, "", {})

    def settle(self, upload: Upload, execution_id: str, outcome: Outcome, now: datetime) -> Upload:
        """Move `IN_REVIEW` to its outcome, for the holder of the review's claim."""
        # Back among the open items, until what must not stay is gone.
        again = {"rounds": upload.rounds + 1, "cleaned": False, "open_shard": _shard(upload, "open"), "open_since": now}
        removed = ", review_tenant, review_since, sealed"
        if outcome.photo_key is None:
            removed += ", photo_key, photo_version, photo_sha256"
        return self._end(upload, execution_id, outcome, now, Status.IN_REVIEW, removed, again)

    def _end(
        self,
        upload: Upload,
        execution_id: str,
        outcome: Outcome,
        now: datetime,
        before: Status,
        removed: str,
        more: dict[str, Any],
    ) -> Upload:
        # A photo that stands after an appeal is kept as long as was promised when it was first stored.
        days = timedelta(days=upload.retention_days)
        first_kept = upload.retain_until - days if upload.retain_until else now
        finished = {
            "status": outcome.status.value,
            "decision": outcome.decision.value if outcome.decision else None,
            "reason": outcome.reason.value,
            "finished_at": now,
            "photo_key": outcome.photo_key,
            "photo_version": outcome.photo_version,
            "photo_sha256": outcome.photo_sha256,
            "scene": outcome.scene or None,
            **due_keys(upload, outcome, first_kept),
            "counts": outcome.counts or None,
            "sealed": outcome.sealed or None,
            **more,
        }
        present = {k: v for k, v in finished.items() if v is not None}
        gone = not_due(upload, outcome)
        update = {
            "Update": {
                "TableName": self._table,
                "Key": to_item({"pk": _pk(upload.tenant, upload.upload_id)}),
                "UpdateExpression": f"SET {', '.join(f'#{k} = :{k}' for k in present)}{gone}{removed}",
                "ConditionExpression": "#status = :before AND claim_execution = :execution",
                "ExpressionAttributeNames": {f"#{k}": k for k in present},
                "ExpressionAttributeValues": to_values({**present, "before": before.value, "execution": execution_id}),
            }
        }
        checks = self._checks(upload, now) if outcome.kept else []
        try:
            with translated():
                self._client.transact_write_items(TransactItems=[update, *checks])
        except ClientError as error:
            self._explain(upload, execution_id, _cancellations(error), error, before)
        found = self.get(upload.tenant, upload.upload_id)
        if found is None:
            raise Duplicate("Expected the upload; found it erased")
        return found

    def _checks(self, upload: Upload, now: datetime) -> list[dict[str, Any]]:
        return [
            {
                "ConditionCheck": {
                    "TableName": self._consents,
                    "Key": to_item({"pk": f"{upload.tenant}#{upload.subject}", "sk": upload.consent_id}),
                    "ConditionExpression": "#state IN (:given, :reconfirmed) AND valid_until > :now",
                    "ExpressionAttributeNames": {"#state": "state"},
                    "ExpressionAttributeValues": to_values(
                        {
                            "given": ConsentState.GIVEN.value,
                            "reconfirmed": ConsentState.RECONFIRMED.value,
                            "now": now,
                        }
                    ),
                }
            },
            {
                "ConditionCheck": {
                    "TableName": self._subjects,
                    "Key": to_item({"pk": f"subject#{upload.tenant}#{upload.subject}"}),
                    "ConditionExpression": "attribute_exists(pk) AND attribute_not_exists(fenced_at)",
                }
            },
        ]

    def _explain(
        self, upload: Upload, execution_id: str, reasons: list[str], error: ClientError, before: Status
    ) -> None:
        """Say which condition failed; one's own outcome, already there, is none."""
        failed = [i for i, code in enumerate(reasons) if code == "ConditionalCheckFailed"]
        if 0 in failed:
            found = self.get(upload.tenant, upload.upload_id)
            ended = found and found.status.terminal and found.status is not before
            if found and ended and found.claim and found.claim.execution_id == execution_id:
                return
            raise Duplicate("Expected to hold the claim to this upload; found another execution's")
        if 1 in failed:
            raise ConsentMissing("Expected the consent to stand until the end; found it withdrawn or expired")
        if 2 in failed:
            raise Fenced("Expected a subject that is not being erased; found a fence")
        _retry_conflicts(reasons)
        raise error

    def expire(self, upload: Upload, now: datetime) -> Upload:
        """Move `AWAITING_UPLOAD` to `EXPIRED`."""
        try:
            with translated():
                answer = self._client.update_item(
                    TableName=self._table,
                    Key=to_item({"pk": _pk(upload.tenant, upload.upload_id)}),
                    UpdateExpression="SET #status = :expired, #reason = :reason, finished_at = :now",
                    ConditionExpression="#status IN (:awaiting, :expired)",
                    ExpressionAttributeNames={"#status": "status", "#reason": "reason"},
                    ExpressionAttributeValues=to_values(
                        {
                            "expired": Status.EXPIRED.value,
                            "awaiting": Status.AWAITING_UPLOAD.value,
                            "reason": Reason.NEVER_UPLOADED.value,
                            "now": now,
                        }
                    ),
                    ReturnValues="ALL_NEW",
                )
        except ClientError as error:
            if error_code(error) == "ConditionalCheckFailedException":
                raise Duplicate("Expected an upload that nobody has claimed; found it claimed") from None
            raise
        return _upload(from_item(answer["Attributes"]))

    def mark_cleaned(self, upload: Upload) -> None:
        """Take a terminal upload out of the open items; what is in review goes to the reviews."""
        update, condition = "SET cleaned = :yes REMOVE open_shard, open_since", "attribute_exists(pk)"
        values: dict[str, Any] = {"yes": True}
        if upload.status is Status.IN_REVIEW:
            update = "SET cleaned = :yes, " + _OPEN_REVIEW
            values |= _open_review(upload, upload.finished_at)
            # Whoever finishes an interrupted cleaning late must not undo what a review did meanwhile.
            condition += " AND attribute_not_exists(cleaned)"
        try:
            with translated():
                self._client.update_item(
                    TableName=self._table,
                    Key=to_item({"pk": _pk(upload.tenant, upload.upload_id)}),
                    UpdateExpression=update,
                    ConditionExpression=condition,
                    ExpressionAttributeValues=to_values(values),
                )
        except ClientError as error:
            if upload.status is not Status.IN_REVIEW or error_code(error) != "ConditionalCheckFailedException":
                raise

    def vote(self, upload: Upload, votes: tuple[Vote, ...], claim: Claim | None, now: datetime) -> Upload:
        """Replace the votes, on condition that they are still those of `upload`."""
        values: dict[str, Any] = {"votes": [vote.plain() for vote in votes], "many": len(votes)}
        update = "SET votes = :votes, votes_count = :many"
        if claim is not None:
            update += _CLAIM_REVIEW
            values |= {"execution": claim.execution_id, "now": now, "late": now + CLAIM_LIFETIME}
        lost = Conflict("Expected an open review; found that somebody decided first")
        return self._review_update(upload, update, None, values, lost)

    def take_over(self, upload: Upload, execution_id: str, now: datetime) -> Upload:
        """Claim a review whose votes are complete, if its claim is too old."""
        values = {"execution": execution_id, "now": now, "late": now + CLAIM_LIFETIME, "stale": now - CLAIM_LIFETIME}
        free = "(claimed_at < :stale OR claim_execution = :execution)"
        lost = Duplicate("Expected a review that nobody carries out; found another execution's claim")
        return self._review_update(upload, "SET " + _CLAIM_REVIEW.removeprefix(", "), free, values, lost)

    def appeal(self, upload: Upload, now: datetime) -> Upload:
        """Move `REDACTED` to `IN_REVIEW`, once."""
        values = {
            **_open_review(upload, now),
            "in_review": Status.IN_REVIEW.value,
            "redacted": Status.REDACTED.value,
            "appealed": Reason.APPEALED.value,
            "yes": True,
        }
        try:
            with translated():
                answer = self._client.update_item(
                    TableName=self._table,
                    Key=to_item({"pk": _pk(upload.tenant, upload.upload_id)}),
                    UpdateExpression=f"SET #status = :in_review, #reason = :appealed, appealed = :yes, "
                    f"finished_at = :since, {_OPEN_REVIEW} REMOVE votes, votes_count, #counts",
                    ConditionExpression="#status = :redacted AND sealed = :yes AND cleaned = :yes "
                    "AND attribute_not_exists(appealed)",
                    ExpressionAttributeNames={"#status": "status", "#reason": "reason", "#counts": "counts"},
                    ExpressionAttributeValues=to_values(values),
                    ReturnValues="ALL_NEW",
                )
            return _upload(from_item(answer["Attributes"]))
        except ClientError as error:
            if error_code(error) != "ConditionalCheckFailedException":
                raise
        found = self.get(upload.tenant, upload.upload_id)
        if found is None or not (found.appealed and found.status is Status.IN_REVIEW):
            raise Conflict("Expected a redacted photo whose original is kept, not appealed before; found another state")
        return found

    def postpone(self, upload: Upload, until: datetime) -> None:
        """Let the review's sweep look at it again at that time."""
        lost = Duplicate("Expected a review as it was read; found that somebody decided")
        self._review_update(upload, "SET open_since = :until", None, {"until": until}, lost)

    def _review_update(
        self, upload: Upload, update: str, condition: str | None, values: dict[str, Any], lost: Exception
    ) -> Upload:
        """Change a review, on condition that its round and its votes are those of `upload`."""
        conditions = ["#status = :in_review", *([condition] if condition else [])]
        values = {**values, "in_review": Status.IN_REVIEW.value}
        for attribute, expected in (("rounds", upload.rounds), ("votes_count", len(upload.votes))):
            if expected:
                conditions.append(f"{attribute} = :expected_{attribute}")
                values[f"expected_{attribute}"] = expected
            else:
                conditions.append(f"attribute_not_exists({attribute})")
        try:
            with translated():
                answer = self._client.update_item(
                    TableName=self._table,
                    Key=to_item({"pk": _pk(upload.tenant, upload.upload_id)}),
                    UpdateExpression=update,
                    ConditionExpression=" AND ".join(conditions),
                    ExpressionAttributeNames={"#status": "status"},
                    ExpressionAttributeValues=to_values(values),
                    ReturnValues="ALL_NEW",
                )
        except ClientError as error:
            if error_code(error) == "ConditionalCheckFailedException":
                raise lost from None
            raise
        return _upload(from_item(answer["Attributes"]))

    def reviews(self, tenant: str, limit: int, after: str | None) -> ReviewPage:
        """Give open reviews of a tenant, oldest first."""
        query: dict[str, Any] = {}
        if after is not None:
            upload_id = after.rpartition("#")[2]
            query["ExclusiveStartKey"] = to_item(
                {"pk": _pk(tenant, upload_id), "review_tenant": tenant, "review_since": after}
            )
        with translated():
            page = self._client.query(
                TableName=self._table,
                IndexName="reviews",
                KeyConditionExpression="review_tenant = :tenant",
                ExpressionAttributeValues=to_values({"tenant": tenant}),
                Limit=limit,
                **query,
            )
        rows = [from_item(item) for item in page["Items"]]
        cursor = rows[-1]["review_since"] if rows and "LastEvaluatedKey" in page else None
        return ReviewPage(tuple(_upload(row) for row in rows), cursor)

    def open_before(self, moment: datetime) -> list[tuple[str, str]]:
        """Give (tenant, upload id) of what has been open since before `moment`."""
        return self._waiting("open", moment)

    def reviews_before(self, moment: datetime) -> list[tuple[str, str]]:
        """Give (tenant, upload id) of the reviews that the sweep should look at by `moment`."""
        return self._waiting("review", moment)

    def _waiting(self, what: str, moment: datetime) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        for shard in range(OPEN_SHARDS):
            pages = self._client.get_paginator("query").paginate(
                TableName=self._table,
                IndexName="open",
                KeyConditionExpression="open_shard = :shard AND open_since < :before",
                ExpressionAttributeValues=to_values({"shard": f"{what}#{shard}", "before": moment}),
            )
            with translated():
                for page in pages:
                    for item in page["Items"]:
                        tenant, _, upload_id = from_item(item)["pk"].partition("#")
                        found.append((tenant, upload_id))
        return found

    def _put(self, row: dict[str, Any]) -> dict[str, Any]:
        return {
            "Put": {"TableName": self._table, "Item": to_item(row), "ConditionExpression": "attribute_not_exists(pk)"}
        }

    def _read(self, pk: str) -> dict[str, Any] | None:
        with translated():
            answer = self._client.get_item(TableName=self._table, Key=to_item({"pk": pk}), ConsistentRead=True)
        return from_item(answer["Item"]) if "Item" in answer else None


def _owner(tenant: str, subject: str) -> str:
    return f"{tenant}#{subject}"


def _pk(tenant: str, upload_id: str) -> str:
    return f"{tenant}#{upload_id}"


def _shard(upload: Upload, what: str) -> str:
    return f"{what}#{zlib.crc32(upload.upload_id.encode()) % OPEN_SHARDS}"


def _open_review(upload: Upload, since: datetime | None) -> dict[str, Any]:
    if since is None:
        raise ValueError("A review has a moment at which it began")
    place = f"{stamp(since)}#{upload.upload_id}"
    return {"shard": _shard(upload, "review"), "since": since, "tenant": upload.tenant, "place": place}


def _cancellations(error: ClientError) -> list[str]:
    if error_code(error) != "TransactionCanceledException":
        raise error
    found: list[dict[str, Any]] = error.response.get("CancellationReasons", [])  # type: ignore[assignment]
    return [str(reason.get("Code", "")) for reason in found]


def _retry_conflicts(reasons: list[str]) -> None:
    """Raise `Transient` where another writer or a limit, and no condition, cancelled a transaction."""
    if {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"} & set(reasons):
        raise Transient("Expected the transaction to go through; found a conflict")


def _row(upload: Upload) -> dict[str, Any]:
    return {
        "pk": _pk(upload.tenant, upload.upload_id),
        "subject": upload.subject,
        "owner": _owner(upload.tenant, upload.subject),
        "status": upload.status.value,
        "purpose": upload.purpose,
        "consent_id": upload.consent_id,
        "content_type": upload.content_type,
        "size": upload.size,
        "sha256": upload.sha256,
        "created_at": upload.created_at,
        "retention_days": upload.retention_days,
        "expires_at": epoch(upload.expires_at) if upload.expires_at else None,
        "open_shard": _shard(upload, "open"),
        "open_since": upload.created_at,
    }


def _upload(row: dict[str, Any]) -> Upload:
    tenant, _, upload_id = row["pk"].partition("#")
    claim = None
    if "claim_execution" in row:
        claim = Claim(row["claim_execution"], row["claim_version"], row["claim_sha256"], moment(row["claimed_at"]))
    created = moment(row["created_at"])
    upload = Upload(
        tenant=tenant,
        upload_id=upload_id,
        subject=row["subject"],
        status=Status(row["status"]),
        purpose=row["purpose"],
        consent_id=row["consent_id"],
        content_type=row["content_type"],
        size=row["size"],
        created_at=created,
        expires_at=created.fromtimestamp(row["expires_at"], created.tzinfo) if "expires_at" in row else None,
        retention_days=row.get("retention_days", DEFAULT_RETENTION_DAYS),
        retain_until=moment(row["retain_until"]) if "retain_until" in row else None,
        sha256=row.get("sha256"),
        claim=claim,
        policy_hash=row.get("policy_hash") or None,
        cleaned=row.get("cleaned", False),
    )
    if upload.status.terminal:
        upload = replace(
            upload,
            decision=Decision(row["decision"]) if "decision" in row else None,
            reason=Reason(row["reason"]) if "reason" in row else None,
            finished_at=moment(row["finished_at"]) if "finished_at" in row else None,
            photo_key=row.get("photo_key"),
            photo_version=row.get("photo_version"),
            photo_sha256=row.get("photo_sha256"),
            scene=row.get("scene", {}),
            counts=row.get("counts", {}),
            votes=tuple(Vote.read(vote) for vote in row.get("votes", [])),
            rounds=row.get("rounds", 0),
            sealed=row.get("sealed", False),
            appealed=row.get("appealed", False),
        )
    return upload
