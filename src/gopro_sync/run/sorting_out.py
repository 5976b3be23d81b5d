"""Which rows of a listing are videos to archive, and why the others are not. Pure, except for the log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from gopro_sync.gopro.library.listing import LibraryListing
from gopro_sync.gopro.library.media import MalformedRow, MediaItem, SkipReason, classify
from gopro_sync.run.waiting import WAITING_REASONS, is_tried_anyway
from gopro_sync.table.tracker import TrackerRecord
from gopro_sync.telemetry.logs import EventType, logger


@dataclass(frozen=True, slots=True, kw_only=True)
class SortedOut:
    """A listing in which each row is either a video to archive or skipped for a reason.

    Attributes:
        items: the media items, oldest upload first.
        reasons: those of the skipped items, by id.
        malformed: the rows that are no media items, which are skipped too.
    """

    items: tuple[MediaItem, ...]
    reasons: Mapping[str, SkipReason]
    malformed: tuple[MalformedRow, ...]

    @property
    def videos(self) -> list[MediaItem]:
        """What is to be archived, in this run or another."""
        return [item for item in self.items if item.media_id not in self.reasons]

    @property
    def waiting(self) -> list[MediaItem]:
        """What is skipped for now, and may be archived later."""
        return [item for item in self.items if self.reasons.get(item.media_id) in WAITING_REASONS]

    @property
    def unknown_types(self) -> Mapping[str, str]:
        """GoPro's words for the types that this version does not know, by id of the item."""
        unknown = SkipReason.UNKNOWN_TYPE
        return {item.media_id: item.type for item in self.items if self.reasons.get(item.media_id) is unknown}

    @property
    def ids_of_records(self) -> list[str]:
        """The ids of all items that may have a record."""
        waits = WAITING_REASONS | {None}
        return [item.media_id for item in self.items if self.reasons.get(item.media_id) in waits]

    @property
    def skipped(self) -> Mapping[str, int]:
        """How many rows are skipped, by reason."""
        counts = Counter([*self.reasons.values(), *(SkipReason.MALFORMED for _ in self.malformed)])
        return {str(reason): counts[reason] for reason in sorted(counts)}

    def reason_of(self, media_id: str) -> str | None:
        """Return why the row of this id is skipped; None if there is none, or it is to be archived."""
        if any(row.media_id == media_id for row in self.malformed):
            return SkipReason.MALFORMED
        return self.reasons.get(media_id)

    def with_those_tried_anyway(
        self, records: Mapping[str, TrackerRecord], *, now: datetime, after: timedelta
    ) -> SortedOut:
        """Return a copy in which whatever has waited too long is among the videos.

        Args:
            records: those of the items that have one, by id.
            now: the time.
            after: how long an item may wait (`waiting.py`).
        """
        reasons = {
            media_id: reason
            for media_id, reason in self.reasons.items()
            if not is_tried_anyway(reason, records.get(media_id), now=now, after=after)
        }
        return replace(self, reasons=reasons)


def sort_out(listing: LibraryListing) -> SortedOut:
    """Sort out a listing, and log what this version does not know."""
    reasons = {item.media_id: reason for item in listing.items if (reason := classify(item)) is not None}
    _log(listing.items, reasons, listing.malformed)
    return SortedOut(items=listing.items, reasons=reasons, malformed=listing.malformed)


def _log(items: Sequence[MediaItem], reasons: Mapping[str, SkipReason], malformed: Sequence[MalformedRow]) -> None:
    # Photos and edits are skipped by the thousand and only counted.
    for row in malformed:
        _log_skipped(row.media_id, SkipReason.MALFORMED, row.problem)
    for item in items:
        reason = reasons.get(item.media_id)
        if reason in {SkipReason.UNKNOWN_TYPE, SkipReason.UNKNOWN_STATE}:
            _log_skipped(item.media_id, reason, f"type {item.type}, state {item.ready_to_view}")


def _log_skipped(media_id: str | None, reason: SkipReason, problem: str) -> None:
    logger.warning(
        "A media item was skipped",
        extra={
            "event_type": EventType.MEDIA_ITEM_SKIPPED,
            "media_id": media_id,
            "reason": reason,
            "problem": problem,
        },
    )
