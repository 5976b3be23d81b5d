"""The course of one transfer: what is sent, what is gone on with, what is proved, and what starts again."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import quote

from gopro_sync.archive.bucket_writer import (
    BucketWriter,
    HeldPart,
    ObjectDescription,
    ObjectExistsError,
    PartsRefusedError,
    StoredObject,
    UploadedPart,
    UploadVanishedError,
)
from gopro_sync.archive.integrity import (
    Crc64Nvme,
    EtagClaim,
    SourceEtagProof,
    StreamHasher,
    check_stored_object,
    join_crc64nvme,
)
from gopro_sync.archive.open_upload import OpenUpload
from gopro_sync.archive.part_plan import Part, PartLimits, PartPlan, is_possible
from gopro_sync.archive.retries import Retries
from gopro_sync.archive.source import Source, SourceFile
from gopro_sync.archive.transfer_records import ArchivedObject, FileToArchive, Paused, TransferOutcome
from gopro_sync.archive.workers import OutOfTimeError, PartWorkers, TimeBudget
from gopro_sync.errors import (
    AccessDeniedError,
    IntegrityError,
    KeyConflictError,
    NetworkError,
    SourceChangedError,
    StorageError,
)

_COMPLETION_ROUNDS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class PartInStorage:
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


class FileTransfer:
    """One call of ``TransferEngine.transfer``: what is fixed for it, and what is known so far; used once."""

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
        limits: PartLimits,
        read_claim: Callable[[str | None, int], EtagClaim | None] | None,
        checksum_required: bool,
        resume: OpenUpload | None,
        on_upload_created: Callable[[OpenUpload], None],
    ) -> None:
        self._file = file
        self._source = source
        self._writer = writer
        self._workers = workers
        self._budget = budget
        self._retries = retries
        self._plan = plan
        self._limits = limits
        self._read_claim = read_claim
        self._checksum_required = checksum_required
        self._on_upload_created = on_upload_created

        self._key = resume.s3_key if resume else file.key
        self._upload = resume
        self._forgiven = set[type[Exception]]()
        self._bytes_sent = 0
        self._parts_sent = 0
        self._upload_part_bytes = 0
        self._source_file = SourceFile(size_bytes=0, etag=None)
        self._claim: EtagClaim | None = None
        self._whole: Crc64Nvme | None = None
        self._etag_proof = SourceEtagProof.NOT_CHECKED

    def run(self) -> ArchivedObject | Paused:
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

    def _attempt(self) -> ArchivedObject | Paused:
        self._source_file = self._retries.call(self._source.probe)
        self._claim = None
        self._whole = None
        if self._read_claim is not None:
            self._claim = self._read_claim(self._source_file.etag, self._source_file.size_bytes)
        if self._budget.seconds() <= 0:
            return self._paused()
        if self._upload is not None and not self._can_go_on_with(self._upload):
            self._abort_upload()
        if self._source_file.size_bytes > self._limits.multipart_threshold_bytes:
            return self._send_in_parts()
        return self._send_whole()

    def _can_go_on_with(self, upload: OpenUpload) -> bool:
        """Whether it is of this file, and of parts that S3 takes: what was remembered of it may have been changed."""
        is_of_source = (upload.size_bytes, upload.source_etag) == (self._source_file.size_bytes, self._source_file.etag)
        return is_of_source and is_possible(upload.size_bytes, upload.part_size_bytes, limits=self._limits)

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

    def _send_whole(self) -> ArchivedObject:
        self._upload_part_bytes = self._source_file.size_bytes
        try:
            self._retries.call(self._put_object)
        except OutOfTimeError as error:
            raise self._no_progress() from error
        self._bytes_sent += self._source_file.size_bytes
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

    def _send_in_parts(self) -> ArchivedObject | Paused:
        upload, parts = self._open_upload()
        self._upload_part_bytes = upload.part_size_bytes
        plan = self._plan_of(upload)
        for _ in range(_COMPLETION_ROUNDS):
            if not self._send_missing(plan, upload, parts):
                return self._pause(upload, parts)
            try:
                return self._complete(upload, [parts[part.number] for part in plan])
            except PartsRefusedError as refusal:
                self._forget_refused(upload, parts, refusal)
        raise StorageError("S3 loses parts again and again", media_id=self._file.media_id)

    def _open_upload(self) -> tuple[OpenUpload, dict[int, PartInStorage]]:
        if self._upload is not None:
            return self._upload, self._held_parts(self._upload)
        self._abort_forgotten_uploads()
        plan = self._plan(self._source_file.size_bytes, self._claim)
        self._upload = OpenUpload(
            upload_id=self._retries.call(lambda: self._writer.create_upload(self._description())),
            s3_key=self._key,
            item_number=self._file.item_number,
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

    def _abort_forgotten_uploads(self) -> None:
        """Frees what a call left that died between opening an upload and recording it: an upload without any part."""
        # A lifecycle rule removes what stays, and a store that cannot list uploads can still hold videos.
        with suppress(StorageError, UploadVanishedError):
            for upload_id in self._writer.open_uploads(self._key):
                if not self._writer.list_parts(key=self._key, upload_id=upload_id):
                    self._writer.abort_upload(key=self._key, upload_id=upload_id)

    def _held_parts(self, upload: OpenUpload) -> dict[int, PartInStorage]:
        """What earlier calls sent; a part of another size, or without a checksum to prove it by, is sent again."""
        held = self._listed(upload)
        parts = dict[int, PartInStorage]()
        for part in self._plan_of(upload):
            there = held.get(part.number)
            if there is None or there.size_bytes != part.size_bytes or there.crc64nvme is None:
                continue
            crc64nvme = Crc64Nvme.from_s3(there.crc64nvme, size_bytes=part.size_bytes)
            uploaded = UploadedPart(number=part.number, etag=there.etag, crc64nvme=crc64nvme)
            parts[part.number] = PartInStorage(uploaded=uploaded, block_digests=None)
        return parts

    def _plan_of(self, upload: OpenUpload) -> PartPlan:
        return PartPlan(size_bytes=upload.size_bytes, part_size_bytes=upload.part_size_bytes, limits=self._limits)

    def _listed(self, upload: OpenUpload) -> dict[int, HeldPart]:
        return self._retries.call(lambda: self._writer.list_parts(key=upload.s3_key, upload_id=upload.upload_id))

    def _send_missing(self, plan: PartPlan, upload: OpenUpload, parts: dict[int, PartInStorage]) -> bool:
        """Sends what is not among ``parts`` and adds it there; returns whether that was all."""
        missing = [part for part in plan if part.number not in parts]

        def keep(sent: PartInStorage) -> None:
            parts[sent.uploaded.number] = sent
            self._parts_sent += 1
            self._bytes_sent += sent.uploaded.crc64nvme.size_bytes

        def send(part: Part) -> PartInStorage:
            return self._retries.call(lambda: self._send_part(upload, part))

        return self._workers.send_all(missing, send, on_sent=keep)

    def _send_part(self, upload: OpenUpload, part: Part) -> PartInStorage:
        self._workers.check()
        hasher = StreamHasher(self._md5_block_bytes(upload))
        with self._source.open(self._source_file, part) as answer:
            held = self._writer.send_part(
                key=upload.s3_key,
                upload_id=upload.upload_id,
                number=part.number,
                size_bytes=part.size_bytes,
                blocks=self._hashed(answer, hasher),
            )
        sent = PartInStorage(
            uploaded=UploadedPart(number=part.number, etag=held.etag, crc64nvme=hasher.crc64nvme),
            block_digests=hasher.block_digests if self._md5_block_bytes(upload) else None,
        )
        if not sent.is_held_as(held):
            raise StorageError(f"S3 received other bytes of part {part.number}", media_id=self._file.media_id)
        return sent

    def _md5_block_bytes(self, upload: OpenUpload) -> int | None:
        if self._claim is None or not self._claim.fits(upload.part_size_bytes):
            return None
        return self._claim.block_bytes

    def _pause(self, upload: OpenUpload, parts: dict[int, PartInStorage]) -> Paused:
        if not self._parts_sent:
            raise self._no_progress()
        # The next call takes S3's checksums for granted, since it has not seen the bytes: this one has.
        held = self._listed(upload)
        for number, part in parts.items():
            if not part.is_held_as(held.get(number)):
                self._abort_upload()
                raise StorageError(f"S3 holds other bytes of part {number}", media_id=self._file.media_id)
        return self._paused()

    def _complete(self, upload: OpenUpload, parts: list[PartInStorage]) -> ArchivedObject:
        uploaded = [part.uploaded for part in parts]
        whole = self._whole = join_crc64nvme(part.crc64nvme for part in uploaded)
        self._judge_source_etag(_all_digests(parts))
        self._retries.call(
            lambda: self._writer.complete_upload(
                key=upload.s3_key, upload_id=upload.upload_id, parts=uploaded, whole=whole
            )
        )
        self._upload = None
        return self._verified_object()

    def _forget_refused(self, upload: OpenUpload, parts: dict[int, PartInStorage], refusal: PartsRefusedError) -> None:
        held = self._listed(upload)
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

    def _verified_object(self) -> ArchivedObject:
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
        return self._archived(TransferOutcome.COMPLETED, stored)

    def _stored_object(self) -> StoredObject:
        stored = self._writer.describe_object(self._key)
        if stored is None:
            raise StorageError("S3 does not find the finished object", media_id=self._file.media_id)
        return stored

    # --- turns -------------------------------------------------------------------------------------------------------

    def _already_archived(self) -> ArchivedObject | None:
        """Recognises the same video under the key: written by an earlier call that could not record it."""
        stored = self._retries.call(lambda: self._writer.describe_object(self._key))
        if stored is None or not self._is_same_video(stored):
            return None
        return self._archived(TransferOutcome.ALREADY_ARCHIVED, stored)

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
            self._writer.abort_upload(key=self._upload.s3_key, upload_id=self._upload.upload_id)
        self._upload = None

    def _no_progress(self) -> NetworkError:
        return NetworkError("Not one part could be copied in the time given", media_id=self._file.media_id)

    # --- report ------------------------------------------------------------------------------------------------------

    def _archived(self, outcome: TransferOutcome, stored: StoredObject) -> ArchivedObject:
        return ArchivedObject(
            outcome=outcome,
            key=self._key,
            size_bytes=self._source_file.size_bytes,
            bytes_sent=self._bytes_sent,
            parts_sent=self._parts_sent,
            part_size_bytes=self._upload_part_bytes,
            s3_etag=stored.etag,
            source_etag=self._source_file.etag,
            checksum_crc64nvme=stored.crc64nvme or str(self._whole),
            etag_proof=self._etag_proof,
        )

    def _paused(self) -> Paused:
        return Paused(
            bytes_sent=self._bytes_sent,
            parts_sent=self._parts_sent,
            part_size_bytes=self._upload_part_bytes,
            upload=self._upload,
        )


def _all_digests(parts: Iterable[PartInStorage]) -> tuple[bytes, ...] | None:
    digests: list[bytes] = []
    for part in parts:
        if part.block_digests is None:
            return None
        digests.extend(part.block_digests)
    return tuple(digests)


def _ascii(value: str) -> str:
    """S3 metadata are ASCII headers."""
    return quote(value, safe=" !#$&'()*+,/:;=?@[]^`{|}~", errors="surrogatepass")
