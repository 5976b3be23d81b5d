"""What people are told of videos that will never be archived as things stand (`never_archived.py`)."""

from __future__ import annotations

from typing import Final

from gopro_sync.values.event_fields import JsonObject, optional_count, optional_text, required_objects, required_text

_LINES_LISTED: Final = 20
_LONGEST_NAME: Final = 100


def gone_told(summary: JsonObject) -> list[str]:
    """Return the lines of the notice that name what GoPro no longer has; none if there is nothing to tell.

    Raises:
        InvalidEventError: a field of the summary has the wrong shape.
    """
    count = optional_count(summary, "gone")
    if not count:
        return []
    return [
        f"Gone at GoPro: {number_of(count, 'video')} not archived in full before. Two complete listings did not show "
        "what is named here, and GoPro says that it no longer has it. It counts as pending no more, and is not told "
        "again. What to do: nothing, if you deleted it; what GoPro lists again is archived like any other video:",
        *[_line(video, optional_text(video, "filename")) for video in _named(summary, "gone_videos")],
        "",
    ]


def waiting_in_vain_told(summary: JsonObject) -> list[str]:
    """Return the lines of the notice that name what waits and cannot be tried; none if there is nothing to tell.

    Raises:
        InvalidEventError: a field of the summary has the wrong shape.
    """
    count = optional_count(summary, "waiting_in_vain")
    if not count:
        return []
    return [
        f"Waiting in vain: {number_of(count, 'item')}, for longer than NotReadyAfterDays, of a type that this version "
        "does not know, and without the name of a video. What is named here is not archived, counts as pending, and is "
        "not told again. What to do: look at it on gopro.com, download by hand what is worth keeping, and report the "
        "type, please:",
        *[_line(video, f"type {optional_text(video, 'type') or 'unknown'}") for video in _waiting(summary)],
        "",
    ]


def number_of(count: int, what: str) -> str:
    """Return "1 video", "2 videos"."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _waiting(summary: JsonObject) -> list[JsonObject]:
    return _named(summary, "waiting_in_vain_videos")


def _named(summary: JsonObject, name: str) -> list[JsonObject]:
    return list(required_objects(summary, name)[:_LINES_LISTED])


def _line(video: JsonObject, told: str | None) -> str:
    media_id = required_text(video, "media_id")[:_LONGEST_NAME]
    return f"  {media_id}: {told[:_LONGEST_NAME]}" if told else f"  {media_id}"
