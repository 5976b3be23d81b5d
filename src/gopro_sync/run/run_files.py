"""A run's files in S3: the summary, and the manifest, so that the state machine's payloads carry only a reference.

They expire separately (template.yaml): a manifest is of no use once its run is over, while the summaries are the
history of the archive.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from gopro_sync.aws.answers import Service, answer_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SUMMARIES: Final = "summaries/"


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


def summary_key(execution_id: str, started_at: datetime) -> str:
    """Return the address of a run's summary: S3 lists keys in the order of their bytes, so by time of start.

    Args:
        execution_id: of the run; two that start at the same moment have an address each.
        started_at: when it began.
    """
    moment = started_at.astimezone(UTC)
    return f"{SUMMARIES}{moment:%Y/%m/%Y%m%dT%H%M%S}{moment.microsecond // 1000:03d}Z-{run_id(execution_id)}.json"


def write_summary(
    s3: S3Client, *, bucket: str, execution_id: str, started_at: datetime, summary: Mapping[str, Any]
) -> None:
    """Write the outcome of a run, for people and programs; writing it again for the same run replaces it.

    Raises:
        AccessDeniedError: S3 refused.
        ConfigurationError: there is no such bucket, or its key cannot be used.
        StorageError: S3 failed after botocore's own retries.
    """
    _write(s3, bucket, summary_key(execution_id, started_at), json.dumps(summary, indent=2) + "\n")


def _write(s3: S3Client, bucket: str, key: str, text: str) -> None:
    with answer_of(Service.S3, "PutObject") as call:
        answer = s3.put_object(Bucket=bucket, Key=key, Body=text.encode(), ContentType="application/json")
        call.field(answer, "ETag")
