"""What the API does: consents, upload requests, their status, and reading a photo."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from photogate.access import Caller, Scope, require_scope
from photogate.audit.canonical import canonical
from photogate.audit.event import Actor, ActorKind, DetailKey, EventName, Outcome, tenant_chain
from photogate.audit.log import AuditStore
from photogate.audit.receipt import Receipt
from photogate.audit.receipts import Receipts
from photogate.audit.trail import Trail
from photogate.clock import Clock, stamp
from photogate.consent import (
    Capacity,
    Consent,
    ConsentState,
    ConsentStore,
    give,
    reconfirm,
    require_valid,
    settle,
    withdraw,
)
from photogate.erasure import Erasure
from photogate.errors import Held, NotFound, RequestRefused, Transient
from photogate.policy import Policy, PurposeName
from photogate.subjects import CallerMac, SubjectStore, find_pseudonym, pseudonym_of, require_open
from photogate.tenants import PolicyStore, policy_in_force
from photogate.uploads import (
    LINK_LIFETIME,
    TYPE_OF_EXTENSION,
    HexId,
    Status,
    Upload,
    UploadStore,
    is_id,
    new_id,
)

__all__ = [
    "MAX_UPLOAD_BYTES",
    "ConsentRequest",
    "Consents",
    "Photos",
    "ReconfirmRequest",
    "UploadRequest",
    "Uploads",
    "spoken_by",
]

# A 50 MP photo as PNG; above it the functions' memory would not do.
MAX_UPLOAD_BYTES = 30 * 1024 * 1024
READ_LIFETIME = timedelta(seconds=60)
# How many of its own consents a subject is told of at once; how many more there are is told too.
MOST_CONSENTS = 100


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class UploadRequest(_Body):
    """``POST /uploads``."""

    content_type: Literal[
        "image/jpeg",
        "image/png",
        "image/webp",
        "image/gif",
        "image/heic",
        "image/heif",
        "image/avif",
        "image/tiff",
        "image/bmp",
    ] = Field(description="What the file is; its bytes must agree.")
    size: int = Field(ge=1, le=MAX_UPLOAD_BYTES, description="The file's size in bytes.")
    purpose: PurposeName = Field(description="One of the tenant's purposes.")
    consent_id: HexId = Field(description="A consent of this subject for that purpose.")
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = Field(
        default=None,
        description="SHA-256 of the file in hex; with it the answer also has a PUT link.",
    )


class ConsentRequest(_Body):
    """``POST /consents``."""

    purpose: PurposeName = Field(description="One of the tenant's purposes.")
    notice_hash: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] = Field(
        description="SHA-256, in hex, of the notice that was shown: GET /consents tells both."
    )
    decision: Literal["given", "refused"] = Field(description="What the subject chose; a refusal is recorded too.")
    capacity: Capacity = Field(default=Capacity.SELF, description="In whose name.")


class ReconfirmRequest(_Body):
    """``POST /consents/{id}/reconfirm``."""

    notice_hash: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] = Field(
        description="SHA-256, in hex, of the notice that was shown again."
    )


class Erasures(Protocol):
    """Takes requests for erasure: `photogate.erasures.ErasureDesk`."""

    def ask(self, tenant: str, subject: str, requester: Actor) -> Erasure:
        """Start the erasure of a subject, or give the one that has been started; raise `Held` on a legal hold."""


class Links(Protocol):
    """A bucket that can presign: `photogate.aws.s3.Bucket`."""

    def presign_post(self, key: str, content_type: str, size: int, lifetime: timedelta) -> dict[str, Any]:
        """Make a form for one file."""

    def presign_put(
        self, key: str, content_type: str, size: int, sha256: str, lifetime: timedelta
    ) -> tuple[str, dict[str, str]]:
        """Make a link for exactly these bytes, once."""

    def presign_get(self, key: str, version_id: str, content_type: str, lifetime: timedelta) -> str:
        """Make a link that reads one object version."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Turns callers into pseudonyms."""

    subjects: SubjectStore
    macs: CallerMac

    def of(self, caller: Caller) -> str:
        """Give the caller's pseudonym, a new one where it has none; refuse while it is being erased."""
        subject = pseudonym_of(self.subjects, self.macs, caller.tenant, caller.caller_id)
        require_open(self.subjects, caller.tenant, subject)
        return subject

    def known(self, caller: Caller) -> str | None:
        """Give the caller's pseudonym, or None."""
        return find_pseudonym(self.subjects, self.macs, caller.tenant, caller.caller_id)


def spoken_by(caller: Caller, pseudonym: str) -> Actor:
    """Give the actor of an event: staff and subjects alike are known by pseudonym only."""
    return Actor(ActorKind.STAFF if caller.staff else ActorKind.SUBJECT, pseudonym)


@dataclass(frozen=True, slots=True)
class Consents:
    """Consents of the calling subject, who is the actor whatever else the token allows."""

    identity: Identity
    consents: ConsentStore
    policies: PolicyStore
    events: AuditStore
    receipts: Receipts
    erasures: Erasures
    trail: Trail
    clock: Clock

    def overview(self, caller: Caller) -> dict[str, Any]:
        """Give each purpose's notice, which must be shown before a consent is given, and the caller's own consents."""
        policy = policy_in_force(self.policies, self.events, caller.tenant)
        subject = self.identity.known(caller)
        mine = self.consents.of_subject(caller.tenant, subject) if subject else []
        now = self.clock()
        # Those that can be withdrawn come first, so that the bound never hides one of them behind others.
        mine.sort(key=lambda consent: not (consent.state.stands and now < consent.valid_until))
        return {
            "purposes": {
                name: {"notice": rule.notice, "notice_hash": rule.notice_hash, "valid_days": rule.consent_days}
                for name, rule in sorted(policy.purposes.items())
            },
            "consents": [self._view(settle(self.consents, c, self.trail)) for c in mine[:MOST_CONSENTS]],
            "older_consents": max(0, len(mine) - MOST_CONSENTS),
        }

    def give(self, caller: Caller, request: ConsentRequest) -> dict[str, Any]:
        """Record that consent was given, or refused."""
        require_scope(caller, Scope.CONSENTS_WRITE)
        policy = self._policy_with(caller, request.purpose, request.notice_hash)
        subject = self.identity.of(caller)
        consent = give(
            policy,
            caller.tenant,
            subject,
            request.purpose,
            request.capacity,
            self.clock(),
            decision=ConsentState(request.decision),
            by=ActorKind.SUBJECT,
        )
        return self._view(settle(self.consents, self.consents.put(consent), self.trail))

    def reconfirm(self, caller: Caller, consent_id: str, request: ReconfirmRequest) -> dict[str, Any]:
        """Prolong a consent to the notice in force."""
        require_scope(caller, Scope.CONSENTS_WRITE)
        consent = self._mine(caller, consent_id)
        policy = self._policy_with(caller, consent.purpose, request.notice_hash)
        self.identity.of(caller)
        consent = reconfirm(self.consents, consent, policy, self.clock(), ActorKind.SUBJECT)
        return self._view(settle(self.consents, consent, self.trail))

    def withdraw(self, caller: Caller, consent_id: str) -> dict[str, Any]:
        """Take a consent back, and have all of the subject erased; again goes on with the same erasure.

        A legal hold refuses the erasure and not the withdrawal: nothing new is taken, and what is there stays.
        """
        require_scope(caller, Scope.CONSENTS_WRITE)
        consent = self._mine(caller, consent_id)
        actor = Actor(ActorKind.SUBJECT, consent.subject)
        consent = settle(self.consents, withdraw(self.consents, consent, self.clock(), actor.kind), self.trail)
        try:
            erasure = self.erasures.ask(consent.tenant, consent.subject, actor).erasure_id
        except Held:
            erasure = None
        return {**self._view(consent), "erasure": erasure}

    def receipt(self, caller: Caller, consent_id: str, place: str | None, holder: str | None) -> Receipt:
        """Prove that one of the record's events, the last unless told otherwise, is in the log.

        A withdrawal starts an erasure, after which nothing knows that the record was the caller's. So whoever holds
        the ids of record and subject, random numbers of 128 bits, may ask for an erased subject's; it names nobody.

        Parameters
        ----------
        holder
            The subject's pseudonym, as the path in the record's view has it; only of use while or after it is erased.

        Raises
        ------
        NotFound
            If this is no consent of the caller, or has no such event.
        Transient
            If the event is not sealed yet.
        """
        gone = holder is not None and is_id(holder) and not self.identity.subjects.is_open(caller.tenant, holder)
        subject = holder if gone else self.identity.known(caller)
        consent = settle(self.consents, self._of(caller.tenant, subject, consent_id), self.trail)
        wanted = str(len(consent.events) - 1) if place is None else place
        if wanted not in map(str, range(len(consent.events))):
            raise NotFound("Expected an event of this consent, counted from 0; found none")
        receipt = self.receipts.of(consent.chain, consent.logged[int(wanted)])
        if receipt is None:
            raise Transient("Expected a checkpoint to cover the event; none does yet, which takes a few seconds")
        return receipt

    def _mine(self, caller: Caller, consent_id: str) -> Consent:
        return self._of(caller.tenant, self.identity.known(caller), consent_id)

    def _of(self, tenant: str, subject: str | None, consent_id: str) -> Consent:
        consent = self.consents.get(tenant, subject, consent_id) if subject and is_id(consent_id) else None
        if consent is None:
            raise NotFound("Expected a consent of this subject; found none")
        return consent

    def _policy_with(self, caller: Caller, purpose: str, notice_hash: str) -> Policy:
        policy = policy_in_force(self.policies, self.events, caller.tenant)
        rule = policy.purposes.get(purpose)
        if rule is None:
            raise RequestRefused(f"Expected one of the purposes {', '.join(sorted(policy.purposes))}; found another")
        if rule.notice_hash != notice_hash:
            raise RequestRefused("Expected the hash of the notice in force; found another. Show the notice again")
        return policy

    def _view(self, consent: Consent) -> dict[str, Any]:
        """Give what the API says of a consent."""
        return {
            "id": consent.consent_id,
            "purpose": consent.purpose,
            "state": consent.state.value,
            "valid": consent.valid_for(consent.purpose, self.clock()),
            "capacity": consent.capacity.value,
            "notice_hash": consent.notice_hash,
            "valid_until": stamp(consent.valid_until),
            "events": [
                {
                    "state": event.state.value,
                    "at": stamp(event.at),
                    "receipt": f"/consents/{consent.consent_id}/receipt?event={place}&subject={consent.subject}",
                }
                for place, event in enumerate(consent.events)
            ],
        }


@dataclass(frozen=True, slots=True)
class Uploads:
    """Upload requests of the calling subject."""

    identity: Identity
    uploads: UploadStore
    consents: ConsentStore
    policies: PolicyStore
    events: AuditStore
    incoming: Links
    trail: Trail
    clock: Clock

    def request(self, caller: Caller, request: UploadRequest, idempotency_key: str | None) -> dict[str, Any]:
        """Issue an upload and its links; the same idempotency key gives the same upload."""
        require_scope(caller, Scope.UPLOADS_WRITE)
        policy = policy_in_force(self.policies, self.events, caller.tenant)
        rule = policy.purposes.get(request.purpose)
        if rule is None:
            raise RequestRefused(f"Expected one of the purposes {', '.join(sorted(policy.purposes))}; found another")
        subject = self.identity.of(caller)
        now = self.clock()
        require_valid(self.consents.get(caller.tenant, subject, request.consent_id), request.purpose, now)
        upload = Upload(
            tenant=caller.tenant,
            upload_id=new_id(),
            subject=subject,
            status=Status.AWAITING_UPLOAD,
            purpose=request.purpose,
            consent_id=request.consent_id,
            content_type=request.content_type,
            size=request.size,
            sha256=request.sha256,
            created_at=now,
            retention_days=rule.retention_days,
            expires_at=now + timedelta(days=rule.retention_days),
        )
        key_hash = hashlib.sha256(idempotency_key.encode()).hexdigest() if idempotency_key else None
        request_hash = hashlib.sha256(canonical(request.model_dump(mode="json"))).hexdigest()
        upload = self.uploads.create(upload, key_hash, request_hash)
        # Whatever else the token allows: the event's id outlives the token, and a repeated request must find its own.
        self.trail.by(Actor(ActorKind.SUBJECT, subject)).within(upload.upload_id).record(
            EventName.UPLOAD_REQUESTED,
            step="requested",
            tenant=upload.tenant,
            subject=upload.subject,
            upload_id=upload.upload_id,
            purpose=upload.purpose,
            details={DetailKey.BYTES: upload.size, DetailKey.CONSENT_ID: upload.consent_id},
        )
        return self._links(upload)

    def _links(self, upload: Upload) -> dict[str, Any]:
        answer: dict[str, Any] = {"id": upload.upload_id, "status": upload.status.value}
        left = upload.created_at + LINK_LIFETIME - self.clock()
        if upload.status is not Status.AWAITING_UPLOAD or left < timedelta(seconds=1):
            # A repeated request whose upload has moved on: its status says how, and no new link is made.
            return answer
        key = str(upload.key)
        answer["expires_at"] = stamp(upload.created_at + LINK_LIFETIME)
        answer["post"] = self.incoming.presign_post(key, upload.content_type, upload.size, left)
        if upload.sha256 is not None:
            url, headers = self.incoming.presign_put(key, upload.content_type, upload.size, upload.sha256, left)
            answer["put"] = {"url": url, "headers": headers}
        return answer


@dataclass(frozen=True, slots=True)
class Photos:
    """Reading the status of uploads, and photos."""

    identity: Identity
    uploads: UploadStore
    trail: Trail
    clock: Clock

    def find(self, caller: Caller, upload_id: str) -> Upload:
        """Give an upload that this caller may see.

        Raises
        ------
        NotFound
            For an unknown id, and for one that is not the caller's to see: nobody can tell the two apart.
        """
        upload = self.uploads.get(caller.tenant, upload_id) if is_id(upload_id) else None
        if upload is None:
            raise NotFound("Expected an upload of this caller; found none")
        known = self.identity.known(caller)
        if not caller.may(Scope.PHOTOS_READ) and known != upload.subject:
            # Who has never had a pseudonym gets none for trying a door.
            trail = self.trail.by(spoken_by(caller, known)) if known else self.trail
            trail.record(
                EventName.ACCESS_DENIED,
                step="denied",
                tenant=caller.tenant,
                chain=tenant_chain(caller.tenant),
                outcome=Outcome.DENIED,
                details={DetailKey.ROUTE: "uploads", DetailKey.HTTP_STATUS: 404},
            )
            raise NotFound("Expected an upload of this caller; found none")
        return upload

    def read(self, caller: Caller, upload_id: str, vault: Links) -> dict[str, Any]:
        """Give a link to the stored photo, and write down who asked."""
        upload = self.find(caller, upload_id)
        if not upload.readable or upload.photo_key is None or upload.photo_version is None:
            raise NotFound("Expected a stored photo; found none")
        require_open(self.identity.subjects, upload.tenant, upload.subject)
        self.trail.by(spoken_by(caller, self.identity.of(caller))).record(
            EventName.PHOTO_READ,
            step="read",
            tenant=upload.tenant,
            subject=upload.subject,
            upload_id=upload.upload_id,
            purpose=upload.purpose,
            policy_hash=upload.policy_hash,
            details={DetailKey.LINK_SECONDS: int(READ_LIFETIME.total_seconds())},
        )
        content_type = TYPE_OF_EXTENSION[upload.photo_key.rpartition(".")[2]]
        url = vault.presign_get(upload.photo_key, upload.photo_version, content_type, READ_LIFETIME)
        return {"id": upload.upload_id, "url": url, "expires_at": stamp(self.clock() + READ_LIFETIME)}
