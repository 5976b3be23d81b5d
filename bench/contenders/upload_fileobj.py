"""What most Python programs do: boto3's ``upload_fileobj`` of an HTTP response.

python -m bench.contenders.upload_fileobj SOURCE BUCKET KEY [PART_SIZE_BYTES]
"""

from __future__ import annotations

import os
import sys
from typing import IO, cast

import boto3
import urllib3
from boto3.s3.transfer import TransferConfig


def main(source: str, bucket: str, key: str, part_size_bytes: str | None = None) -> None:
    """Copy ``source`` to ``key``."""
    config = TransferConfig(multipart_chunksize=int(part_size_bytes)) if part_size_bytes else TransferConfig()
    http = urllib3.PoolManager(ca_certs=os.environ["AWS_CA_BUNDLE"])
    with http.request("GET", source, preload_content=False) as response:
        if response.status != 200:
            raise SystemExit(f"the source answered {response.status}")
        boto3.client("s3").upload_fileobj(cast("IO[bytes]", response), bucket, key, Config=config)


if __name__ == "__main__":
    main(*sys.argv[1:])
