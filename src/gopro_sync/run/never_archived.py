"""Videos that have a record and, as things stand, will never be archived: each is reported once.

*Gone at GoPro.* A video that two complete listings do not show is requested by its own address. Only if GoPro answers
that it does not have it, it is FAILED with `MediaGoneError`, is never due again, and no longer counts as pending. A
listing with a gap proves nothing, and one that shows the video again reverses all of this.

*Of an unknown type*, without a name that ends like a video's: there is nothing to try. It stays pending.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from gopro_sync.errors import GoProSyncError, GoProUnavailableError, TrackerError
from gopro_sync.run.discovery import Discovery
from gopro_sync.telemetry.logs import EventType, logger
from gopro_sync.values.outside_values import one_line

if TYPE_CHECKING:
    from gopro_sync.gopro.client import GoProClient
    from gopro_sync.table.unarchived import UnarchivedVideo, UnarchivedVideos

# Questions to GoPro per run. One notice can name everything that they find; the other videos follow in later runs.
MOST_QUESTIONS: Final = 20
# A write takes some 10 ms.
MOST_MARKED: Final = 500
_MOST_REPORTED: Final = 20
# For what exists but is not listed: a few questions a month. Some hours less, so that the run of that night finds it
# due.
_ASKED_AGAIN_AFTER: Final = timedelta(days=7, hours=-4)
# How long a question can take if GoPro hangs; after a failed one no other is asked. With less left, the table is not
# read.
_TIME_OF_A_QUESTION: Final = timedelta(minutes=1)
_LONGEST_NAME_BYTES: Final = 100
_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class NeverArchived:
    """What to report; both by id.

    Attributes:
        gone: the names of the videos that GoPro no longer has.
        waiting_in_vain: GoPro's types of the items that have been waiting for too long.
    """

    gone: Mapping[str, str]
    waiting_in_vain: Mapping[str, str]

    def in_summary(self) -> dict[str, Any]:
        """Return it as fields of a run's summary."""
        return {
            "gone": len(self.gone),
            "gone_videos": [{"media_id": media_id, "filename": name} for media_id, name in self.gone.items()],
            "waiting_in_vain": len(self.waiting_in_vain),
            "waiting_in_vain_videos": [
                {"media_id": media_id, "type": kind} for media_id, kind in self.waiting_in_vain.items()
            ],
        }


NOTHING_TO_TELL: Final = NeverArchived(gone={}, waiting_in_vain={})


class LookForThem:
    """Look at all records that are not archived, once per run.

    Args:
        client: the GoPro API.
        videos: the records.
        run: the run that looks.
        clock: returns the time, aware.
        until: when all of it has to be done, aware.
    """

    def __init__(
        self,
        client: GoProClient,
        videos: UnarchivedVideos,
        *,
        run: str,
        clock: Callable[[], datetime],
        until: datetime,
    ) -> None:
        self._client = client
        self._videos = videos
        self._run = run
        self._clock = clock
        self._until = until

    def after(self, found: Discovery, *, waits_at_most: timedelta) -> NeverArchived:
        """Mark what is gone, and return it with what waits in vain.

        Trouble with DynamoDB or GoPro does not concern the run: what was not looked at now, the next run looks at.

        Args:
            found: what GoPro lists.
            waits_at_most: how long an item of an unknown type may wait before it is reported.

        Raises:
            AccessDeniedError: the role may not do it.
            ConfigurationError: there is no such table.
        """
        if not self._is_time_left():
            return NOTHING_TO_TELL
        gone: dict[str, str] = {}
        in_vain: dict[str, str] = {}
        try:
            absent, back, waiting = self._sorted(found, reported_if_seen_before=self._clock() - waits_at_most)
            for video in back[:MOST_MARKED]:
                self._videos.mark_back(video)
            for video in sorted(waiting, key=_is_new)[:_MOST_REPORTED]:
                if self._videos.mark_reported(video.media_id, run=self._run):
                    in_vain[video.media_id] = found.unknown_types[video.media_id]
            for video in [video for video in absent if video.absent_since is None][:MOST_MARKED]:
                self._videos.mark_absent(video.media_id, run=self._run)
            for video in self._gone(absent):
                gone[video.media_id] = one_line(video.filename, longest_bytes=_LONGEST_NAME_BYTES)
        except TrackerError as error:
            logger.warning(
                "Not all videos that may be gone were looked at; the next run continues",
                extra={"event_type": EventType.ABSENT_VIDEOS_LEFT, "error_message": error.message},
            )
        return NeverArchived(gone=gone, waiting_in_vain=in_vain)

    def _sorted(
        self, found: Discovery, *, reported_if_seen_before: datetime
    ) -> tuple[list[UnarchivedVideo], list[UnarchivedVideo], list[UnarchivedVideo]]:
        """Return which videos are missing from a complete listing, which are listed again, and which wait in vain."""
        absent: list[UnarchivedVideo] = []
        back: list[UnarchivedVideo] = []
        waiting: list[UnarchivedVideo] = []
        for video in self._videos.each():
            if video.media_id not in found.listed_ids:
                if found.is_whole:
                    absent.append(video)
                continue
            if video.absent_since is not None:
                back.append(video)
            if (
                video.media_id in found.unknown_types
                and video.reported_by in {None, self._run}
                and video.first_seen_at is not None
                and video.first_seen_at <= reported_if_seen_before
            ):
                waiting.append(video)
        return absent, back, waiting

    def _gone(self, absent: Sequence[UnarchivedVideo]) -> Iterator[UnarchivedVideo]:
        """Yield what this run finds to be gone, and what it found in an earlier call whose answer was lost."""
        yield from (video for video in absent if video.gone_by == self._run)
        due = sorted((video for video in absent if self._is_due(video)), key=_longest_unasked)
        for video in due[:MOST_QUESTIONS]:
            if not self._is_time_left():
                return
            try:
                is_gone = self._client.is_gone(video.media_id)
            except GoProUnavailableError:
                return  # no question may be sent now
            except GoProSyncError:
                self._videos.mark_asked(video.media_id)  # or one that always fails would come first each night
                return
            if not is_gone:
                self._videos.mark_asked(video.media_id)
            elif self._videos.mark_gone(video.media_id, run=self._run):
                _log_gone(video)
                yield video

    def _is_time_left(self) -> bool:
        return self._clock() + _TIME_OF_A_QUESTION <= self._until

    def _is_due(self, video: UnarchivedVideo) -> bool:
        if video.is_gone or video.absent_by in {None, self._run}:
            return False
        return video.asked_at is None or video.asked_at <= self._clock() - _ASKED_AGAIN_AFTER


def _log_gone(video: UnarchivedVideo) -> None:
    logger.warning(
        "A video is gone at GoPro, and was not archived",
        extra={"event_type": EventType.VIDEO_GONE, "media_id": video.media_id},
    )


def _is_new(video: UnarchivedVideo) -> bool:
    return video.reported_by is None


def _longest_unasked(video: UnarchivedVideo) -> tuple[datetime, datetime]:
    return video.asked_at or _LONG_AGO, video.absent_since or _LONG_AGO
