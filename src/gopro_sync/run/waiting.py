"""Items that are not archived yet, and may be: they have a record, so that their age is visible. Pure.

GoPro's states are about its own proxies: the camera original was seen to be there while GoPro was still transcoding,
and some items never become ready (open-source clients). So the original of such an item is tried after some days,
whatever GoPro says of its state, and what it then offers is judged like that of any other video.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from gopro_sync.gopro.library.media import MediaItem, SkipReason
from gopro_sync.table.tracker import TrackerRecord
from gopro_sync.table.video import Video

_NOT_READY: Final = frozenset({SkipReason.NOT_READY, SkipReason.UNKNOWN_STATE})
WAITING_REASONS: Final = _NOT_READY | {SkipReason.UNKNOWN_TYPE}


def is_tried_anyway(reason: SkipReason, record: TrackerRecord | None, *, now: datetime, after: timedelta) -> bool:
    """Return whether the item is archived like a video that is ready.

    Args:
        reason: why it is not archived as yet.
        record: that of the item, if it has one.
        now: the time.
        after: how long it may wait since it was first seen. The time of upload means nothing: GoPro processes old items
            again.
    """
    if reason not in _NOT_READY or record is None:
        return False
    return record.first_seen_at is not None and record.first_seen_at <= now - after


def as_waiting(item: MediaItem, reason: SkipReason) -> Video:
    """Return its record: without a key, since its name may still change."""
    return Video(
        media_id=item.media_id,
        filename=item.filename or "",
        s3_key="",
        uploaded_at=item.uploaded_at,
        size_bytes=item.size_bytes,
        duration_seconds=item.duration_seconds,
        waiting_reason=reason,
    )
