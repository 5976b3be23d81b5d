"""Where each video of the library stands for a run: the one rule by which it is taken or left. Pure."""

from __future__ import annotations

from datetime import datetime
from enum import Enum, auto

from gopro_sync.gopro.library.media import MediaItem
from gopro_sync.run.selection import Selection
from gopro_sync.table.tracker import Lookup, Status, TrackerRecord


class Standing(Enum):
    """Where a video stands; each has exactly one standing."""

    TO_ARCHIVE = auto()
    COMPLETED = auto()
    LEASED = auto()
    POSTPONED = auto()
    FILTERED = auto()
    UNREADABLE = auto()


def standing_of(item: MediaItem, found: Lookup, selection: Selection, *, owner: str, now: datetime) -> Standing:
    """Return where a video stands; an archived one is archived, whatever the run is asked for.

    Args:
        item: the video, as GoPro lists it.
        found: what the table has of the library.
        selection: what the run is asked for.
        owner: the run.
        now: the time.
    """
    record = found.records.get(item.media_id)
    if record is not None and record.status is Status.COMPLETED:
        return Standing.COMPLETED
    if not selection.takes(item):
        return Standing.FILTERED
    if item.media_id in found.unreadable:
        return Standing.UNREADABLE
    return Standing.TO_ARCHIVE if record is None else _of_recorded(record, selection, owner=owner, now=now)


def _of_recorded(record: TrackerRecord, selection: Selection, *, owner: str, now: datetime) -> Standing:
    if record.is_leased_to_another(owner, now):
        return Standing.LEASED
    if record.is_postponed(now) and not selection.redrives(record.failed_at):
        return Standing.POSTPONED
    return Standing.TO_ARCHIVE
