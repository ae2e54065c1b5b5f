"""An export of the Audit table by DynamoDB itself: from its backup, without a read of the table, and never a Scan."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from photogate.aws.session import translated
from photogate.errors import Unexpected

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

__all__ = ["TableExport"]


@dataclass(frozen=True, slots=True)
class TableExport:
    """One export, known by a token: whoever starts it again with that token gets the same one.

    Attributes
    ----------
    table
        The table's ARN.
    bucket, key
        Where it is written, and the KMS key that it is encrypted under there.
    token
        A random id; the export lies below ``table/<token>/``.
    """

    dynamodb: DynamoDBClient
    s3: S3Client
    table: str
    bucket: str
    key: str
    token: str

    @property
    def prefix(self) -> str:
        """Where in the bucket the export is."""
        return f"table/{self.token}"

    def start(self) -> str:
        """Start it, and give its ARN; it holds the table as it is now."""
        with translated():
            answer = self.dynamodb.export_table_to_point_in_time(
                TableArn=self.table,
                ClientToken=self.token,
                S3Bucket=self.bucket,
                S3Prefix=self.prefix,
                S3SseAlgorithm="KMS",
                S3SseKmsKeyId=self.key,
                ExportFormat="DYNAMODB_JSON",
            )
        return answer["ExportDescription"]["ExportArn"]

    def is_done(self, arn: str) -> bool:
        """Tell whether it has ended.

        Raises
        ------
        Unexpected
            If it failed; with DynamoDB's code.
        """
        with translated():
            found = self.dynamodb.describe_export(ExportArn=arn)["ExportDescription"]
        if found["ExportStatus"] == "FAILED":
            raise Unexpected(f"Expected the export to end; found {found.get('FailureCode', 'a failure')}")
        return found["ExportStatus"] == "COMPLETED"

    def files(self) -> Iterator[tuple[str, int]]:
        """Name its files below the prefix, each with its size in bytes."""
        with translated():
            pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self.prefix + "/")
            for page in pages:
                for entry in page.get("Contents", []):
                    yield entry["Key"].removeprefix(self.prefix + "/"), entry["Size"]

    def fetch(self, name: str, target: Path) -> None:
        """Copy one file; it is there whole or not at all."""
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(target.name + ".part")
        with translated():
            self.s3.download_file(self.bucket, f"{self.prefix}/{name}", str(part))
        part.replace(target)
