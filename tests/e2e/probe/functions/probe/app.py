"""Does what the event says, so that a test can see what the local cloud makes of it."""

import os
import time

import boto3

from photogate.errors import Transient

CALLS = 0


def handler(event, context):
    """Try one thing."""
    global CALLS
    CALLS += 1
    what = event.get("do", "tell")
    if what == "raise":
        raise Transient("Expected nothing; found a test")
    if what == "sleep":
        time.sleep(event["seconds"])
    if what == "put_object":
        boto3.client("s3").put_object(Bucket=os.environ["PROBE_BUCKET"], Key=event["key"], Body=b"x")
    if what == "put_item":
        boto3.client("dynamodb").put_item(TableName=os.environ["PROBE_TABLE"], Item={"pk": {"S": "a"}})
    if what == "delete_item":
        boto3.client("dynamodb").delete_item(TableName=os.environ["PROBE_TABLE"], Key={"pk": {"S": "a"}})
    if what == "print":
        print(event["text"])
    caller = boto3.client("sts").get_caller_identity()["Arn"]
    claims = event.get("requestContext", {}).get("authorizer", {}).get("jwt", {}).get("claims", {})
    return {"caller": caller, "calls": CALLS, "claims": claims, "environment": sorted(os.environ.values())}
