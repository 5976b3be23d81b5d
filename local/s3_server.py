"""An S3 on loopback, in memory, for tests and the bench: what the archive needs of it, and failures on demand.

    python -m local.s3_server --certificate FILE     for any client, over TLS; keeps sizes and checksums only

Stricter than the mocks at hand: CRC64NVME of parts and of the whole, also in a trailer, the framing of such bodies
(``local/aws_chunked.py``), MpuObjectSize, If-None-Match on completion, EntityTooSmall, paginated ListParts. It does not
check signatures, only that requests are signed with v4, with all headers that have to be. ETags are no MD5s, as under
SSE-KMS.
"""

from __future__ import annotations

import argparse
import base64
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from html import unescape
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import TracebackType
from typing import Literal, Protocol, Self
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from awscrt import checksums

from local.aws_chunked import (
    CHECKSUM_HEADER,
    AwsChunkedBody,
    Body,
    BodyRefusedError,
    ChunkedBody,
    PlainBody,
    is_trailed,
)
from local.loopback_server import LoopbackHandler, LoopbackServer

_BLOCK_BYTES = 1024 * 1024

Operation = Literal[
    "CreateMultipartUpload",
    "UploadPart",
    "ListParts",
    "CompleteMultipartUpload",
    "AbortMultipartUpload",
    "ListMultipartUploads",
    "PutObject",
    "HeadObject",
    "GetObject",
]
Moment = Literal["asked", "receiving", "acted"]  # after each block of a body; before the answer is sent
Effect = Literal[
    "refuse",  # answer the error instead of acting
    "lose_answer",  # act, then close the connection
    "reset",  # close the connection before the body is read
    "lose",  # answer 200 and keep nothing
    "corrupt",  # keep other bytes than were received
    "swap",  # the same of a part, and answer with the checksum of what was received
    "damage",  # receive other bytes than were sent
    "slow",  # act after `seconds`
]
type _Answer = tuple[int, dict[str, str], bytes]  # status, headers, body


@dataclass(slots=True, kw_only=True)
class S3Fault:
    """Misbehaviour at the next ``count`` requests of one operation, after ``skip`` good ones; no code is no body."""

    operation: Operation
    effect: Effect = "refuse"
    status: int = 500
    code: str = "InternalError"
    message: str = "no"
    count: int = 1
    skip: int = 0
    seconds: float = 0.0
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class S3Object:
    """A finished object."""

    data: bytes
    size_bytes: int
    crc64nvme: str
    headers: dict[str, str]
    etag: str = "0" * 32

    @property
    def metadata(self) -> dict[str, str]:
        """The user's metadata."""
        prefix = "x-amz-meta-"
        return {name.removeprefix(prefix): value for name, value in self.headers.items() if name.startswith(prefix)}


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Part:
    """A part that S3 holds."""

    data: bytes
    size_bytes: int
    crc: int
    etag: str

    @property
    def crc64nvme(self) -> str:
        """In S3's form."""
        return s3_form(self.crc)


@dataclass(slots=True, kw_only=True)
class S3Upload:
    """An open upload."""

    key: str
    headers: dict[str, str]
    parts: dict[int, S3Part] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Request:
    """A request as it was answered; ``part_number`` only for UploadPart."""

    operation: Operation
    key: str
    part_number: int | None
    status: int


def s3_form(crc: int) -> str:
    """Return base64 of the eight bytes, most significant first."""
    return base64.b64encode(crc.to_bytes(8, "big")).decode()


class Limits(Protocol):
    """What a part may be."""

    @property
    def smallest_part_bytes(self) -> int:
        """Of all parts but the last."""

    @property
    def largest_part_bytes(self) -> int:
        """Of a part, and of an object that is none of parts."""

    @property
    def most_parts(self) -> int:
        """Of an upload."""


@dataclass(frozen=True, slots=True)
class S3Limits:
    """AWS's own: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html."""

    smallest_part_bytes: int = 5 * 1024**2
    largest_part_bytes: int = 5 * 1024**3
    most_parts: int = 10_000


@dataclass
class S3Server:
    """Use as a context manager; everything is kept in plain attributes, for tests to look at and to break.

    Args:
        is_strict: refuses who leaves out a proof that ours must give (checksums, sizes, a signature); False takes any
            client, as S3 does, and refuses only what is wrong, with CRC64NVME the only algorithm that it knows.
        certificate: file with certificate and key (PEM); it speaks TLS if there is one.
        keeps_data: False keeps sizes and checksums only, for measurements.
        answers_part_checksums: whether UploadPart answers with the checksum that S3 computed, as it does where one was
            sent.
        reads_frames: whether it knows trailers; False keeps the frames as if they were content, as some stores do.
        page_size: how many parts ListParts returns at once.
        limits: on the parts that it accepts.
        watch: called at each request's moments, from the thread that serves it.
    """

    is_strict: bool = True
    certificate: Path | None = None
    keeps_data: bool = True
    answers_part_checksums: bool = True
    reads_frames: bool = True
    page_size: int = 1000
    limits: Limits = field(default_factory=S3Limits)
    faults: list[S3Fault] = field(default_factory=list)
    objects: dict[str, S3Object] = field(default_factory=dict)
    uploads: dict[str, S3Upload] = field(default_factory=dict)
    requests: list[S3Request] = field(default_factory=list)
    watch: Callable[[Operation, Moment], None] = lambda _operation, _moment: None
    lock: threading.RLock = field(default_factory=threading.RLock)
    _server: LoopbackServer = field(init=False)
    _created: int = 0

    def __post_init__(self) -> None:
        state: S3Server = self

        class Handler(_S3Handler):
            s3 = state

        self._server = LoopbackServer(Handler, certificate=self.certificate)

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stop()

    @property
    def endpoint_url(self) -> str:
        """Where it listens."""
        return self._server.url

    def forget(self) -> None:
        """Reset everything."""
        self.keeps_data, self.answers_part_checksums, self.page_size = True, True, 1000
        self.limits = S3Limits()
        self.faults, self.objects, self.uploads, self.requests = [], {}, {}, []

    def count(self, operation: Operation, status: int = 200) -> int:
        """Return how often an operation was answered with that status."""
        return sum(r.operation == operation and r.status == status for r in self.requests)

    def parts_sent(self) -> list[int]:
        """Return the numbers of all accepted parts, in order of arrival; a part that was sent twice is there twice."""
        return [r.part_number for r in self.requests if r.part_number is not None and r.status == 200]

    def take_fault(self, operation: Operation) -> S3Fault | None:
        """Return the fault that this request meets, if any, and count it."""
        with self.lock:
            for fault in self.faults:
                if fault.operation != operation:
                    continue
                if fault.skip:
                    fault.skip -= 1
                elif fault.count:
                    fault.count -= 1
                    return fault
        return None

    def new_upload(self, key: str, headers: dict[str, str]) -> str:
        """Open an upload."""
        with self.lock:
            self._created += 1
            upload_id = f"upload-{self._created}"
            self.uploads[upload_id] = S3Upload(key=key, headers=headers)
        return upload_id


class _RefusedError(Exception):
    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


class _S3Handler(LoopbackHandler, BaseHTTPRequestHandler):
    s3: S3Server

    def do_POST(self) -> None:
        self._handle("CreateMultipartUpload" if "uploads" in self._query() else "CompleteMultipartUpload")

    def do_PUT(self) -> None:
        self._handle("UploadPart" if "partNumber" in self._query() else "PutObject")

    def do_GET(self) -> None:
        if "uploads" in self._query():
            self._handle("ListMultipartUploads")
        else:
            self._handle("ListParts" if "uploadId" in self._query() else "GetObject")

    def do_DELETE(self) -> None:
        self._handle("AbortMultipartUpload")

    def do_HEAD(self) -> None:
        self._handle("HeadObject")

    # --- one request -------------------------------------------------------------------------------------------------

    def _handle(self, operation: Operation) -> None:
        self.s3.watch(operation, "asked")
        self.fault = self.s3.take_fault(operation)
        if self.fault and self.fault.effect == "reset":
            self.close_connection = True
            return
        if self.fault and self.fault.effect == "slow":
            time.sleep(self.fault.seconds)
        try:
            body = self._read_body(operation)
            self._refuse_if_faulty()
            self._check_checksum(operation, body)
            status, headers, answer = self._act(operation, body)
        except _RefusedError as refused:
            status, headers = refused.status, dict(self.fault.headers if self.fault else {})
            message = escape(self.fault.message if self.fault else "no")
            document = f"<Error><Code>{refused.code}</Code><Message>{message}</Message></Error>"
            answer = document.encode() if refused.code else b""
        self.s3.watch(operation, "acted")
        if self.fault and self.fault.effect == "lose_answer":
            self.close_connection = True
            return
        part_number = int(self._query()["partNumber"]) if operation == "UploadPart" else None
        with self.s3.lock:
            self.s3.requests.append(
                S3Request(
                    operation=operation,
                    key=self._key(),
                    part_number=part_number,
                    status=status,
                )
            )
        self._answer(operation, status, headers, answer)

    def _refuse_if_faulty(self) -> None:
        if self.s3.is_strict and not self._is_signed():
            raise _RefusedError(403, "AccessDenied")
        if self.fault and self.fault.effect == "refuse":
            raise _RefusedError(self.fault.status, self.fault.code)

    def _is_signed(self) -> bool:
        """Whether there is a signature of v4, over all headers that are S3's own: it refuses one that has been added.

        https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
        """
        if "X-Amz-Signature" in self._query():
            return True
        signed = re.search(r"AWS4-HMAC-SHA256 .*SignedHeaders=([^,]+)", self.headers["Authorization"] or "")
        its_own = {name.lower() for name in self.headers if name.lower().startswith("x-amz-")}
        return signed is not None and {"host", *its_own} <= set(signed[1].split(";"))

    def _check_checksum(self, operation: Operation, body: _Body) -> None:
        if operation not in {"UploadPart", "PutObject"}:
            return
        stated = body.trailer or self.headers[CHECKSUM_HEADER]
        if stated is None and self.s3.is_strict:
            raise _RefusedError(400, "TestExpectsChecksum")
        if stated is not None and stated != s3_form(body.crc):
            raise _RefusedError(400, "BadDigest")

    def _act(self, operation: Operation, body: _Body) -> _Answer:
        actions: dict[Operation, Callable[[], _Answer]] = {
            "CreateMultipartUpload": self._create,
            "UploadPart": lambda: self._keep_part(body),
            "ListParts": self._list,
            "CompleteMultipartUpload": lambda: self._complete(body.data),
            "AbortMultipartUpload": self._abort,
            "ListMultipartUploads": self._list_uploads,
            "PutObject": lambda: self._put(body),
            "HeadObject": self._get,
            "GetObject": self._get,
        }
        with self.s3.lock:
            return actions[operation]()

    def _abort(self) -> _Answer:
        self._upload()
        del self.s3.uploads[self._query()["uploadId"]]
        return 204, {}, b""

    def _list_uploads(self) -> _Answer:
        prefix = self._query()["prefix"]
        uploads = "".join(
            f"<Upload><Key>{escape(upload.key)}</Key><UploadId>{upload_id}</UploadId></Upload>"
            for upload_id, upload in self.s3.uploads.items()
            if upload.key.startswith(prefix)
        )
        tag = "ListMultipartUploadsResult"
        return 200, {}, f"<{tag}><IsTruncated>false</IsTruncated>{uploads}</{tag}>".encode()

    def _create(self) -> _Answer:
        headers = self._object_headers()
        if self.s3.is_strict and self.headers["x-amz-checksum-algorithm"] != "CRC64NVME":
            raise _RefusedError(400, "TestExpectsCrc64Nvme")
        if self.s3.is_strict and self.headers["x-amz-checksum-type"] != "FULL_OBJECT":
            raise _RefusedError(400, "TestExpectsFullObject")
        upload_id = self.s3.new_upload(self._key(), headers)
        tag = "InitiateMultipartUploadResult"
        return 200, {}, f"<{tag}><UploadId>{upload_id}</UploadId></{tag}>".encode()

    def _keep_part(self, body: _Body) -> _Answer:
        upload = self._upload()
        if not 1 <= int(self._query()["partNumber"]) <= self.s3.limits.most_parts:
            raise _RefusedError(400, "InvalidArgument")
        if body.size_bytes > self.s3.limits.largest_part_bytes:
            raise _RefusedError(400, "EntityTooLarge")
        part = S3Part(data=body.data, size_bytes=body.size_bytes, crc=body.crc, etag=f'"{body.crc:032x}"')
        if self.fault and self.fault.effect in {"corrupt", "swap"}:
            corrupt = bytes([body.data[0] ^ 1]) + body.data[1:]
            crc = checksums.crc64nvme(corrupt)
            part = S3Part(data=corrupt, size_bytes=len(corrupt), crc=crc, etag=f'"{crc:032x}"')
        if not (self.fault and self.fault.effect == "lose"):
            upload.parts[int(self._query()["partNumber"])] = part
        says_otherwise = self.fault is not None and self.fault.effect == "swap"
        checksum = s3_form(body.crc) if says_otherwise else part.crc64nvme
        headers = {CHECKSUM_HEADER: checksum} if self.s3.answers_part_checksums else {}
        return 200, {"ETag": part.etag, **headers}, b""

    def _list(self) -> _Answer:
        upload = self._upload()
        after = int(self._query().get("part-number-marker", "0") or 0)
        numbers = sorted(n for n in upload.parts if n > after)
        page = numbers[: self.s3.page_size]
        parts = "".join(
            f"<Part><PartNumber>{n}</PartNumber><ETag>{escape(upload.parts[n].etag)}</ETag>"
            f"<Size>{upload.parts[n].size_bytes}</Size>"
            f"<ChecksumCRC64NVME>{upload.parts[n].crc64nvme}</ChecksumCRC64NVME></Part>"
            for n in page
        )
        more = len(numbers) > len(page)
        marker = f"<NextPartNumberMarker>{page[-1]}</NextPartNumberMarker>" if more else ""
        truncated = str(more).lower()
        upload_id = escape(self._query()["uploadId"])
        listing = f"<UploadId>{upload_id}</UploadId><IsTruncated>{truncated}</IsTruncated>{marker}{parts}"
        return 200, {}, f"<ListPartsResult>{listing}</ListPartsResult>".encode()

    def _complete(self, body: bytes) -> _Answer:
        upload = self._upload()
        self._check_condition(upload.key)
        parts = self._named_parts(upload, body.decode())
        size_bytes, crc = sum(part.size_bytes for part in parts), 0
        for part in parts:
            crc = checksums.combine_crc64nvme(crc, part.crc, part.size_bytes)
        if not self._proves(self.headers["x-amz-mp-object-size"], str(size_bytes)):
            raise _RefusedError(400, "InvalidRequest")
        # AWS takes the whole object's checksum only together with its type.
        if not (
            self._proves(self.headers["x-amz-checksum-type"], "FULL_OBJECT")
            and self._proves(self.headers["x-amz-checksum-crc64nvme"], s3_form(crc))
        ):
            raise _RefusedError(400, "BadDigest")
        self.s3.objects[upload.key] = S3Object(
            data=b"".join(part.data for part in parts),
            size_bytes=size_bytes,
            crc64nvme=s3_form(crc),
            headers=upload.headers,
            etag=f"{crc:032x}-{len(parts)}",
        )
        del self.s3.uploads[self._query()["uploadId"]]
        made = self.s3.objects[upload.key]
        etag = "<ETag>" + escape(f'"{made.etag}"') + "</ETag>"
        checksum = f"<ChecksumCRC64NVME>{made.crc64nvme}</ChecksumCRC64NVME><ChecksumType>FULL_OBJECT</ChecksumType>"
        tag = "CompleteMultipartUploadResult"
        return 200, {}, f"<{tag}>{etag}{checksum}</{tag}>".encode()

    def _check_condition(self, key: str) -> None:
        there, replaces = self.s3.objects.get(key), self.headers["If-Match"]
        if there is not None and self.headers["If-None-Match"] == "*":
            raise _RefusedError(412, "PreconditionFailed")
        if replaces is not None and there is None:
            raise _RefusedError(404, "NoSuchKey")
        if replaces is not None and there is not None and replaces.strip('"') != there.etag:
            raise _RefusedError(412, "PreconditionFailed")

    def _proves(self, stated: str | None, truth: str) -> bool:
        return stated == truth or (stated is None and not self.s3.is_strict)

    def _named_parts(self, upload: S3Upload, xml: str) -> list[S3Part]:
        named = re.findall(r"<Part>(.*?)</Part>", xml, re.DOTALL)
        parts: list[S3Part] = []
        for position, text in enumerate(named, start=1):
            stated = {name: unescape(value) for name, value in re.findall(r"<(\w+)>([^<]*)</", text)}
            part = upload.parts.get(int(stated["PartNumber"]))
            if int(stated["PartNumber"]) != position:
                raise _RefusedError(400, "InvalidPartOrder")
            if (
                part is None
                or part.etag != stated["ETag"]
                or not self._proves(stated.get("ChecksumCRC64NVME"), part.crc64nvme)
            ):
                raise _RefusedError(400, "InvalidPart")
            if position < len(named) and part.size_bytes < self.s3.limits.smallest_part_bytes:
                raise _RefusedError(400, "EntityTooSmall")
            parts.append(part)
        return parts

    def _put(self, body: _Body) -> _Answer:
        self._check_condition(self._key())
        if body.size_bytes > self.s3.limits.largest_part_bytes:
            raise _RefusedError(400, "EntityTooLarge")
        data, crc = body.data, body.crc
        if self.fault and self.fault.effect == "corrupt":
            data = bytes([data[0] ^ 1]) + data[1:]
            crc = checksums.crc64nvme(data)
        if not (self.fault and self.fault.effect == "lose"):
            self.s3.objects[self._key()] = S3Object(
                data=data,
                size_bytes=body.size_bytes,
                crc64nvme=s3_form(crc),
                headers=self._object_headers(),
                etag=f"{crc:032x}",
            )
        return 200, {"ETag": f'"{crc:032x}"', CHECKSUM_HEADER: s3_form(crc)}, b""

    def _get(self) -> _Answer:
        found = self.s3.objects.get(self._key())
        if found is None:
            raise _RefusedError(404, "NoSuchKey")
        if (expected := self.headers["If-Match"]) is not None and expected.strip('"') != found.etag:
            raise _RefusedError(412, "PreconditionFailed")
        headers = {"ETag": f'"{found.etag}"', "Last-Modified": formatdate(usegmt=True), **found.headers}
        if (asked := self.headers["Range"]) is not None:  # of one form, and of a piece that is there
            first, last = map(int, asked.removeprefix("bytes=").split("-"))
            piece = found.data[first : last + 1]
            stated = {"Content-Range": f"bytes {first}-{last}/{found.size_bytes}", "Content-Length": str(len(piece))}
            return 206, headers | stated, piece
        if self.headers["x-amz-checksum-mode"] == "ENABLED":
            headers |= {"x-amz-checksum-crc64nvme": found.crc64nvme, "x-amz-checksum-type": "FULL_OBJECT"}
        return 200, headers | {"Content-Length": str(found.size_bytes)}, found.data

    # --- HTTP --------------------------------------------------------------------------------------------------------

    def _upload(self) -> S3Upload:
        upload = self.s3.uploads.get(self._query()["uploadId"])
        if upload is None or upload.key != self._key():
            raise _RefusedError(404, "NoSuchUpload")
        return upload

    def _key(self) -> str:
        _, _bucket, *key = unquote(urlsplit(self.path).path).split("/", 2)
        return "".join(key)  # requests that are for the bucket as a whole have none

    def _query(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(self.path).query, keep_blank_values=True).items()}

    def _object_headers(self) -> dict[str, str]:
        kept = ("content-type", "x-amz-storage-class", "x-amz-tagging")
        return {
            name.lower(): value
            for name, value in self.headers.items()
            if name.lower() in kept or name.lower().startswith("x-amz-meta-")
        }

    def _read_body(self, operation: Operation) -> _Body:
        body = _Body()
        keeps = self.s3.keeps_data or operation == "CompleteMultipartUpload"
        block = memoryview(bytearray(_BLOCK_BYTES))
        try:
            for count in self._fill(block, body):
                if self.fault and self.fault.effect == "damage" and not body.size_bytes:
                    block[0] ^= 1
                body.add(block[:count], keeps=keeps)
                self.s3.watch(operation, "receiving")
        except BodyRefusedError as refused:
            self.close_connection = True  # nobody knows where the next request begins
            raise _RefusedError(refused.status, refused.code) from refused
        return body

    def _fill(self, block: memoryview, body: _Body) -> Iterator[int]:
        """Yield how much of the body the block holds now, again and again until its end."""
        sent: Body = PlainBody(self.rfile, int(self.headers["Content-Length"] or 0))
        if self.headers["Transfer-Encoding"] == "chunked":
            sent = ChunkedBody(self.rfile)
        if self.s3.reads_frames and is_trailed(self.headers):
            framed = AwsChunkedBody(sent, self.headers)
            yield from _drain(framed, block)
            body.trailer = framed.trailers.get(CHECKSUM_HEADER)
            if sent.readinto(block):
                raise BodyRefusedError(400, "IncompleteBody")
        else:
            yield from _drain(sent, block)

    def _answer(self, operation: Operation, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        if status != 204:
            for name, value in ({"Content-Length": str(len(body))} | headers).items():
                self.send_header(name, value)
        self.end_headers()
        if operation != "HeadObject" and status != 204:
            self.wfile.write(body)


class _Body:
    def __init__(self) -> None:
        self._blocks: list[bytes] = []
        self.crc = 0
        self.size_bytes = 0
        self.trailer: str | None = None

    @property
    def data(self) -> bytes:
        return b"".join(self._blocks)

    def add(self, block: memoryview, *, keeps: bool) -> None:
        self.crc = checksums.crc64nvme(block, self.crc)
        self.size_bytes += len(block)
        if keeps:
            self._blocks.append(bytes(block))


def _drain(body: Body, block: memoryview) -> Iterator[int]:
    while count := body.readinto(block):
        yield count


def main() -> None:
    """Print where it listens, on one line of standard output, and serve until ended."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--certificate", type=Path, required=True, help="file with certificate and key (PEM)")
    arguments = parser.parse_args()
    with S3Server(is_strict=False, certificate=arguments.certificate, keeps_data=False) as server:
        print(server.endpoint_url, flush=True)
        signal.pause()


if __name__ == "__main__":
    main()
