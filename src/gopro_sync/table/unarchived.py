"""The table's view of videos that are not archived, and the marks of those that GoPro no longer lists.

Nothing here changes a COMPLETED record. Each write requires that the record is still as expected, so that a run that is
working on the video keeps it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from gopro_sync.errors import MediaGoneError
from gopro_sync.table.record_update import update_record
from gopro_sync.table.tracker import Status, scan_unarchived
from gopro_sync.values.outside_values import text_or_none, zoned_moment_or_none
from gopro_sync.values.timestamps import epoch_seconds, iso_utc

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_GONE: Final = MediaGoneError.__name__
_GONE_MESSAGE: Final = "Two complete listings did not show this item, and GoPro no longer has it"
_IS_FREE: Final = (
    "(#status IN (:pending, :failed) OR (#status = :in_progress "
    "AND (attribute_not_exists(lease_owner) OR lease_expires_at < :now_epoch)))"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnarchivedVideo:
    """A video that is not archived, as far as is needed to tell whether it ever will be.

    Attributes:
        media_id: GoPro's id.
        filename: GoPro's name; empty if there is none.
        first_seen_at: when it was recorded; None in records of earlier versions.
        is_gone: whether GoPro no longer has it.
        gone_by: the run that found out by asking, because it was no longer listed; None for all others.
        absent_since: when a complete listing first did not show it; None if all do.
        absent_by: the run that made this listing.
        asked_at: when GoPro was last asked for it because of that.
        reported_by: the run that reported that it waits in vain; None if none has.
    """

    media_id: str
    filename: str
    first_seen_at: datetime | None
    is_gone: bool
    gone_by: str | None
    absent_since: datetime | None
    absent_by: str | None
    asked_at: datetime | None
    reported_by: str | None


class UnarchivedVideos:
    """The records of the table that are not COMPLETED.

    All methods raise `AccessDeniedError`, `ConfigurationError` (no such table) or `TrackerError` (DynamoDB failed after
    botocore's own retries).

    Args:
        client: a DynamoDB client.
        table_name: the tracker's table.
        clock: returns the time, aware.
    """

    def __init__(self, client: DynamoDBClient, table_name: str, *, clock: Callable[[], datetime]) -> None:
        self._client = client
        self._table_name = table_name
        self._clock = clock

    def each(self) -> Iterator[UnarchivedVideo]:
        """Read the whole table, consistently: marks made by an earlier call of the same run are included."""
        fields = (
            "media_id, filename, first_seen_at, error_type, gone_by, absent_since, absent_by, absence_asked_at, "
            "vain_wait_reported_by"
        )
        return map(_video, scan_unarchived(self._client, self._table_name, fields))

    def mark_absent(self, media_id: str, *, run: str) -> None:
        """Record that a complete listing does not show the video; an earlier mark stays."""
        self._update(
            media_id,
            "SET absent_since = :now, absent_by = :run",
            {":now": iso_utc(self._clock()), ":run": run},
            condition=f"{_IS_FREE} AND attribute_not_exists(absent_since)",
        )

    def mark_asked(self, media_id: str) -> None:
        """Record that GoPro was asked for an unlisted video, and did not say that it is gone."""
        self._update(
            media_id,
            "SET absence_asked_at = :now",
            {":now": iso_utc(self._clock())},
            condition=f"{_IS_FREE} AND attribute_exists(absent_since)",
        )

    def mark_gone(self, media_id: str, *, run: str) -> bool:
        """Record as FAILED, with no further attempt, what GoPro neither lists nor has any more.

        Args:
            media_id: the video.
            run: the run that found out, and reports it.

        Returns:
            Whether it was done; not if a run has claimed the video, or it was listed again.
        """
        return self._update(
            media_id,
            "SET #status = :failed, error_type = :gone, error_message = :message, failed_at = :now, "
            "sync_timestamp = :now, gone_by = :run "
            "REMOVE waiting_reason, next_attempt_after, lease_owner, lease_expires_at",
            {":gone": _GONE, ":message": _GONE_MESSAGE, ":now": iso_utc(self._clock()), ":run": run},
            condition=f"{_IS_FREE} AND attribute_exists(absent_since)",
        )

    def mark_back(self, video: UnarchivedVideo) -> None:
        """Remove the marks from a video that GoPro lists again; one that counted as gone is PENDING."""
        marks = "absent_since, absent_by, absence_asked_at, gone_by"
        if not video.is_gone:
            is_not_gone = "(attribute_not_exists(error_type) OR error_type <> :gone)"
            self._update(video.media_id, f"REMOVE {marks}", {":gone": _GONE}, condition=f"{_IS_FREE} AND {is_not_gone}")
            return
        self._update(
            video.media_id,
            f"SET #status = :pending REMOVE error_type, error_message, next_attempt_after, sync_timestamp, {marks}",
            {":gone": _GONE},
            condition=f"{_IS_FREE} AND error_type = :gone",
        )

    def mark_reported(self, media_id: str, *, run: str) -> bool:
        """Record that a video waiting in vain is reported; return whether this run has to report it."""
        return self._update(
            media_id,
            "SET vain_wait_reported_by = :run",
            {":run": run},
            condition=f"{_IS_FREE} AND (attribute_not_exists(vain_wait_reported_by) OR vain_wait_reported_by = :run)",
        )

    def _update(self, media_id: str, expression: str, values: Mapping[str, Any], *, condition: str) -> bool:
        outcome = update_record(
            self._client,
            self._table_name,
            media_id,
            expression,
            {
                ":pending": Status.PENDING,
                ":failed": Status.FAILED,
                ":in_progress": Status.IN_PROGRESS,
                ":now_epoch": epoch_seconds(self._clock()),
                **values,
            },
            condition=condition,
            names={"#status": "status"},
            media_id=media_id,
        )
        return outcome.is_done


def _video(item: Mapping[str, Any]) -> UnarchivedVideo:
    # Anything that somebody made unreadable counts as missing: a mark is then made once more.
    return UnarchivedVideo(
        media_id=item["media_id"],
        filename=text_or_none(item.get("filename")) or "",
        first_seen_at=zoned_moment_or_none(item.get("first_seen_at")),
        is_gone=item.get("error_type") == _GONE,
        gone_by=text_or_none(item.get("gone_by")),
        absent_since=zoned_moment_or_none(item.get("absent_since")),
        absent_by=text_or_none(item.get("absent_by")),
        asked_at=zoned_moment_or_none(item.get("absence_asked_at")),
        reported_by=text_or_none(item.get("vain_wait_reported_by")),
    )
