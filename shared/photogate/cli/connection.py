"""How a command reaches a deployment: by `PHOTOGATE_*` settings, or by a file of the stack's outputs.

The stack names its outputs as the settings are named: the output `AuditTable` is the setting `PHOTOGATE_AUDIT_TABLE`.
Credentials, region and certificate authority are AWS's own (`AWS_PROFILE`, `AWS_REGION`, `AWS_CA_BUNDLE`, ...).
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TypeVar

from photogate.config import Settings, load, setting_name
from photogate.errors import Misconfigured

__all__ = ["settings_of", "staff_pseudonym"]

S = TypeVar("S", bound=Settings)


def settings_of(model: type[S], outputs: Path | None) -> S:
    """Read settings from a file of outputs, or from the environment where none is given.

    Parameters
    ----------
    model
        The settings that the command needs.
    outputs
        JSON: an object of output names and values, or the list that ``aws cloudformation describe-stacks`` gives.

    Raises
    ------
    Misconfigured
        If the file cannot be read, or does not hold what the command needs.
    """
    if outputs is None:
        return load(model)
    try:
        found = json.loads(outputs.read_bytes())
    except (OSError, ValueError):
        raise Misconfigured("Expected a JSON file of the stack's outputs; found none that can be read") from None
    if isinstance(found, dict) and "Stacks" in found:
        found = found["Stacks"][0].get("Outputs", [])
    if isinstance(found, list):
        found = {output["OutputKey"]: output["OutputValue"] for output in found}
    if not isinstance(found, dict):
        raise Misconfigured("Expected an object of output names and values; found something else")
    return load(model, {setting_name(_field(name)): value for name, value in found.items() if isinstance(value, str)})


def _field(output: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", output).lower()


def staff_pseudonym(settings: Settings, pseudonym_key: str, tenant: str) -> str:
    """Give the pseudonym of the member of staff whose credentials are in use: an HMAC of the caller's ARN."""
    from photogate.aws.kms import HmacKey
    from photogate.aws.session import make_client, translated

    with translated():
        caller = make_client("sts", settings).get_caller_identity()["Arn"]
    return HmacKey(make_client("kms", settings), pseudonym_key).mac(f"staff:{tenant}:{caller}".encode())[:32]
