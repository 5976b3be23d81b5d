"""gopro-video-downloader: archives one video, all its chapters.

The state machine calls it again as long as it answers ``IN_PROGRESS`` or, after a pause, ``WAITING``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from aws_lambda_powertools.utilities.typing import LambdaContext

from gopro_sync import composition
from gopro_sync.errors import (
    GoProApiChangedError,
    InvalidEventError,
    ItemRefusedError,
    MediaGoneError,
    SessionRefusedError,
    SourceMissingError,
)
from gopro_sync.gopro.client import GoProClient
from gopro_sync.gopro.library.drift import sources_missing
from gopro_sync.gopro.library.media import MediaItem
from gopro_sync.gopro.session.session import Session
from gopro_sync.handlers.entry_point import STATUS_ACCEPTED, STATUS_OK, entry_point, execution_id_of
from gopro_sync.handlers.refused_session import wait_for_renewal
from gopro_sync.handlers.session_source import session_for
from gopro_sync.run.drift_report import report_drift
from gopro_sync.run.video import Invocation, VideoResult, VideoStatus
from gopro_sync.run.video_event import video_of
from gopro_sync.table.video import Video
from gopro_sync.telemetry.json_lines import function_logger
from gopro_sync.telemetry.logs import EventType
from gopro_sync.telemetry.metrics import emit_video_archived
from gopro_sync.values.event_fields import (
    JsonObject,
    optional_count,
    optional_seconds,
    optional_text,
    optional_time,
    required_text,
)
from gopro_sync.values.transfer_rate import megabits_per_second

# How often the state machine retries what time may mend (statemachine/sync.asl.json, DownloadVideo's Retry).
TRIES_OF_THE_STATE_MACHINE: Final = 3


@entry_point(EventType.VIDEO_DOWNLOAD_FAILED, prepare=composition.prepare_video_downloader)
def handler(event: JsonObject, context: LambdaContext) -> dict[str, Any]:
    """Return ``status`` and, once a file is in S3, where it is and how it got there.

    ``statusCode`` is 200 for a video that is archived, and 202 for one that waits or is under way.

    Event fields: ``media_id``; ``s3_key``, or ``s3_prefix`` and ``filename``; optional ``file_size``, ``upload_date``,
    ``captured_at``, ``duration``, ``item_count``, ``download_url``, ``s3_bucket``, ``auth_token``, ``user_id``,
    ``execution_id``, ``run_deadline``, ``seconds_before`` (what earlier invocations took for this video), ``renewals``
    (how often the run has had the session renewed for it).

    Raises:
        InvalidEventError: a field is missing or of the wrong shape, or names another bucket or another host.
        GoProSyncError: what the session, the GoPro API, the tracker and the transfer raise.
    """
    video = video_of(event)
    tries_before = optional_count(event, "tries_before")
    invocation = Invocation(
        owner=execution_id_of(event, context),
        deadline=optional_time(event, "run_deadline"),
        seconds_left=lambda: context.get_remaining_time_in_millis() / 1000,
        # A manual invocation counts none: nobody calls again.
        is_last_try=tries_before is None or tries_before >= TRIES_OF_THE_STATE_MACHINE,
    )
    # Not as `extra` of single lines: the standard library reserves `filename` there.
    function_logger.append_keys(media_id=video.media_id, filename=video.filename)
    session: Session | None = None
    try:
        session = session_for(event)
        video, result = _archived(event, video, session, invocation)
    except SessionRefusedError as refused:
        if "execution_id" not in event or optional_text(event, "auth_token") is not None:
            raise  # no run has it renewed
        result = wait_for_renewal(
            refused,
            session,
            owner=f"{invocation.owner}/{video.media_id}",
            deadline=invocation.deadline,
            in_vain=bool(optional_count(event, "renewals")),
        )
    return _answer(video, result, partition=context.invoked_function_arn.split(":")[1])


def _archived(event: JsonObject, video: Video, session: Session, invocation: Invocation) -> tuple[Video, VideoResult]:
    client = composition.gopro_client(session)
    _refuse_foreign_addresses(event, client)
    if "execution_id" not in event:
        # The lister records what it finds; a video that is invoked on its own may not have been listed yet.
        video = _as_gopro_lists_it(video, client)
        composition.tracker().add_pending([video])
    transfer = composition.video_transfer(session, invocation)
    try:
        result = transfer.archive(video)
    except SourceMissingError:
        report_drift([sources_missing()], environment=composition.settings().environment)
        raise
    if result.bytes_archived:
        seconds = result.duration_seconds + (optional_seconds(event, "seconds_before") or 0.0)
        emit_video_archived(result.bytes_archived, seconds, environment=composition.settings().environment)
    return video, result


def _refuse_foreign_addresses(event: JsonObject, client: GoProClient) -> None:
    # The token would go to whatever host an event names, and a video to whatever bucket.
    bucket = optional_text(event, "s3_bucket")
    if bucket not in {None, composition.settings().archive_bucket_name}:
        raise InvalidEventError("The event's field 's3_bucket' is not the archive bucket of this stack")
    url = optional_text(event, "download_url")
    if url not in {None, client.download_url(required_text(event, "media_id"))}:
        raise InvalidEventError("The event's field 'download_url' is not the API address of this media item's download")


def _as_gopro_lists_it(video: Video, client: GoProClient) -> Video:
    """Return the video with size, chapters and day of upload as GoPro lists them: an event may be an example."""
    try:
        item = client.get_media(video.media_id)
    except (GoProApiChangedError, ItemRefusedError, MediaGoneError):
        return video  # the download will report it, if it concerns more than this one question
    if not isinstance(item, MediaItem):
        return video
    return replace(
        video,
        uploaded_at=video.uploaded_at or item.uploaded_at,
        is_upload_stated=video.is_upload_stated and (video.uploaded_at is not None or item.is_upload_stated),
        size_bytes=video.size_bytes if item.size_bytes is None else item.size_bytes,
        item_count=max(video.item_count, item.chapter_count),
    )


def _answer(video: Video, result: VideoResult, *, partition: str) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "statusCode": STATUS_OK if result.status is VideoStatus.COMPLETED else STATUS_ACCEPTED,
        "status": result.status,
        "media_id": video.media_id,
        "bytes_transferred": result.bytes_archived,
        "bytes_sent": result.bytes_sent,
        "transfer_duration_seconds": round(result.duration_seconds, 3),
        "throughput_mbps": round(megabits_per_second(result.bytes_sent, result.duration_seconds), 1),
        "chapters": len(result.files),
    }
    if result.is_another_runs:
        answer["by_another_run"] = True
    if result.reason is not None:
        answer["reason"] = result.reason
    if result.wait_seconds is not None:
        answer["wait_seconds"] = result.wait_seconds
    if result.files:
        first = result.files[0]
        bucket = composition.settings().archive_bucket_name
        answer |= {
            "s3_key": first.s3_key,
            "s3_arn": f"arn:{partition}:s3:::{bucket}/{first.s3_key}",
            "s3_etag": first.s3_etag,
        }
    return answer
