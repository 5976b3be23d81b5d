"""The S3 of the bench: takes uploads of any client, keeps sizes and checksums only.

    python -m bench.storage_sink --certificate FILE

Signatures are not checked. An upload is completed only from the very parts that arrived, in order; HEAD tells size and
CRC64NVME of the whole object, which the bench compares with the source's.
"""

from __future__ import annotations

import argparse
import base64
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import partial
from html import unescape
from io import BufferedIOBase
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from awscrt import checksums

from bench.tls_server import QuietHandler, TlsServer

_BLOCK_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    size_bytes: int
    crc: int

    @property
    def etag(self) -> str:
        return f'"crc-{self.crc:016x}-{self.size_bytes}"'  # never taken for an MD5

    @property
    def s3_checksum(self) -> str:
        return base64.b64encode(self.crc.to_bytes(8, "big")).decode()


@dataclass(slots=True)
class _Bucket:
    objects: dict[str, _Piece] = field(default_factory=dict)
    uploads: dict[str, dict[int, _Piece]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


class _RefusedError(Exception):
    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


class _FramedBody:
    """A body in HTTP's chunked framing, or in S3's aws-chunked framing, which is the same with extensions."""

    def __init__(self, framed: BufferedIOBase | _FramedBody) -> None:
        self._framed = framed
        self._left = 0
        self._ended = False

    def readinto(self, block: memoryview) -> int:
        if not self._left and not self._ended:
            self._begin_chunk()
        if self._ended:
            return 0
        count = self._framed.readinto(block[: self._left])
        self._left -= count
        if not self._left:
            self._framed.readline()
        return count

    def readline(self) -> bytes:
        """Reads a line of an inner framing, which may begin in one chunk and end in the next."""
        line, byte = bytearray(), memoryview(bytearray(1))
        while not line.endswith(b"\n") and self.readinto(byte):
            line += byte
        return bytes(line)

    def _begin_chunk(self) -> None:
        self._left = int(self._framed.readline().partition(b";")[0], 16)
        if not self._left:
            self._ended = True
            while self._framed.readline().strip():
                pass  # trailers


class _SinkHandler(QuietHandler):
    def __init__(self, *args: object, bucket: _Bucket) -> None:
        self._bucket = bucket
        super().__init__(*args)  # type: ignore[arg-type]  # the three of the base class, which serves within this call

    def do_PUT(self) -> None:  # noqa: N802 - the base class's name
        self._reply(self._put_part if "partNumber" in self._query else self._put_object)

    def do_POST(self) -> None:  # noqa: N802 - the base class's name
        self._reply(self._create_upload if "uploads" in self._query else self._complete_upload)

    def do_HEAD(self) -> None:  # noqa: N802 - the base class's name
        stored = self._bucket.objects.get(self._key)
        if stored is None:
            self.answer(404, {})
            return
        self.answer(
            200,
            {
                "Content-Length": str(stored.size_bytes),
                "ETag": stored.etag,
                "Last-Modified": formatdate(usegmt=True),
                "x-amz-checksum-crc64nvme": stored.s3_checksum,
                "x-amz-checksum-type": "FULL_OBJECT",
            },
        )

    # --- operations --------------------------------------------------------------------------------------------------

    def _put_object(self) -> tuple[dict[str, str], str]:
        piece = self._receive()
        with self._bucket.lock:
            if self._key in self._bucket.objects and self.headers["If-None-Match"] == "*":
                raise _RefusedError(412, "PreconditionFailed")
            self._bucket.objects[self._key] = piece
        return {"ETag": piece.etag}, ""

    def _create_upload(self) -> tuple[dict[str, str], str]:
        self._receive()
        with self._bucket.lock:
            upload_id = f"upload-{len(self._bucket.uploads) + 1}"
            self._bucket.uploads[upload_id] = {}
        tag = "InitiateMultipartUploadResult"
        return {}, f"<{tag}><UploadId>{upload_id}</UploadId></{tag}>"

    def _put_part(self) -> tuple[dict[str, str], str]:
        piece = self._receive()
        with self._bucket.lock:
            self._upload[int(self._query["partNumber"])] = piece
        return {"ETag": piece.etag}, ""

    def _complete_upload(self) -> tuple[dict[str, str], str]:
        xml = b"".join(bytes(block) for block in self._body()).decode()
        named = [
            (int(number[1]), unescape(etag[1]))
            for part in re.findall(r"<Part>(.*?)</Part>", xml, re.DOTALL)
            if (number := re.search(r"<PartNumber>(\d+)<", part)) and (etag := re.search(r"<ETag>([^<]+)<", part))
        ]
        with self._bucket.lock:
            if named != sorted((number, piece.etag) for number, piece in self._upload.items()):
                raise _RefusedError(400, "InvalidPart")
            crc = size_bytes = 0
            for _, piece in sorted(self._upload.items()):
                crc = checksums.combine_crc64nvme(crc, piece.crc, piece.size_bytes)
                size_bytes += piece.size_bytes
            self._bucket.objects[self._key] = stored = _Piece(size_bytes=size_bytes, crc=crc)
        tag = "CompleteMultipartUploadResult"
        return {}, f"<{tag}><ETag>{stored.etag}</ETag></{tag}>"

    # --- one request -------------------------------------------------------------------------------------------------

    def _reply(self, operation: Callable[[], tuple[dict[str, str], str]]) -> None:
        try:
            headers, body = operation()
        except _RefusedError as refused:
            self.answer(refused.status, {}, f"<Error><Code>{refused.code}</Code></Error>".encode())
        else:
            self.answer(200, headers, body.encode())

    @property
    def _key(self) -> str:
        return unquote(urlsplit(self.path).path)

    @property
    def _query(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(self.path).query, keep_blank_values=True).items()}

    @property
    def _upload(self) -> dict[int, _Piece]:
        upload = self._bucket.uploads.get(self._query["uploadId"])
        if upload is None:
            raise _RefusedError(404, "NoSuchUpload")
        return upload

    def _receive(self) -> _Piece:
        crc = size_bytes = 0
        for block in self._body():
            crc = checksums.crc64nvme(block, crc)
            size_bytes += len(block)
        return _Piece(size_bytes=size_bytes, crc=crc)

    def _body(self) -> Iterator[memoryview]:
        block = memoryview(bytearray(_BLOCK_BYTES))
        for count in self._fill(block):
            yield block[:count]

    def _fill(self, block: memoryview) -> Iterator[int]:
        is_aws_chunked = "aws-chunked" in (self.headers["Content-Encoding"] or "")
        if self.headers["Transfer-Encoding"] == "chunked":
            http_body = _FramedBody(self.rfile)
            yield from _drain(_FramedBody(http_body) if is_aws_chunked else http_body, block)
            if is_aws_chunked:
                yield from _drain(http_body, block)  # the end of the outer framing
        elif is_aws_chunked:
            yield from _drain(_FramedBody(self.rfile), block)
        else:
            left = int(self.headers["Content-Length"] or 0)
            while left:
                count = self.rfile.readinto(block[:left])
                if not count:
                    raise ConnectionError("the body broke off")
                left -= count
                yield count


def _drain(body: _FramedBody, block: memoryview) -> Iterator[int]:
    while count := body.readinto(block):
        yield count


def main() -> None:
    """Serves until ended."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--certificate", type=Path, required=True, help="file with certificate and key (PEM)")
    arguments = parser.parse_args()
    TlsServer(partial(_SinkHandler, bucket=_Bucket()), certificate=arguments.certificate).serve()


if __name__ == "__main__":
    main()
