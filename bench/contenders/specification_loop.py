"""The loop that the system was first specified with: one connection, 50 MB chunks, one after the other.

python -m bench.contenders.specification_loop SOURCE BUCKET KEY
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import boto3
import httpx

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

_CHUNK_BYTES = 50 * 1024 * 1024


def main(source: str, bucket: str, key: str) -> None:
    """Copy ``source`` to ``key``."""
    s3 = boto3.client("s3")
    upload_id = s3.create_multipart_upload(
        Bucket=bucket, Key=key, StorageClass="STANDARD", Tagging="Source=GoPro&AutoSync=True"
    )["UploadId"]
    parts: list[CompletedPartTypeDef] = []
    with httpx.stream("GET", source) as response:
        response.raise_for_status()
        for number, chunk in enumerate(response.iter_bytes(chunk_size=_CHUNK_BYTES), start=1):
            part = s3.upload_part(Bucket=bucket, Key=key, PartNumber=number, UploadId=upload_id, Body=chunk)
            parts.append({"PartNumber": number, "ETag": part["ETag"]})
    s3.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=upload_id, MultipartUpload={"Parts": parts})


if __name__ == "__main__":
    main(*sys.argv[1:])
