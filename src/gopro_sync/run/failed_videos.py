"""How the videos that failed in a run are reported: their names, reasons and next attempts, as the table has them."""

from __future__ import annotations

from typing import Any, Final

from gopro_sync.run.notice_lines import MOST_NAMED
from gopro_sync.table.tracker import Tracker, TrackerRecord
from gopro_sync.values.event_fields import JsonObject, required_objects, required_text
from gopro_sync.values.outside_values import one_line
from gopro_sync.values.timestamps import iso_utc

_LONGEST_NAME_BYTES: Final = 100
_LONGEST_REASON_BYTES: Final = 400


def describe_failed_videos(summary: JsonObject, tracker: Tracker) -> list[dict[str, Any]]:
    """Return ``failed_videos`` of a run's summary, with what the table knows about the first twenty.

    Args:
        summary: as the state machine made it: ``failed_videos`` has ``media_id`` and ``error`` of some of them.
        tracker: where their records are.

    Returns:
        The same videos; those whose record has them get ``filename``, ``reason``, ``attempts`` (the failed ones) and
        ``next_attempt_after``.

    Raises:
        InvalidEventError: ``failed_videos`` is no list of JSON objects, or one of them is incomplete.
        GoProSyncError: what the tracker raises.
    """
    videos = required_objects(summary, "failed_videos")
    records = tracker.look_up(required_text(video, "media_id") for video in videos[:MOST_NAMED]).records
    return [{**video, **_known(records.get(video["media_id"]), required_text(video, "error"))} for video in videos]


def _known(record: TrackerRecord | None, error: str) -> dict[str, Any]:
    # If the record could not be marked, it describes an earlier failure, or none.
    if record is None or record.error_type != error:
        return {}
    known = {
        "filename": one_line(record.video.filename, longest_bytes=_LONGEST_NAME_BYTES),
        "reason": one_line(record.error_message or "", longest_bytes=_LONGEST_REASON_BYTES),
        "attempts": record.video.retry_count,
        "next_attempt_after": None if record.next_attempt_after is None else iso_utc(record.next_attempt_after),
    }
    return {name: value for name, value in known.items() if value}
