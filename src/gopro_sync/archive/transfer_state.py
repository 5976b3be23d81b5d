"""What is fixed for all transfers of an engine, what is fixed for one, and how far one has got."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from gopro_sync.archive.bucket_writer import BucketWriter
from gopro_sync.archive.integrity import Crc64Nvme, SourceEtagProof
from gopro_sync.archive.open_upload import OpenUpload
from gopro_sync.archive.part_plan import PartLimits
from gopro_sync.archive.retries import Retries
from gopro_sync.archive.source import Source
from gopro_sync.archive.transfer_records import FileToArchive, Paused
from gopro_sync.archive.workers import PartWorkers


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferRules:
    """What is fixed for all transfers of an engine.

    Args:
        limits: which files are cut, and into which parts.
        workers: how many parts of a file are copied at once.
        verify_source_etag: whether to compare with the source's ETag too (1.7 CPU seconds a GB for MD5).
        part_size_bytes: size of the parts, instead of a balanced one.
        require_storage_checksum: False only for S3-compatible stores that report no CRC64NVME.
        reserve_seconds: time kept free at the end of the budget, to complete, record and answer.
    """

    limits: PartLimits
    workers: int = 8
    verify_source_etag: bool = False
    part_size_bytes: int | None = None
    require_storage_checksum: bool = True
    reserve_seconds: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownEtags:
    """What earlier files of the library have shown about the ETags at the source.

    Args:
        block_sizes: part sizes that have matched an ETag.
        are_no_md5s: whether they have turned out to be something else, so that hashing is pointless.
        are_proven: whether they have proved right for so many files that a mismatch means something.
    """

    block_sizes: tuple[int, ...] = ()
    are_no_md5s: bool = False
    are_proven: bool = False


NOTHING_KNOWN: Final = KnownEtags()


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What is fixed for one transfer, and what it works with.

    Args:
        file: what is copied.
        rules: those of the engine.
        source: where the bytes come from.
        writer: where they go.
        workers: who copies the parts, and whether there is time.
        retries: how often failures are retried.
        on_upload_changed: called with each upload before its first byte is sent, when a call leaves it, and before it
            is completed.
        known_etags: what is known of the library's ETags.
    """

    file: FileToArchive
    rules: TransferRules
    source: Source
    writer: BucketWriter
    workers: PartWorkers
    retries: Retries
    on_upload_changed: Callable[[OpenUpload], None]
    known_etags: KnownEtags = NOTHING_KNOWN

    @property
    def is_etag_checked(self) -> bool:
        """Whether the bytes are compared with the source's ETag."""
        return self.rules.verify_source_etag and not self.known_etags.are_no_md5s


@dataclass(slots=True, kw_only=True)
class Progress:
    """How far one transfer has got.

    Args:
        key: where the object goes.
        upload: the upload that is open, if one is.
        bytes_sent: bytes that S3 accepted.
        parts_sent: parts that S3 accepted.
        part_size_bytes: size of the parts, once it is known.
        whole: the checksum of the file, once all of it was read.
        written_etag: S3's ETag of the object that this call made.
        replaces: S3's ETag of the damaged object that is to get a new version.
        etag_proof: the outcome of the comparison with the source's ETag.
        etag_block_bytes: the part size at the source that matches its ETag, once that is known.
        reread_equal: the checksum of a file that did not match its ETag, and was the same at a second reading.
    """

    key: str
    upload: OpenUpload | None
    bytes_sent: int = 0
    parts_sent: int = 0
    part_size_bytes: int = 0
    whole: Crc64Nvme | None = None
    written_etag: str | None = None
    replaces: str | None = None
    etag_proof: SourceEtagProof = SourceEtagProof.NOT_CHECKED
    etag_block_bytes: int | None = None
    reread_equal: Crc64Nvme | None = None

    def count(self, size_bytes: int) -> None:
        """Count a part of this size that S3 accepted."""
        self.parts_sent += 1
        self.bytes_sent += size_bytes

    def paused(self, *, is_in_vain: bool = False) -> Paused:
        """Return how far the transfer got, and whether no later call can resume it."""
        return Paused(
            bytes_sent=self.bytes_sent,
            parts_sent=self.parts_sent,
            part_size_bytes=self.part_size_bytes,
            upload=self.upload,
            is_in_vain=is_in_vain,
        )
