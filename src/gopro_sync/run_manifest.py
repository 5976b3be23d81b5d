"""The run's manifest: the videos of one run, in S3, so that the state machine's payloads carry only a reference."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from gopro_sync.errors import AccessDeniedError, StorageError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def run_id(execution_id: str) -> str:
    """Return the execution's name: the last part of its ARN (or the whole, when it is no ARN)."""
    return execution_id.rsplit(":", 1)[-1]


def write_manifest(
    s3: S3Client, *, bucket: str, execution_id: str, items: Sequence[Mapping[str, Any]]
) -> dict[str, str]:
    """Write the items as one JSON array to ``runs/<run id>/manifest.json``.

    Returns:
        ``{"bucket": ..., "key": ...}``, as the state machine's ItemReader takes it.

    Raises:
        AccessDeniedError: S3 refused.
        StorageError: S3 failed after botocore's own retries.
    """
    key = f"runs/{run_id(execution_id)}/manifest.json"
    body = json.dumps(items, separators=(",", ":")).encode()
    try:
        s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType="application/json")
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "AccessDenied":
            raise AccessDeniedError(f"AccessDenied: S3 refused to write {key}") from error
        raise StorageError(f"S3 refused to write {key} with {code}") from error
    except BotoCoreError as error:
        raise StorageError(f"S3 could not be reached to write {key} ({type(error).__name__})") from error
    return {"bucket": bucket, "key": key}
