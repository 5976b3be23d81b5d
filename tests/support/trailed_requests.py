"""Requests that send a body with a trailer, right ones and wrong ones, as any client could build them.

Made by hand and signed by botocore's own signer, so that what a server refuses does not hang on the code under test.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import pytest
import urllib3
from awscrt import checksums
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

CHECKSUM_HEADER: Final = "x-amz-checksum-crc64nvme"
STREAMING: Final = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
CONTENT: Final = bytes(range(256)) * 80  # 20 KiB: some chunks of 8 KiB


def crc64nvme(content: bytes) -> str:
    """Return the checksum in S3's form."""
    return base64.b64encode(checksums.crc64nvme(content).to_bytes(8, "big")).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Trailed:
    """A request that is right if nothing is given; a None leaves a header out."""

    content: bytes = CONTENT
    chunk_bytes: int = 8192
    announced: str | None = CHECKSUM_HEADER
    trailer: str = f"{CHECKSUM_HEADER}:{crc64nvme(CONTENT)}\r\n"
    decoded_length: int | None = len(CONTENT)
    payload: str = STREAMING
    damage: Mapping[bytes, bytes] = field(default_factory=dict)

    @property
    def body(self) -> bytes:
        """The framed content."""
        starts = range(0, len(self.content), self.chunk_bytes)
        chunks = [self.content[start : start + self.chunk_bytes] for start in starts]
        framed = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
        framed += b"0\r\n" + self.trailer.encode() + b"\r\n"
        for right, wrong in self.damage.items():
            assert right in framed
            framed = framed.replace(right, wrong)
        return framed

    @property
    def headers(self) -> dict[str, str]:
        """Without a signature."""
        length = None if self.decoded_length is None else str(self.decoded_length)
        announced = {
            "Content-Encoding": "aws-chunked",
            "Content-Length": str(len(self.body)),
            "x-amz-decoded-content-length": length,
            "x-amz-trailer": self.announced,
            "x-amz-content-sha256": self.payload,
        }
        return {name: value for name, value in announced.items() if value is not None}

    def send(self, http: urllib3.PoolManager, url: str, credentials: Credentials) -> Any:
        """Send it, signed in its headers."""
        headers = signed(url, self.headers, credentials)
        return http.request("PUT", url, body=self.body, headers=headers, retries=False)


def signed(url: str, headers: Mapping[str, str], credentials: Credentials) -> dict[str, str]:
    """Return the headers with a signature."""
    request = AWSRequest(method="PUT", url=url, headers=dict(headers))
    payload = headers["x-amz-content-sha256"]

    class Signer(S3SigV4Auth):
        def payload(self, request: AWSRequest) -> str:
            return payload

    Signer(credentials, "s3", "us-east-1").add_auth(request)
    return dict(request.headers.items())


_RIGHT: Final = Trailed()
_OTHERS: Final = f"x-amz-checksum-crc32:AAAAAA==\r\n{_RIGHT.trailer}"
# What S3 refuses, and how: local/aws_chunked.py has the sources.
REFUSALS: Final = [
    pytest.param(request, status, code, id=name)
    for name, request, status, code in (
        ("other bytes", replace(_RIGHT, content=CONTENT[:-1] + b"x"), 400, "BadDigest"),
        ("another checksum", replace(_RIGHT, trailer=f"{CHECKSUM_HEADER}:AAAAAAAAAAA=\r\n"), 400, "BadDigest"),
        ("no checksum", replace(_RIGHT, trailer=f"{CHECKSUM_HEADER}:soon\r\n"), 400, "InvalidRequest"),
        ("no trailer", replace(_RIGHT, trailer=""), 400, "MalformedTrailerError"),
        ("not announced", replace(_RIGHT, announced=None), 400, "MalformedTrailerError"),
        ("one more than announced", replace(_RIGHT, trailer=_OTHERS), 400, "MalformedTrailerError"),
        ("another one announced", replace(_RIGHT, announced="x-amz-checksum-crc32"), 400, "MalformedTrailerError"),
        ("announced behind a plain body", replace(_RIGHT, payload="UNSIGNED-PAYLOAD"), 400, "MalformedTrailerError"),
        ("a length too large", replace(_RIGHT, decoded_length=len(CONTENT) + 1), 400, "IncompleteBody"),
        ("a length too small", replace(_RIGHT, decoded_length=len(CONTENT) - 1), 400, "IncompleteBody"),
        ("no length", replace(_RIGHT, decoded_length=None), 411, "MissingContentLength"),
        ("a small chunk before the last one", replace(_RIGHT, chunk_bytes=8191), 403, "InvalidChunkSizeError"),
        ("no number", replace(_RIGHT, damage={b"2000\r\n": b"20-0\r\n"}), 400, "IncompleteBody"),
        ("chunk too long", replace(_RIGHT, damage={b"1000\r\n": b"1001\r\n"}), 400, "IncompleteBody"),
        ("no end of a chunk", replace(_RIGHT, damage={b"\r\n0\r\n": b"xy0\r\n"}), 400, "IncompleteBody"),
        ("no last chunk", replace(_RIGHT, damage={f"0\r\n{_RIGHT.trailer}\r\n".encode(): b""}), 400, "IncompleteBody"),
        ("more behind the trailer", replace(_RIGHT, damage={b"=\r\n\r\n": b"=\r\n\r\nmore"}), 400, "IncompleteBody"),
    )
]
