"""Bytes read at the source a second time, where what is known does not prove that they are still the same.

Nothing is sent and nothing is kept: their CRC64NVME is compared with S3's own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

from gopro_sync.archive.integrity import Crc64Nvme, StreamHasher
from gopro_sync.archive.open_upload import OpenUpload
from gopro_sync.archive.origin import Origin, plan_of
from gopro_sync.archive.part_plan import Part
from gopro_sync.archive.proof import hashed
from gopro_sync.archive.transfer_state import Means
from gopro_sync.archive.workers import no_progress


def read_again(means: Means, origin: Origin, part: Part, *, block_sizes: Sequence[int] = ()) -> StreamHasher:
    """Read one part as the source has it now; return its checksum and the MD5s of its blocks of these sizes.

    Raises:
        OutOfTimeError, StoppedError: as ``PartWorkers.check`` does.
        GoProSyncError: as ``Source.open`` does.
    """

    def read() -> StreamHasher:
        hasher = StreamHasher(block_sizes)
        with means.source.open(origin.file, part) as answer:
            deque(hashed(answer, hasher, means.workers), maxlen=0)
        return hasher

    return means.retries.call(f"read part {part.number} a second time", read)


def read_in_time(means: Means, origin: Origin, parts: Sequence[Part]) -> Mapping[int, Crc64Nvme]:
    """Return the checksums, by part number, of as many parts as there is time to read again at the source.

    Raises:
        GoProSyncError: as ``Source.open`` does.
    """
    checksums = dict[int, Crc64Nvme]()

    def read(part: Part) -> tuple[int, Crc64Nvme]:
        return part.number, read_again(means, origin, part).crc64nvme

    def keep(found: tuple[int, Crc64Nvme]) -> None:
        checksums[found[0]] = found[1]

    means.workers.send_all(parts, read, on_sent=keep)
    return checksums


def read_all_again(means: Means, origin: Origin, parts: Sequence[Part]) -> Mapping[int, Crc64Nvme]:
    """Return the checksums, by part number, of all these parts as the source has them now.

    Raises:
        NetworkError: there was no time for all of them.
        GoProSyncError: as ``Source.open`` does.
    """
    checksums = read_in_time(means, origin, parts)
    if len(checksums) < len(parts):
        raise no_progress(means.file.media_id)
    return checksums


def are_of_this_file(means: Means, origin: Origin, upload: OpenUpload, held: Mapping[int, Crc64Nvme]) -> bool:
    """Return whether S3's parts of an upload have the bytes that the source has now.

    The same ETag means that they do. Another ETag means that every part has to be read again: a mixture of two files
    would be neither. Under the same weak ETag, which may survive a small change, reading the first part is enough.

    Args:
        means: those of this transfer.
        origin: the file as it is now.
        upload: what is open.
        held: the checksums of the parts to be used, as S3 reports them, by part number.

    Raises:
        NetworkError: there was no time to read them.
        GoProSyncError: as ``Source.open`` does.
    """
    if origin.is_vouched_for(upload.source_etag):
        return True
    parts = [part for part in plan_of(upload, means.rules.limits) if part.number in held]
    first, others = parts[:1], [] if origin.is_named(upload.source_etag) else parts[1:]
    return all(
        read_all_again(means, origin, some) == {part.number: held[part.number] for part in some}
        for some in (first, others)
    )
