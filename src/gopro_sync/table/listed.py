"""What GoPro's listing stated of a video at one time, as its record keeps it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gopro_sync.values.outside_values import whole_number_or_none, zoned_moment_or_none
from gopro_sync.values.timestamps import iso_utc


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """What GoPro's listing stated of a video; None for what it did not state, or what is no longer known.

    Attributes:
        size_bytes: all chapters together.
        chapter_count: how many chapters there are.
        uploaded_at: when the video reached GoPro Cloud; aware, whole seconds once it has been recorded.
    """

    size_bytes: int | None = None
    chapter_count: int | None = None
    uploaded_at: datetime | None = None

    def or_more(self, other: Listed) -> Listed:
        """Return the larger sizes and counts and the later time of both."""
        return Listed(
            size_bytes=max(_known(self.size_bytes, other.size_bytes), default=None),
            chapter_count=max(_known(self.chapter_count, other.chapter_count), default=None),
            uploaded_at=max(_known(self.uploaded_at, other.uploaded_at), default=None),
        )


def fields_of(listed: Listed) -> dict[str, Any]:
    """Return the fields of a record for it, as plain values by name, without what is unknown."""
    fields = {
        "listed_size": listed.size_bytes,
        "listed_chapters": listed.chapter_count,
        "listed_upload_date": None if listed.uploaded_at is None else iso_utc(listed.uploaded_at),
    }
    return {name: value for name, value in fields.items() if value is not None}


def listed_in(fields: object) -> Listed:
    """Read the fields of `fields_of`; what is missing, or was made unreadable, is unknown."""
    if not isinstance(fields, Mapping):
        return Listed()
    return Listed(
        size_bytes=whole_number_or_none(fields.get("listed_size")),
        chapter_count=whole_number_or_none(fields.get("listed_chapters")),
        uploaded_at=zoned_moment_or_none(fields.get("listed_upload_date")),
    )


def _known[Value](*values: Value | None) -> list[Value]:
    return [value for value in values if value is not None]
