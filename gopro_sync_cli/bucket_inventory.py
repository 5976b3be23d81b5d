"""Take inventory of the bucket, from the metadata of each object."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from gopro_sync.archive.archived_file import ArchivedFile
from gopro_sync.archive.bucket_writer import BucketWriter, StoredObject
from gopro_sync.archive.integrity import SourceEtagProof
from gopro_sync.archive.object_key import PREFIX_ROOT
from gopro_sync.archive.proof import identity_in
from gopro_sync.aws.answers import Service, answer_of
from gopro_sync.gopro.library.media import is_media_id

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# HeadObject is answered in some 20 ms, also for what is in Glacier; S3 takes 5,500 a second below a prefix:
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html
ASKED_AT_ONCE: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundObject:
    """A chapter in the bucket.

    Attributes:
        media_id: GoPro's id of the media item.
        file: the data that a record keeps of it.
        stored_at: when S3 received it.
    """

    media_id: str
    file: ArchivedFile
    stored_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """The bucket's objects.

    Attributes:
        found: the chapters.
        odd: by key, why an object cannot be identified as a chapter.
    """

    found: Sequence[FoundObject]
    odd: Mapping[str, str]


def take_inventory(s3: S3Client, writer: BucketWriter, *, seen: Callable[[int], None]) -> Inventory:
    """Ask S3 for every object below the prefix of the videos.

    Args:
        s3: lists the bucket; botocore's own retries apply.
        writer: describes its objects.
        seen: called after each object with how many have been seen so far.

    Raises:
        AccessDeniedError: the caller may not list or read them.
        ConfigurationError: there is no such bucket, or its key cannot be used.
        StorageError: S3 failed.
    """
    found: list[FoundObject] = []
    odd: dict[str, str] = {}
    count = 0
    pool = ThreadPoolExecutor(max_workers=ASKED_AT_ONCE)
    try:
        for page in _pages(s3, writer.bucket):
            answers = pool.map(writer.describe_object, [key for key, _ in page])
            for (key, stored_at), stored in zip(page, answers, strict=True):
                count += 1
                seen(count)
                if stored is None:  # it was deleted meanwhile
                    continue
                read = _read(key, stored_at, stored)
                if isinstance(read, FoundObject):
                    found.append(read)
                else:
                    odd[key] = read
    finally:
        pool.shutdown(cancel_futures=True)
    return Inventory(found=found, odd=odd)


def _pages(s3: S3Client, bucket: str) -> Iterator[list[tuple[str, datetime]]]:
    with answer_of(Service.S3, "ListObjectsV2") as call:
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{PREFIX_ROOT}/"):
            yield [(call.field(item, "Key"), call.field(item, "LastModified")) for item in page.get("Contents", [])]


def _read(key: str, stored_at: datetime, stored: StoredObject) -> FoundObject | str:
    identity = identity_in(stored.metadata)
    if identity is None or not is_media_id(identity.media_id):
        return "its metadata names no video"
    if stored.crc64nvme is None:
        return f"it belongs to the video {identity.media_id}, but has no whole-object checksum to prove it"
    return FoundObject(
        media_id=identity.media_id,
        stored_at=stored_at,
        file=ArchivedFile(
            item_number=identity.item_number,
            lens=identity.lens,
            s3_key=key,
            size_bytes=stored.size_bytes,
            source_etag=identity.source_etag,
            s3_etag=stored.etag,
            checksum_crc64nvme=stored.crc64nvme,
            # The result of the comparison was in the record only.
            etag_proof=SourceEtagProof.NOT_CHECKED,
        ),
    )
