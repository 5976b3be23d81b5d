"""Items that are not archived yet, and may be: they have a record, so that their age is seen. Pure.

GoPro's states are about its own proxies: the camera original was seen to be there while GoPro was still transcoding,
and some items never become ready (open-source clients). So the original of such an item is tried after some days,
whatever GoPro says of its state; what it offers then is judged as that of every other video.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from gopro_sync.gopro.library.media import MediaItem, SkipReason
from gopro_sync.table.tracker import TrackerRecord
from gopro_sync.table.video import Video

_NOT_READY: Final = frozenset({SkipReason.NOT_READY, SkipReason.UNKNOWN_STATE})
WAITING_REASONS: Final = _NOT_READY | {SkipReason.UNKNOWN_TYPE}


def is_tried_anyway(
    item: MediaItem, reason: SkipReason, record: TrackerRecord | None, *, now: datetime, after: timedelta
) -> bool:
    """Return whether the item is archived like a video that is ready.

    Args:
        item: as GoPro lists it.
        reason: why it is not archived as yet.
        record: of the item, if it has one.
        now: the time.
        after: how long it may wait: since it was uploaded, or since it was first seen, whichever is longer ago.
    """
    if reason not in _NOT_READY:
        return False
    moments = [item.uploaded_at, None if record is None else record.first_seen_at]
    return any(moment is not None and moment <= now - after for moment in moments)


def as_waiting(item: MediaItem, reason: SkipReason) -> Video:
    """Return what is recorded of it: no key, since its name may still change."""
    return Video(
        media_id=item.media_id,
        filename=item.filename or "",
        s3_key="",
        uploaded_at=item.uploaded_at,
        size_bytes=item.size_bytes,
        duration_seconds=item.duration_seconds,
        waiting_reason=reason,
    )
