"""The multipart upload of one file: opened, resumed or aborted."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from gopro_sync.archive.bucket_writer import HeldPart, ObjectDescription, UploadedPart, UploadVanishedError
from gopro_sync.archive.integrity import Crc64Nvme
from gopro_sync.archive.open_upload import OpenUpload
from gopro_sync.archive.origin import Origin, plan_new_upload, plan_of
from gopro_sync.archive.proof import describe
from gopro_sync.archive.transfer_state import Means, Progress
from gopro_sync.errors import RefusalError, RequestRefusedError, StorageError


@dataclass(frozen=True, slots=True, kw_only=True)
class PartInStorage:
    """A part that S3 accepted; with its blocks' MD5s only if they are wanted and some call computed them."""

    uploaded: UploadedPart
    block_digests: tuple[bytes, ...] | None

    def is_held_as(self, held: HeldPart | None) -> bool:
        """Return whether S3 lists the same part."""
        return (
            held is not None
            and held.etag == self.uploaded.etag
            and held.size_bytes == self.uploaded.crc64nvme.size_bytes
            and held.crc64nvme in {None, str(self.uploaded.crc64nvme)}
        )


def create_upload(means: Means, progress: Progress, origin: Origin) -> OpenUpload:
    """Open an upload and report it to the caller, who alone can pass it to a later call.

    Raises:
        Exception: the caller could not record it; then the upload is aborted.
    """
    _abort_unrecorded_uploads(means, progress.key)
    plan = plan_new_upload(origin, means.rules)
    description = describe(means.file, origin, key=progress.key)
    upload_id = _open(means, description)
    upload = progress.upload = OpenUpload(
        item_number=means.file.item_number,
        lens=means.file.lens,
        s3_key=progress.key,
        upload_id=upload_id,
        part_size_bytes=plan.part_size_bytes,
        size_bytes=plan.size_bytes,
        source_etag=origin.file.etag,
        replaces=progress.replaces,
    )
    try:
        means.on_upload_changed(upload)
    except Exception:
        # Nobody would know of it.
        abort_upload(means, progress)
        raise
    return upload


def abort_upload(means: Means, progress: Progress) -> None:
    """Abort the open upload, if there is one."""
    if progress.upload is None:
        return
    # The error that led here matters more than a failed clean-up; a lifecycle rule removes what is left.
    with suppress(StorageError, RefusalError):
        means.writer.abort_upload(key=progress.upload.s3_key, upload_id=progress.upload.upload_id)
    progress.upload = None


def listed_parts(means: Means, upload: OpenUpload) -> dict[int, HeldPart]:
    """Return what S3 lists of an upload, by part number."""
    return means.retries.call(
        "list the parts", lambda: means.writer.list_parts(key=upload.s3_key, upload_id=upload.upload_id)
    )


def usable_parts(means: Means, upload: OpenUpload) -> dict[int, PartInStorage]:
    """Return what earlier calls sent; parts of another size or without a checksum are left out, to be sent again."""
    held = listed_parts(means, upload)
    parts = dict[int, PartInStorage]()
    for part in plan_of(upload, means.rules.limits):
        there = held.get(part.number)
        if there is None or there.size_bytes != part.size_bytes or there.crc64nvme is None:
            continue
        crc64nvme = Crc64Nvme.from_s3(there.crc64nvme, size_bytes=part.size_bytes)
        uploaded = UploadedPart(number=part.number, etag=there.etag, crc64nvme=crc64nvme)
        digests = upload.block_md5s.of_part(part.number, crc64nvme) if upload.block_md5s else None
        parts[part.number] = PartInStorage(uploaded=uploaded, block_digests=digests)
    return parts


def _open(means: Means, description: ObjectDescription) -> str:
    asked = 0

    def ask() -> str:
        nonlocal asked
        asked += 1
        return means.writer.create_upload(description)

    upload_id = means.retries.call("open an upload", ask)
    if asked > 1:
        # If only the answer was lost, S3 has opened one more.
        _abort_unrecorded_uploads(means, description.key, but=upload_id)
    return upload_id


def _abort_unrecorded_uploads(means: Means, key: str, *, but: str | None = None) -> None:
    """Abort uploads without any part, left by a call that died or lost S3's answer before it could record them."""
    # A lifecycle rule removes what is left, and a store that cannot list uploads can still hold videos.
    with suppress(StorageError, RequestRefusedError, UploadVanishedError):
        for upload_id in means.writer.open_uploads(key):
            if upload_id != but and not means.writer.list_parts(key=key, upload_id=upload_id):
                means.writer.abort_upload(key=key, upload_id=upload_id)
