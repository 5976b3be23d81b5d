"""A large file: a multipart upload whose parts are sent until none is missing, then completed and proved.

S3's list of an upload's parts proves nothing by itself: S3 may hold other bytes than it was sent. A part counts only if
its checksum is the one computed while it was read at the source, in this call or in an earlier one, which recorded it
on its way out, however it ended. A call that was killed recorded nothing; what it sent is read at the source once more,
and sent again only where S3 holds other bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final

from gopro_sync.archive.block_md5s import block_md5s_of
from gopro_sync.archive.bucket_writer import PartsRefusedError, UploadedPart
from gopro_sync.archive.etag_judgement import judge_source_etag
from gopro_sync.archive.integrity import Crc64Nvme, EtagClaim, StreamHasher, join_crc64nvme
from gopro_sync.archive.open_upload import OpenUpload
from gopro_sync.archive.origin import Origin, plan_of
from gopro_sync.archive.part_plan import Part
from gopro_sync.archive.proof import hashed, note_written, verified_object
from gopro_sync.archive.second_reading import are_of_this_file, read_again, read_all_again
from gopro_sync.archive.transfer_records import Archived, Paused
from gopro_sync.archive.transfer_state import Means, Progress
from gopro_sync.archive.uploads import PartInStorage, abort_upload, create_upload, listed_parts, usable_parts
from gopro_sync.archive.workers import OutOfTimeError, no_progress
from gopro_sync.errors import GoProSyncError, IntegrityError, SourceChangedError, StorageError
from gopro_sync.telemetry.retries import log_retry

_COMPLETION_ROUNDS: Final = 3


def send_in_parts(means: Means, progress: Progress, origin: Origin) -> Archived | Paused:
    """Copy the file part by part, or resume the open upload if its parts are proved to be of this file.

    Raises:
        NetworkError: there was no time even for one part, or for the proof.
        ObjectExistsError: the key is taken; ``progress.whole`` is the checksum of the object that was to be written.
        UploadVanishedError: S3 no longer knows the upload.
        GoProSyncError: as ``TransferEngine.transfer`` does.
    """
    upload, parts = progress.upload, dict[int, PartInStorage]()
    if upload is not None:
        parts = usable_parts(means, upload)
        upload = _proved(means, progress, origin, upload=upload, parts=parts)
    if upload is None:
        upload, parts = create_upload(means, progress, origin), {}
    return _FileInParts(means, progress, origin, upload=upload, listed=parts).send()


def _proved(
    means: Means, progress: Progress, origin: Origin, *, upload: OpenUpload, parts: Mapping[int, PartInStorage]
) -> OpenUpload | None:
    """Return the upload to resume, under the source's ETag of today; None if its parts are of another file."""
    held = {number: part.uploaded.crc64nvme for number, part in parts.items()}
    if not are_of_this_file(means, origin, upload, held):
        abort_upload(means, progress)
        return None
    if upload.source_etag != origin.file.etag:
        proved = {number: str(checksum) for number, checksum in held.items()}
        # The checksum of the whole was that of the file under the other ETag: missing parts may differ from it.
        upload = progress.upload = replace(upload, source_etag=origin.file.etag, whole_crc64nvme=None, proved=proved)
        means.on_upload_changed(upload)
    return upload


class _FileInParts:
    """An upload, and which of its parts S3 has: those that are proved, and those that it merely lists."""

    def __init__(
        self,
        means: Means,
        progress: Progress,
        origin: Origin,
        *,
        upload: OpenUpload,
        listed: Mapping[int, PartInStorage],
    ) -> None:
        self._means = means
        self._progress = progress
        self._origin = origin
        self._upload = upload
        self._md5_block_bytes = _block_bytes_of(upload, origin.claim)
        if self._md5_block_bytes != _recorded_block_bytes(upload):
            listed = _without_digests(listed)
        proved = upload.proved
        self._parts = {n: part for n, part in listed.items() if proved.get(n) == str(part.uploaded.crc64nvme)}
        self._doubtful = {n: part for n, part in listed.items() if n not in self._parts}
        self._has_progressed = False
        self._plan = plan_of(upload, means.rules.limits)

    def send(self) -> Archived | Paused:
        """Send what is missing, and again what S3 then turns out to have lost."""
        self._progress.part_size_bytes = self._upload.part_size_bytes
        try:
            return self._send_all()
        except IntegrityError:
            raise  # nobody will resume this upload
        except GoProSyncError:
            if self._progress.upload is not None:
                with suppress(GoProSyncError):  # the error that led here matters more
                    self._remember_parts()
            raise

    def _send_all(self) -> Archived | Paused:
        for _ in range(_COMPLETION_ROUNDS):
            if not self._send_missing():
                return self._pause()
            try:
                return self._complete()
            except OutOfTimeError:  # for a second reading of the source
                return self._pause()
            except PartsRefusedError as refusal:
                self._forget_refused(refusal)
        raise StorageError("S3 loses parts again and again", media_id=self._means.file.media_id)

    def _send_missing(self) -> bool:
        """Return whether that was all."""
        missing = [part for part in self._plan if part.number not in self._parts]
        return self._means.workers.send_all(missing, self._send, on_sent=self._keep)

    def _keep(self, part: PartInStorage) -> None:
        listed = self._doubtful.pop(part.uploaded.number, None)
        self._parts[part.uploaded.number] = part
        self._has_progressed = True
        if listed is None or listed.uploaded != part.uploaded:
            self._progress.count(part.uploaded.crc64nvme.size_bytes)

    def _send(self, part: Part) -> PartInStorage:
        listed = self._doubtful.get(part.number)
        proved = None if listed is None else self._proved_by_source(part, listed)
        return proved or self._means.retries.call(f"copy part {part.number}", lambda: self._send_once(part))

    def _proved_by_source(self, part: Part, listed: PartInStorage) -> PartInStorage | None:
        """Return the part that S3 lists, if it has the source's bytes."""
        hasher = read_again(self._means, self._origin, part, block_sizes=self._block_sizes)
        is_proved = hasher.crc64nvme == listed.uploaded.crc64nvme
        return replace(listed, block_digests=self._digests_of(hasher)) if is_proved else None

    @property
    def _block_sizes(self) -> Sequence[int]:
        return (self._md5_block_bytes,) if self._md5_block_bytes else ()

    def _digests_of(self, hasher: StreamHasher) -> tuple[bytes, ...] | None:
        return hasher.block_digests[self._md5_block_bytes] if self._md5_block_bytes else None

    def _send_once(self, part: Part) -> PartInStorage:
        means = self._means
        means.workers.check()
        hasher = StreamHasher(self._block_sizes)
        with means.source.open(self._origin.file, part) as answer:
            held = means.writer.send_part(
                key=self._upload.s3_key,
                upload_id=self._upload.upload_id,
                number=part.number,
                size_bytes=part.size_bytes,
                blocks=hashed(answer, hasher, means.workers),
                checksum=lambda: hasher.crc64nvme,
            )
        sent = PartInStorage(
            uploaded=UploadedPart(number=part.number, etag=held.etag, crc64nvme=hasher.crc64nvme),
            block_digests=self._digests_of(hasher),
        )
        if not sent.is_held_as(held):
            raise StorageError(
                f"S3 holds other bytes of part {part.number} than were sent", media_id=means.file.media_id
            )
        return sent

    def _pause(self) -> Paused:
        if not self._has_progressed:
            raise no_progress(self._means.file.media_id)
        self._remember_parts()
        # Without it no later call could tell whether these parts still belong to the file at the source.
        has_etag = self._origin.file.etag is not None
        if not has_etag:
            abort_upload(self._means, self._progress)
        return self._progress.paused(is_in_vain=not has_etag)

    def _remember_parts(self) -> None:
        """Report which parts are proved: the next call has not seen their bytes, and this one has."""
        self._report(self._with_proved_parts())

    def _with_proved_parts(self) -> OpenUpload:
        proved = replace(self._upload, proved={n: str(part.uploaded.crc64nvme) for n, part in self._parts.items()})
        if self._md5_block_bytes is None:
            return proved
        hashed_parts = {
            number: (part.uploaded.crc64nvme, part.block_digests)
            for number, part in self._parts.items()
            if part.block_digests is not None
        }
        return replace(proved, block_md5s=block_md5s_of(self._md5_block_bytes, hashed_parts))

    def _complete(self) -> Archived:
        means, upload = self._means, self._upload
        self._check_source_without_etag()
        parts = [self._parts[part.number] for part in self._plan]
        uploaded = [part.uploaded for part in parts]
        whole = self._progress.whole = join_crc64nvme(part.crc64nvme for part in uploaded)
        judge_source_etag(
            means,
            self._progress,
            self._origin,
            block_digests=self._all_digests(parts),
            sent=[(part, self._parts[part.number].uploaded.crc64nvme) for part in self._plan],
        )
        self._remember(whole)
        written = means.retries.call(
            "complete the upload",
            lambda: means.writer.complete_upload(
                key=upload.s3_key,
                upload_id=upload.upload_id,
                parts=uploaded,
                whole=whole,
                replaces=upload.replaces,
            ),
        )
        self._progress.upload = None
        note_written(means, self._progress, written, whole=whole)
        return verified_object(means, self._progress, self._origin, whole=whole)

    def _check_source_without_etag(self) -> None:
        """Read the first part again where no ETag shows whether the file stayed the same while it was read."""
        if self._origin.file.etag is not None:
            return
        first = next(iter(self._plan))
        found = read_all_again(self._means, self._origin, [first])[first.number]
        if found != self._parts[first.number].uploaded.crc64nvme:
            raise SourceChangedError("The file at GoPro changed while it was read", media_id=self._means.file.media_id)

    def _remember(self, whole: Crc64Nvme) -> None:
        """Report what the object will be before it exists."""
        self._report(replace(self._with_proved_parts(), whole_crc64nvme=str(whole)))

    def _report(self, upload: OpenUpload) -> None:
        if upload != self._upload:
            self._upload = self._progress.upload = upload
            self._means.on_upload_changed(upload)

    def _all_digests(self, parts: Iterable[PartInStorage]) -> dict[int, tuple[bytes, ...]]:
        digests: list[bytes] = []
        for part in parts:
            if self._md5_block_bytes is None or part.block_digests is None:
                return {}
            digests.extend(part.block_digests)
        return {} if self._md5_block_bytes is None else {self._md5_block_bytes: tuple(digests)}

    def _forget_refused(self, refusal: PartsRefusedError) -> None:
        refused = self._parts_held_otherwise()
        if not refused:
            raise IntegrityError(
                f"S3 refuses parts that it lists as they were sent ({refusal})", media_id=self._means.file.media_id
            ) from refusal
        log_retry(f"send {len(refused)} refused parts", attempt=2, error_type=type(refusal).__name__)
        for number in refused:
            del self._parts[number]

    def _parts_held_otherwise(self) -> list[int]:
        held = listed_parts(self._means, self._upload)
        return [number for number, part in self._parts.items() if not part.is_held_as(held.get(number))]


def _block_bytes_of(upload: OpenUpload, claim: EtagClaim | None) -> int | None:
    """Return the size of the blocks to hash: that of the earlier calls, if the source could have it."""
    fitting = claim.within(upload.part_size_bytes) if claim is not None else ()
    recorded = _recorded_block_bytes(upload)
    return recorded if recorded in fitting else next(iter(fitting), None)


def _recorded_block_bytes(upload: OpenUpload) -> int | None:
    return upload.block_md5s.block_bytes if upload.block_md5s is not None else None


def _without_digests(parts: Mapping[int, PartInStorage]) -> dict[int, PartInStorage]:
    return {number: replace(part, block_digests=None) for number, part in parts.items()}
