"""A video as the run's manifest spells it: each item is the downloader's event."""

from __future__ import annotations

from typing import Any, Final

from gopro_sync.archive.object_key import PREFIX_ROOT, clean_filename
from gopro_sync.errors import InvalidEventError
from gopro_sync.gopro.library.media import filename_or_none, is_media_id
from gopro_sync.table.video import Video
from gopro_sync.values.event_fields import (
    JsonObject,
    optional_count,
    optional_flag,
    optional_seconds,
    optional_text,
    optional_time,
    required_text,
)
from gopro_sync.values.outside_values import one_line
from gopro_sync.values.timestamps import iso_utc

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
_LONGEST_KEY_BYTES: Final = 1024
# Only where GoPro states no date of upload.
_OF_RECORDING: Final = "upload_date_is_of_recording"


def as_event(video: Video, *, download_url: str) -> dict[str, Any]:
    """Return the video as the downloader's event; `video_of` reads it.

    Args:
        video: what is to be archived.
        download_url: the address of its download descriptor, for people: the downloader knows it itself and refuses any
                other.
    """
    return {
        "media_id": video.media_id,
        "filename": video.filename,
        "download_url": download_url,
        "file_size": video.size_bytes,
        "upload_date": None if video.uploaded_at is None else iso_utc(video.uploaded_at),
        "duration": video.duration_seconds,
        "captured_at": None if video.captured_at is None else iso_utc(video.captured_at),
        "item_count": video.item_count,
        "s3_key": video.s3_key,
        "retry_count": video.retry_count,
        **({} if video.is_upload_stated else {_OF_RECORDING: True}),
    }


def video_of(event: JsonObject) -> Video:
    """Return the video that the downloader's event names: one of `as_event`, or one that somebody wrote.

    ``media_id`` and ``s3_key`` are required; whoever does not know the key sends ``s3_prefix`` and ``filename``.

    Raises:
        InvalidEventError: a field is missing or of the wrong shape, or the key is not one of a video.
    """
    media_id = required_text(event, "media_id")
    if not is_media_id(media_id):
        raise InvalidEventError("The event's field 'media_id' is no id of a media item")
    s3_key = _s3_key(event)
    return Video(
        media_id=media_id,
        filename=filename_or_none(optional_text(event, "filename")) or s3_key.rsplit("/", 1)[-1],
        s3_key=s3_key,
        uploaded_at=optional_time(event, "upload_date"),
        captured_at=optional_time(event, "captured_at"),
        size_bytes=optional_count(event, "file_size"),
        duration_seconds=optional_seconds(event, "duration"),
        item_count=optional_count(event, "item_count") or 1,
        retry_count=optional_count(event, "retry_count") or 0,
        is_upload_stated=not optional_flag(event, _OF_RECORDING),
    )


def _s3_key(event: JsonObject) -> str:
    key = optional_text(event, "s3_key")
    if key is None:
        prefix = required_text(event, "s3_prefix").rstrip("/")
        key = f"{prefix}/{_cleaned(required_text(event, 'filename'))}"
    if not key.startswith(f"{PREFIX_ROOT}/") or ".." in key.split("/"):
        raise InvalidEventError(f"The event's S3 key is not under {PREFIX_ROOT}/")
    if one_line(key, longest_bytes=_LONGEST_KEY_BYTES) != key:
        raise InvalidEventError("The event's S3 key has control characters, or more bytes than S3 takes")
    return key


def _cleaned(filename: str) -> str:
    try:
        return clean_filename(filename)
    except ValueError as error:
        raise InvalidEventError("The event's field 'filename' is no name of a file") from error
