"""What goes into a transfer and what comes out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, unique

from gopro_sync.archive.integrity import SourceEtagProof


@unique
class TransferOutcome(StrEnum):
    """How a transfer ended, if not with an error."""

    COMPLETED = "COMPLETED"
    ALREADY_ARCHIVED = "ALREADY_ARCHIVED"  # the same video was there
    IN_PROGRESS = "IN_PROGRESS"  # time ran out: call again


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
class UploadState:
    """What has to be remembered of an open upload to go on with it."""

    upload_id: str
    key: str
    part_size_bytes: int
    size_bytes: int
    source_etag: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferredFile:
    """What a transfer did.

    Args:
        outcome: how it ended.
        key: where the object lies, or will.
        size_bytes: size of the file.
        bytes_sent: bytes that S3 took in this call.
        parts_sent: parts that S3 took in this call; one PutObject counts as one.
        part_size_bytes: size of the parts; the size of the file for one PutObject.
        s3_etag: ETag of the object; None while in progress.
        source_etag: ETag of the file at its origin, if it has one.
        checksum_crc64nvme: checksum of the whole, in S3's form; None while in progress.
        etag_proof: what became of the comparison with the source's ETag.
        duration_seconds: how long this call took.
        upload: what to hand in to go on; only while in progress, and not if nothing was begun.
    """

    outcome: TransferOutcome
    key: str
    size_bytes: int
    bytes_sent: int
    parts_sent: int
    part_size_bytes: int
    s3_etag: str | None
    source_etag: str | None
    checksum_crc64nvme: str | None
    etag_proof: SourceEtagProof
    duration_seconds: float
    upload: UploadState | None
