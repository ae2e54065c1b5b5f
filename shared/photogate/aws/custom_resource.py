"""Answering CloudFormation for a custom resource: it waits for a document at a presigned address, come what may."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import urllib3

from photogate.errors import Transient

__all__ = ["answer_cloudformation"]


def answer_cloudformation(
    event: Mapping[str, Any], physical_id: str, attributes: Callable[[], Mapping[str, str]]
) -> str:
    """Tell CloudFormation how it ended: without an answer a deployment hangs for an hour.

    Parameters
    ----------
    event
        The request, with ``RequestType`` and ``ResponseURL``.
    physical_id
        What the resource is called; another one makes CloudFormation take it for another resource.
    attributes
        Makes what ``!GetAtt`` gives. It is not called for a deletion. What it raises is answered as a failure, by the
        name of its class alone.

    Returns
    -------
    str
        ``SUCCESS`` or ``FAILED``, as it was answered.

    Raises
    ------
    Transient
        If CloudFormation's address does not take the answer; Lambda then tries again.
    """
    status, reason, data = "SUCCESS", "", dict[str, str]()
    if event["RequestType"] != "Delete":
        try:
            data = dict(attributes())
        except Exception as error:  # whatever it is, a deployment must not wait for it
            status, reason = "FAILED", type(error).__name__
    answer = {
        "Status": status,
        "Reason": reason,
        "PhysicalResourceId": physical_id,
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
        "Data": data,
    }
    # The address is signed for no content type.
    taken = urllib3.request("PUT", event["ResponseURL"], body=json.dumps(answer), headers={"content-type": ""})
    if taken.status >= 300:
        raise Transient(f"Expected CloudFormation to take the answer; found HTTP {taken.status}")
    return status
