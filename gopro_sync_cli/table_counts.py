"""The table's videos, counted now: from the last run's count and the index by status, or record by record.

No counter is kept anywhere: it would drift when an answer is lost. Between runs a video only becomes COMPLETED, by a
person's `accept` or by what a stopped run had left, and the index holds those by time. While a run is at work, videos
are recorded and re-opened, which the index does not hold; so the whole table is read then, in parts, and also where
anything else does not add up: another table than was counted, or records that `rebuild` has written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from gopro_sync.errors import MediaGoneError
from gopro_sync.table.tracker import Status
from gopro_sync.table.values import from_attribute_values, to_attribute_values
from gopro_sync.table.video_counts import NOT_COUNTED_BY_DYNAMODB, VideoCounter, VideoCounts
from gopro_sync.values.outside_values import text_or_none, zoned_moment_or_none
from gopro_sync.values.timestamps import iso_utc
from gopro_sync_cli.side_threads import SideThreads
from gopro_sync_cli.status_facts import CountedVideos

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

INDEX: Final = "status-sync_timestamp-index"  # template.yaml
# A part of 50,000 records is some 3 MB: three calls.
_PARTS: Final = 8
_FIELDS: Final = "media_id, #status, error_type, next_attempt_after"


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseCount:
    """A run's count of the table.

    Attributes:
        counts: what it counted.
        at: as of when.
    """

    counts: VideoCounts
    at: datetime


class DoesNotAddUpError(Exception):
    """More has changed since the last count than the index can tell."""


class TableCounts:
    """The tracker's table, as far as its videos are counted.

    All methods raise botocore's errors.

    Args:
        client: a DynamoDB client; shared by threads.
        table_name: the table.
    """

    def __init__(self, client: DynamoDBClient, table_name: str) -> None:
        self._client = client
        self._table_name = table_name

    def since(self, base: BaseCount) -> CountedVideos:
        """Return how many videos there are now, by a run's count and what the index by status has had since.

        Args:
            base: the count; no run may have been at work since.

        Raises:
            DoesNotAddUpError: these do not tell.
        """
        threads = SideThreads(4)
        table = threads.start(lambda: self._client.describe_table(TableName=self._table_name))
        completed = threads.start(lambda: self._completed_since(base.at))
        in_progress = threads.start(lambda: sum(page["Count"] for page in self._pages(Status.IN_PROGRESS)))
        failed = threads.start(lambda: list(self._failed()))
        if table.result()["Table"]["CreationDateTime"] > base.at:
            raise DoesNotAddUpError
        gone = sum(_is_gone(record) for record in failed.result())
        archived = base.counts.completed - base.counts.just_completed + completed.result()
        counts = VideoCounts(
            total=base.counts.total,
            completed=archived,
            in_progress=in_progress.result(),
            failed=len(failed.result()) - gone,
            gone=gone,
            unreadable=base.counts.unreadable,
            pending=base.counts.total - archived - in_progress.result() - len(failed.result()) - base.counts.unreadable,
        )
        if counts.pending < 0:
            raise DoesNotAddUpError
        return _counted(counts, base.at, failed.result(), is_recount=False)

    def recount(self, now: datetime) -> CountedVideos:
        """Return how many videos there are, record by record.

        Args:
            now: the time.
        """
        parts = SideThreads(_PARTS).results(lambda part: self._part(part, now), range(_PARTS))
        counts = sum((counts for counts, _ in parts), start=VideoCounts())
        failed = [record for _, records in parts for record in records]
        return _counted(counts, now, failed, is_recount=True)

    def _part(self, part: int, now: datetime) -> tuple[VideoCounts, list[dict[str, Any]]]:
        counter, failed = VideoCounter(), list[dict[str, Any]]()
        pages = self._client.get_paginator("scan").paginate(
            TableName=self._table_name,
            Segment=part,
            TotalSegments=_PARTS,
            FilterExpression=NOT_COUNTED_BY_DYNAMODB,
            ProjectionExpression=_FIELDS,
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues=to_attribute_values({":completed": Status.COMPLETED, ":as_of": iso_utc(now)}),
        )
        for page in pages:
            counter.add_page(page)
            for item in page["Items"]:
                record = from_attribute_values(item)
                counter.add_record(record)
                failed += [record] if record.get("status") == Status.FAILED else []
        if counter.counts is None:
            raise DoesNotAddUpError
        return counter.counts, failed

    def _completed_since(self, moment: datetime) -> int:
        """Return how many have become COMPLETED from a moment on.

        Raises:
            DoesNotAddUpError: some were written by `rebuild`, which also records videos anew.
        """
        pages = list(
            self._pages(
                Status.COMPLETED,
                since=moment,
                FilterExpression="attribute_not_exists(rebuilt) OR rebuilt.#at < :since",
                names={"#at": "at"},
            )
        )
        if any(page["Count"] != page["ScannedCount"] for page in pages):
            raise DoesNotAddUpError
        return sum(page["Count"] for page in pages)

    def _failed(self) -> Iterator[dict[str, Any]]:
        for page in self._pages(
            Status.FAILED, Select="SPECIFIC_ATTRIBUTES", ProjectionExpression="error_type, next_attempt_after"
        ):
            yield from map(from_attribute_values, page["Items"])

    def _pages(
        self,
        status: Status,
        *,
        since: datetime | None = None,
        names: Mapping[str, str] | None = None,
        **more: Any,
    ) -> Iterator[Any]:
        """Read the index; without further wishes, only how many records there are of a status."""
        key = "#status = :status" + ("" if since is None else " AND sync_timestamp >= :since")
        values = {":status": status} | ({} if since is None else {":since": iso_utc(since)})
        asked: dict[str, Any] = {
            "TableName": self._table_name,
            "IndexName": INDEX,
            "KeyConditionExpression": key,
            "ExpressionAttributeNames": {"#status": "status", **(names or {})},
            "ExpressionAttributeValues": to_attribute_values(values),
            "Select": "COUNT",
        }
        yield from self._client.get_paginator("query").paginate(**(asked | more))


def _is_gone(record: Mapping[str, Any]) -> bool:
    return record.get("error_type") == MediaGoneError.__name__


def _counted(counts: VideoCounts, as_of: datetime, failed: list[dict[str, Any]], *, is_recount: bool) -> CountedVideos:
    there = [record for record in failed if not _is_gone(record)]
    due = [zoned_moment_or_none(record.get("next_attempt_after")) for record in there]
    return CountedVideos(
        counts=replace(counts, just_completed=0),
        as_of=as_of,
        is_recount=is_recount,
        failed_by_error=Counter(text_or_none(record.get("error_type")) or "unknown" for record in there),
        next_due=min((moment for moment in due if moment is not None), default=None),
    )
