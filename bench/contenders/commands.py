"""The contenders, and how each is started."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

OURS = "gopro-s3-sync"
SPECIFICATION_LOOP = "specification's loop"
UPLOAD_FILEOBJ = "upload_fileobj"

_TRANSFER = str(Path(__file__).resolve().parents[1] / "transfer.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """What to copy, and where.

    Args:
        source: HTTPS URL.
        endpoint_url: the S3.
        bucket: name of the bucket.
        key: that of the object.
        ca_bundle: file of the certificates to trust.
        workers: parts at once, where a contender has such an option.
    """

    source: str
    endpoint_url: str
    bucket: str
    key: str
    ca_bundle: str
    workers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """A way to copy a file.

    Args:
        name: in the report.
        command: returns the program and its arguments.
        programs: must be installed.
        asks_for_s3_etag: whether the source should send an ETag that proves its content.
    """

    name: str
    command: Callable[[Copy], list[str]]
    programs: tuple[str, ...] = ()
    asks_for_s3_etag: bool = False

    @property
    def missing(self) -> list[str]:
        """The programs that are not installed."""
        return [program for program in self.programs if shutil.which(program) is None]


def _ours(copy: Copy) -> list[str]:
    return [
        *(sys.executable, _TRANSFER, "--source", copy.source, "--endpoint-url", copy.endpoint_url),
        *("--bucket", copy.bucket, "--key", copy.key, "--workers", str(copy.workers), "--ca-bundle", copy.ca_bundle),
    ]


def _ours_with_etag(copy: Copy) -> list[str]:
    return [*_ours(copy), "--verify-source-etag"]


def _script(module: str, copy: Copy, *options: str) -> list[str]:
    return [sys.executable, "-m", f"bench.contenders.{module}", copy.source, copy.bucket, copy.key, *options]


def _pipe(copy: Copy) -> list[str]:
    download = f"curl --fail --silent --show-error --cacert {quote(copy.ca_bundle)} {quote(copy.source)}"
    upload = f"aws s3 cp --only-show-errors - {quote(f's3://{copy.bucket}/{copy.key}')}"
    return ["bash", "-c", f"set -o pipefail; {download} | {upload}"]


def _rclone(copy: Copy) -> list[str]:
    # rclone brings a transport of its own, on which the AWS SDK inside it cannot set this bundle, and fails.
    return ["env", "-u", "AWS_CA_BUNDLE", "rclone", "copyurl", copy.source, f":s3:{copy.bucket}/{copy.key}"]


CONTENDERS = (
    Contender(name=OURS, command=_ours),
    Contender(name=f"{OURS}, source's ETag verified", command=_ours_with_etag, asks_for_s3_etag=True),
    Contender(name=SPECIFICATION_LOOP, command=lambda copy: _script("specification_loop", copy)),
    Contender(name=UPLOAD_FILEOBJ, command=lambda copy: _script("upload_fileobj", copy)),
    Contender(
        name=f"{UPLOAD_FILEOBJ}, 50 MB parts",
        command=lambda copy: _script("upload_fileobj", copy, str(50 * 1024 * 1024)),
    ),
    Contender(name="curl | aws s3 cp -", command=_pipe, programs=("bash", "curl", "aws")),
    Contender(name="rclone copyurl", command=_rclone, programs=("rclone",)),
)


def environment_of(copy: Copy, inherited: dict[str, str]) -> dict[str, str]:
    """Return an environment in which every contender finds the bench's S3, and nothing of its user's settings."""
    kept = {name: value for name, value in inherited.items() if not name.startswith(("AWS_", "RCLONE_"))}
    return kept | {
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "bench",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL_S3": copy.endpoint_url,
        "AWS_CA_BUNDLE": copy.ca_bundle,
        "SSL_CERT_FILE": copy.ca_bundle,  # httpx
        "NO_PROXY": "127.0.0.1",
        "RCLONE_CONFIG": "/dev/null",
        "RCLONE_CA_CERT": copy.ca_bundle,
        "RCLONE_S3_PROVIDER": "Other",
        "RCLONE_S3_ENDPOINT": copy.endpoint_url,
        "RCLONE_S3_ENV_AUTH": "true",
        "RCLONE_S3_NO_CHECK_BUCKET": "true",
        "RCLONE_S3_USE_MULTIPART_ETAG": "false",  # the sink's ETags are no MD5s, as under SSE-KMS
    }
