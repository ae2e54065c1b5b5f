"""Clients, and the one place where AWS's errors become ours."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
    ResponseStreamingError,
)

from photogate.config import Settings
from photogate.errors import NotPermitted, Transient

logger = logging.getLogger(__name__)

__all__ = ["TRANSIENT_CODES", "error_code", "make_client", "translated"]

TRANSIENT_CODES = frozenset(
    {
        "InternalError",
        "InternalServerError",
        "InternalFailure",
        "KMSInternalException",
        "DependencyTimeoutException",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestTimeout",
        "ServiceUnavailable",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionConflictException",
        "TransactionInProgressException",
        "500",
        "502",
        "503",
        "504",
    }
)
# What the keys' alarm counts: asked of KMS itself, or by S3 and DynamoDB in the caller's name.
KEY_OPERATIONS = frozenset({"Decrypt", "Encrypt", "GenerateDataKey", "GenerateMac", "GetPublicKey", "Sign"})
DENIED_CODES = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403"})


def make_client(service: str, settings: Settings) -> Any:
    """Make a client with short timeouts, bounded retries and SigV4.

    boto3 would presign with the retired SigV2 on a custom endpoint unless told otherwise.
    """
    config = Config(
        signature_version="s3v4" if service == "s3" else None,
        connect_timeout=3,
        read_timeout=20,
        retries={"mode": "standard", "total_max_attempts": 4},
        s3={"addressing_style": "path" if settings.endpoint_url else "virtual"} if service == "s3" else None,
    )
    return boto3.client(service, endpoint_url=settings.endpoint_url, config=config)  # type: ignore[call-overload]


def error_code(error: ClientError) -> str:
    """Give the service's own code of an error."""
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def translated() -> Iterator[None]:
    """Raise `Transient` for what another try may mend, `NotPermitted` for what a role lacks; let the rest through.

    The service's message is dropped: it can hold keys and names.
    """
    try:
        yield
    except ClientError as error:
        code = error_code(error)
        if error.operation_name in KEY_OPERATIONS or "KMS" in code:
            logger.error("key refused", extra={"operation": error.operation_name, "code": code})
        if code in TRANSIENT_CODES:
            raise Transient(f"Expected {error.operation_name} to answer; found {code}") from None
        if code in DENIED_CODES:
            raise NotPermitted(f"Expected {error.operation_name} to be allowed; found {code}") from None
        raise
    except (
        EndpointConnectionError,
        ConnectTimeoutError,
        ReadTimeoutError,
        ConnectionClosedError,
        ResponseStreamingError,
    ) as error:
        raise Transient(f"Expected the service to answer; found {type(error).__name__}") from None
