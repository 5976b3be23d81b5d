"""Compare the archive with the simulator, byte by byte, without trusting what the functions report."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from boto3.dynamodb.types import TypeDeserializer
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, IncompleteReadError

from local.cloud import Cloud
from local.running import Execution
from local.simulator import Library, SimulatedItem, SimulatorAdmin

_BLOCK_BYTES = 1024 * 1024
_PIECE_BYTES = 64 * _BLOCK_BYTES
_MOST_BREAKS_WITHOUT_A_BYTE = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedFile:
    """One camera original of the simulator, and what the archive has of it.

    Attributes:
        filename: the video's name at GoPro; its id if it has none.
        item_number: which chapter.
        status: of the video in the tracker; ``MISSING`` without a record.
        s3_key: where it was archived, if it was.
        size_bytes: of the object; of the source if there is no object.
        megabytes_per_second: of the video's transfer, if it is in the run's history.
        sha256: of the object's bytes as they were read back from S3.
        matches: whether they are the source's bytes.
        not_compared: why they could not be read back; None if they were.
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
class ReadObject:
    """What was found when all of an object was read."""

    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedItem:
    """An item of the simulator's library that is not ours to archive."""

    filename: str
    reason: str


def skipped_items(admin: SimulatorAdmin) -> list[SkippedItem]:
    """Return the items that should not be in the archive, with the reason."""
    judged = ((item, _reason_to_skip(item)) for item in _items(admin))
    return [SkippedItem(filename=_name(item), reason=reason) for item, reason in judged if reason is not None]


def checked_files(
    cloud: Cloud,
    admin: SimulatorAdmin,
    execution: Execution,
    *,
    on_bytes: Callable[[int], None] = lambda _count: None,
) -> Iterator[CheckedFile]:
    """Read back every file that should be in the archive.

    Args:
        cloud: whose archive.
        admin: of the simulator.
        execution: the run that archived them; the speeds are in its history.
        on_bytes: called with the number of bytes that were read since it was called last.
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
            read, not_compared = None, None
            try:
                if key is not None:
                    read = _read_back(cloud, key, on_bytes)
            except (BotoCoreError, ClientError) as error:
                not_compared = str(error)
            yield CheckedFile(
                filename=_name(item),
                item_number=number,
                status=record.get("status", "MISSING"),
                s3_key=key,
                size_bytes=source.size_bytes if read is None else read.size_bytes,
                megabytes_per_second=speeds.get(item.media_id),
                sha256=None if read is None else read.sha256,
                matches=read == ReadObject(size_bytes=source.size_bytes, sha256=source.sha256),
                not_compared=not_compared,
            )


def read_object(s3: Any, *, bucket: str, key: str, on_bytes: Callable[[int], None] = lambda _count: None) -> ReadObject:
    """Read all of an object, range by range; a connection that breaks is resumed where it broke.

    Args:
        s3: client.
        bucket: where the object is.
        key: of the object.
        on_bytes: called with the number of bytes that were read since it was called last.

    Raises:
        ClientError: the object is not there, is refused, or was replaced meanwhile.
        HTTPClientError: connections break again and again, without a byte in between.
        IncompleteReadError: likewise.
    """
    where = {"Bucket": bucket, "Key": key}
    head = s3.head_object(**where)
    digest, position, breaks = hashlib.sha256(), 0, 0
    while position < head["ContentLength"]:
        last = min(position + _PIECE_BYTES, head["ContentLength"]) - 1
        try:
            answer = s3.get_object(**where, IfMatch=head["ETag"], Range=f"bytes={position}-{last}")
            for block in answer["Body"].iter_chunks(_BLOCK_BYTES):
                digest.update(block)
                position, breaks = position + len(block), 0
                on_bytes(len(block))
        except (HTTPClientError, IncompleteReadError):
            breaks += 1
            if breaks > _MOST_BREAKS_WITHOUT_A_BYTE:
                raise
    return ReadObject(size_bytes=position, sha256=digest.hexdigest())


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


def _read_back(cloud: Cloud, key: str, on_bytes: Callable[[int], None]) -> ReadObject:
    return read_object(cloud.client("s3"), bucket=cloud.outputs["ArchiveBucketName"], key=key, on_bytes=on_bytes)


def _speeds(cloud: Cloud, execution: Execution) -> dict[str, float]:
    """Return megabytes per second by media id, from the downloader's answers in the children of the run's map."""
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
