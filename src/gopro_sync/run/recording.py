"""New items of the library get their records before any run works on them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Final

from gopro_sync.run.selection import Selection
from gopro_sync.run.sorting_out import SortedOut
from gopro_sync.run.waiting import as_waiting
from gopro_sync.table.tracker import Lookup, Recording, Tracker, TrackerRecord
from gopro_sync.table.video import Video
from gopro_sync.telemetry.logs import EventType, logger

NOTHING_NEW: Final = Recording(left=frozenset(), refused={}, trouble=None)
_LINES_LOGGED: Final = 100


def record_videos(
    videos: Sequence[Video], records: Mapping[str, TrackerRecord], tracker: Tracker, *, until: datetime | None
) -> Recording:
    """Record the videos that have no record, or one that says that they wait.

    Args:
        videos: to be archived; those that come first are recorded first.
        records: the existing records, by id.
        tracker: where they are recorded.
        until: how long to wait for DynamoDB, aware; a minute if None.

    Raises:
        GoProSyncError: the tracker's. What DynamoDB did not accept in time is in the answer.
    """
    return tracker.record_new([video for video in videos if _is_new(records.get(video.media_id))], until=until)


def record_waiting(
    sorted_out: SortedOut, found: Lookup, tracker: Tracker, *, selection: Selection, until: datetime | None
) -> None:
    """Record what cannot be archived yet; what DynamoDB does not accept now, the next run records.

    Args:
        sorted_out: the library.
        found: what the table has of it.
        tracker: where they are recorded.
        selection: what the run is asked for; nothing else is recorded.
        until: as with `record_videos`.

    Raises:
        GoProSyncError: the tracker's.
    """
    known = found.records.keys() | found.unreadable.keys()
    waiting = [
        as_waiting(item, sorted_out.reasons[item.media_id])
        for item in sorted_out.waiting
        if item.media_id not in known and selection.takes(item)
    ]
    if waiting:
        tracker.record_new(waiting, until=until)


def log_unrecorded(left: Collection[str], unrecordable: Mapping[str, str]) -> None:
    """Log which videos have no usable record.

    Args:
        left: the ids of those that DynamoDB did not accept in time.
        unrecordable: by id, why there is none.
    """
    for media_id, reason in islice(unrecordable.items(), _LINES_LOGGED):
        logger.error(
            "A video cannot be recorded, and is not archived",
            extra={"event_type": EventType.VIDEO_NOT_RECORDED, "media_id": media_id, "reason": reason},
        )
    if left:
        logger.warning(
            "DynamoDB did not take all new videos in time; the next run records the others",
            extra={"event_type": EventType.VIDEO_NOT_RECORDED, "unrecorded": len(left)},
        )


def _is_new(record: TrackerRecord | None) -> bool:
    return record is None or record.waiting_reason is not None
