"""A strict S3 on loopback, in memory: what the archive needs of it, and failures on demand.

Stricter than the mocks at hand: CRC64NVME of parts and of the whole, MpuObjectSize, If-None-Match on completion,
EntityTooSmall, paginated ListParts. It does not check signatures, only that requests are signed with v4.
ETags are no MD5s, as under SSE-KMS.
"""

from __future__ import annotations

import base64
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from http.server import BaseHTTPRequestHandler
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from awscrt import checksums

from gopro_sync.archive.part_plan import PartLimits
from gopro_sync.aws.clients import make_transfer_client
from tests.support.aws_environment import aws_environment
from tests.support.loopback_server import LoopbackHandler, LoopbackServer

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

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
    "corrupt",  # keep other bytes than were sent
    "slow",  # act after `seconds`
]
_Answer = tuple[int, dict[str, str], bytes]  # status, headers, body


@dataclass(slots=True, kw_only=True)
class S3Fault:
    """Misbehaviour at the next ``count`` requests of one operation, after ``skip`` good ones."""

    operation: Operation
    effect: Effect = "refuse"
    status: int = 500
    code: str = "InternalError"
    count: int = 1
    skip: int = 0
    seconds: float = 0.0


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
    """Returns base64 of the eight bytes, most significant first."""
    return base64.b64encode(crc.to_bytes(8, "big")).decode()


@dataclass
class S3Server:
    """Use as a context manager; everything is kept in plain attributes, for tests to look at and to break.

    Args:
        keeps_data: False keeps sizes and checksums only, for measurements.
        tells_part_checksums: whether UploadPart answers with the checksum that S3 computed.
        page_size: how many parts ListParts tells at once.
        limits: of the parts that it takes.
        watch: told of each request's moments, from the thread that serves it.
    """

    keeps_data: bool = True
    tells_part_checksums: bool = False
    page_size: int = 1000
    limits: PartLimits = field(default_factory=PartLimits)
    faults: list[S3Fault] = field(default_factory=list)
    objects: dict[str, S3Object] = field(default_factory=dict)
    uploads: dict[str, S3Upload] = field(default_factory=dict)
    requests: list[S3Request] = field(default_factory=list)
    watch: Callable[[Operation, Moment], None] = lambda _operation, _moment: None
    lock: threading.RLock = field(default_factory=threading.RLock)
    _server: LoopbackServer | None = None
    _created: int = 0

    def __enter__(self) -> Self:
        state: S3Server = self

        class Handler(_S3Handler):
            s3 = state

        self._server = LoopbackServer(Handler)
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.stop()

    @property
    def endpoint_url(self) -> str:
        """Where it listens."""
        assert self._server is not None
        return self._server.url

    @cached_property
    def client(self) -> S3Client:
        """The client of a transfer, as in production, for this server."""
        with aws_environment(endpoint_url=self.endpoint_url):
            return make_transfer_client()

    def forget(self) -> None:
        """Becomes as new."""
        self.keeps_data, self.tells_part_checksums, self.page_size = True, False, 1000
        self.limits = PartLimits()
        self.faults, self.objects, self.uploads, self.requests = [], {}, {}, []

    def count(self, operation: Operation, status: int = 200) -> int:
        """How often an operation was answered so."""
        return sum(r.operation == operation and r.status == status for r in self.requests)

    def parts_sent(self) -> list[int]:
        """The numbers of all parts that were taken, in order of arrival; a number twice was sent twice."""
        return [r.part_number for r in self.requests if r.part_number is not None and r.status == 200]

    def take_fault(self, operation: Operation) -> S3Fault | None:
        """Takes the fault that this request meets, if any."""
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
        """Opens an upload."""
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
        body = self._read_body(operation)
        try:
            self._refuse_if_told()
            status, headers, answer = self._act(operation, body)
        except _RefusedError as refused:
            status, headers = refused.status, {}
            answer = f"<Error><Code>{refused.code}</Code><Message>no</Message></Error>".encode()
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

    def _refuse_if_told(self) -> None:
        if "X-Amz-Signature" not in self._query() and "AWS4-HMAC-SHA256" not in self.headers["Authorization"]:
            raise _RefusedError(403, "AccessDenied")
        if self.fault and self.fault.effect == "refuse":
            raise _RefusedError(self.fault.status, self.fault.code)

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
        if self.headers["x-amz-checksum-algorithm"] != "CRC64NVME":
            raise _RefusedError(400, "TestExpectsCrc64Nvme")
        if self.headers["x-amz-checksum-type"] != "FULL_OBJECT":
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
        if self.fault and self.fault.effect == "corrupt":
            corrupt = bytes([body.data[0] ^ 1]) + body.data[1:]
            crc = checksums.crc64nvme(corrupt)
            part = S3Part(data=corrupt, size_bytes=len(corrupt), crc=crc, etag=f'"{crc:032x}"')
        if not (self.fault and self.fault.effect == "lose"):
            upload.parts[int(self._query()["partNumber"])] = part
        told = {"x-amz-checksum-crc64nvme": part.crc64nvme} if self.s3.tells_part_checksums else {}
        return 200, {"ETag": part.etag, **told}, b""

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
        listing = f"<IsTruncated>{truncated}</IsTruncated>{marker}{parts}"
        return 200, {}, f"<ListPartsResult>{listing}</ListPartsResult>".encode()

    def _complete(self, body: bytes) -> _Answer:
        upload = self._upload()
        if upload.key in self.s3.objects and self.headers["If-None-Match"] == "*":
            raise _RefusedError(412, "PreconditionFailed")
        parts = self._named_parts(upload, body.decode())
        size_bytes, crc = sum(part.size_bytes for part in parts), 0
        for part in parts:
            crc = checksums.combine_crc64nvme(crc, part.crc, part.size_bytes)
        if self.headers["x-amz-mp-object-size"] != str(size_bytes):
            raise _RefusedError(400, "InvalidRequest")
        # AWS takes the whole object's checksum only together with its type.
        if self.headers["x-amz-checksum-type"] != "FULL_OBJECT" or self.headers["x-amz-checksum-crc64nvme"] != s3_form(
            crc
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
        return 200, {}, b"<CompleteMultipartUploadResult></CompleteMultipartUploadResult>"

    def _named_parts(self, upload: S3Upload, xml: str) -> list[S3Part]:
        named = re.findall(r"<Part>(.*?)</Part>", xml, re.DOTALL)
        parts: list[S3Part] = []
        for position, text in enumerate(named, start=1):
            said = dict(re.findall(r"<(\w+)>([^<]*)</", text.replace("&quot;", '"')))
            part = upload.parts.get(int(said["PartNumber"]))
            if int(said["PartNumber"]) != position:
                raise _RefusedError(400, "InvalidPartOrder")
            if part is None or (part.etag, part.crc64nvme) != (said["ETag"], said["ChecksumCRC64NVME"]):
                raise _RefusedError(400, "InvalidPart")
            if position < len(named) and part.size_bytes < self.s3.limits.smallest_part_bytes:
                raise _RefusedError(400, "EntityTooSmall")
            parts.append(part)
        return parts

    def _put(self, body: _Body) -> _Answer:
        if self._key() in self.s3.objects and self.headers["If-None-Match"] == "*":
            raise _RefusedError(412, "PreconditionFailed")
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
        return 200, {"ETag": f'"{crc:032x}"'}, b""

    def _get(self) -> _Answer:
        found = self.s3.objects.get(self._key())
        if found is None:
            raise _RefusedError(404, "NoSuchKey")
        headers = {"ETag": f'"{found.etag}"', **found.headers}
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
        missing = int(self.headers.get("Content-Length", "0"))
        keeps = self.s3.keeps_data or operation == "CompleteMultipartUpload"
        while missing:
            block = self.rfile.read(min(missing, 1024 * 1024))
            if not block:
                raise ConnectionError("the client went away")
            missing -= len(block)
            body.add(block, keeps=keeps)
            self.s3.watch(operation, "receiving")
        return body

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

    @property
    def data(self) -> bytes:
        return b"".join(self._blocks)

    def add(self, block: bytes, *, keeps: bool) -> None:
        self.crc = checksums.crc64nvme(block, self.crc)
        self.size_bytes += len(block)
        if keeps:
            self._blocks.append(block)
