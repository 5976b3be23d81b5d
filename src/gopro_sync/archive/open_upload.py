"""What has to be remembered of a multipart upload to go on with it."""

from __future__ import annotations

from dataclasses import dataclass

from gopro_sync.values.file_id import FileId


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenUpload:
    """A multipart upload that is under way; S3's ListParts, not this record, says which parts are there.

    Attributes:
        item_number: number of the chapter, from 1.
        s3_key: where the object will lie.
        upload_id: S3's name for the upload.
        part_size_bytes: of each part but the last.
        size_bytes: size of the file.
        source_etag: ETag of the file at its origin, if it has one.
        whole_crc64nvme: the checksum of the whole file, in S3's form, once it is known: before S3 is asked to complete
            the upload, so that whoever comes after a lost answer can tell the object that lies there.
        replaces: S3's ETag of the object under the key that turned out to be damaged and is to get a new version.
        lens: which of the camera's lenses; None for the usual single one.
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

    @property
    def file_id(self) -> FileId:
        """Which file of the recording it is."""
        return FileId(item_number=self.item_number, lens=self.lens)
