"""A small file: one PutObject."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import pairwise

from gopro_sync.archive.bucket_writer import ObjectExistsError
from gopro_sync.archive.etag_judgement import judge_source_etag
from gopro_sync.archive.integrity import Crc64Nvme, StreamHasher, crc64nvme_between
from gopro_sync.archive.origin import Origin
from gopro_sync.archive.part_plan import Part
from gopro_sync.archive.proof import describe, hashed, note_written, verified_object
from gopro_sync.archive.transfer_records import Archived
from gopro_sync.archive.transfer_state import Means, Progress
from gopro_sync.archive.workers import OutOfTimeError, no_progress


def send_whole(means: Means, progress: Progress, origin: Origin) -> Archived:
    """Copy the file in one piece.

    Raises:
        NetworkError: there was no time for it.
        ObjectExistsError: the key is taken; ``progress.whole`` is the checksum of the object that was to be written.
        GoProSyncError: as ``TransferEngine.transfer`` does.
    """
    progress.part_size_bytes = origin.file.size_bytes
    try:
        whole = means.retries.call("copy the file", lambda: _put_object(means, progress, origin))
    except OutOfTimeError as error:
        raise no_progress(means.file.media_id) from error
    progress.whole = whole
    progress.count(origin.file.size_bytes)
    return verified_object(means, progress, origin, whole=whole)


def _put_object(means: Means, progress: Progress, origin: Origin) -> Crc64Nvme:
    size_bytes = origin.file.size_bytes
    hasher = StreamHasher(origin.claim.within(size_bytes) if origin.claim else ())
    marks = [hasher.crc64nvme]
    # S3 waits for the last block while a piece is read again, and not for long: read no more than necessary.
    piece_bytes = means.rules.limits.smallest_part_bytes

    def judged(blocks: Iterator[bytes]) -> Iterator[bytes]:
        """Hold back the last block until the source's ETag is checked: without it, S3 makes no object."""
        for block in blocks:
            is_last = hasher.crc64nvme.size_bytes == size_bytes
            if is_last or hasher.crc64nvme.size_bytes - marks[-1].size_bytes >= piece_bytes:
                marks.append(hasher.crc64nvme)
            if is_last:
                judge_source_etag(
                    means, progress, origin, block_digests=hasher.block_digests, sent=_pieces_between(marks)
                )
            yield block

    with means.source.open(origin.file, Part(number=1, offset=0, size_bytes=size_bytes)) as answer:
        blocks = judged(hashed(answer, hasher, means.workers))
        try:
            written = means.writer.put_object(
                describe(means.file, origin, key=progress.key),
                size_bytes=size_bytes,
                blocks=blocks,
                checksum=lambda: hasher.crc64nvme,
                replaces=progress.replaces,
            )
        except ObjectExistsError:
            # S3 may refuse before the last byte; the rest is read to find out whether the object there is the same.
            deque(blocks, maxlen=0)
            progress.whole = hasher.crc64nvme
            raise
    note_written(means, progress, written, whole=hasher.crc64nvme)
    return hasher.crc64nvme


def _pieces_between(marks: Sequence[Crc64Nvme]) -> list[tuple[Part, Crc64Nvme]]:
    """Return the pieces of a file, each with its checksum, from the checksums of its growing beginnings."""
    pieces = []
    for number, (earlier, later) in enumerate(pairwise(marks), start=1):
        checksum = crc64nvme_between(earlier, later)
        pieces.append((Part(number=number, offset=earlier.size_bytes, size_bytes=checksum.size_bytes), checksum))
    return pieces
