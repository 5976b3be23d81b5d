"""What the table remembers of a file that is in S3."""

from __future__ import annotations

from dataclasses import dataclass

from gopro_sync.values.file_id import FileId


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivedFile:
    """One verified chapter in S3: the proof that the engine returns and the table keeps.

    Attributes:
        item_number: number of the chapter, from 1.
        s3_key: its key in the bucket.
        size_bytes: size of the file.
        source_etag: ETag of the file at its origin, if it has one.
        s3_etag: ETag of the object as S3 returns it, in quotes.
        checksum_crc64nvme: checksum of the whole, in S3's form.
        etag_proof: the outcome of the comparison with the source's ETag; see ``SourceEtagProof``.
        lens: which of the camera's lenses; None for the usual single one.
    """

    item_number: int
    s3_key: str
    size_bytes: int
    source_etag: str | None
    s3_etag: str
    checksum_crc64nvme: str
    etag_proof: str
    lens: str | None = None

    @property
    def file_id(self) -> FileId:
        """Which file of the recording it is."""
        return FileId(item_number=self.item_number, lens=self.lens)
