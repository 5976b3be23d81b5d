"""What goes into a transfer and what comes out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, unique

from gopro_sync.archive.integrity import SourceEtagProof
from gopro_sync.archive.open_upload import OpenUpload


@unique
class TransferOutcome(StrEnum):
    """How the object came to lie there."""

    COMPLETED = "COMPLETED"
    ALREADY_ARCHIVED = "ALREADY_ARCHIVED"  # the same video was there


@dataclass(frozen=True, slots=True, kw_only=True)
class FileToArchive:
    """One chapter of a media item.

    Args:
        media_id: GoPro's id of the media item.
        item_number: number of the chapter, from 1.
        key: where it is to lie.
        fallback_key: where it is to lie if another object holds ``key``.
        tags: S3 object tags.
        captured_at: when it was filmed, if known.
        content_type: MIME type of the object.
    """

    media_id: str
    item_number: int
    key: str
    fallback_key: str | None
    tags: Mapping[str, str]
    captured_at: datetime | None = None
    content_type: str = "video/mp4"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkDone:
    """What one call did, however it ended.

    Args:
        bytes_sent: bytes that S3 took in this call.
        parts_sent: parts that S3 took in this call; one PutObject counts as one.
        part_size_bytes: size of the parts; the size of the file for one PutObject; 0 if neither was begun.
    """

    bytes_sent: int
    parts_sent: int
    part_size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivedObject(WorkDone):
    """A file that is in S3, verified.

    Args:
        outcome: whether this call brought it there.
        key: where it lies.
        size_bytes: size of the file.
        s3_etag: ETag of the object.
        source_etag: ETag of the file at its origin, if it has one.
        checksum_crc64nvme: checksum of the whole, in S3's form.
        etag_proof: what became of the comparison with the source's ETag.
    """

    outcome: TransferOutcome
    key: str
    size_bytes: int
    s3_etag: str
    source_etag: str | None
    checksum_crc64nvme: str
    etag_proof: SourceEtagProof


@dataclass(frozen=True, slots=True, kw_only=True)
class Paused(WorkDone):
    """Time ran out: call again.

    Args:
        upload: what to hand in to go on; None if no upload is open.
    """

    upload: OpenUpload | None
