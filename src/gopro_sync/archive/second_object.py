"""The second witness: whether S3 accepts other objects than the one that it has just refused.

A policy statement may name a single key. A fault in the role, the bucket or the encryption key affects every object,
and then the run fails, not the video. So everything that a video needs is requested once more under a key that no video
has. No object is left there: the upload is aborted.
"""

from __future__ import annotations

from typing import Final

from gopro_sync.archive.bucket_writer import BucketWriter, ObjectDescription, UploadVanishedError
from gopro_sync.archive.integrity import Crc64Nvme, StreamHasher
from gopro_sync.errors import AccessDeniedError, RequestRefusedError, StorageError

# Below the prefix that the role may write to; videos go into a folder of their year and month.
SECOND_KEY: Final = "gopro-videos/.may-this-be-written"
_ONE_BYTE: Final = b"0"


def is_second_object_accepted(writer: BucketWriter) -> bool:
    """Return whether S3 allows everything that a video needs with another object.

    A part is sent too: S3 opens an upload with ``kms:GenerateDataKey`` alone, and needs ``kms:Decrypt`` from the first
    part on (https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html#mpuAndPermissions).

    Raises:
        ConfigurationError: there is no such bucket, or its key cannot be used.
        StorageError: S3 failed, so that nothing is known.
    """
    description = ObjectDescription(
        key=SECOND_KEY, content_type="application/octet-stream", tags={"Source": "GoPro"}, metadata={}
    )
    try:
        upload_id = writer.create_upload(description)
        try:
            writer.send_part(
                key=SECOND_KEY,
                upload_id=upload_id,
                number=1,
                size_bytes=len(_ONE_BYTE),
                blocks=[_ONE_BYTE],
                checksum=_checksum,
            )
            writer.list_parts(key=SECOND_KEY, upload_id=upload_id)
        finally:
            writer.abort_upload(key=SECOND_KEY, upload_id=upload_id)
        writer.open_uploads(SECOND_KEY)
        writer.describe_object(SECOND_KEY)
    except (AccessDeniedError, RequestRefusedError):
        return False
    except UploadVanishedError as vanished:
        raise StorageError(f"S3 lost an upload that it had just opened ({vanished})") from vanished
    return True


def _checksum() -> Crc64Nvme:
    hasher = StreamHasher()
    hasher.update(_ONE_BYTE)
    return hasher.crc64nvme
