"""The transfer engine: one file from its signed URL to a verified object in S3.

What may die in the middle, may: S3's own list of parts says what is there, and the next call sends the rest. Nothing
is ever written over an existing object, and an object is called archived only after S3's size and checksum of it
were compared with the bytes read from the source.

An object that fails that comparison stays where it is (this system may not delete), is not called archived, and the
next attempt goes to the fallback key.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import urllib3

from gopro_sync.archive.bucket_writer import BucketWriter
from gopro_sync.archive.file_transfer import FileTransfer
from gopro_sync.archive.integrity import EtagClaim, read_etag_claim
from gopro_sync.archive.open_upload import OpenUpload
from gopro_sync.archive.part_plan import PartLimits, PartPlan, plan_aligned_parts, plan_parts
from gopro_sync.archive.retries import Retries
from gopro_sync.archive.source import SignedUrl, Source
from gopro_sync.archive.surroundings import Surroundings
from gopro_sync.archive.transfer_records import ArchivedObject, FileToArchive, Paused, TransferOutcome
from gopro_sync.archive.workers import PartWorkers, TimeBudget

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

__all__ = ["ArchivedObject", "FileToArchive", "OpenUpload", "Paused", "TransferEngine", "TransferOutcome"]

_S3_LIMITS: Final = PartLimits()


class TransferEngine:
    """Copies files into one bucket.

    Args:
        s3: S3 client for control calls, which signs with v4 and tries nothing again: ``make_transfer_client``.
        bucket: name of the bucket.
        source_http: connections to the CDN, from ``source_pool``.
        storage_http: connections to S3, from ``storage_pool``.
        workers: how many parts of a file are copied at once.
        verify_source_etag: whether to compare with the source's ETag too (1.7 CPU seconds a GB for MD5).
        part_size_bytes: size of the parts, instead of a balanced one.
        limits: which files are cut, and into which parts they can be.
        require_storage_checksum: False only for S3-compatible stores that report no CRC64NVME.
        reserve_seconds: time kept free at the end of the budget, to complete, record and answer.
        surroundings: time, chance, and who copies the parts.
    """

    def __init__(
        self,
        *,
        s3: S3Client,
        bucket: str,
        source_http: urllib3.PoolManager,
        storage_http: urllib3.PoolManager,
        surroundings: Surroundings,
        workers: int = 8,
        verify_source_etag: bool = False,
        part_size_bytes: int | None = None,
        limits: PartLimits = _S3_LIMITS,
        require_storage_checksum: bool = True,
        reserve_seconds: float = 30.0,
    ) -> None:
        self._writer = BucketWriter(s3=s3, http=storage_http, bucket=bucket)
        self._source_http = source_http
        self._workers = workers
        self._verify_source_etag = verify_source_etag
        self._part_size_bytes = part_size_bytes
        self._limits = limits
        self._require_storage_checksum = require_storage_checksum
        self._reserve_seconds = reserve_seconds
        self._surroundings = surroundings

    def transfer(
        self,
        file: FileToArchive,
        *,
        resolve_url: Callable[[], str],
        resume: OpenUpload | None = None,
        seconds_left: Callable[[], float] = lambda: math.inf,
        on_upload_created: Callable[[OpenUpload], None] = lambda _: None,
    ) -> ArchivedObject | Paused:
        """Copies one file, or as much of it as time allows.

        Args:
            file: what to copy, and where to.
            resolve_url: asks GoPro for a freshly signed GET URL; called by one worker at a time.
            resume: the upload to go on with.
            seconds_left: time until the invocation is cut off.
            on_upload_created: told of each upload before its first byte is sent, so that it can be gone on with.

        Returns:
            The object, or how far it came. Paused without any progress only if there was no time left to begin with.

        Raises:
            NetworkError, ThrottledError, SourceResponseError, SourceUrlExpiredError: the CDN fails persistently, or not
                one part could be copied in the time given; the upload stays open.
            StorageError: S3 fails persistently; the upload stays open.
            SourceChangedError: the file changed under way, twice.
            MediaGoneError: the CDN no longer has the file.
            GoProApiChangedError: GoPro gave something that is no HTTPS URL.
            AccessDeniedError: a role or policy does not allow it.
            IntegrityError: the object, or what was read, is not the file.
            KeyConflictError: other objects hold both keys.
            ConfigurationError: there is no such bucket, or the S3 client does not sign with v4.
            Exception: errors of the callbacks pass unchanged.
        """
        budget = TimeBudget(seconds_left=seconds_left, reserve_seconds=self._reserve_seconds)
        around = self._surroundings
        crew = around.crew(self._workers)
        workers = PartWorkers(crew=crew, budget=budget, clock=around.clock)
        return FileTransfer(
            file,
            source=Source(
                http=self._source_http,
                signed_url=SignedUrl(resolve_url, wall_clock=around.wall_clock, lock=crew.new_lock()),
                media_id=file.media_id,
                largest_file_bytes=self._limits.largest_object_bytes,
                wall_clock=around.wall_clock,
            ),
            writer=self._writer,
            workers=workers,
            budget=budget,
            retries=Retries(sleep=crew.sleep, random=around.random, seconds_left=budget.seconds),
            plan=self._plan,
            limits=self._limits,
            read_claim=read_etag_claim if self._verify_source_etag else None,
            checksum_required=self._require_storage_checksum,
            resume=resume,
            on_upload_created=on_upload_created,
        ).run()

    def _plan(self, size_bytes: int, claim: EtagClaim | None) -> PartPlan:
        if self._part_size_bytes is not None:
            return PartPlan(size_bytes=size_bytes, part_size_bytes=self._part_size_bytes, limits=self._limits)
        if claim is not None and claim.block_bytes < size_bytes:
            return plan_aligned_parts(size_bytes, source_part_bytes=claim.block_bytes, limits=self._limits)
        return plan_parts(size_bytes, workers=self._workers, limits=self._limits)
