"""Proof of one transfer: what the object states about itself, and whether it is the file that was read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote

from gopro_sync.archive.archived_file import ArchivedFile
from gopro_sync.archive.bucket_writer import ObjectDescription, StoredObject, WrittenObject
from gopro_sync.archive.integrity import Crc64Nvme, StreamHasher, check_stored_object
from gopro_sync.archive.origin import Origin
from gopro_sync.archive.transfer_records import Archived, FileToArchive, TransferOutcome
from gopro_sync.archive.transfer_state import Means, Progress
from gopro_sync.archive.workers import PartWorkers
from gopro_sync.errors import StorageError
from gopro_sync.values.file_extension import content_type_of
from gopro_sync.values.file_id import lens_or_none
from gopro_sync.values.outside_values import whole_number_or_none

# Far above what a camera can count: this system never wrote such a number.
_MOST_CHAPTERS: Final = 100_000
_LENS: Final = "camera-position"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Which file an object is a copy of, according to its own metadata.

    Attributes:
        media_id: GoPro's id of the media item.
        item_number: number of the chapter, from 1.
        source_etag: ETag of the file at its origin, if it had one.
        lens: which of the camera's lenses; None for the usual single one.
    """

    media_id: str
    item_number: int
    source_etag: str | None
    lens: str | None = None


def identity_in(metadata: Mapping[str, str]) -> Identity | None:
    """Read what ``describe`` wrote; None if the object is not one of this system's."""
    media_id, number = metadata.get("media-id"), whole_number_or_none(metadata.get("item-number"))
    if not media_id or not number or number > _MOST_CHAPTERS:
        return None
    etag = metadata.get("source-etag")
    return Identity(
        media_id=_from_ascii(media_id),
        item_number=number,
        source_etag=None if etag is None else _from_ascii(etag),
        lens=lens_or_none(_from_ascii(metadata.get(_LENS, ""))),
    )


def describe(file: FileToArchive, origin: Origin, *, key: str) -> ObjectDescription:
    """Return what the object carries besides its bytes."""
    # The CRC64NVME is not among the metadata, which are fixed before the first byte. S3 keeps it with the object.
    metadata = _identity(file)
    if origin.file.etag is not None:
        metadata["source-etag"] = _ascii(origin.file.etag)
    if file.captured_at is not None:
        metadata["captured-at"] = file.captured_at.isoformat()
    return ObjectDescription(key=key, content_type=content_type_of(key), tags=file.tags, metadata=metadata)


def hashed(blocks: Iterable[bytes], hasher: StreamHasher, workers: PartWorkers) -> Iterator[bytes]:
    """Pass the blocks on once they are hashed.

    Raises:
        OutOfTimeError, StoppedError: as ``PartWorkers.check`` does.
    """
    for block in blocks:
        workers.check()
        hasher.update(block)
        yield block


def note_written(means: Means, progress: Progress, written: WrittenObject, *, whole: Crc64Nvme) -> None:
    """Record which object this call has made, and compare at once what S3 says of it with the bytes that were read.

    Raises:
        IntegrityError: they differ.
    """
    progress.written_etag = written.etag
    check_stored_object(
        expected=whole,
        stored_size_bytes=whole.size_bytes,
        stored_crc64nvme=written.crc64nvme,
        checksum_required=False,
        media_id=means.file.media_id,
    )


def verified_object(means: Means, progress: Progress, origin: Origin, *, whole: Crc64Nvme) -> Archived:
    """Compare what S3 says of the finished object with the bytes that were read.

    Raises:
        IntegrityError: they differ.
        StorageError: S3 does not find it.
    """
    without_checksum: StoredObject | None = None

    def finished() -> StoredObject:
        nonlocal without_checksum
        without_checksum = None
        stored = means.writer.describe_object(progress.key)
        if stored is None:
            raise StorageError("S3 does not find the finished object", media_id=means.file.media_id)
        if stored.crc64nvme is None and means.rules.require_storage_checksum:
            without_checksum = stored  # the next answer may have it
            raise StorageError("S3 answered HeadObject without the object's checksum", media_id=means.file.media_id)
        return stored

    try:
        stored = means.retries.call("look at the finished object", finished)
    except StorageError:
        if without_checksum is None:
            raise
        stored = without_checksum
    check_stored_object(
        expected=whole,
        stored_size_bytes=stored.size_bytes,
        stored_crc64nvme=stored.crc64nvme,
        checksum_required=means.rules.require_storage_checksum,
        media_id=means.file.media_id,
    )
    return _archived(means, progress, origin, outcome=TransferOutcome.COMPLETED, stored=stored, checksum=str(whole))


def object_under_the_key(means: Means, progress: Progress) -> StoredObject | None:
    """Describe what lies under the key, if anything does."""
    return means.retries.call("look for an object", lambda: means.writer.describe_object(progress.key))


def recognised_object(
    means: Means,
    progress: Progress,
    origin: Origin,
    stored: StoredObject | None,
    *,
    recorded_crc64nvme: str | None = None,
) -> Archived | None:
    """Recognise the same video under the key, written by an earlier call that could not record it.

    Size and metadata show that it was meant to be this file; only its checksum can show that it is.

    Args:
        means: those of this transfer.
        progress: knows the checksum of the file, if this call has read all of it.
        origin: the file as it is now.
        stored: what lies under the key.
        recorded_crc64nvme: the checksum that an earlier call recorded before it asked S3 to complete the upload.
    """
    expected = recorded_crc64nvme if progress.whole is None else str(progress.whole)
    if stored is None or stored.crc64nvme is None or stored.crc64nvme != expected:
        return None
    if stored.size_bytes != origin.file.size_bytes or not _claims_to_be(means.file, stored.metadata):
        return None
    return _archived(
        means,
        progress,
        origin,
        outcome=TransferOutcome.ALREADY_ARCHIVED,
        stored=stored,
        checksum=stored.crc64nvme,
    )


def _archived(
    means: Means, progress: Progress, origin: Origin, *, outcome: TransferOutcome, stored: StoredObject, checksum: str
) -> Archived:
    return Archived(
        outcome=outcome,
        bytes_sent=progress.bytes_sent,
        parts_sent=progress.parts_sent,
        part_size_bytes=progress.part_size_bytes,
        etag_block_bytes=progress.etag_block_bytes,
        file=ArchivedFile(
            item_number=means.file.item_number,
            lens=means.file.lens,
            s3_key=progress.key,
            size_bytes=origin.file.size_bytes,
            source_etag=origin.file.etag,
            s3_etag=stored.etag,
            checksum_crc64nvme=checksum,
            etag_proof=progress.etag_proof,
        ),
    )


def _identity(file: FileToArchive) -> dict[str, str]:
    identity = {"media-id": _ascii(file.media_id), "item-number": str(file.item_number)}
    return identity if file.lens is None else identity | {_LENS: _ascii(file.lens)}


def _claims_to_be(file: FileToArchive, metadata: Mapping[str, str]) -> bool:
    identity = _identity(file)
    if _LENS not in metadata:  # an earlier version did not write it
        identity.pop(_LENS, None)
    return identity.items() <= metadata.items()


def _ascii(value: str) -> str:
    """Encode a value for S3's metadata, which are ASCII headers."""
    return quote(value, safe="!#$&'()*+,/:;=?@[]^`{|}~", errors="surrogatepass")


def _from_ascii(value: str) -> str:
    return unquote(value, errors="surrogatepass")
