"""What is known about the files of a video while it is being archived, and which key each of them belongs under."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import replace
from operator import attrgetter

from gopro_sync.archive.archived_file import ArchivedFile
from gopro_sync.archive.object_key import chapter_key, fallback_key, lens_key, next_edition_key
from gopro_sync.archive.open_upload import OpenUpload
from gopro_sync.errors import GoProSyncError, IntegrityError, KeyConflictError
from gopro_sync.gopro.library.download import Offer
from gopro_sync.table.tracker import TrackerRecord
from gopro_sync.table.video import Video
from gopro_sync.values.file_id import FileId, files_of_recording


class Chapters:
    """The files of a video: those in S3, those that GoPro offers, and the outcome for each in this attempt.

    Args:
        video: the video.
        record: what earlier attempts have archived.
        offer: what GoPro offers now.
    """

    def __init__(self, video: Video, record: TrackerRecord, offer: Offer) -> None:
        self._media_id = video.media_id
        self._item_count = video.item_count
        self._first_key = record.video.s3_key or video.s3_key
        self._offered = [original.file_id for original in offer.originals]
        files, upload = _named_as_at_gopro(record, offer.listed)
        self._files = {file.file_id: file for file in files}
        self._uploads = {} if upload is None else {upload.file_id: upload}
        is_left = upload is not None and (upload.file_id in self._files or upload.file_id not in self._offered)
        self._unfinished = upload if is_left else None
        self._troubles: dict[FileId, GoProSyncError] = {
            file_id: trouble for file_id, trouble in offer.doubtful.items() if file_id not in self._files
        }
        self._unclear = offer.unclear
        self._known = offer.listed | self._files.keys()
        self._lenses = {known.lens for known in [*self._known, *self._uploads]}
        self._lens_of_plain_keys = self._find_lens_of_plain_keys()

    @property
    def finished(self) -> tuple[ArchivedFile, ...]:
        """Return what is in S3, the beginning of the recording first."""
        return tuple(sorted(self._files.values(), key=attrgetter("file_id.place")))

    @property
    def unfinished_upload(self) -> OpenUpload | None:
        """Return the upload of a file that was left for now, if there is one, for a later attempt to resume."""
        return self._unfinished

    @property
    def count(self) -> int:
        """Return how many files the video has, by everything that GoPro lists and by what is archived."""
        return files_of_recording(self._known, self._item_count, counts_gaps=False)

    @property
    def possible_count(self) -> int:
        """Return how many files it may have: a gap in the numbers, or an unreadable entry, may be one."""
        return files_of_recording(self._known, self._item_count) + self._unclear

    @property
    def first_trouble(self) -> tuple[FileId, GoProSyncError] | None:
        """Return the first file that could not be archived, and why."""
        return min(self._troubles.items(), key=lambda trouble: trouble[0].place, default=None)

    def wanted(self) -> list[FileId]:
        """Return what GoPro offers and S3 lacks, in the order in which to copy it."""
        return self.in_copy_order(file_id for file_id in self._offered if file_id not in self._files)

    def in_copy_order(self, file_ids: Iterable[FileId]) -> list[FileId]:
        """Return files in the order in which to copy them.

        The one whose upload is recorded comes first, since another one's upload would replace it in the record. Without
        an
        ETag it comes last: it has to be copied from the start, and may never be finished.
        """
        return sorted(file_ids, key=self._copy_order_of)

    def is_offered(self, file_id: FileId) -> bool:
        """Return whether GoPro offers the file now."""
        return file_id in self._offered

    def upload_of(self, file_id: FileId) -> OpenUpload | None:
        """Return the upload of this file that is under way."""
        return self._uploads.get(file_id)

    def keys_of(self, file_id: FileId) -> tuple[str, str]:
        """Return the key of a file, and the one to use if another object holds it.

        A file in S3 is never overwritten, not even by its own next edition.

        Raises:
            KeyConflictError: it has too many editions.
        """
        if file_id in self._files:
            key = next_edition_key(self._files[file_id].s3_key, self._media_id)
            if key is None:
                raise KeyConflictError(
                    f"GoPro has replaced {file_id} again and again, and a copy of it lies under each of its keys",
                    media_id=self._media_id,
                )
            return key, next_edition_key(key, self._media_id) or key
        key = chapter_key(self._first_key, file_id.item_number)
        if len(self._lenses) > 1:
            key = lens_key(key, file_id.lens, keeps_name=file_id.lens == self._lens_of_plain_keys)
        return key, fallback_key(key, self._media_id)

    def note(self, upload: OpenUpload) -> None:
        """Record an upload that is under way."""
        self._uploads[upload.file_id] = upload
        self._leave_no_longer(upload.file_id)

    def add(self, file: ArchivedFile) -> None:
        """Record a file that is in S3 now."""
        self._files[file.file_id] = file
        self._leave_no_longer(file.file_id)

    def leave(self, file_id: FileId, trouble: GoProSyncError) -> None:
        """Record why a file could not be archived."""
        self._troubles[file_id] = trouble
        upload = self._uploads.get(file_id)
        is_given_up = isinstance(trouble, IntegrityError | KeyConflictError)
        is_of_damage = upload is not None and upload.replaces is not None
        if is_of_damage or not is_given_up:
            self._unfinished = self._unfinished or upload

    def _leave_no_longer(self, file_id: FileId) -> None:
        if self._unfinished is not None and self._unfinished.file_id == file_id:
            self._unfinished = None

    def _copy_order_of(self, file_id: FileId) -> int:
        upload = self._uploads.get(file_id)
        if upload is None:
            return 1
        return 0 if upload.source_etag is not None else 2

    def _find_lens_of_plain_keys(self) -> str | None:
        """Return the lens whose files have the video's own name: the first one, unless another has it already."""
        begun_files: list[ArchivedFile | OpenUpload] = [*self._files.values(), *self._uploads.values()]
        for begun in begun_files:
            plain_key = chapter_key(self._first_key, begun.item_number)
            if begun.s3_key in {plain_key, fallback_key(plain_key, self._media_id)}:
                return begun.lens
        return min(self._known, key=lambda known: known.place[1:]).lens


def _named_as_at_gopro(
    record: TrackerRecord, listed: Collection[FileId]
) -> tuple[list[ArchivedFile], OpenUpload | None]:
    """Return what is recorded, each with the lens that GoPro names now.

    GoPro may name the only lens on one day and not on another, and earlier versions did not record it: if a chapter has
    one file here and one there, and one of them has no lens, they are the same file.
    """
    upload = record.upload
    recorded = _by_chapter({*(file.file_id for file in record.files), *([] if upload is None else [upload.file_id])})
    at_gopro = _by_chapter(listed)

    def lens_of(file_id: FileId) -> str | None:
        here, there = recorded[file_id.item_number], at_gopro.get(file_id.item_number, [])
        is_the_same = len(here) == len(there) == 1 and None in {file_id.lens, there[0].lens}
        return there[0].lens if is_the_same else file_id.lens

    files = [replace(file, lens=lens_of(file.file_id)) for file in record.files]
    return files, upload and replace(upload, lens=lens_of(upload.file_id))


def _by_chapter(file_ids: Collection[FileId]) -> dict[int, list[FileId]]:
    chapters: dict[int, list[FileId]] = defaultdict(list)
    for file_id in file_ids:
        chapters[file_id.item_number].append(file_id)
    return chapters
