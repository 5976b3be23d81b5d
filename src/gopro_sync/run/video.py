"""The downloader's use case: one video, all its chapters, from GoPro to S3, as far as this invocation's time goes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum, unique
from typing import Final

from gopro_sync.archive.engine import ArchivedObject, FileToArchive, OpenUpload, Paused, TransferEngine
from gopro_sync.archive.object_key import chapter_key, fallback_key
from gopro_sync.errors import (
    ConfigurationError,
    GoProUnavailableError,
    NetworkError,
    SessionRefusedError,
    SourceMissingError,
    ThrottledError,
)
from gopro_sync.gopro.client import GoProClient
from gopro_sync.gopro.library.download import OriginalFile, choose_originals
from gopro_sync.table.request_budget import SharedGate
from gopro_sync.table.tracker import ArchivedFile, ClaimOutcome, NewVideo, Tracker, TrackerRecord
from gopro_sync.telemetry.logs import EventType, logger
from gopro_sync.telemetry.tracing import Part, subsegment
from gopro_sync.timestamps import iso_utc

# A lease outlives the invocation that holds it by this much, so that no second run starts while the first one's last
# request may still be on its way.
_LEASE_MARGIN: Final = timedelta(seconds=60)
# Under this, an invocation could not even resolve the source and open an upload.
_LEAST_USEFUL_SECONDS: Final = 45.0
_RUN_IS_OVER: Final = "the run's time is over"
_HELD_BY_ANOTHER: Final = "another run is at work on it"
_SHORTEST_WAIT_SECONDS: Final = 5


@unique
class VideoStatus(StrEnum):
    """What the state machine is told about a video."""

    COMPLETED = "COMPLETED"
    IN_PROGRESS = "IN_PROGRESS"
    WAITING = "WAITING"
    DEFERRED = "DEFERRED"


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoRequest:
    """One video to archive.

    Attributes:
        video: what is known of it; its ``s3_key`` holds unless the tracker already has another one.
        item_count: how many chapters GoPro lists.
        captured_at: the camera's clock, if known.
        owner: the run; the lease is taken in its name.
        deadline: when the run has to be over; None for a video that is invoked by itself.
    """

    video: NewVideo
    item_count: int
    captured_at: datetime | None
    owner: str
    deadline: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoResult:
    """How far the video came.

    Attributes:
        status: COMPLETED (all chapters verified in S3), IN_PROGRESS (call again), WAITING (call again, but not before
            ``wait_seconds`` are over) or DEFERRED (left to a later run).
        files: the chapters that are in S3, the first one first.
        bytes_sent: what this invocation sent to S3.
        bytes_archived: the size of the video if this invocation archived it, whichever invocation sent the bytes.
        duration_seconds: how long this invocation took.
        reason: why the video was deferred, or has to wait.
        wait_seconds: for how long, if it has to wait.
    """

    status: VideoStatus
    files: tuple[ArchivedFile, ...]
    bytes_sent: int
    bytes_archived: int
    duration_seconds: float
    reason: str | None = None
    wait_seconds: int | None = None


class VideoTransfer:
    """Archives videos: joins the GoPro API, the tracker and the transfer engine, which do not know each other.

    Args:
        client: the GoPro API.
        gate: told of trouble that concerns all workers; the one that the client asks.
        tracker: where the videos' states are.
        engine: copies one file.
        clock: returns the time, aware.
        seconds_left: how long this invocation may still run.
    """

    def __init__(
        self,
        *,
        client: GoProClient,
        gate: SharedGate,
        tracker: Tracker,
        engine: TransferEngine,
        clock: Callable[[], datetime],
        seconds_left: Callable[[], float],
    ) -> None:
        self._client = client
        self._gate = gate
        self._tracker = tracker
        self._engine = engine
        self._clock = clock
        self._invocation_seconds_left = seconds_left

    def archive(self, request: VideoRequest) -> VideoResult:
        """Bring the video as far as time allows; COMPLETED only when every chapter is in S3, verified.

        Raises:
            GoProSyncError: any of the closed set; the tracker still tells the truth then, and what S3 holds is used
                by the next attempt.
        """
        started = self._clock()
        if self._seconds_left(request) < _LEAST_USEFUL_SECONDS:
            return self._report(
                EventType.VIDEO_DOWNLOAD_DEFERRED, request, VideoStatus.DEFERRED, started, reason=_RUN_IS_OVER
            )
        with subsegment(Part.TRACKER, run=request.owner, media_id=request.video.media_id):
            claim = self._tracker.claim(
                request.video.media_id,
                owner=request.owner,
                lease=timedelta(seconds=self._invocation_seconds_left()) + _LEASE_MARGIN,
            )
        if claim.outcome is ClaimOutcome.ALREADY_COMPLETED:
            return self._report(
                EventType.VIDEO_ALREADY_ARCHIVED, request, VideoStatus.COMPLETED, started, files=claim.record.files
            )
        if claim.outcome is ClaimOutcome.HELD_BY_ANOTHER:
            return self._report(
                EventType.VIDEO_DOWNLOAD_DEFERRED, request, VideoStatus.DEFERRED, started, reason=_HELD_BY_ANOTHER
            )
        try:
            return self._archive_claimed(request, claim.record, started)
        except (SessionRefusedError, ConfigurationError):
            # Not the video's fault: whoever goes on, in this run or the next, need not wait for the lease to expire.
            self._tracker.release(request.video.media_id, owner=request.owner)
            raise
        except GoProUnavailableError as error:
            self._tracker.release(request.video.media_id, owner=request.owner)
            return self._waiting(request, error, started)
        except (NetworkError, ThrottledError) as error:
            self._gate.after_failure(error, request.video.media_id)
            raise

    def _waiting(self, request: VideoRequest, error: GoProUnavailableError, started: datetime) -> VideoResult:
        # The state machine waits without paying for a function. Where the run has no time for it, the error says so.
        wait_seconds = max(_SHORTEST_WAIT_SECONDS, math.ceil(error.retry_after_seconds or 0))
        if request.deadline is not None:
            time_left = (request.deadline - self._clock()).total_seconds()
            if time_left - wait_seconds < _LEAST_USEFUL_SECONDS:
                raise error
        return self._report(
            EventType.VIDEO_DOWNLOAD_WAITING,
            request,
            VideoStatus.WAITING,
            started,
            reason=error.message,
            wait_seconds=wait_seconds,
        )

    def _archive_claimed(self, request: VideoRequest, record: TrackerRecord, started: datetime) -> VideoResult:
        media_id = request.video.media_id
        urls = _SignedUrls(lambda: self._originals(request))
        files = {file.item_number: file for file in record.files}
        bytes_sent = 0
        for original in urls.originals:
            if original.item_number in files:
                continue
            with subsegment(Part.TRANSFER, run=request.owner, media_id=media_id):
                transferred = self._archive_chapter(request, record, original.item_number, urls, files)
            bytes_sent += transferred.bytes_sent
            if isinstance(transferred, Paused):
                return self._paused(request, _in_order(files), bytes_sent, started)
            files[original.item_number] = _archived_file(original.item_number, transferred)
            if original is not urls.originals[-1]:
                self._tracker.save_progress(media_id, owner=request.owner, files=_in_order(files), upload=None)
        finished = _in_order(files)
        with subsegment(Part.TRACKER, run=request.owner, media_id=media_id):
            self._tracker.complete(media_id, owner=request.owner, files=finished)
        return self._report(
            EventType.VIDEO_DOWNLOAD_COMPLETE,
            request,
            VideoStatus.COMPLETED,
            started,
            files=finished,
            bytes_sent=bytes_sent,
        )

    def _originals(self, request: VideoRequest) -> tuple[OriginalFile, ...]:
        with subsegment(Part.GOPRO_API, run=request.owner, media_id=request.video.media_id):
            descriptor = self._client.get_download(request.video.media_id)
        return choose_originals(descriptor, request.item_count)

    def _archive_chapter(
        self,
        request: VideoRequest,
        record: TrackerRecord,
        item_number: int,
        urls: _SignedUrls,
        files: dict[int, ArchivedFile],
    ) -> ArchivedObject | Paused:
        media_id = request.video.media_id
        key = chapter_key(record.s3_key or request.video.s3_key, item_number)
        finished = _in_order(files)

        def remember(upload: OpenUpload) -> None:
            self._tracker.save_progress(media_id, owner=request.owner, files=finished, upload=upload)

        return self._engine.transfer(
            FileToArchive(
                media_id=media_id,
                item_number=item_number,
                key=key,
                fallback_key=fallback_key(key, media_id),
                tags=object_tags(request.video.upload_date),
                captured_at=request.captured_at,
            ),
            resolve_url=lambda: urls.take(item_number),
            resume=_upload_of(item_number, record.upload),
            seconds_left=lambda: self._seconds_left(request),
            on_upload_created=remember,
        )

    def _seconds_left(self, request: VideoRequest) -> float:
        left = self._invocation_seconds_left()
        if request.deadline is None:
            return left
        return min(left, (request.deadline - self._clock()).total_seconds())

    def _paused(
        self, request: VideoRequest, files: Sequence[ArchivedFile], bytes_sent: int, started: datetime
    ) -> VideoResult:
        event, status, reason = EventType.VIDEO_DOWNLOAD_PAUSED, VideoStatus.IN_PROGRESS, None
        if self._run_is_over(request):
            # Nobody will call again in this run; the next one need not wait for the lease to expire.
            self._tracker.release(request.video.media_id, owner=request.owner)
            event, status, reason = EventType.VIDEO_DOWNLOAD_DEFERRED, VideoStatus.DEFERRED, _RUN_IS_OVER
        return self._report(event, request, status, started, files=files, bytes_sent=bytes_sent, reason=reason)

    def _run_is_over(self, request: VideoRequest) -> bool:
        return (
            request.deadline is not None and (request.deadline - self._clock()).total_seconds() < _LEAST_USEFUL_SECONDS
        )

    def _report(
        self,
        event_type: EventType,
        request: VideoRequest,
        status: VideoStatus,
        started: datetime,
        *,
        files: Sequence[ArchivedFile] = (),
        bytes_sent: int = 0,
        reason: str | None = None,
        wait_seconds: int | None = None,
    ) -> VideoResult:
        result = VideoResult(
            status=status,
            files=tuple(files),
            bytes_sent=bytes_sent,
            bytes_archived=_size_bytes(files) if event_type is EventType.VIDEO_DOWNLOAD_COMPLETE else 0,
            duration_seconds=(self._clock() - started).total_seconds(),
            reason=reason,
            wait_seconds=wait_seconds,
        )
        logger.info(
            event_type.replace("_", " "),
            extra={
                "event_type": event_type,
                "media_id": request.video.media_id,
                "s3_key": files[0].s3_key if files else None,
                "file_size_bytes": _size_bytes(files),
                "bytes_transferred": bytes_sent,
                "transfer_duration_seconds": round(result.duration_seconds, 3),
                "reason": reason,
            },
        )
        return result


class _SignedUrls:
    """The video's signed URLs: each is handed out once, since whoever asks again has seen it refused or expire."""

    def __init__(self, fetch: Callable[[], Sequence[OriginalFile]]) -> None:
        self._fetch = fetch
        self.originals: Final = tuple(fetch())
        self._fresh = {original.item_number: original.url for original in self.originals}

    def take(self, item_number: int) -> str:
        url = self._fresh.pop(item_number, None)
        if url is None:
            self._fresh = {original.item_number: original.url for original in self._fetch()}
            url = self._fresh.pop(item_number, None)
        if url is None:
            raise SourceMissingError(f"GoPro no longer offers chapter {item_number}")
        return url


def _in_order(files: dict[int, ArchivedFile]) -> tuple[ArchivedFile, ...]:
    return tuple(files[item_number] for item_number in sorted(files))


def _size_bytes(files: Sequence[ArchivedFile]) -> int:
    return sum(file.size_bytes for file in files)


def object_tags(upload_date: datetime | None) -> dict[str, str]:
    """Return the tags of a video's objects; the lifecycle rules of template.yaml go by them.

    Args:
        upload_date: when GoPro got the video, if that is known.
    """
    tags = {"Source": "GoPro", "AutoSync": "True"}
    if upload_date is not None:
        tags["UploadDate"] = iso_utc(upload_date)[:10]
    return tags


def _archived_file(item_number: int, archived: ArchivedObject) -> ArchivedFile:
    return ArchivedFile(
        item_number=item_number,
        s3_key=archived.key,
        size_bytes=archived.size_bytes,
        source_etag=archived.source_etag,
        s3_etag=archived.s3_etag,
        checksum_crc64nvme=archived.checksum_crc64nvme,
        etag_proof=archived.etag_proof,
    )


def _upload_of(item_number: int, upload: OpenUpload | None) -> OpenUpload | None:
    return upload if upload is not None and upload.item_number == item_number else None
