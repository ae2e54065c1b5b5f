"""The settings of a function, typed: the only place that reads the environment.

A function names what it needs by composing the small models below; what is missing or out of range stops it at
cold start with the setting's name. The names are those of ``template.yaml``, and a test compares the two.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from photogate.errors import Misconfigured

__all__ = [
    "ApiSettings",
    "AuditSettings",
    "ConsentsSettings",
    "ErasureRequestSettings",
    "ErasureSettings",
    "EventSettings",
    "ExportsSettings",
    "IncomingSettings",
    "LedgerSettings",
    "OriginSettings",
    "PoliciesSettings",
    "PseudonymSettings",
    "QuarantineSettings",
    "SealSettings",
    "SealedSettings",
    "Settings",
    "SubjectsSettings",
    "SweepSettings",
    "UploadsSettings",
    "VaultSettings",
    "VisionSettings",
    "WitnessSettings",
    "WorkSettings",
    "load",
    "setting_name",
]

PREFIX = "PHOTOGATE_"
REPOSITORY = Path(__file__).resolve().parents[2]

Name = Annotated[str, Field(min_length=1)]


class Settings(BaseModel):
    """What every function has."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    stage: Name = Field(default="dev", description="Which deployment this is: dev or prod.")
    endpoint_url: str | None = Field(
        default=None, description="Where AWS answers, for a run on one machine; unset in AWS."
    )


class AuditSettings(Settings):
    """For whoever appends events."""

    audit_table: Name = Field(description="Table of the audit log's events.")
    audit_retention_days: int = Field(default=2557, ge=1, le=7305, description="How many days an event is kept.")


class ExportsSettings(AuditSettings):
    """For whoever has DynamoDB export the audit log."""

    exports_bucket: Name = Field(description="Bucket of what is taken out of the audit log.")
    data_key: Name = Field(description="KMS key of objects and tables, which also wraps the subjects' data keys.")


class LedgerSettings(AuditSettings):
    """For whoever seals, exports or proves the audit log."""

    ledger_table: Name = Field(description="Table of the log's head and manifests.")
    ledger_bucket: Name = Field(description="Bucket of checkpoints and hash tiles.")


class OriginSettings(Settings):
    """For whoever signs checkpoints, or publishes their key."""

    checkpoint_key: Name = Field(description="KMS key that signs checkpoints, or a witness's.")
    log_origin: Name = Field(description="The log's name, or a witness's: what is signed under.")


class SealSettings(LedgerSettings, OriginSettings):
    """For the sealer."""


class WitnessSettings(OriginSettings):
    """For a witness of somebody else's log; key and origin are the witness's own."""

    log_vkey: Name = Field(description="Verifier key of the log that a witness looks after.")
    log_bucket: Name = Field(description="Ledger bucket of the log that a witness looks after.")
    witness_table: Name = Field(description="Table of what a witness has seen.")
    witness_bucket: Name = Field(description="Bucket of the checkpoints that a witness cosigned.")


class UploadsSettings(Settings):
    """For whoever reads or moves uploads."""

    uploads_table: Name = Field(description="Table of uploads and their status.")


class PoliciesSettings(Settings):
    """For whoever reads policies and notices."""

    policies_table: Name = Field(description="Table of policy documents and consent notices.")


class ConsentsSettings(Settings):
    """For whoever reads or writes consents."""

    consents_table: Name = Field(description="Table of consent records.")


class SubjectsSettings(Settings):
    """For whoever checks the fence."""

    subjects_table: Name = Field(description="Table of pseudonyms, fences and wrapped data keys.")


class PseudonymSettings(SubjectsSettings):
    """For whoever turns a caller into a pseudonym."""

    pseudonym_key: Name = Field(description="KMS HMAC key that hides caller ids.")


class IncomingSettings(Settings):
    """For whoever touches what was uploaded."""

    incoming_bucket: Name = Field(description="Bucket that browsers upload to.")


class WorkSettings(Settings):
    """For the steps of the workflow."""

    work_bucket: Name = Field(description="Bucket of intermediates.")


class QuarantineSettings(Settings):
    """For whoever puts originals under review."""

    quarantine_bucket: Name = Field(description="Bucket of originals under review.")


class SealedSettings(QuarantineSettings, SubjectsSettings):
    """For whoever seals or opens originals."""

    data_key: Name = Field(description="KMS key of objects and tables, which also wraps the subjects' data keys.")


class VaultSettings(Settings):
    """For whoever stores or hands out results."""

    vault_bucket: Name = Field(description="Bucket of results.")


class EventSettings(Settings):
    """For whoever tells the customer's own systems."""

    event_bus: Name = Field(default="default", description="EventBridge bus for photo.completed.")


class ErasureRequestSettings(SubjectsSettings):
    """For whoever starts an erasure."""

    erasure_workflow: Name = Field(description="State machine that erases a subject.")


class ErasureSettings(SealedSettings, UploadsSettings, IncomingSettings, WorkSettings, VaultSettings, AuditSettings):
    """For the erasure itself."""

    erasure_wait_seconds: int = Field(
        default=300, ge=0, description="Seconds after the fence in which what runs may end; a workflow lasts 290."
    )
    subjects_recovery_days: int = Field(
        default=1, ge=1, le=35, description="For how many days the Subjects table can be put back."
    )
    tables_recovery_days: int = Field(
        default=35, ge=1, le=35, description="For how many days the other tables can be put back."
    )


class SweepSettings(Settings):
    """For the sweeper."""

    patience_s: int = Field(default=600, ge=1, description="Seconds in PROCESSING after which nobody works on a photo.")
    grace_s: int = Field(default=900, ge=1, description="Seconds after which an upload that never came has expired.")


class ApiSettings(Settings):
    """For functions behind the HTTP API."""

    tenant_claim: Name = Field(default="custom:tenant", description="JWT claim that names the tenant.")
    subject_claim: Name = Field(default="sub", description="JWT claim that names the caller.")
    scope_claim: Name = Field(default="scope", description="JWT claim that lists the scopes.")


class VisionSettings(Settings):
    """For detectors."""

    models_dir: Path = Field(
        default=REPOSITORY / "layers" / "vision" / "models", description="Folder of the ONNX models."
    )
    threads: int = Field(default=1, ge=1, le=16, description="Threads of one onnxruntime session.")


def setting_name(field: str) -> str:
    """Give the environment variable of a field: ``uploads_table`` is ``PHOTOGATE_UPLOADS_TABLE``."""
    return PREFIX + field.upper()


S = TypeVar("S", bound=Settings)


def load(model: type[S], environment: Mapping[str, str] | None = None) -> S:
    """Read a model's settings.

    Parameters
    ----------
    model
        The settings that the caller needs.
    environment
        The process's own unless given.

    Raises
    ------
    Misconfigured
        With the names of the variables that are missing or out of range, and never their values.
    """
    source = os.environ if environment is None else environment
    found: dict[str, Any] = {f: source[setting_name(f)] for f in model.model_fields if source.get(setting_name(f))}
    try:
        return model.model_validate(found)
    except ValidationError as error:
        wrong = sorted({setting_name(str(e["loc"][0])) + ": " + e["msg"] for e in error.errors(include_input=False)})
        raise Misconfigured("Expected settings that fit " + model.__name__ + "; found " + "; ".join(wrong)) from None
