"""List, for a person, which videos are not archived and what happens to each next, from the tracker's table."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from boto3.dynamodb.types import TypeDeserializer

from gopro_sync.values.timestamps import iso_utc
from local.cloud import Cloud


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoLeft:
    """A video that is not archived.

    Attributes:
        media_id: its id at GoPro.
        filename: its name; empty if it has none.
        prospect: what happens to it next, in a few words.
    """

    media_id: str
    filename: str
    prospect: str

    def __str__(self) -> str:
        return f"{self.filename} ({self.media_id}): {self.prospect}"


def videos_left(cloud: Cloud) -> Iterator[VideoLeft]:
    """Read which videos are left: not archived, neither waiting for GoPro nor seen to be gone there.

    Raises:
        ClientError: the table cannot be read.
    """
    pages = (
        cloud.client("dynamodb")
        .get_paginator("scan")
        .paginate(
            TableName=cloud.outputs["TrackerTableName"],
            FilterExpression="attribute_exists(#status) AND #status <> :completed "
            "AND attribute_not_exists(gone_by) AND attribute_not_exists(waiting_reason)",
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues={":completed": {"S": "COMPLETED"}},
        )
    )
    read, now = TypeDeserializer(), time.time()
    for page in pages:
        for item in page["Items"]:
            record = {name: read.deserialize(value) for name, value in item.items()}
            yield VideoLeft(
                media_id=str(record["media_id"]),
                filename=str(record.get("filename", "")),
                prospect=prospect_of(record, now=now),
            )


def prospect_of(record: dict[str, Any], *, now: float) -> str:
    """Return what happens to a video next.

    Args:
        record: its item in the table.
        now: seconds since the epoch.
    """
    if record.get("lease_owner") and record.get("lease_expires_at", 0) > now:
        # The lease outlives a run that was stopped: whether anybody is at work cannot be seen.
        until = iso_utc(dt.datetime.fromtimestamp(int(record["lease_expires_at"]), dt.UTC))
        return f"held by {record['lease_owner']}, at the longest until {until}"
    if record["status"] != "FAILED":
        return "left for the next run"
    due = record.get("next_attempt_after")
    when = f"tried again from {due}" if due else "not tried again"
    return f"failed with {record.get('error_type', 'an unknown error')}, {when}"
