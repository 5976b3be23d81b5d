"""Comparing the archive with the simulator, byte by byte, without trusting what the functions said."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from boto3.dynamodb.types import TypeDeserializer
from botocore.exceptions import BotoCoreError, ClientError

from local.cloud import Cloud
from local.running import Execution
from local.simulator import Library, SimulatedItem, SimulatorAdmin

_BLOCK_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedFile:
    """One camera original of the simulator, and what the archive has of it.

    Attributes:
        filename: the video's name at GoPro; its id if it has none.
        item_number: which chapter.
        status: of the video in the tracker; ``MISSING`` without a record.
        s3_key: where it was archived, if it was.
        size_bytes: of the object; of the source if there is no object.
        megabytes_per_second: of the video's transfer, if the run's history tells.
        sha256: of the object's bytes as they were read back from S3.
        matches: whether they are the source's bytes.
        not_compared: why nobody knows that: they could not be read back. None if they were.
    """

    filename: str
    item_number: int
    status: str
    s3_key: str | None
    size_bytes: int
    megabytes_per_second: float | None
    sha256: str | None
    matches: bool
    not_compared: str | None = None

    @property
    def is_archived(self) -> bool:
        """Whether the video counts as archived and this file of it really is."""
        return self.status == "COMPLETED" and self.matches


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedItem:
    """An item of the simulator's library that is not ours to archive."""

    filename: str
    reason: str


def skipped_items(admin: SimulatorAdmin) -> list[SkippedItem]:
    """The items that should not be in the archive, with the reason."""
    judged = ((item, _reason_to_skip(item)) for item in _items(admin))
    return [SkippedItem(filename=_name(item), reason=reason) for item, reason in judged if reason is not None]


def checked_files(cloud: Cloud, admin: SimulatorAdmin, execution: Execution) -> Iterator[CheckedFile]:
    """Reads back every file that should be in the archive.

    Args:
        cloud: whose archive.
        admin: of the simulator.
        execution: the run that archived them; its history tells the speeds.
    """
    speeds = _speeds(cloud, execution)
    for item in _items(admin):
        if _reason_to_skip(item) is not None:
            continue
        record = _tracker_record(cloud, item.media_id)
        files = {int(file["item_number"]): file["s3_key"] for file in record.get("files", [])}
        for number, _chapter in enumerate(item.chapters, start=1):
            source = admin.source(item.media_id, number)
            key = files.get(number)
            size_bytes, sha256, not_compared = source.size_bytes, None, None
            try:
                if key is not None:
                    size_bytes, sha256 = _read_back(cloud, key)
            except (BotoCoreError, ClientError) as error:
                not_compared = str(error)
            yield CheckedFile(
                filename=_name(item),
                item_number=number,
                status=record.get("status", "MISSING"),
                s3_key=key,
                size_bytes=size_bytes,
                megabytes_per_second=speeds.get(item.media_id),
                sha256=sha256,
                matches=(size_bytes, sha256) == (source.size_bytes, source.sha256),
                not_compared=not_compared,
            )


def _items(admin: SimulatorAdmin) -> list[SimulatedItem]:
    return Library.from_json(admin.library()).stated_items()


def _reason_to_skip(item: SimulatedItem) -> str | None:
    # On purpose not the system's own rule, which is what is being checked; it covers what the simulator's demo serves.
    if item.type != "Video":
        return f"type {item.type}"
    return None if item.ready_to_view == "ready" else f"still {item.ready_to_view}"


def _name(item: SimulatedItem) -> str:
    return item.filename or item.media_id


def _tracker_record(cloud: Cloud, media_id: str) -> dict[str, Any]:
    item = (
        cloud.client("dynamodb")
        .get_item(TableName=cloud.outputs["TrackerTableName"], Key={"media_id": {"S": media_id}}, ConsistentRead=True)
        .get("Item", {})
    )
    deserializer = TypeDeserializer()
    return {name: deserializer.deserialize(value) for name, value in item.items()}


def _read_back(cloud: Cloud, key: str) -> tuple[int, str]:
    body = cloud.client("s3").get_object(Bucket=cloud.outputs["ArchiveBucketName"], Key=key)["Body"]
    digest, size_bytes = hashlib.sha256(), 0
    for block in body.iter_chunks(_BLOCK_BYTES):
        digest.update(block)
        size_bytes += len(block)
    return size_bytes, digest.hexdigest()


def _speeds(cloud: Cloud, execution: Execution) -> dict[str, float]:
    """Megabytes per second by media id, from what the downloader answered in the children of the run's map."""
    client = cloud.client("stepfunctions")
    speeds: dict[str, float] = {}
    for map_run in client.list_map_runs(executionArn=execution.arn)["mapRuns"]:
        pages = client.get_paginator("list_executions").paginate(mapRunArn=map_run["mapRunArn"])
        for child in (child for page in pages for child in page["executions"]):
            for answer in _answers(client, child["executionArn"]):
                seconds = answer.get("transfer_duration_seconds")
                if seconds:
                    speeds[answer["media_id"]] = answer["bytes_transferred"] / seconds / 1e6
    return speeds


def _answers(client: Any, execution_arn: str) -> Iterator[dict[str, Any]]:
    for event in client.get_execution_history(executionArn=execution_arn, maxResults=1000)["events"]:
        details = event.get("taskSucceededEventDetails")
        if details is not None and details["resourceType"] == "lambda":
            yield json.loads(details["output"])["Payload"]
