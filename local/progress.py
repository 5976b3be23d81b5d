"""How far a run is, from the tracker and from S3's list of parts: nothing is asked of the functions."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from local.cloud import Cloud

_OPEN = frozenset({"PENDING", "IN_PROGRESS"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a run is.

    Attributes:
        step: the state that the state machine is in.
        total: videos of this run that are known so far.
        completed: of these, archived and verified.
        failed: of these, given up.
        total_bytes: their size by GoPro's listing.
        moved_bytes: what S3 has of them, unfinished uploads included.
        seconds: since the run started.
    """

    step: str
    total: int
    completed: int
    failed: int
    total_bytes: int
    moved_bytes: int
    seconds: float


class ProgressWatch:
    """Looks at a run again and again.

    Args:
        cloud: where it runs.
        execution_arn: which one.
    """

    def __init__(self, cloud: Cloud, *, execution_arn: str) -> None:
        self._execution_arn = execution_arn
        self._table = cloud.outputs["TrackerTableName"]
        self._bucket = cloud.outputs["ArchiveBucketName"]
        self._tracker = cloud.client("dynamodb")
        self._s3 = cloud.client("s3")
        self._step_functions = cloud.client("stepfunctions")
        self._started = time.monotonic()
        # What was open at the first look or since belongs to this run, and so does what this run has written to.
        self._ours: set[str] = set()
        self._seen: list[dict[str, Any]] = []

    def look(self) -> Progress:
        """How far it is now, or was when the table could be read last: without its key it cannot."""
        with suppress(ClientError):
            self._seen = self._videos()
        videos = [video for video in self._seen if self._is_ours(video)]
        completed = [video for video in videos if video["status"] == "COMPLETED"]
        return Progress(
            step=self._step(),
            total=len(videos),
            completed=len(completed),
            failed=sum(video["status"] == "FAILED" for video in videos),
            total_bytes=sum(video["size"] for video in videos),
            moved_bytes=sum(video["size"] for video in completed) + self._bytes_in_open_uploads(),
            seconds=time.monotonic() - self._started,
        )

    def _is_ours(self, video: Mapping[str, Any]) -> bool:
        if video["status"] in _OPEN or video["execution_id"] == self._execution_arn:
            self._ours.add(video["media_id"])
        return video["media_id"] in self._ours

    def _videos(self) -> list[dict[str, Any]]:
        pages = self._tracker.get_paginator("scan").paginate(
            TableName=self._table,
            ProjectionExpression="media_id, #status, file_size, execution_id",
            # What has no status is no video, and what waits for GoPro is none of this run.
            FilterExpression="attribute_exists(#status) AND attribute_not_exists(waiting_reason)",
            ExpressionAttributeNames={"#status": "status"},
        )
        return [
            {
                "media_id": item["media_id"]["S"],
                "status": item["status"]["S"],
                "size": int(item.get("file_size", {"N": "0"})["N"]),
                "execution_id": item.get("execution_id", {}).get("S"),
            }
            for page in pages
            for item in page["Items"]
        ]

    def _bytes_in_open_uploads(self) -> int:
        uploads = self._s3.list_multipart_uploads(Bucket=self._bucket).get("Uploads", [])
        return sum(self._bytes_uploaded(upload["Key"], upload["UploadId"]) for upload in uploads)

    def _bytes_uploaded(self, key: str, upload_id: str) -> int:
        try:
            pages = self._s3.get_paginator("list_parts").paginate(Bucket=self._bucket, Key=key, UploadId=upload_id)
            return sum(part["Size"] for page in pages for part in page.get("Parts", []))
        except self._s3.exceptions.NoSuchUpload:  # completed since it was listed
            return 0

    def _step(self) -> str:
        history = self._step_functions.get_execution_history(
            executionArn=self._execution_arn, reverseOrder=True, maxResults=100, includeExecutionData=False
        )
        names = (
            event["stateEnteredEventDetails"]["name"]
            for event in history["events"]
            if "stateEnteredEventDetails" in event
        )
        return next(names, "")
