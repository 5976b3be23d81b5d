"""A chapter that an earlier call archived: whether GoPro still has the same one.

A video takes several calls if it is long or one of them failed, and GoPro may replace its files meanwhile. Chapters of
two editions do not make one video. Archived files are only read here, never touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from gopro_sync.archive.archived_file import ArchivedFile
from gopro_sync.archive.integrity import join_crc64nvme
from gopro_sync.archive.origin import Origin, find_origin, plan_new_upload
from gopro_sync.archive.part_plan import MIB, Part
from gopro_sync.archive.second_reading import read_all_again
from gopro_sync.archive.transfer_state import Means

# A second of an invocation. A chapter is always a complete copy of one file: unlike with the parts of an upload, one
# piece is enough to tell two editions apart.
_COMPARED_BYTES: Final = 16 * MIB


def compared_with_source(means: Means, file: ArchivedFile) -> ArchivedFile | None:
    """Return the chapter as it should be recorded from now on; None if GoPro has another one by now.

    Another size settles it. The same size and the same ETag mean the same chapter. Otherwise one piece is read at both
    ends. Where S3 does not return it, as from the archive classes, the whole file is read at GoPro and compared with
    the recorded checksum, once for each new ETag; without an ETag, or under the same weak one, only the size is
    compared then.

    Raises:
        NetworkError: there was no time for it.
        StorageError: S3 failed.
        GoProSyncError: as ``Source.open`` does.
    """
    origin = find_origin(means)
    if origin.file.size_bytes != file.size_bytes:
        return None
    if not origin.is_vouched_for(file.source_etag) and not _has_the_same_bytes(means, origin, file):
        return None
    return replace(file, source_etag=origin.file.etag or file.source_etag)


def _has_the_same_bytes(means: Means, origin: Origin, file: ArchivedFile) -> bool:
    piece = _last_piece(file)
    archived = means.retries.call(
        "read a piece of the archived object",
        lambda: means.writer.checksum_of_piece(
            key=file.s3_key, etag=file.s3_etag, offset=piece.offset, size_bytes=piece.size_bytes
        ),
    )
    if archived is not None:
        return read_all_again(means, origin, [piece])[piece.number] == archived
    if origin.file.etag is None or origin.is_named(file.source_etag):
        return True
    parts: Sequence[Part] = tuple(plan_new_upload(origin, means.rules))
    found = read_all_again(means, origin, parts)
    return str(join_crc64nvme(found[part.number] for part in parts)) == file.checksum_crc64nvme


def _last_piece(file: ArchivedFile) -> Part:
    """Return the end of the file: an MP4's index is written last, and no other piece depends on so much of the file."""
    size_bytes = min(_COMPARED_BYTES, file.size_bytes)
    return Part(number=1, offset=file.size_bytes - size_bytes, size_bytes=size_bytes)
