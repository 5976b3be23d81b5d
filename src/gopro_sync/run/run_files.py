"""A run's files in S3: the summary, and the manifest, so that the state machine's payloads carry only a reference."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gopro_sync.aws.answers import Service, answer_of

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
        ConfigurationError: there is no such bucket, or its key cannot be used.
        StorageError: S3 failed after botocore's own retries.
    """
    key = f"runs/{run_id(execution_id)}/manifest.json"
    _write(s3, bucket, key, json.dumps(items, separators=(",", ":")))
    return {"bucket": bucket, "key": key}


def write_summary(s3: S3Client, *, bucket: str, execution_id: str, summary: Mapping[str, Any]) -> None:
    """Write the outcome of a run to ``runs/<run id>/summary.json``, for people and programs.

    Raises:
        AccessDeniedError: S3 refused.
        ConfigurationError: there is no such bucket, or its key cannot be used.
        StorageError: S3 failed after botocore's own retries.
    """
    _write(s3, bucket, f"runs/{run_id(execution_id)}/summary.json", json.dumps(summary, indent=2) + "\n")


def _write(s3: S3Client, bucket: str, key: str, text: str) -> None:
    with answer_of(Service.S3, "PutObject") as call:
        answer = s3.put_object(Bucket=bucket, Key=key, Body=text.encode(), ContentType="application/json")
        call.field(answer, "ETag")
