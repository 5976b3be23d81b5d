"""What goes into a transfer and what comes out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, unique

from gopro_sync.archive.archived_file import ArchivedFile
from gopro_sync.archive.open_upload import OpenUpload


@unique
class TransferOutcome(StrEnum):
    """How the object got there."""

    COMPLETED = "COMPLETED"
    ALREADY_ARCHIVED = "ALREADY_ARCHIVED"  # the same video was there


@dataclass(frozen=True, slots=True, kw_only=True)
class FileToArchive:
    """One chapter of a media item.

    Args:
        media_id: GoPro's id of the media item.
        item_number: number of the chapter, from 1.
        key: where it goes.
        fallback_key: where it goes if another object holds ``key``.
        tags: S3 object tags.
        captured_at: when it was filmed, if known.
        lens: which of the camera's lenses; None for the usual single one.
    """

    media_id: str
    item_number: int
    key: str
    fallback_key: str | None
    tags: Mapping[str, str]
    captured_at: datetime | None = None
    lens: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkDone:
    """What one call did, however it ended.

    Args:
        bytes_sent: bytes that S3 accepted in this call.
        parts_sent: parts that S3 accepted in this call; one PutObject counts as one.
        part_size_bytes: size of the parts; the size of the file for one PutObject; 0 if neither was begun.
    """

    bytes_sent: int
    parts_sent: int
    part_size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Archived(WorkDone):
    """The file is in S3.

    Args:
        outcome: whether this call put it there.
        file: the proof.
        etag_block_bytes: the part size at the source that matches its ETag, if one was found.
    """

    outcome: TransferOutcome
    file: ArchivedFile
    etag_block_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Paused(WorkDone):
    """Time ran out: call again.

    Args:
        upload: pass this in to resume; None if no upload is open.
        is_in_vain: whether no later call can use what this one sent, because the source sends no ETag by which to
            recognise the file.
    """

    upload: OpenUpload | None
    is_in_vain: bool
