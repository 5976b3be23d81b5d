"""The lines of a notice about videos that will never be archived as things stand (`never_archived.py`)."""

from __future__ import annotations

from gopro_sync.run.notice_lines import MOST_NAMED, number_of, shortened
from gopro_sync.values.event_fields import JsonObject, optional_count, optional_text, required_objects, required_text


def lines_on_gone(summary: JsonObject) -> list[str]:
    """Return the lines of the notice that name what GoPro no longer has; none if there is nothing to report.

    Raises:
        InvalidEventError: a field of the summary has the wrong shape.
    """
    count = optional_count(summary, "gone")
    if not count:
        return []
    return [
        f"Gone from GoPro: {number_of(count, 'video')}, not fully archived before. Two complete listings did not show "
        "what is named here, and GoPro says that it no longer has it. It no longer counts as pending, and is not "
        "reported again. What to do: nothing, if you deleted it; what GoPro lists again is archived like any other "
        "video:",
        *[
            _line(video, optional_text(video, "filename"))
            for video in required_objects(summary, "gone_videos")[:MOST_NAMED]
        ],
        "",
    ]


def lines_on_waiting_in_vain(summary: JsonObject) -> list[str]:
    """Return the lines of the notice that name what waits and cannot be tried; none if there is nothing to report.

    Raises:
        InvalidEventError: a field of the summary has the wrong shape.
    """
    count = optional_count(summary, "waiting_in_vain")
    if not count:
        return []
    return [
        f"Waiting in vain: {number_of(count, 'item')}, for longer than NotReadyAfterDays, of a type that this version "
        "does not know, and without the file name of a video. What is named here is not archived, counts as pending, "
        "and is not reported again. What to do: look at it on gopro.com, download by hand what is worth keeping, and "
        "please report the type:",
        *[
            _line(video, f"type {optional_text(video, 'type') or 'unknown'}")
            for video in required_objects(summary, "waiting_in_vain_videos")[:MOST_NAMED]
        ],
        "",
    ]


def _line(video: JsonObject, detail: str | None) -> str:
    media_id = shortened(required_text(video, "media_id"))
    return f"  {media_id}: {shortened(detail)}" if detail else f"  {media_id}"
