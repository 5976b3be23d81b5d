"""The transfer engine: one file from its signed URL to a verified object in S3.

Any call may die midway: S3's own list of parts says what arrived, and the next call sends the rest. Nothing is ever
written over an existing object, and an object counts as archived only once S3's size and checksum of it have been
compared with the bytes read from the source.

An object that fails that comparison does not count as archived: the file is copied once more, as a new version of the
same object. This system has no permission to delete, and deletes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from gopro_sync.archive.archived_file import ArchivedFile
from gopro_sync.archive.bucket_writer import BucketWriter
from gopro_sync.archive.file_transfer import transfer_file
from gopro_sync.archive.finished_file import compared_with_source
from gopro_sync.archive.net.connections import SourceConnections
from gopro_sync.archive.open_upload import NO_UPLOAD, OpenUpload
from gopro_sync.archive.retries import Retries
from gopro_sync.archive.second_object import is_second_object_accepted
from gopro_sync.archive.source import SignedUrl, Source
from gopro_sync.archive.surroundings import Surroundings
from gopro_sync.archive.transfer_records import Archived, FileToArchive, Paused, TransferOutcome
from gopro_sync.archive.transfer_state import NOTHING_KNOWN, KnownEtags, Means, Progress, TransferRules
from gopro_sync.archive.workers import PartWorkers, TimeBudget
from gopro_sync.errors import StorageError

__all__ = [
    "Archived",
    "ArchivedFile",
    "FileToArchive",
    "KnownEtags",
    "OpenUpload",
    "Paused",
    "TransferEngine",
    "TransferOutcome",
    "TransferRules",
]


class TransferEngine:
    """Copy files into one bucket.

    Args:
        writer: writes into the bucket.
        source_http: connections to the CDN, from ``source_pool``.
        rules: how files are cut, copied and proved.
        surroundings: time, chance, and who copies the parts.
    """

    def __init__(
        self,
        *,
        writer: BucketWriter,
        source_http: SourceConnections,
        rules: TransferRules,
        surroundings: Surroundings,
    ) -> None:
        self._writer = writer
        self._source_http = source_http
        self._rules = rules
        self._surroundings = surroundings

    @property
    def bucket(self) -> str:
        """Where the files go."""
        return self._writer.bucket

    def transfer(
        self,
        file: FileToArchive,
        *,
        resolve_url: Callable[[], str],
        resume: OpenUpload | None = None,
        seconds_left: Callable[[], float] = lambda: math.inf,
        on_upload_changed: Callable[[OpenUpload], None] = lambda _: None,
        known_etags: KnownEtags = NOTHING_KNOWN,
    ) -> Archived | Paused:
        """Copy one file, or as much of it as time allows.

        Args:
            file: what to copy, and where.
            resolve_url: asks GoPro for a freshly signed GET URL; called by one worker at a time.
            resume: the upload to resume.
            seconds_left: time until the invocation is cut off.
            on_upload_changed: called with each upload before its first byte is sent, so that a later call can resume
                it, and again when this call leaves it and before it is completed.
            known_etags: what is known of the library's ETags.

        Returns:
            The object, or how far it got. Paused without any progress only if there was no time left to begin with.

        Raises:
            NetworkError, ThrottledError, SourceResponseError, SourceUrlExpiredError: the CDN fails persistently, or not
                a single part could be copied in the time given; the upload stays open.
            StorageError: S3 fails persistently; the upload stays open.
            SourceChangedError: the file changed while it was being copied, twice.
            SourceLostError: the CDN does not have the file that GoPro offers.
            GoProApiChangedError: GoPro returned something other than an HTTPS URL.
            AccessDeniedError: a role or policy does not allow it.
            IntegrityError: the object, or what was read, is not the file.
            KeyConflictError: other objects hold both keys.
            ConfigurationError: there is no such bucket.
            Exception: errors of the callbacks pass unchanged.
        """
        means = replace(self._means(file, resolve_url, seconds_left, on_upload_changed), known_etags=known_etags)
        return transfer_file(means, _progress_of(file, resume))

    def compared_with_source(
        self,
        media_id: str,
        file: ArchivedFile,
        *,
        resolve_url: Callable[[], str],
        seconds_left: Callable[[], float],
    ) -> ArchivedFile | None:
        """Check whether GoPro still has the file that an earlier call archived.

        Args:
            media_id: GoPro's id of the media item.
            file: the file as it is recorded.
            resolve_url: as for ``transfer``.
            seconds_left: time until the invocation is cut off.

        Returns:
            The file as it should be recorded from now on; None if GoPro has another one.

        Raises:
            GoProSyncError: as ``transfer`` does for the CDN and S3; then nothing is known.
        """
        asked = FileToArchive(
            media_id=media_id, item_number=file.item_number, key=file.s3_key, fallback_key=None, tags={}
        )
        means = self._means(asked, resolve_url, seconds_left, on_upload_changed=lambda _: None)
        return compared_with_source(means, file)

    def accepts_other_objects(self) -> bool:
        """Return whether S3, having refused one object, allows everything that a video needs with another one.

        Raises:
            ConfigurationError: there is no such bucket, or its key cannot be used.
            StorageError: S3 failed, so that nothing is known.
        """
        around = self._surroundings
        retries = Retries(sleep=around.crew(1).sleep, random=around.random, seconds_left=lambda: math.inf)
        try:
            return retries.call("ask S3 for another object", lambda: is_second_object_accepted(self._writer))
        except StorageError as error:
            if error.if_it_persists is None:
                raise
            return False

    def _means(
        self,
        file: FileToArchive,
        resolve_url: Callable[[], str],
        seconds_left: Callable[[], float],
        on_upload_changed: Callable[[OpenUpload], None],
    ) -> Means:
        around, rules = self._surroundings, self._rules
        budget = TimeBudget(seconds_left=seconds_left, reserve_seconds=rules.reserve_seconds)
        crew = around.crew(rules.workers)
        workers = PartWorkers(crew=crew, budget=budget, clock=around.clock)
        source = Source(
            http=self._source_http,
            signed_url=SignedUrl(resolve_url, wall_clock=around.wall_clock, lock=crew.new_lock()),
            media_id=file.media_id,
            largest_file_bytes=rules.limits.largest_object_bytes,
            largest_whole_bytes=rules.limits.multipart_threshold_bytes,
            wall_clock=around.wall_clock,
            check=workers.check,
        )
        return Means(
            file=file,
            rules=rules,
            source=source,
            writer=self._writer,
            workers=workers,
            retries=Retries(sleep=crew.sleep, random=around.random, seconds_left=budget.seconds),
            on_upload_changed=on_upload_changed,
        )


def _progress_of(file: FileToArchive, resume: OpenUpload | None) -> Progress:
    if resume is None:
        return Progress(key=file.key, upload=None)
    upload = resume if resume.upload_id != NO_UPLOAD else None
    return Progress(key=resume.s3_key, upload=upload, replaces=resume.replaces)
