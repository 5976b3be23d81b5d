"""The course of one transfer: what is gone on with, what is sent, and what starts afresh."""

from __future__ import annotations

from gopro_sync.archive.bucket_writer import ObjectExistsError, UploadVanishedError
from gopro_sync.archive.file_in_parts import send_in_parts
from gopro_sync.archive.origin import Origin, can_go_on_with, find_origin
from gopro_sync.archive.proof import recognised_object
from gopro_sync.archive.transfer_records import Archived, FileToArchive, Paused
from gopro_sync.archive.transfer_state import Means, Progress
from gopro_sync.archive.uploads import abort_upload
from gopro_sync.archive.whole_file import send_whole
from gopro_sync.errors import IntegrityError, KeyConflictError, SourceChangedError, StorageError


def transfer_file(means: Means, progress: Progress) -> Archived | Paused:
    """Copies the file, with at most one fresh start for each thing that calls for one.

    Raises:
        GoProSyncError: as ``TransferEngine.transfer`` says.
    """
    fresh_starts = _FreshStarts(means.file.media_id)
    while True:
        origin = find_origin(means)
        progress.whole = None
        try:
            return _attempt(means, progress, origin)
        except SourceChangedError as change:
            abort_upload(means, progress)
            fresh_starts.after_change(change)
        except UploadVanishedError as vanished:
            progress.upload = None
            if archived := recognised_object(means, progress, origin):
                return archived
            fresh_starts.after_loss(vanished)
        except ObjectExistsError as conflict:
            abort_upload(means, progress)
            if archived := recognised_object(means, progress, origin):
                return archived
            progress.key = _fallback_key(means.file, progress.key, conflict)
        except IntegrityError:
            abort_upload(means, progress)
            raise


def _attempt(means: Means, progress: Progress, origin: Origin) -> Archived | Paused:
    limits = means.rules.limits
    if not means.workers.have_time():
        return progress.paused()
    if progress.upload is not None and not can_go_on_with(progress.upload, origin, limits):
        abort_upload(means, progress)
    if origin.file.size_bytes > limits.multipart_threshold_bytes:
        return send_in_parts(means, progress, origin)
    return send_whole(means, progress, origin)


class _FreshStarts:
    """Each of the two things that call for a fresh start is forgiven once."""

    def __init__(self, media_id: str) -> None:
        self._media_id = media_id
        self._source_changed = False
        self._upload_vanished = False

    def after_change(self, change: SourceChangedError) -> None:
        if self._source_changed:
            raise change
        self._source_changed = True

    def after_loss(self, vanished: UploadVanishedError) -> None:
        if self._upload_vanished:
            raise StorageError("S3 lost the upload twice", media_id=self._media_id) from vanished
        self._upload_vanished = True


def _fallback_key(file: FileToArchive, taken: str, conflict: ObjectExistsError) -> str:
    if file.fallback_key is None or file.fallback_key == taken:
        raise KeyConflictError(f"Another object lies at {taken}", media_id=file.media_id) from conflict
    return file.fallback_key
