"""What a function has at hand: its settings turned into adapters, each made when it is first asked for."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from photogate.audit.event import Actor, ActorKind
from photogate.audit.log import AuditLog
from photogate.audit.receipts import Receipts
from photogate.audit.trail import Trail
from photogate.aws.audit_table import AuditTable
from photogate.aws.consents_table import DynamoConsents
from photogate.aws.erasable_bucket import ErasableBucket
from photogate.aws.erasures_table import DynamoErasures
from photogate.aws.events import EventBus
from photogate.aws.kms import HmacKey
from photogate.aws.ledger_bucket import LedgerBucket
from photogate.aws.ledger_table import LedgerTable
from photogate.aws.policies_table import DynamoPolicies
from photogate.aws.retention_index import DynamoRetention
from photogate.aws.s3 import Bucket
from photogate.aws.session import make_client
from photogate.aws.subject_keys import SubjectKeys
from photogate.aws.subjects_table import DynamoSubjects
from photogate.aws.upload_rows import OwnedUploads
from photogate.aws.uploads_table import DynamoUploads
from photogate.aws.workflows import ErasureWorkflow
from photogate.config import Settings
from photogate.errors import Misconfigured
from photogate.intake import Identity

if TYPE_CHECKING:
    from photogate.aws.sealed_bucket import SealedBucket

__all__ = ["World"]


class World:
    """The adapters of one function.

    Parameters
    ----------
    settings
        What the function declared that it needs; asking for an adapter beyond that raises `Misconfigured`.
    function
        The function's name, for its events.
    """

    def __init__(self, settings: Settings, function: str) -> None:
        self.settings = settings
        self.function = function

    def _setting(self, name: str) -> str:
        if name not in type(self.settings).model_fields:
            raise Misconfigured(f"Expected {self.function} to declare the setting {name}; found that it does not")
        return str(getattr(self.settings, name))

    def _optional(self, name: str) -> str:
        return self._setting(name) if name in type(self.settings).model_fields else ""

    @cached_property
    def _dynamodb(self) -> Any:
        return make_client("dynamodb", self.settings)

    @cached_property
    def _s3(self) -> Any:
        return make_client("s3", self.settings)

    @cached_property
    def audit(self) -> AuditTable:
        """The Audit table."""
        return AuditTable(self._dynamodb, self._setting("audit_table"))

    @cached_property
    def uploads(self) -> DynamoUploads:
        """The Uploads table, with the tables of its final transaction where they are declared."""
        consents, subjects = self._optional("consents_table"), self._optional("subjects_table")
        return DynamoUploads(self._dynamodb, self._setting("uploads_table"), consents, subjects)

    @cached_property
    def retention(self) -> DynamoRetention:
        """What of the Uploads table is due for deletion."""
        return DynamoRetention(self._dynamodb, self._setting("uploads_table"))

    @cached_property
    def subjects(self) -> DynamoSubjects:
        """The Subjects table."""
        return DynamoSubjects(self._dynamodb, self._setting("subjects_table"))

    @cached_property
    def erasures(self) -> DynamoErasures:
        """Erasures, in the Subjects table."""
        return DynamoErasures(self._dynamodb, self._setting("subjects_table"))

    @cached_property
    def owned_uploads(self) -> OwnedUploads:
        """The Uploads table, by subject."""
        return OwnedUploads(self._dynamodb, self._setting("uploads_table"))

    @cached_property
    def erasure_workflow(self) -> ErasureWorkflow:
        """What erases."""
        return ErasureWorkflow(make_client("stepfunctions", self.settings), self._setting("erasure_workflow"))

    def erasable(self) -> dict[str, ErasableBucket]:
        """Every bucket that holds something of a subject, by the name that certificates give it."""
        names = ("incoming", "work", "quarantine", "vault")
        return {name: ErasableBucket(self._s3, self._setting(f"{name}_bucket")) for name in names}

    @cached_property
    def consents(self) -> DynamoConsents:
        """The Consents table."""
        return DynamoConsents(self._dynamodb, self._setting("consents_table"))

    @cached_property
    def policies(self) -> DynamoPolicies:
        """The Policies table."""
        return DynamoPolicies(self._dynamodb, self._setting("policies_table"))

    @cached_property
    def receipts(self) -> Receipts:
        """Receipts of events."""
        ledger = LedgerTable(self._dynamodb, self._setting("ledger_table"))
        return Receipts(self.audit, ledger, LedgerBucket(self._s3, self._setting("ledger_bucket")).get)

    @cached_property
    def identity(self) -> Identity:
        """Callers to pseudonyms."""
        return Identity(self.subjects, HmacKey(make_client("kms", self.settings), self._setting("pseudonym_key")))

    @cached_property
    def bus(self) -> EventBus:
        """The bus of ``photo.completed``."""
        return EventBus(make_client("events", self.settings), self._setting("event_bus"))

    @cached_property
    def incoming(self) -> Bucket:
        """What browsers upload to."""
        return self._bucket("incoming_bucket")

    @cached_property
    def work(self) -> Bucket:
        """Intermediates."""
        return self._bucket("work_bucket")

    @cached_property
    def quarantine(self) -> Bucket:
        """Originals under review."""
        return self._bucket("quarantine_bucket")

    @cached_property
    def sealed(self) -> SealedBucket:
        """Originals under review, sealed."""
        # Its functions alone have the crypto layer.
        from photogate.aws.sealed_bucket import SealedBucket

        return SealedBucket(self.quarantine, self.subject_keys)

    @cached_property
    def subject_keys(self) -> SubjectKeys:
        """The subjects' data keys."""
        kms = make_client("kms", self.settings)
        return SubjectKeys(kms, self._dynamodb, self._setting("subjects_table"), self._setting("data_key"))

    @cached_property
    def vault(self) -> Bucket:
        """Results."""
        return self._bucket("vault_bucket")

    def _bucket(self, name: str) -> Bucket:
        return Bucket(self._s3, self._setting(name))

    def trail(self, run: str, version: str) -> Trail:
        """Give what appends this run's events.

        Parameters
        ----------
        run
            Execution or request id.
        version
            The function's version.
        """
        actor = Actor(ActorKind.SERVICE, self.function)
        return Trail(AuditLog(self.audit), self.function, version, run, actor)
