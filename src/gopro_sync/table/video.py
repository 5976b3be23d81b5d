"""The video: what is known about a recording from the moment it is to be archived."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from gopro_sync.table.listed import Listed


@dataclass(frozen=True, slots=True, kw_only=True)
class Video:
    """One video to be archived, all its chapters; None is what GoPro or the event did not state.

    Attributes:
        media_id: GoPro's id.
        filename: GoPro's name, or the last part of the key where GoPro has none.
        s3_key: where chapter 1 belongs in the bucket, unless the tracker has already recorded another key for it.
        uploaded_at: when it reached GoPro Cloud, or was recorded where GoPro does not say that; aware.
        captured_at: the camera's clock; aware. The tracker does not keep it.
        size_bytes: all chapters together, according to GoPro's listing: an estimate.
        duration_seconds: the length of the recording; the tracker keeps whole seconds.
        item_count: how many chapters GoPro lists; at least 1. The tracker keeps it among what was listed.
        retry_count: how many runs have failed with it.
        waiting_reason: why it is recorded but cannot be archived yet; None if it is to be archived.
        first_seen_at: when it was recorded as waiting; None if it was not.
        is_upload_stated: False where ``uploaded_at`` is the time of recording. The tracker does not keep it.
    """

    media_id: str
    filename: str
    s3_key: str
    uploaded_at: datetime | None = None
    captured_at: datetime | None = None
    size_bytes: int | None = None
    duration_seconds: float | None = None
    item_count: int = 1
    retry_count: int = 0
    waiting_reason: str | None = None
    first_seen_at: datetime | None = None
    is_upload_stated: bool = True

    @property
    def listed(self) -> Listed:
        """What GoPro's listing states of it: no date of upload where that of the recording stands in for it."""
        uploaded_at = self.uploaded_at if self.is_upload_stated else None
        return Listed(size_bytes=self.size_bytes, chapter_count=self.item_count, uploaded_at=uploaded_at)
