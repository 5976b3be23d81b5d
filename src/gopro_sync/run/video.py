"""The downloader's use case: one video, all its chapters, from GoPro to S3, as far as this invocation's time allows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum, unique
from typing import Final

from gopro_sync.archive.engine import (
    Archived,
    ArchivedFile,
    FileToArchive,
    KnownEtags,
    OpenUpload,
    Paused,
    TransferEngine,
)
from gopro_sync.archive.retries import PASSING_ERRORS
from gopro_sync.errors import (
    AccessDeniedError,
    ConfigurationError,
    GoProApiChangedError,
    GoProSyncError,
    GoProUnavailableError,
    IncompleteSourceError,
    IntegrityError,
    ItemRefusedError,
    KeyConflictError,
    NetworkError,
    NotResumableError,
    ObjectRefusedError,
    RefusalError,
    RequestRefusedError,
    RetryableError,
    SessionRefusedError,
    SourceChangedError,
    SourceLostError,
    SourceMissingError,
    SourceResponseError,
    SourceUrlExpiredError,
)
from gopro_sync.gopro.client import GoProClient
from gopro_sync.gopro.library.download import Offer, choose_originals
from gopro_sync.run.chapters import Chapters
from gopro_sync.run.completeness import shortfall
from gopro_sync.run.patience import Patience, Wait, asks_for_a_long_wait, is_waited_for
from gopro_sync.run.source_etags import LibraryEtags
from gopro_sync.table.request_budget import SharedGate
from gopro_sync.table.tracker import ClaimOutcome, Tracker, TrackerRecord
from gopro_sync.table.video import Video
from gopro_sync.telemetry.logs import EventType, logger
from gopro_sync.telemetry.tracing import Part, subsegment
from gopro_sync.values.file_id import FileId
from gopro_sync.values.timestamps import iso_utc

# A lease outlives the invocation that holds it by this much, so that no second run starts while the first one's last
# request may still be in flight.
_LEASE_MARGIN: Final = timedelta(seconds=60)
# With less, an invocation could not even resolve the source and open an upload.
_LEAST_USEFUL_SECONDS: Final = 45.0
RUN_IS_OVER: Final = "the run's time is over"
_HELD_BY_ANOTHER: Final = "another run is at work on it"
_SHORTEST_WAIT_SECONDS: Final = 5
# Concern one file, and waiting does not help: the video's other files are copied all the same.
_TROUBLES_OF_ONE_FILE: Final = (
    GoProApiChangedError,
    IntegrityError,
    KeyConflictError,
    SourceLostError,
    SourceMissingError,
    SourceUrlExpiredError,
)
# Concern one file, and waiting helps: it holds up the others until the last try.
_PASSING_TROUBLES_OF_ONE_FILE: Final = (NetworkError, SourceChangedError, SourceResponseError)


@unique
class VideoStatus(StrEnum):
    """What the state machine learns about a video.

    COMPLETED: all chapters are in S3, verified. IN_PROGRESS: call again. WAITING: call again, but not before the wait
    is over. DEFERRED: left to a later run.
    """

    COMPLETED = "COMPLETED"
    IN_PROGRESS = "IN_PROGRESS"
    WAITING = "WAITING"
    DEFERRED = "DEFERRED"


_STATUS: Final = {
    EventType.VIDEO_ALREADY_ARCHIVED: VideoStatus.COMPLETED,
    EventType.VIDEO_DOWNLOAD_COMPLETE: VideoStatus.COMPLETED,
    EventType.VIDEO_DOWNLOAD_PAUSED: VideoStatus.IN_PROGRESS,
    EventType.VIDEO_DOWNLOAD_WAITING: VideoStatus.WAITING,
    EventType.VIDEO_DOWNLOAD_DEFERRED: VideoStatus.DEFERRED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """On whose behalf a video is archived, and until when.

    Attributes:
        owner: the run, which holds the lease.
        deadline: when the run has to be over; None for a video that is invoked on its own.
        seconds_left: returns how long this invocation may still run.
        is_last_try: whether nobody calls again in this run if it fails.
    """

    owner: str
    deadline: datetime | None
    seconds_left: Callable[[], float]
    is_last_try: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoResult:
    """How far the video got in one invocation.

    Attributes:
        event: what happened to it, as the log reports it.
        files: the chapters that are in S3, the first one first.
        bytes_sent: what this invocation sent to S3.
        reason: why the video was deferred, or has to wait.
        wait_seconds: for how long, if it has to wait.
        duration_seconds: how long this invocation took.
        is_another_runs: whether another run has archived the video, or is at work on it, and not this one.
    """

    event: EventType
    files: tuple[ArchivedFile, ...] = ()
    bytes_sent: int = 0
    reason: str | None = None
    wait_seconds: int | None = None
    duration_seconds: float = 0.0
    is_another_runs: bool = False

    @property
    def status(self) -> VideoStatus:
        """What to do with the video next."""
        return _STATUS[self.event]

    @property
    def size_bytes(self) -> int:
        """The size of all chapters that are in S3."""
        return sum(file.size_bytes for file in self.files)

    @property
    def bytes_archived(self) -> int:
        """The size of the video if this invocation archived it, whichever invocation sent the bytes."""
        return self.size_bytes if self.event is EventType.VIDEO_DOWNLOAD_COMPLETE else 0


class VideoTransfer:
    """Archive videos: join the GoPro API, the tracker and the transfer engine, which do not know each other.

    Args:
        client: the GoPro API.
        gate: learns of trouble that concerns all workers; the same gate as the client's.
        tracker: holds the videos' states.
        engine: copies one file.
        clock: returns the time, aware.
        invocation: on whose behalf, and until when.
        etags: what is known about the library's ETags; None where they are not compared.
    """

    def __init__(
        self,
        *,
        client: GoProClient,
        gate: SharedGate,
        tracker: Tracker,
        engine: TransferEngine,
        clock: Callable[[], datetime],
        invocation: Invocation,
        etags: LibraryEtags | None = None,
    ) -> None:
        self._client = client
        self._etags = etags
        self._gate = gate
        self._tracker = tracker
        self._engine = engine
        self._clock = clock
        self._owner, self._deadline = invocation.owner, invocation.deadline
        self._invocation_seconds_left = invocation.seconds_left
        self._is_last_try = invocation.is_last_try
        self._unanswered: NetworkError | None = None  # the failure of GoPro's API, not of its CDN, to answer

    def archive(self, video: Video) -> VideoResult:
        """Take the video as far as time allows; COMPLETED only when every chapter is in S3, verified.

        Raises:
            GoProSyncError: any of the closed set; the tracker is still true then, and the next attempt uses what S3
                holds.
        """
        started = self._clock()
        try:
            result = self._result_of(video)
        except RetryableError as error:
            if isinstance(error, GoProUnavailableError) or not asks_for_a_long_wait(error):
                raise
            result = self._waiting(Wait(reason=error, seconds=error.retry_after_seconds or 0))
        result = replace(result, duration_seconds=(self._clock() - started).total_seconds())
        _log(video, result)
        return result

    def _result_of(self, video: Video) -> VideoResult:
        if self._seconds_left() < _LEAST_USEFUL_SECONDS:
            return VideoResult(event=EventType.VIDEO_DOWNLOAD_DEFERRED, reason=RUN_IS_OVER)
        with subsegment(Part.TRACKER, run=self._owner, media_id=video.media_id):
            claim = self._tracker.claim(
                video.media_id,
                owner=self._owner,
                lease=timedelta(seconds=self._invocation_seconds_left()) + _LEASE_MARGIN,
                listed=video.listed,
            )
        if claim.outcome is ClaimOutcome.ALREADY_COMPLETED:
            # By this run itself, if an earlier invocation could no longer report it: then it counts as this run's.
            is_own = claim.record.execution_id == self._owner
            event = EventType.VIDEO_DOWNLOAD_COMPLETE if is_own else EventType.VIDEO_ALREADY_ARCHIVED
            return VideoResult(event=event, files=claim.record.files, is_another_runs=not is_own)
        if claim.outcome is ClaimOutcome.HELD_BY_ANOTHER:
            return VideoResult(event=EventType.VIDEO_DOWNLOAD_DEFERRED, reason=_HELD_BY_ANOTHER, is_another_runs=True)
        return self._result_of_claimed(video, claim.record)

    def _result_of_claimed(self, video: Video, record: TrackerRecord) -> VideoResult:
        self._gate.speaks_for(video.media_id, has_failed_before=record.video.retry_count > 0)
        patience = Patience(gate=self._gate, is_answering=self._client.is_answering, record=record)
        try:
            result = self._archive_or_blame_object(video, record, patience)
        except (AccessDeniedError, ConfigurationError) as error:
            # True of every video of this run: none of them need try, and none is to blame.
            self._gate.stop_run(error)
            self._tracker.put_back(record, owner=self._owner)
            raise
        except SessionRefusedError:
            self._tracker.put_back(record, owner=self._owner)
            raise
        except ItemRefusedError:
            if patience.spent is not None:
                self._tracker.put_back(record, owner=self._owner, held_up=patience.spent)
            raise
        except RetryableError as error:
            wait = patience.wait_after(error)
            if wait is None:
                self._refuse_what_is_never_answered(error, video)
                raise
            self._tracker.put_back(record, owner=self._owner, held_up=wait.held_up)
            return self._waiting(wait)
        self._gate.after_success()
        return result

    def _refuse_what_is_never_answered(self, error: RetryableError, video: Video) -> None:
        if error is self._unanswered and self._is_last_try and self._client.is_answering():
            message = f"{error.message} in every try, and answers others"
            raise ItemRefusedError(message, media_id=video.media_id) from error

    def _archive_or_blame_object(self, video: Video, record: TrackerRecord, patience: Patience) -> VideoResult:
        try:
            return self._archive_claimed(video, record, patience)
        except RefusalError as refusal:
            raise self._judged(refusal, video) from refusal
        except RetryableError as error:
            refused = patience.refusal_in(error)
            if refused is not None:
                raise refused from error
            if error.if_it_persists is None or not self._is_last_try:
                raise
            raise self._judged(error.if_it_persists, video) from error

    def _judged(self, refusal: RefusalError, video: Video) -> GoProSyncError:
        """Return whose trouble a refusal is.

        A second, unrelated object shows it. Each invocation asks for itself, so that no video is marked on another
        one's word.
        """
        if not refusal.may_concern_one_object:
            return refusal
        is_the_videos = self._engine.accepts_other_objects()
        if isinstance(refusal, RequestRefusedError):
            message = f"{refusal.message}, and S3 refuses other objects as well"
            return refusal if is_the_videos else ConfigurationError(message, media_id=video.media_id)
        if is_the_videos:
            return ObjectRefusedError(f"{refusal.message}, but S3 takes other objects", media_id=video.media_id)
        return refusal

    def _waiting(self, wait: Wait) -> VideoResult:
        """Return that the video waits outside, where waiting costs nothing, or that this run has no time for it.

        Raises:
            GoProUnavailableError: the run has no time for what all videos wait for.
        """
        message, seconds = wait.reason.message, max(_SHORTEST_WAIT_SECONDS, math.ceil(wait.seconds))
        if self._run_seconds_left() - seconds >= _LEAST_USEFUL_SECONDS:
            return VideoResult(event=EventType.VIDEO_DOWNLOAD_WAITING, reason=message, wait_seconds=seconds)
        if isinstance(wait.reason, GoProUnavailableError):
            raise wait.reason
        reason = f"{message}, and is to wait for {seconds} seconds, more than the run has"
        return VideoResult(event=EventType.VIDEO_DOWNLOAD_DEFERRED, reason=reason)

    def _archive_claimed(self, video: Video, record: TrackerRecord, patience: Patience) -> VideoResult:
        media_id = video.media_id
        self._log_start(video, record)
        urls = _SignedUrls(lambda: self._offer(video))
        chapters = Chapters(video, record, urls.offer)
        archived_before = chapters.finished
        bytes_sent = 0
        # What is missing comes first: what is there already may take long to compare.
        for some in (chapters.wanted, lambda: self._replaced(video, archived_before, chapters, urls, patience)):
            wanted = some()
            for file_id in wanted:
                transferred = self._archive_or_leave(video, record, file_id, urls, chapters, patience=patience)
                if transferred is None:
                    continue
                bytes_sent += transferred.bytes_sent
                if isinstance(transferred, Paused):
                    if transferred.is_in_vain and transferred.bytes_sent == bytes_sent:
                        self._refuse_to_begin_for_ever(video, file_id, bytes_sent)
                    return self._paused(video, chapters.finished, bytes_sent)
                if self._etags is not None:
                    self._etags.note(media_id, transferred)
                chapters.add(transferred.file)
                if archived_before or file_id is not wanted[-1]:
                    self._save(media_id, chapters.finished, chapters.unfinished_upload, patience)
        self._refuse_less_than_all(video, chapters, patience)
        with subsegment(Part.TRACKER, run=self._owner, media_id=media_id):
            self._tracker.complete(media_id, owner=self._owner, files=chapters.finished)
        return VideoResult(event=EventType.VIDEO_DOWNLOAD_COMPLETE, files=chapters.finished, bytes_sent=bytes_sent)

    def _archive_or_leave(
        self,
        video: Video,
        record: TrackerRecord,
        file_id: FileId,
        urls: _SignedUrls,
        chapters: Chapters,
        *,
        patience: Patience,
    ) -> Archived | Paused | None:
        """Archive one file; None if it has to be left.

        Whatever can be saved is saved: the other files may be gone tomorrow as well.
        """
        try:
            with subsegment(Part.TRANSFER, run=self._owner, media_id=video.media_id):
                return self._archive_chapter(video, record, file_id, urls, chapters, patience=patience)
        except _TROUBLES_OF_ONE_FILE as trouble:
            chapters.leave(file_id, trouble)
        except RetryableError as passing:
            refused = patience.refusal_in(passing)
            if refused is None and not self._is_left_alone(passing):
                raise
            chapters.leave(file_id, refused or passing)
        return None

    def _is_left_alone(self, passing: RetryableError) -> bool:
        """Return whether to give a file up for now, and copy the video's others; its error is raised after them."""
        is_of_one_file = isinstance(passing, _PASSING_TROUBLES_OF_ONE_FILE) and passing is not self._unanswered
        has_time = self._seconds_left() >= _LEAST_USEFUL_SECONDS
        return is_of_one_file and has_time and self._is_in_vain_to_wait_for(passing)

    def _is_in_vain_to_wait_for(self, passing: RetryableError) -> bool:
        return self._is_last_try and not is_waited_for(passing)

    def _save(
        self, media_id: str, files: tuple[ArchivedFile, ...], upload: OpenUpload | None, patience: Patience
    ) -> None:
        patience.note_progress(files, upload)
        self._tracker.save_progress(media_id, owner=self._owner, files=files, upload=upload)

    def _replaced(
        self,
        video: Video,
        archived_before: Sequence[ArchivedFile],
        chapters: Chapters,
        urls: _SignedUrls,
        patience: Patience,
    ) -> list[FileId]:
        """Return those files that were in S3 before and that GoPro has replaced since, such as by a longer one.

        A file that cannot be compared is kept: what is archived is not discarded for what GoPro no longer has.
        """
        replaced = list[FileId]()
        for file in archived_before:
            if not chapters.is_offered(file.file_id):
                continue
            try:
                same = self._compared_with_source(video, file, urls)
            except _TROUBLES_OF_ONE_FILE:
                continue
            except (*PASSING_ERRORS, SourceChangedError) as passing:
                if patience.refusal_in(passing) is None and not self._is_in_vain_to_wait_for(passing):
                    raise
                continue
            if same is None:
                replaced.append(file.file_id)
            else:
                chapters.add(same)
                if same != file:  # once is enough for each new ETag: it may have taken long
                    self._save(video.media_id, chapters.finished, chapters.unfinished_upload, patience)
        return chapters.in_copy_order(replaced)

    def _compared_with_source(self, video: Video, file: ArchivedFile, urls: _SignedUrls) -> ArchivedFile | None:
        with subsegment(Part.TRANSFER, run=self._owner, media_id=video.media_id):
            return self._engine.compared_with_source(
                video.media_id, file, resolve_url=lambda: urls.take(file.file_id), seconds_left=self._seconds_left
            )

    def _refuse_less_than_all(self, video: Video, chapters: Chapters, patience: Patience) -> None:
        missing = shortfall(
            chapters.finished,
            listed_bytes=video.size_bytes,
            chapter_count=chapters.count,
            possible_count=chapters.possible_count,
        )
        if chapters.first_trouble is None and missing is None:
            return
        if chapters.finished:
            self._save(video.media_id, chapters.finished, chapters.unfinished_upload, patience)
        if chapters.first_trouble is not None:
            # One stands for all: the first, since that is the beginning of the recording.
            file_id, trouble = chapters.first_trouble
            if chapters.possible_count == 1:
                raise trouble
            archived = "its older edition is archived" if missing is None else f"archived: {missing}"
            named = type(trouble)(
                f"{str(file_id).capitalize()}: {trouble.message}; {archived}", media_id=video.media_id
            )
            if isinstance(named, RetryableError) and isinstance(trouble, RetryableError):
                named.retry_after_seconds = trouble.retry_after_seconds
            raise named from trouble
        raise IncompleteSourceError(f"GoPro lists more than it offers; archived: {missing}", media_id=video.media_id)

    def _log_start(self, video: Video, record: TrackerRecord) -> None:
        # The key that is used, not the one that the event proposes: the recorded key counts.
        begun = {file.item_number: file.s3_key for file in (record.upload, *reversed(record.files)) if file is not None}
        logger.info(
            "Video download starts",
            extra={
                "event_type": EventType.VIDEO_DOWNLOAD_START,
                "media_id": video.media_id,
                "file_size_bytes": video.size_bytes,
                "s3_bucket": self._engine.bucket,
                "s3_key": begun.get(1) or record.video.s3_key or video.s3_key,
            },
        )

    def _offer(self, video: Video) -> Offer:
        with subsegment(Part.GOPRO_API, run=self._owner, media_id=video.media_id):
            try:
                descriptor = self._client.get_download(video.media_id)
            except NetworkError as error:
                self._unanswered = error
                raise
        return choose_originals(descriptor, video.item_count)

    def _archive_chapter(
        self,
        video: Video,
        record: TrackerRecord,
        file_id: FileId,
        urls: _SignedUrls,
        chapters: Chapters,
        *,
        patience: Patience,
    ) -> Archived | Paused:
        media_id = video.media_id
        key, second_key = chapters.keys_of(file_id)

        def remember(upload: OpenUpload) -> None:
            chapters.note(upload)
            self._save(media_id, chapters.finished, upload, patience)

        return self._engine.transfer(
            FileToArchive(
                media_id=media_id,
                item_number=file_id.item_number,
                lens=file_id.lens,
                key=key,
                fallback_key=second_key,
                tags=object_tags(video.uploaded_at or record.video.uploaded_at),
                captured_at=video.captured_at,
            ),
            resolve_url=lambda: urls.take(file_id),
            resume=chapters.upload_of(file_id),
            seconds_left=self._seconds_left,
            on_upload_changed=remember,
            known_etags=KnownEtags() if self._etags is None else self._etags.known(),
        )

    def _seconds_left(self) -> float:
        return min(self._invocation_seconds_left(), self._run_seconds_left())

    def _run_seconds_left(self) -> float:
        return math.inf if self._deadline is None else (self._deadline - self._clock()).total_seconds()

    def _refuse_to_begin_for_ever(self, video: Video, file_id: FileId, bytes_sent: int) -> None:
        """Raise where an invocation spent on one file alone did not finish it, and none can resume it."""
        if self._run_seconds_left() >= _LEAST_USEFUL_SECONDS:
            raise NotResumableError(
                f"GoPro's CDN gives {file_id} no ETag by which another invocation could know it again, and one copied "
                f"only {bytes_sent} bytes of it",
                media_id=video.media_id,
            )

    def _paused(self, video: Video, files: tuple[ArchivedFile, ...], bytes_sent: int) -> VideoResult:
        if self._run_seconds_left() >= _LEAST_USEFUL_SECONDS:
            return VideoResult(event=EventType.VIDEO_DOWNLOAD_PAUSED, files=files, bytes_sent=bytes_sent)
        # Nobody will call again in this run; the next one need not wait for the lease to expire.
        self._tracker.release(video.media_id, owner=self._owner)
        return VideoResult(
            event=EventType.VIDEO_DOWNLOAD_DEFERRED, files=files, bytes_sent=bytes_sent, reason=RUN_IS_OVER
        )


def _log(video: Video, result: VideoResult) -> None:
    logger.info(
        result.event.replace("_", " "),
        extra={
            "event_type": result.event,
            "media_id": video.media_id,
            "s3_key": result.files[0].s3_key if result.files else None,
            "file_size_bytes": result.size_bytes,
            "bytes_transferred": result.bytes_sent,
            "transfer_duration_seconds": round(result.duration_seconds, 3),
            "reason": result.reason,
        },
    )


class _SignedUrls:
    """The video's signed URLs: each is returned once, since whoever asks again has seen it refused or expire."""

    def __init__(self, fetch: Callable[[], Offer]) -> None:
        self._fetch = fetch
        self.offer: Final = fetch()
        self._fresh = self.offer.urls()

    def take(self, file_id: FileId) -> str:
        url = self._fresh.pop(file_id, None)
        if url is None:
            self._fresh = self._fetch().urls()
            url = self._fresh.pop(file_id, None)
        if url is None:
            raise SourceMissingError(f"GoPro no longer offers {file_id}")
        return url


def object_tags(uploaded_at: datetime | None) -> dict[str, str]:
    """Return the tags of a video's objects; the lifecycle rules of template.yaml depend on them.

    Args:
        uploaded_at: when GoPro received the video, if that is known.
    """
    tags = {"Source": "GoPro", "AutoSync": "True"}
    if uploaded_at is not None:
        tags["UploadDate"] = iso_utc(uploaded_at)[:10]
    return tags
