"""The transfer engine: one file from its signed URL to a verified object in S3.

What may die in the middle, may: S3's own list of parts says what is there, and the next call sends the rest. Nothing
is ever written over an existing object, and an object is called archived only after S3's size and checksum of it
were compared with the bytes read from the source.

An object that fails that comparison stays where it is (this system may not delete), is not called archived, and the
next attempt goes to the fallback key.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, unique
from random import random as random_fraction
from typing import TYPE_CHECKING
from urllib.parse import quote

import urllib3

from gopro_sync.archive.integrity import (
    Crc64Nvme,
    EtagClaim,
    SourceEtagProof,
    StreamHasher,
    check_stored_object,
    join_crc64nvme,
    read_etag_claim,
)
from gopro_sync.archive.multipart_upload import (
    BucketWriter,
    HeldPart,
    ObjectDescription,
    ObjectExistsError,
    PartsRefusedError,
    StoredObject,
    UploadedPart,
    UploadVanishedError,
)
from gopro_sync.archive.part_plan import MULTIPART_THRESHOLD_BYTES, Part, PartPlan, plan_aligned_parts, plan_parts
from gopro_sync.archive.part_workers import OutOfTimeError, PartWorkers, TimeBudget
from gopro_sync.archive.retries import Retries
from gopro_sync.archive.source import SignedUrl, Source, SourceFile
from gopro_sync.errors import (
    AccessDeniedError,
    IntegrityError,
    KeyConflictError,
    NetworkError,
    SourceChangedError,
    StorageError,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_COMPLETION_ROUNDS = 3


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


class TransferEngine:
    """Copies files into one bucket.

    Args:
        s3: boto3 client with ``Config(signature_version="s3v4")``, for control calls.
        bucket: name of the bucket.
        source_http: connections to the CDN, from ``source_pool``.
        storage_http: connections to S3, from ``storage_pool``.
        workers: how many parts of a file are copied at once.
        verify_source_etag: whether to compare with the source's ETag too (1.7 CPU seconds a GB for MD5).
        expected_bucket_owner: account that must own the bucket, if that is to be checked.
        part_size_bytes: size of the parts, instead of a balanced one.
        require_storage_checksum: False only for S3-compatible stores that report no CRC64NVME.
        reserve_seconds: time kept free at the end of the budget, to complete, record and answer.
        clock: seconds, never going backwards.
        sleep: waits before another try; by default a wait that ends when the work is stopped.
        random: gives a number in [0, 1), to spread the tries.
    """

    def __init__(
        self,
        *,
        s3: S3Client,
        bucket: str,
        source_http: urllib3.PoolManager,
        storage_http: urllib3.PoolManager,
        workers: int = 8,
        verify_source_etag: bool = False,
        expected_bucket_owner: str | None = None,
        part_size_bytes: int | None = None,
        require_storage_checksum: bool = True,
        reserve_seconds: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] | None = None,
        random: Callable[[], float] = random_fraction,
    ) -> None:
        self._writer = BucketWriter(
            s3=s3, http=storage_http, bucket=bucket, expected_bucket_owner=expected_bucket_owner
        )
        self._source_http = source_http
        self._workers = workers
        self._verify_source_etag = verify_source_etag
        self._part_size_bytes = part_size_bytes
        self._require_storage_checksum = require_storage_checksum
        self._reserve_seconds = reserve_seconds
        self._clock = clock
        self._sleep = sleep
        self._random = random

    def transfer(
        self,
        file: FileToArchive,
        *,
        resolve_url: Callable[[], str],
        resume: UploadState | None = None,
        seconds_left: Callable[[], float] = lambda: math.inf,
        on_upload_created: Callable[[UploadState], None] = lambda _: None,
        on_progress: Callable[[int], None] = lambda _: None,
    ) -> TransferredFile:
        """Copies one file, or as much of it as time allows.

        Args:
            file: what to copy, and where to.
            resolve_url: asks GoPro for a freshly signed GET URL; called by one thread at a time.
            resume: the upload to go on with.
            seconds_left: time until the invocation is cut off.
            on_upload_created: told of each upload before its first byte is sent, so that it can be gone on with.
            on_progress: told how many more bytes are now known to be in S3; called by one thread at a time.

        Returns:
            What was done. IN_PROGRESS without any progress only if there was no time left to begin with.

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
            ConfigurationError: the S3 client does not sign with v4.
            Exception: errors of the callbacks pass unchanged.
        """
        budget = TimeBudget(seconds_left=seconds_left, reserve_seconds=self._reserve_seconds)
        workers = PartWorkers(count=self._workers, budget=budget, clock=self._clock)
        return _Transfer(
            file,
            source=Source(http=self._source_http, signed_url=SignedUrl(resolve_url), media_id=file.media_id),
            writer=self._writer,
            workers=workers,
            budget=budget,
            retries=Retries(sleep=self._sleep or workers.sleep, random=self._random, seconds_left=budget.seconds),
            plan=self._plan,
            read_claim=read_etag_claim if self._verify_source_etag else None,
            checksum_required=self._require_storage_checksum,
            clock=self._clock,
            resume=resume,
            on_upload_created=on_upload_created,
            on_progress=on_progress,
        ).run()

    def abandon(self, upload: UploadState) -> None:
        """Gives up an upload and frees its parts; nothing happens if it is there no longer.

        Raises:
            AccessDeniedError: the role does not allow it.
            StorageError: S3 failed.
        """
        self._writer.abort_upload(key=upload.key, upload_id=upload.upload_id)

    def _plan(self, size_bytes: int, claim: EtagClaim | None) -> PartPlan:
        if self._part_size_bytes is not None:
            return PartPlan(size_bytes=size_bytes, part_size_bytes=self._part_size_bytes)
        if claim is not None and claim.block_bytes < size_bytes:
            return plan_aligned_parts(size_bytes, source_part_bytes=claim.block_bytes)
        return plan_parts(size_bytes, workers=self._workers)


@dataclass(frozen=True, slots=True, kw_only=True)
class _PartInStorage:
    """A part that S3 took; its blocks' MD5s only if they are wanted and this call sent it."""

    uploaded: UploadedPart
    block_digests: tuple[bytes, ...] | None

    def is_held_as(self, held: HeldPart | None) -> bool:
        """Whether S3 lists the same part."""
        return (
            held is not None
            and held.etag == self.uploaded.etag
            and held.size_bytes == self.uploaded.crc64nvme.size_bytes
            and held.crc64nvme in {None, str(self.uploaded.crc64nvme)}
        )


class _Transfer:
    """One call of ``TransferEngine.transfer``: what is fixed, and what is known so far."""

    def __init__(
        self,
        file: FileToArchive,
        *,
        source: Source,
        writer: BucketWriter,
        workers: PartWorkers,
        budget: TimeBudget,
        retries: Retries,
        plan: Callable[[int, EtagClaim | None], PartPlan],
        read_claim: Callable[[str | None, int], EtagClaim | None] | None,
        checksum_required: bool,
        clock: Callable[[], float],
        resume: UploadState | None,
        on_upload_created: Callable[[UploadState], None],
        on_progress: Callable[[int], None],
    ) -> None:
        self._file = file
        self._source = source
        self._writer = writer
        self._workers = workers
        self._budget = budget
        self._retries = retries
        self._plan = plan
        self._read_claim = read_claim
        self._checksum_required = checksum_required
        self._clock = clock
        self._on_upload_created = on_upload_created
        self._on_progress = on_progress

        self._began = clock()
        self._key = resume.key if resume else file.key
        self._upload = resume
        self._forgiven = set[type[Exception]]()
        self._bytes_sent = 0
        self._parts_sent = 0
        self._upload_part_bytes = 0
        self._source_file = SourceFile(size_bytes=0, etag=None)
        self._claim: EtagClaim | None = None
        self._whole: Crc64Nvme | None = None
        self._etag_proof = SourceEtagProof.NOT_CHECKED

    def run(self) -> TransferredFile:
        """Copies the file, with at most one fresh start for each thing that calls for one."""
        while True:
            try:
                return self._attempt()
            except SourceChangedError as change:
                self._abort_upload()
                self._forgive_once(change)
            except UploadVanishedError as vanished:
                self._upload = None
                if archived := self._already_archived():
                    return archived
                self._forgive_once(vanished)
            except ObjectExistsError as conflict:
                self._abort_upload()
                if archived := self._already_archived():
                    return archived
                self._take_fallback_key(conflict)
            except IntegrityError:
                self._abort_upload()
                raise

    # --- one attempt -------------------------------------------------------------------------------------------------

    def _attempt(self) -> TransferredFile:
        self._source_file = self._retries.call(self._source.probe)
        self._claim = None
        self._whole = None
        if self._read_claim is not None:
            self._claim = self._read_claim(self._source_file.etag, self._source_file.size_bytes)
        if self._budget.seconds() <= 0:
            return self._report(TransferOutcome.IN_PROGRESS)
        if self._upload is not None and not self._is_of_source(self._upload):
            self._abort_upload()
        if self._source_file.size_bytes > MULTIPART_THRESHOLD_BYTES:
            return self._send_in_parts()
        return self._send_whole()

    def _is_of_source(self, upload: UploadState) -> bool:
        return (upload.size_bytes, upload.source_etag) == (self._source_file.size_bytes, self._source_file.etag)

    def _description(self) -> ObjectDescription:
        # The CRC64NVME is not among the metadata: they are fixed before the first byte. S3 keeps it with the object.
        metadata = self._identity()
        if self._source_file.etag is not None:
            metadata["source-etag"] = _ascii(self._source_file.etag)
        if self._file.captured_at is not None:
            metadata["captured-at"] = self._file.captured_at.isoformat()
        return ObjectDescription(
            key=self._key, content_type=self._file.content_type, tags=self._file.tags, metadata=metadata
        )

    def _identity(self) -> dict[str, str]:
        return {"media-id": _ascii(self._file.media_id), "item-number": str(self._file.item_number)}

    # --- small files: one PutObject ----------------------------------------------------------------------------------

    def _send_whole(self) -> TransferredFile:
        self._upload_part_bytes = self._source_file.size_bytes
        try:
            self._retries.call(self._put_object)
        except OutOfTimeError as error:
            raise self._no_progress() from error
        self._count(self._source_file.size_bytes)
        self._parts_sent += 1
        return self._verified_object()

    def _put_object(self) -> None:
        size_bytes = self._source_file.size_bytes
        hasher = StreamHasher(self._claim.block_bytes if self._claim else None)
        with self._source.open(self._source_file, Part(number=1, offset=0, size_bytes=size_bytes)) as answer:
            blocks = self._judged(self._hashed(answer, hasher), hasher)
            try:
                self._writer.put_object(self._description(), size_bytes=size_bytes, blocks=blocks)
            except ObjectExistsError:
                # S3 may refuse before the last byte; the rest is read to know whether the object there is the same.
                deque(blocks, maxlen=0)
                self._whole = hasher.crc64nvme
                raise
        self._whole = hasher.crc64nvme

    def _judged(self, blocks: Iterator[bytes], hasher: StreamHasher) -> Iterator[bytes]:
        """Holds back the last block until the source's ETag is checked: without it, S3 makes no object."""
        for block in blocks:
            if hasher.crc64nvme.size_bytes == self._source_file.size_bytes:
                self._judge_source_etag(hasher.block_digests)
            yield block

    # --- large files: multipart --------------------------------------------------------------------------------------

    def _send_in_parts(self) -> TransferredFile:
        upload, parts = self._open_upload()
        self._upload_part_bytes = upload.part_size_bytes
        plan = PartPlan(size_bytes=upload.size_bytes, part_size_bytes=upload.part_size_bytes)
        for _ in range(_COMPLETION_ROUNDS):
            if not self._send_missing(plan, upload, parts):
                return self._pause(upload, parts)
            try:
                return self._complete(upload, [parts[part.number] for part in plan])
            except PartsRefusedError as refusal:
                self._forget_refused(upload, parts, refusal)
        raise StorageError("S3 loses parts again and again", media_id=self._file.media_id)

    def _open_upload(self) -> tuple[UploadState, dict[int, _PartInStorage]]:
        if self._upload is not None:
            return self._upload, self._held_parts(self._upload)
        plan = self._plan(self._source_file.size_bytes, self._claim)
        self._upload = UploadState(
            upload_id=self._writer.create_upload(self._description()),
            key=self._key,
            part_size_bytes=plan.part_size_bytes,
            size_bytes=plan.size_bytes,
            source_etag=self._source_file.etag,
        )
        try:
            self._on_upload_created(self._upload)
        except Exception:
            # Nobody would know of it.
            self._abort_upload()
            raise
        return self._upload, {}

    def _held_parts(self, upload: UploadState) -> dict[int, _PartInStorage]:
        """What earlier calls sent; a part of another size, or without a checksum to prove it by, is sent again."""
        held = self._writer.list_parts(key=upload.key, upload_id=upload.upload_id)
        parts = dict[int, _PartInStorage]()
        for part in PartPlan(size_bytes=upload.size_bytes, part_size_bytes=upload.part_size_bytes):
            there = held.get(part.number)
            if there is None or there.size_bytes != part.size_bytes or there.crc64nvme is None:
                continue
            crc64nvme = Crc64Nvme.from_s3(there.crc64nvme, size_bytes=part.size_bytes)
            uploaded = UploadedPart(number=part.number, etag=there.etag, crc64nvme=crc64nvme)
            parts[part.number] = _PartInStorage(uploaded=uploaded, block_digests=None)
            self._on_progress(part.size_bytes)
        return parts

    def _send_missing(self, plan: PartPlan, upload: UploadState, parts: dict[int, _PartInStorage]) -> bool:
        """Sends what is not among ``parts`` and adds it there; returns whether that was all."""
        missing = [part for part in plan if part.number not in parts]

        def keep(sent: _PartInStorage) -> None:
            parts[sent.uploaded.number] = sent
            self._parts_sent += 1
            self._count(sent.uploaded.crc64nvme.size_bytes)

        def send(part: Part) -> _PartInStorage:
            return self._retries.call(lambda: self._send_part(upload, part))

        return self._workers.send_all(missing, send, on_sent=keep)

    def _send_part(self, upload: UploadState, part: Part) -> _PartInStorage:
        hasher = StreamHasher(self._md5_block_bytes(upload))
        with self._source.open(self._source_file, part) as answer:
            held = self._writer.send_part(
                key=upload.key,
                upload_id=upload.upload_id,
                number=part.number,
                size_bytes=part.size_bytes,
                blocks=self._hashed(answer, hasher),
            )
        sent = _PartInStorage(
            uploaded=UploadedPart(number=part.number, etag=held.etag, crc64nvme=hasher.crc64nvme),
            block_digests=hasher.block_digests if self._md5_block_bytes(upload) else None,
        )
        if not sent.is_held_as(held):
            raise StorageError(f"S3 received other bytes of part {part.number}", media_id=self._file.media_id)
        return sent

    def _md5_block_bytes(self, upload: UploadState) -> int | None:
        if self._claim is None or not self._claim.fits(upload.part_size_bytes):
            return None
        return self._claim.block_bytes

    def _pause(self, upload: UploadState, parts: dict[int, _PartInStorage]) -> TransferredFile:
        if not self._parts_sent:
            raise self._no_progress()
        # The next call takes S3's checksums for granted, since it has not seen the bytes: this one has.
        held = self._writer.list_parts(key=upload.key, upload_id=upload.upload_id)
        for number, part in parts.items():
            if not part.is_held_as(held.get(number)):
                self._abort_upload()
                raise StorageError(f"S3 holds other bytes of part {number}", media_id=self._file.media_id)
        return self._report(TransferOutcome.IN_PROGRESS)

    def _complete(self, upload: UploadState, parts: list[_PartInStorage]) -> TransferredFile:
        uploaded = [part.uploaded for part in parts]
        whole = self._whole = join_crc64nvme(part.crc64nvme for part in uploaded)
        self._judge_source_etag(_all_digests(parts))
        self._retries.call(
            lambda: self._writer.complete_upload(
                key=upload.key, upload_id=upload.upload_id, parts=uploaded, whole=whole
            )
        )
        self._upload = None
        return self._verified_object()

    def _forget_refused(
        self, upload: UploadState, parts: dict[int, _PartInStorage], refusal: PartsRefusedError
    ) -> None:
        held = self._writer.list_parts(key=upload.key, upload_id=upload.upload_id)
        refused = [number for number, part in parts.items() if not part.is_held_as(held.get(number))]
        if not refused:
            raise IntegrityError(
                f"S3 refuses parts that it lists as they were sent ({refusal})", media_id=self._file.media_id
            ) from refusal
        for number in refused:
            del parts[number]

    # --- proof -------------------------------------------------------------------------------------------------------

    def _hashed(self, blocks: Iterable[bytes], hasher: StreamHasher) -> Iterator[bytes]:
        for block in blocks:
            self._workers.check()
            hasher.update(block)
            yield block

    def _judge_source_etag(self, block_digests: tuple[bytes, ...] | None) -> None:
        if self._read_claim is None:
            return
        self._etag_proof = SourceEtagProof.UNDECIDABLE
        if self._claim is not None and block_digests is not None:
            self._etag_proof = self._claim.judge(block_digests, media_id=self._file.media_id)

    def _verified_object(self) -> TransferredFile:
        stored = self._retries.call(self._stored_object)
        if self._whole is None:
            raise ValueError("an object is verified after its bytes were read")
        check_stored_object(
            expected=self._whole,
            stored_size_bytes=stored.size_bytes,
            stored_crc64nvme=stored.crc64nvme,
            checksum_required=self._checksum_required,
            media_id=self._file.media_id,
        )
        return self._report(TransferOutcome.COMPLETED, stored)

    def _stored_object(self) -> StoredObject:
        stored = self._writer.describe_object(self._key)
        if stored is None:
            raise StorageError("S3 does not find the finished object", media_id=self._file.media_id)
        return stored

    # --- turns -------------------------------------------------------------------------------------------------------

    def _already_archived(self) -> TransferredFile | None:
        """Recognises the same video under the key: written by an earlier call that could not record it."""
        stored = self._retries.call(lambda: self._writer.describe_object(self._key))
        if stored is None or not self._is_same_video(stored):
            return None
        return self._report(TransferOutcome.ALREADY_ARCHIVED, stored)

    def _is_same_video(self, stored: StoredObject) -> bool:
        if stored.size_bytes != self._source_file.size_bytes or not self._identity().items() <= stored.metadata.items():
            return False
        if self._whole is not None:
            return stored.crc64nvme == str(self._whole)
        # No byte was read in this call. The object says from which source file it was made, and S3 made it only because
        # our checksum of that file agreed with its own.
        etag = self._source_file.etag
        return etag is not None and stored.metadata.get("source-etag") == _ascii(etag) and stored.crc64nvme is not None

    def _forgive_once(self, turn: SourceChangedError | UploadVanishedError) -> None:
        if type(turn) not in self._forgiven:
            self._forgiven.add(type(turn))
            return
        if isinstance(turn, SourceChangedError):
            raise turn
        raise StorageError("S3 lost the upload twice", media_id=self._file.media_id) from turn

    def _take_fallback_key(self, conflict: ObjectExistsError) -> None:
        fallback = self._file.fallback_key
        if fallback is None or fallback == self._key:
            raise KeyConflictError(f"Another object lies at {self._key}", media_id=self._file.media_id) from conflict
        self._key = fallback

    def _abort_upload(self) -> None:
        if self._upload is None:
            return
        # What led here matters more than a failed clean-up; a lifecycle rule removes what stays.
        with suppress(StorageError, AccessDeniedError):
            self._writer.abort_upload(key=self._upload.key, upload_id=self._upload.upload_id)
        self._upload = None

    def _no_progress(self) -> NetworkError:
        return NetworkError("Not one part could be copied in the time given", media_id=self._file.media_id)

    # --- report ------------------------------------------------------------------------------------------------------

    def _count(self, size_bytes: int) -> None:
        self._bytes_sent += size_bytes
        self._on_progress(size_bytes)

    def _report(self, outcome: TransferOutcome, stored: StoredObject | None = None) -> TransferredFile:
        checksum = None if stored is None else stored.crc64nvme or str(self._whole)
        return TransferredFile(
            outcome=outcome,
            key=self._key,
            size_bytes=self._source_file.size_bytes,
            bytes_sent=self._bytes_sent,
            parts_sent=self._parts_sent,
            part_size_bytes=self._upload_part_bytes,
            s3_etag=stored.etag if stored else None,
            source_etag=self._source_file.etag,
            checksum_crc64nvme=checksum,
            etag_proof=self._etag_proof,
            duration_seconds=self._clock() - self._began,
            upload=self._upload,
        )


def _all_digests(parts: Iterable[_PartInStorage]) -> tuple[bytes, ...] | None:
    digests: list[bytes] = []
    for part in parts:
        if part.block_digests is None:
            return None
        digests.extend(part.block_digests)
    return tuple(digests)


def _ascii(value: str) -> str:
    """S3 metadata are ASCII headers."""
    return quote(value, safe=" !#$&'()*+,/:;=?@[]^`{|}~", errors="surrogatepass")
