"""The lister's use case: which videos of the library are to be archived, under which key, in this run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, auto
from itertools import islice
from typing import Final

from gopro_sync.archive.object_key import assign_keys
from gopro_sync.gopro.client import GoProClient
from gopro_sync.gopro.library.drift import DriftFinding
from gopro_sync.gopro.library.listing import LibraryListing, ListingGap
from gopro_sync.gopro.library.media import MediaItem, SkipReason, classify
from gopro_sync.run.reopening import reopen
from gopro_sync.run.selection import Selection
from gopro_sync.run.waiting import WAITING_REASONS, as_waiting, is_tried_anyway
from gopro_sync.table.tracker import Lookup, Recording, Status, Tracker, TrackerRecord
from gopro_sync.table.video import Video
from gopro_sync.telemetry.logs import EventType, logger
from gopro_sync.telemetry.tracing import Part, subsegment

NOT_IN_LIBRARY: Final = "not_in_library"
_EVERYTHING: Final = Selection()
_NOTHING_NEW: Final = Recording(left=frozenset(), refused={}, trouble=None)
_LINES_LOGGED: Final = 100
_NEVER: Final = timedelta(days=36_500)
_MAY_HAVE_A_RECORD: Final = WAITING_REASONS | {None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """What the library holds and what of it is to be done; every item listed is in exactly one of the counts.

    Attributes:
        videos: to be archived in this run, oldest upload first.
        later_videos: to be archived in a later run, since the limit of this one is reached.
        already_synced: how many are COMPLETED.
        leased: how many another run is at work on.
        postponed: how many have failed and are not due for their next attempt.
        filtered: how many the run was not asked for.
        skipped: how many are not this system's to archive, by reason.
        unrecorded: how many wait for a later run because DynamoDB did not take their records in this one.
        unrecordable: the videos whose record DynamoDB does not take, or that has one which cannot be read, with the
            reason.
        unavailable: what was asked for by its id and is not among the videos, with the reason: the one for which it was
            skipped, or ``NOT_IN_LIBRARY``.
        without_files: those of the videos to be archived of which the table knows no file, nor an upload.
        drift: in what GoPro's answers differ from those that the client was written against.
        reopened: those of the videos to be archived that were archived before, with what GoPro shows more of them.
        gap: what GoPro's listing lacks; None if it is complete.
    """

    videos: tuple[Video, ...]
    later_videos: tuple[Video, ...]
    already_synced: int
    leased: int
    postponed: int
    filtered: int
    skipped: Mapping[str, int]
    unrecorded: int
    unrecordable: Mapping[str, str]
    unavailable: Mapping[str, str]
    without_files: tuple[Video, ...] = ()
    drift: tuple[DriftFinding, ...] = ()
    reopened: Mapping[str, str] = field(default_factory=dict)
    gap: ListingGap | None = None

    @property
    def remaining(self) -> int:
        """How many are to be archived, but not in this run."""
        return len(self.later_videos) + self.leased + self.unrecorded

    @property
    def total_found(self) -> int:
        """How many videos the library holds that are this system's to archive."""
        standing = self.already_synced + self.remaining + self.postponed + self.filtered + len(self.unrecordable)
        return len(self.videos) + standing


def discover(
    client: GoProClient,
    tracker: Tracker,
    *,
    owner: str,
    max_videos: int,
    now: datetime,
    selection: Selection = _EVERYTHING,
    records_what_is_new: bool = True,
    until: datetime | None = None,
    admit: Callable[[LibraryListing], None] = lambda _: None,
    not_ready_after: timedelta = _NEVER,
) -> Discovery:
    """List the library, compare it with the tracker, and record what is new as PENDING.

    Args:
        client: the GoPro API.
        tracker: where the videos' states are; every video to archive has a record afterwards.
        owner: this run; videos that another run is at work on are left to it.
        max_videos: how many this run may take.
        now: the time.
        selection: which videos the run is asked for.
        records_what_is_new: False only for a dry run.
        until: how long DynamoDB may be waited for, aware; a minute for each piece of work if None.
        admit: asked before anything is made of a listing; what it raises ends the run.
        not_ready_after: for how long GoPro may be at work on an item before its original is tried anyway.

    Raises:
        GoProSyncError: those of ``client`` and ``tracker``; nothing has been decided then. What DynamoDB did not take
            in time is no error as long as there is something else to archive.
    """
    with subsegment(Part.GOPRO_API, run=owner):
        listing = client.list_library()
    admit(listing)
    reasons = _skipped(listing)
    with subsegment(Part.TRACKER, run=owner):
        found = tracker.look_up(
            (item.media_id for item in listing.items if reasons.get(item.media_id) in _MAY_HAVE_A_RECORD), until=until
        )
    records = found.records
    for item in _tried_anyway(listing, reasons, records, now=now, after=not_ready_after):
        del reasons[item.media_id]
    items = [item for item in listing.items if item.media_id not in reasons]
    skipped = [*((row.media_id, SkipReason.MALFORMED) for row in listing.malformed), *reasons.items()]
    keys = _keys(items, records)
    standing = {
        item.media_id: _Standing.UNREADABLE
        if item.media_id in found.unreadable and selection.takes(item)
        else _standing(item, records.get(item.media_id), selection, owner, now)
        for item in items
    }
    reopened = reopen(
        [item for item in items if standing[item.media_id] is _Standing.COMPLETED],
        records,
        tracker,
        run=owner,
        now=now,
        at_most=max_videos - Counter(standing.values())[_Standing.TO_ARCHIVE],
        writes=records_what_is_new,
    )
    records = {**records, **reopened}
    standing |= dict.fromkeys(reopened, _Standing.TO_ARCHIVE)
    videos = [
        _video(item, keys[item.media_id], records.get(item.media_id))
        for item in items
        if standing[item.media_id] is _Standing.TO_ARCHIVE
    ]
    recording = _NOTHING_NEW
    if records_what_is_new:
        with subsegment(Part.TRACKER, run=owner):
            recording = tracker.record_new(
                [video for video in videos if _is_to_be_recorded(video, records)], until=until
            )
            if waiting := _waiting(listing, reasons, found, selection):
                tracker.record_new(waiting, until=until)  # what is not taken now, the next run records
    videos = [video for video in videos if video.media_id not in recording.left | recording.refused.keys()]
    if recording.trouble is not None and not videos:
        raise recording.trouble
    unrecordable = dict(recording.refused) | {
        media_id: reason for media_id, reason in found.unreadable.items() if standing[media_id] is _Standing.UNREADABLE
    }
    _log_unrecorded(recording.left, unrecordable)
    counts = Counter(standing.values())
    return Discovery(
        videos=tuple(videos[:max_videos]),
        later_videos=tuple(videos[max_videos:]),
        already_synced=counts[_Standing.COMPLETED],
        leased=counts[_Standing.LEASED],
        postponed=counts[_Standing.POSTPONED],
        filtered=counts[_Standing.FILTERED],
        skipped={str(reason): count for reason, count in sorted(Counter(reason for _, reason in skipped).items())},
        unrecorded=len(recording.left),
        unrecordable=unrecordable,
        unavailable=_unavailable(selection, items, skipped),
        without_files=tuple(video for video in videos if _is_without_files(records.get(video.media_id))),
        drift=listing.drift,
        reopened=_reopened_by(owner, videos, records),
        gap=listing.gap,
    )


class _Standing(Enum):
    """Where a video of the library stands for this run."""

    TO_ARCHIVE = auto()
    COMPLETED = auto()
    LEASED = auto()
    POSTPONED = auto()
    FILTERED = auto()
    UNREADABLE = auto()


def _standing(
    item: MediaItem, record: TrackerRecord | None, selection: Selection, owner: str, now: datetime
) -> _Standing:
    if not selection.takes(item):
        return _Standing.FILTERED
    if record is None:
        return _Standing.TO_ARCHIVE
    if record.status is Status.COMPLETED:
        return _Standing.COMPLETED
    if record.is_leased_to_another(owner, now):
        return _Standing.LEASED
    if record.is_postponed(now) and not selection.redrives(record.failed_at):
        return _Standing.POSTPONED
    return _Standing.TO_ARCHIVE


def _skipped(listing: LibraryListing) -> dict[str, SkipReason]:
    """Return the ids of what is not to be archived, each with the reason; tell of what this version does not know."""
    for row in listing.malformed:
        _log_skipped(row.media_id, SkipReason.MALFORMED, row.problem)
    reasons: dict[str, SkipReason] = {}
    for item in listing.items:
        reason = classify(item)
        if reason is None:
            continue
        reasons[item.media_id] = reason
        if reason in {SkipReason.UNKNOWN_TYPE, SkipReason.UNKNOWN_STATE}:
            _log_skipped(item.media_id, reason, f"type {item.type}, state {item.ready_to_view}")
    return reasons


def _tried_anyway(
    listing: LibraryListing,
    reasons: Mapping[str, SkipReason],
    records: Mapping[str, TrackerRecord],
    *,
    now: datetime,
    after: timedelta,
) -> list[MediaItem]:
    return [
        item
        for item in listing.items
        if (reason := reasons.get(item.media_id)) is not None
        and is_tried_anyway(reason, records.get(item.media_id), now=now, after=after)
    ]


def _waiting(
    listing: LibraryListing, reasons: Mapping[str, SkipReason], found: Lookup, selection: Selection
) -> list[Video]:
    """Return what is not to be archived yet and has no record of it."""
    return [
        as_waiting(item, reasons[item.media_id])
        for item in listing.items
        if reasons.get(item.media_id) in WAITING_REASONS
        and item.media_id not in found.records
        and item.media_id not in found.unreadable
        and selection.takes(item)
    ]


def _unavailable(
    selection: Selection, items: Sequence[MediaItem], skipped: Sequence[tuple[str | None, SkipReason]]
) -> dict[str, str]:
    asked = frozenset(selection.media_ids or ())
    missing = sorted(asked - {item.media_id for item in items})
    reasons = {media_id: str(reason) for media_id, reason in skipped if media_id in asked}
    return {media_id: reasons.get(media_id, NOT_IN_LIBRARY) for media_id in missing}


def _log_skipped(media_id: str | None, reason: SkipReason, problem: str) -> None:
    # Photos and edits are skipped by the thousand and only counted; these are things that this version does not know.
    logger.warning(
        "A media item was skipped",
        extra={
            "event_type": EventType.MEDIA_ITEM_SKIPPED,
            "media_id": media_id,
            "reason": reason,
            "problem": problem,
        },
    )


def _log_unrecorded(left: Collection[str], unrecordable: Mapping[str, str]) -> None:
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


def _keys(items: Sequence[MediaItem], records: Mapping[str, TrackerRecord]) -> dict[str, str]:
    recorded = {media_id: record.video.s3_key for media_id, record in records.items() if record.video.s3_key}
    taken = (file.s3_key for media_id in recorded for file in records[media_id].files)
    return assign_keys(items, recorded, taken=taken)


def _reopened_by(owner: str, videos: Sequence[Video], records: Mapping[str, TrackerRecord]) -> dict[str, str]:
    """Return what this run has re-opened, also in an earlier call whose answer was lost, with the reason."""
    reopenings = {video.media_id: records[video.media_id].reopening for video in videos if video.media_id in records}
    return {
        media_id: reopening.reason
        for media_id, reopening in reopenings.items()
        if reopening is not None and reopening.by == owner
    }


def _is_to_be_recorded(video: Video, records: Mapping[str, TrackerRecord]) -> bool:
    return video.media_id not in records or records[video.media_id].waiting_reason is not None


def _is_without_files(record: TrackerRecord | None) -> bool:
    return record is None or (record.status is Status.PENDING and not record.files and record.upload is None)


def _video(item: MediaItem, s3_key: str, record: TrackerRecord | None) -> Video:
    return Video(
        media_id=item.media_id,
        filename=item.filename or s3_key.rsplit("/", 1)[-1],
        s3_key=s3_key,
        uploaded_at=item.uploaded_at,
        captured_at=item.captured_at,
        size_bytes=item.size_bytes,
        duration_seconds=item.duration_seconds,
        item_count=item.chapter_count,
        retry_count=0 if record is None else record.video.retry_count,
        first_seen_at=None if record is None or record.waiting_reason is None else record.first_seen_at,
    )
