"""The lister's use case: which videos of the library to archive in this run, and under which keys.

The rules are elsewhere: which rows are videos (`sorting_out.py`), where each of them stands for the run
(`standing.py`), which archived ones are re-opened (`reopening.py`), what gets a record (`recording.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from gopro_sync.archive.object_key import assign_keys
from gopro_sync.gopro.client import GoProClient
from gopro_sync.gopro.library.drift import DriftFinding
from gopro_sync.gopro.library.listing import LibraryListing, ListingGap
from gopro_sync.gopro.library.media import MediaItem
from gopro_sync.run.recording import NOTHING_NEW, log_unrecorded, record_videos, record_waiting
from gopro_sync.run.reopening import reopen
from gopro_sync.run.selection import Selection
from gopro_sync.run.sorting_out import SortedOut, sort_out
from gopro_sync.run.standing import Standing, standing_of
from gopro_sync.table.tracker import Recording, Status, Tracker, TrackerRecord
from gopro_sync.table.video import Video
from gopro_sync.telemetry.tracing import Part, subsegment

NOT_IN_LIBRARY: Final = "not_in_library"
_EVERYTHING: Final = Selection()
_NEVER: Final = timedelta(days=36_500)


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """What the library holds and what to do with it; every listed item is in exactly one of the counts.

    Attributes:
        videos: to be archived in this run, oldest upload first.
        later_videos: to be archived in a later run, since this one's limit is reached.
        already_synced: how many are COMPLETED, including those that the run was not asked for.
        leased: how many another run is working on.
        postponed: how many have failed and are not due for their next attempt.
        filtered: how many others the run was not asked for.
        skipped: how many are not this system's to archive, by reason.
        unrecorded: how many wait for a later run because DynamoDB did not take their records in this one.
        unrecordable: the videos whose record DynamoDB does not accept, or whose existing record cannot be read, with
            the reason.
        unavailable: what was requested by its id and is not among the videos, with the reason: the one for which it was
            skipped, or ``NOT_IN_LIBRARY``.
        without_files: those of the videos to be archived for which the table knows neither a file nor an upload.
        drift: how GoPro's answers differ from those that the client was written against.
        reopened: those of the videos to be archived that were archived before, with what more GoPro shows of them.
        gap: what GoPro's listing lacks; None if it is complete.
        listed_ids: those of all items that GoPro shows.
        is_whole: whether these are all: the listing is complete, and each row could be read.
        unknown_types: by id, GoPro's words for the types of items that wait because their type is unknown.
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
    listed_ids: frozenset[str] = frozenset()
    is_whole: bool = False
    unknown_types: Mapping[str, str] = field(default_factory=dict)

    @property
    def remaining(self) -> int:
        """How many are still to be archived after this run."""
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
        tracker: holds the videos' states; afterwards every video to archive has a record.
        owner: this run; videos that another run is working on are left to it.
        max_videos: how many this run may take.
        now: the time.
        selection: which videos the run is asked for.
        records_what_is_new: False only for a dry run.
        until: how long to wait for DynamoDB, aware; a minute for each piece of work if None.
        admit: called before a listing is used; an error that it raises ends the run.
        not_ready_after: how long GoPro may process an item before its original is tried anyway.

    Raises:
        GoProSyncError: those of ``client`` and ``tracker``; then nothing has been decided. What DynamoDB did not accept
            in time is no error as long as there is something else to archive.
    """
    with subsegment(Part.GOPRO_API, run=owner):
        listing = client.list_library()
    admit(listing)
    library = sort_out(listing)
    with subsegment(Part.TRACKER, run=owner):
        found = tracker.look_up(library.ids_of_records, until=until)
    library = library.with_those_tried_anyway(found.records, now=now, after=not_ready_after)
    standings = {item.media_id: standing_of(item, found, selection, owner=owner, now=now) for item in library.videos}
    reopened = reopen(
        [item for item in library.videos if standings[item.media_id] is Standing.COMPLETED and selection.takes(item)],
        found.records,
        tracker,
        run=owner,
        now=now,
        at_most=max_videos - Counter(standings.values())[Standing.TO_ARCHIVE],
        writes=records_what_is_new,
    )
    standings |= dict.fromkeys(reopened, Standing.TO_ARCHIVE)
    records = {**found.records, **reopened}
    videos = _to_archive(library, standings, records)
    recording = NOTHING_NEW
    if records_what_is_new:
        with subsegment(Part.TRACKER, run=owner):
            recording = record_videos(videos, records, tracker, until=until)
            record_waiting(library, found, tracker, selection=selection, until=until)
    videos = _recorded(videos, recording)
    unreadable = {
        media_id: reason
        for media_id, reason in found.unreadable.items()
        if standings.get(media_id) is Standing.UNREADABLE
    }
    unrecordable = {**recording.refused, **unreadable}
    log_unrecorded(recording.left, unrecordable)
    counts = Counter(standings.values())
    return Discovery(
        videos=tuple(videos[:max_videos]),
        later_videos=tuple(videos[max_videos:]),
        already_synced=counts[Standing.COMPLETED],
        leased=counts[Standing.LEASED],
        postponed=counts[Standing.POSTPONED],
        filtered=counts[Standing.FILTERED],
        skipped=library.skipped,
        unrecorded=len(recording.left),
        unrecordable=unrecordable,
        unavailable=_unavailable(selection, library),
        without_files=tuple(video for video in videos if _is_without_files(records.get(video.media_id))),
        drift=listing.drift,
        reopened=_reopened_by(owner, videos, records),
        gap=listing.gap,
        listed_ids=frozenset(item.media_id for item in library.items),
        is_whole=listing.gap is None and not library.malformed,
        unknown_types=library.unknown_types,
    )


def _to_archive(
    library: SortedOut, standings: Mapping[str, Standing], records: Mapping[str, TrackerRecord]
) -> list[Video]:
    """Return the videos that are to be archived, each under its key, oldest upload first."""
    keys = _keys(library.videos, records)
    return [
        _video(item, keys[item.media_id], records.get(item.media_id))
        for item in library.videos
        if standings[item.media_id] is Standing.TO_ARCHIVE
    ]


def _recorded(videos: Sequence[Video], recording: Recording) -> list[Video]:
    """Return the videos that have a record now.

    Raises:
        TrackerError: none has, and time may mend it.
    """
    missing = recording.left | recording.refused.keys()
    recorded = [video for video in videos if video.media_id not in missing]
    if recording.trouble is not None and not recorded:
        raise recording.trouble
    return recorded


def _unavailable(selection: Selection, library: SortedOut) -> dict[str, str]:
    """Return what was requested by its id and will not be archived, with the reason."""
    missing = frozenset(selection.media_ids or ()) - {item.media_id for item in library.videos}
    return {media_id: library.reason_of(media_id) or NOT_IN_LIBRARY for media_id in sorted(missing)}


def _keys(items: Sequence[MediaItem], records: Mapping[str, TrackerRecord]) -> dict[str, str]:
    recorded = {media_id: record.video.s3_key for media_id, record in records.items() if record.video.s3_key}
    taken = (file.s3_key for media_id in recorded for file in records[media_id].files)
    return assign_keys(items, recorded, taken=taken)


def _reopened_by(owner: str, videos: Sequence[Video], records: Mapping[str, TrackerRecord]) -> dict[str, str]:
    """Return what this run has re-opened, even in an earlier call whose answer was lost, with the reason."""
    reopenings = {video.media_id: records[video.media_id].reopening for video in videos if video.media_id in records}
    return {
        media_id: reopening.reason
        for media_id, reopening in reopenings.items()
        if reopening is not None and reopening.by == owner
    }


def _is_without_files(record: TrackerRecord | None) -> bool:
    return record is None or (record.status is Status.PENDING and not record.files and record.upload is None)


def _video(item: MediaItem, s3_key: str, record: TrackerRecord | None) -> Video:
    return Video(
        media_id=item.media_id,
        filename=item.filename or s3_key.rsplit("/", 1)[-1],
        s3_key=s3_key,
        uploaded_at=item.uploaded_at,
        is_upload_stated=item.is_upload_stated,
        captured_at=item.captured_at,
        size_bytes=item.size_bytes,
        duration_seconds=item.duration_seconds,
        item_count=item.chapter_count,
        retry_count=0 if record is None else record.video.retry_count,
        first_seen_at=None if record is None or record.waiting_reason is None else record.first_seen_at,
    )
