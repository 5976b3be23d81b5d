"""What has to be remembered of a multipart upload to resume it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from gopro_sync.archive.block_md5s import BlockMd5s
from gopro_sync.values.file_id import FileId

# Takes the place of an upload's id where none is open, but a damaged object is to be replaced.
NO_UPLOAD: Final = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenUpload:
    """A multipart upload under way; S3's ListParts, not this record, says which parts are there.

    Attributes:
        item_number: number of the chapter, from 1.
        s3_key: where the object will go.
        upload_id: S3's id of the upload; ``NO_UPLOAD`` where none is open.
        part_size_bytes: size of each part but the last.
        size_bytes: size of the file.
        source_etag: ETag of the file at its origin, if it has one.
        whole_crc64nvme: the checksum of the whole file, in S3's form, once it is known. It is recorded before S3 is
            asked to complete the upload, so that a lost answer leaves something to recognise the object by.
        replaces: S3's ETag of the damaged object under the key, which is to get a new version.
        lens: which of the camera's lenses; None for the usual single one.
        proved: by number, the parts that were read at the source and accepted by S3, with the checksums computed on the
            way, in S3's form, as of the last call that ended by itself. Nothing proves the parts that S3 lists beside
            them.
        block_md5s: MD5s of the source's blocks in these parts, where they are wanted to check its ETag.
    """

    item_number: int
    s3_key: str
    upload_id: str
    part_size_bytes: int
    size_bytes: int
    source_etag: str | None
    whole_crc64nvme: str | None = None
    replaces: str | None = None
    lens: str | None = None
    proved: Mapping[int, str] = field(default_factory=dict)
    block_md5s: BlockMd5s | None = None

    @property
    def file_id(self) -> FileId:
        """Which file of the recording it is."""
        return FileId(item_number=self.item_number, lens=self.lens)
