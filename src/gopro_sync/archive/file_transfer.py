"""The course of one transfer: what is resumed, what is sent, and what starts afresh."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from gopro_sync.archive.bucket_writer import ObjectExistsError, StoredObject, UploadConflictError, UploadVanishedError
from gopro_sync.archive.file_in_parts import send_in_parts
from gopro_sync.archive.open_upload import NO_UPLOAD, OpenUpload
from gopro_sync.archive.origin import Origin, can_resume, find_origin
from gopro_sync.archive.proof import object_under_the_key, recognised_object
from gopro_sync.archive.transfer_records import Archived, FileToArchive, Paused
from gopro_sync.archive.transfer_state import Means, Progress
from gopro_sync.archive.uploads import abort_upload
from gopro_sync.archive.whole_file import send_whole
from gopro_sync.errors import GoProSyncError, IntegrityError, KeyConflictError, SourceChangedError, StorageError
from gopro_sync.telemetry.retries import log_retry


def transfer_file(means: Means, progress: Progress) -> Archived | Paused:
    """Copy the file, with at most one fresh start per kind of cause.

    Raises:
        GoProSyncError: as ``TransferEngine.transfer`` does.
    """
    fresh_starts = _FreshStarts(means.file.media_id)
    while True:
        origin = find_origin(means)
        progress.whole = None
        try:
            return _attempt(means, progress, origin)
        except (SourceChangedError, UploadConflictError) as stop:
            _start_afresh(means, progress, stop, fresh_starts)
        except UploadVanishedError as vanished:
            if archived := _left_by_an_earlier_call(means, progress, origin):
                return archived
            fresh_starts.after(vanished)
        except ObjectExistsError as taken:
            abort_upload(means, progress)
            stored = object_under_the_key(means, progress)
            if archived := recognised_object(means, progress, origin, stored):
                return archived
            progress.replaces = None
            progress.key = _free_key(means.file, progress.key, taken, stored, fresh_starts)
        except IntegrityError as damage:
            abort_upload(means, progress)
            _replace_what_is_damaged(means, progress, origin, damage, fresh_starts)


def _start_afresh(
    means: Means, progress: Progress, stop: SourceChangedError | UploadConflictError, fresh_starts: _FreshStarts
) -> None:
    try:
        fresh_starts.after(stop)
    except (SourceChangedError, StorageError):
        abort_upload(means, progress)
        raise
    if isinstance(stop, UploadConflictError):
        abort_upload(means, progress)
    # If the file changed, S3's parts are still used where they are proved to be of the file as it is now.


def _left_by_an_earlier_call(means: Means, progress: Progress, origin: Origin) -> Archived | None:
    upload, progress.upload = progress.upload, None
    # The recorded checksum is that of the file that the source had under the recorded ETag.
    is_current = upload is not None and origin.is_vouched_for(upload.source_etag)
    recorded = upload.whole_crc64nvme if upload is not None and is_current else None
    stored = object_under_the_key(means, progress)
    return recognised_object(means, progress, origin, stored, recorded_crc64nvme=recorded)


def _replace_what_is_damaged(
    means: Means, progress: Progress, origin: Origin, damage: IntegrityError, fresh_starts: _FreshStarts
) -> None:
    """Let the next copy, in this call or a later one, replace the damaged object that this call has made."""
    if progress.written_etag is None:
        raise damage  # no object is damaged
    progress.replaces, progress.written_etag = progress.written_etag, None
    with suppress(GoProSyncError):  # the error that led here matters more; without it, a later call takes another key
        means.on_upload_changed(_damaged_object(means, progress, origin))
    fresh_starts.after(damage)


def _damaged_object(means: Means, progress: Progress, origin: Origin) -> OpenUpload:
    return OpenUpload(
        item_number=means.file.item_number,
        lens=means.file.lens,
        s3_key=progress.key,
        upload_id=NO_UPLOAD,
        part_size_bytes=progress.part_size_bytes,
        size_bytes=origin.file.size_bytes,
        source_etag=origin.file.etag,
        replaces=progress.replaces,
    )


def _attempt(means: Means, progress: Progress, origin: Origin) -> Archived | Paused:
    limits = means.rules.limits
    if not means.workers.have_time():
        return progress.paused()
    if progress.upload is not None and not can_resume(progress.upload, origin, limits):
        abort_upload(means, progress)
    if origin.file.size_bytes > limits.multipart_threshold_bytes:
        return send_in_parts(means, progress, origin)
    return send_whole(means, progress, origin)


class _FreshStarts:
    """Allow one fresh start per kind of cause."""

    def __init__(self, media_id: str) -> None:
        self._media_id = media_id
        self._used = set[type[Exception]]()

    def after(
        self,
        stop: SourceChangedError | IntegrityError | UploadVanishedError | UploadConflictError | ObjectExistsError,
    ) -> None:
        if type(stop) not in self._used:
            self._used.add(type(stop))
            log_retry("copy the file from the start", attempt=2, error_type=type(stop).__name__)
        elif isinstance(stop, SourceChangedError | IntegrityError):
            raise stop
        else:
            raise StorageError(f"{_TWICE[type(stop)]} ({stop})", media_id=self._media_id) from stop


_TWICE: Final = {
    UploadVanishedError: "S3 lost the upload twice",
    UploadConflictError: "Somebody else wrote to the video's key at the same time, twice",
    ObjectExistsError: "S3 says twice that the video's key is taken, but shows no object there",
}


def _free_key(
    file: FileToArchive,
    taken: str,
    conflict: ObjectExistsError,
    stored: StoredObject | None,
    fresh_starts: _FreshStarts,
) -> str:
    if stored is None:
        # Whatever stopped the write was removed again: the key is ours after all.
        fresh_starts.after(conflict)
        return taken
    if file.fallback_key is None or file.fallback_key == taken:
        raise KeyConflictError(f"Another object lies at {taken}", media_id=file.media_id) from conflict
    return file.fallback_key
