"""Archived videos that are looked at again: where GoPro shows more than is archived, they are re-opened for the rest.

What GoPro lists now is compared with what it listed when the video was last tried or, in records of earlier versions,
with what is archived. So only a change re-opens a video that was archived, or that an operator has accepted. A state
that has re-opened it before, or an upload date alone, does so again only after 2, 4, 8 ... 30 days: a listing that
shows something else every night costs a few requests a month.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from gopro_sync.errors import TrackerError
from gopro_sync.gopro.library.media import MediaItem
from gopro_sync.run.completeness import slack_bytes
from gopro_sync.table.listed import Listed
from gopro_sync.table.tracker import Reopening, Status, Tracker, TrackerRecord
from gopro_sync.telemetry.logs import EventType, logger
from gopro_sync.values.timestamps import iso_utc

# Even a listing that shows more of every video must not keep a run from what is new.
MOST_IN_A_RUN: Final = 100
_LONGEST_DAYS: Final = 30
# As with failed videos: the run of that night finds it due.
_HOURS_EARLIER: Final = 4


def shown_more(item: MediaItem, record: TrackerRecord, now: datetime) -> str | None:
    """Return in words what more GoPro shows of an archived video than before; None to leave it alone.

    Args:
        item: the video as GoPro lists it now.
        record: the video as the tracker has it.
        now: the time.
    """
    if record.status is not Status.COMPLETED or not record.files:
        return None
    known, shown = _known(record), _listed(item)
    before = record.reopening
    more = _more_of_it(shown, known)
    is_news = more is not None and (before is None or _more_of_it(shown, known.or_more(before.shown)) is not None)
    if is_news or before is None or now >= _next_time(before):
        return more or _another_upload(shown, known)
    return None


def reopen(
    items: Iterable[MediaItem],
    records: Mapping[str, TrackerRecord],
    tracker: Tracker,
    *,
    run: str,
    now: datetime,
    at_most: int,
    writes: bool,
) -> dict[str, TrackerRecord]:
    """Re-open the archived videos of which GoPro shows more; return their new records, by id.

    Args:
        items: the videos that the run is asked for, as GoPro lists them.
        records: the existing records.
        tracker: where to re-open them.
        run: the run that does it.
        now: the time.
        at_most: how many videos the run has room for; never more than a hundred are re-opened.
        writes: False only for a dry run.

    Raises:
        GoProSyncError: the table refuses the write for a reason that concerns all. Where it merely does not answer, the
            rest stays archived as it is, and a later run looks at it again.
    """
    reopened: dict[str, TrackerRecord] = {}
    for item in items:
        if len(reopened) >= min(at_most, MOST_IN_A_RUN):
            break
        record = records.get(item.media_id)
        reason = None if record is None else shown_more(item, record, now)
        if record is None or reason is None:
            continue
        reopening = _reopening(item, record, run, reason, now)
        try:
            if writes and not tracker.reopen(record, reopening):
                continue  # another run has been quicker
        except TrackerError as error:
            _log(item, f"{reason}; left for the next run: {error.message}", is_done=False)
            break
        video = replace(record.video, retry_count=0)
        reopened[item.media_id] = replace(record, video=video, status=Status.PENDING, reopening=reopening)
        _log(item, reason, is_done=writes)
    return reopened


def _listed(item: MediaItem) -> Listed:
    return Listed(size_bytes=item.size_bytes, chapter_count=item.chapter_count, uploaded_at=item.stated_upload)


def _known(record: TrackerRecord) -> Listed:
    """Return what is archived of a video, or the most that GoPro stated of it when it was tried or accepted."""
    # GoPro may count the files of two lenses as two: where it is not known what it stated, as many as there are.
    is_of_old = record.listed.chapter_count is None
    chapters = len({file.item_number for file in record.files})
    archived = Listed(
        size_bytes=sum(file.size_bytes for file in record.files),
        chapter_count=len(record.files) if is_of_old else chapters,
        # Today's records have the time of recording there where GoPro states no other one.
        uploaded_at=record.video.uploaded_at if is_of_old else None,
    )
    known = archived.or_more(record.listed)
    if record.is_accepted and record.listed.size_bytes is None:
        # Accepted under an earlier version: its size stands where GoPro's was recorded, and the chapters nowhere.
        known = replace(known.or_more(Listed(size_bytes=record.video.size_bytes)), chapter_count=None)
    return known


def _more_of_it(shown: Listed, known: Listed) -> str | None:
    chapters, known_chapters = shown.chapter_count, known.chapter_count
    if chapters is not None and known_chapters is not None and chapters > known_chapters:
        return f"GoPro lists {chapters} chapters, and showed {known_chapters} before"
    size, known_size = shown.size_bytes, known.size_bytes or 0
    if size is not None and size - slack_bytes(size) > known_size:
        return f"GoPro lists {size} bytes, and showed {known_size} before"
    return None


def _another_upload(shown: Listed, known: Listed) -> str | None:
    if shown.uploaded_at is None or known.uploaded_at is None:
        return None
    # A record keeps whole seconds. An earlier time is no later upload, whoever has written it.
    if iso_utc(shown.uploaded_at) <= iso_utc(known.uploaded_at):
        return None
    return f"GoPro has another upload of it, of {iso_utc(shown.uploaded_at)}"


def _next_time(before: Reopening) -> datetime:
    days = min(2.0**before.times, _LONGEST_DAYS)
    return before.at + timedelta(days=days, hours=-_HOURS_EARLIER)


def _reopening(item: MediaItem, record: TrackerRecord, run: str, reason: str, now: datetime) -> Reopening:
    before, shown = record.reopening, _listed(item)
    return Reopening(
        at=now,
        by=run,
        reason=reason,
        shown=shown if before is None else shown.or_more(before.shown),
        times=1 if before is None else before.times + 1,
    )


def _log(item: MediaItem, reason: str, *, is_done: bool) -> None:
    logger.warning(
        "An archived video is re-opened" if is_done else "An archived video would be re-opened",
        extra={"event_type": EventType.VIDEO_REOPENED, "media_id": item.media_id, "reason": reason},
    )
