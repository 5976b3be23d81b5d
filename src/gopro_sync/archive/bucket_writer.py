"""The S3 side: one object, by multipart upload or by one PutObject.

Control calls go through botocore. Bytes go through urllib3 (signature v4 over the headers, the body unsigned inside
TLS): with awscrt installed botocore signs in C and refuses a body that cannot be rewound, and it copies in 16 KiB
blocks.

The checksum of a body is known only after it was sent, so it follows as a trailer (``trailed_body.py``), and S3 rejects
a body that does not match. What S3 then reports is compared as well, and the checksums of all parts and of the whole
are sent with the completion, where S3 rejects any difference.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import unescape
from typing import TYPE_CHECKING, Any, Final, TypedDict, cast
from urllib.parse import urlencode

import urllib3
from botocore.exceptions import ClientError
from urllib3.exceptions import HTTPError

from gopro_sync.archive.integrity import Crc64Nvme, StreamHasher
from gopro_sync.archive.net.pools import BLOCK_BYTES, open_pool
from gopro_sync.archive.trailed_body import CHECKSUM_HEADER, TrailedBody
from gopro_sync.aws.answers import Call, ExpectedRefusal, ExpectedRefusalError, Service, answer_of
from gopro_sync.aws.signed_put import sign_put
from gopro_sync.errors import AccessDeniedError, RequestRefusedError, StorageError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

CONNECT_TIMEOUT_SECONDS: Final = 10.0
IDLE_TIMEOUT_SECONDS: Final = 20.0  # for one block to leave, or for the answer after the last one

# These four are outcomes that the protocol provides for, not failures: `transfer` handles them, and none leaves it.


class UploadVanishedError(Exception):
    """S3 does not know the upload: completed, aborted, or expired by a lifecycle rule."""


class UploadConflictError(Exception):
    """S3 will never complete this upload: another write to the key was under way. A new one has to be opened."""


class ObjectExistsError(Exception):
    """The key is not as expected: ``If-None-Match: *``, or the ``If-Match`` of a new version, stopped the write."""


class PartsRefusedError(Exception):
    """S3 did not complete the upload: it has lost a part, or holds other bytes than ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectDescription:
    """What an object carries besides its bytes."""

    key: str
    content_type: str
    tags: Mapping[str, str]
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldPart:
    """A part as S3 lists it; the checksum is in S3's form."""

    etag: str
    size_bytes: int
    crc64nvme: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadedPart:
    """A part to complete the upload with."""

    number: int
    etag: str
    crc64nvme: Crc64Nvme


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenObject:
    """An object as S3 answers to its writer: the ETag with its quotes, the checksum of the whole in S3's form."""

    etag: str
    crc64nvme: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """A finished object as S3 describes it: the ETag with its quotes, the checksum of the whole object in S3's form."""

    size_bytes: int
    etag: str
    crc64nvme: str | None
    metadata: Mapping[str, str]


def storage_pool(*, workers: int, ca_bundle: str | None = None) -> urllib3.PoolManager:
    """Create the connection pool that carries bytes to S3.

    Args:
        workers: how many connections to keep open.
        ca_bundle: path of the certificates to trust instead of the system's.
    """
    return open_pool(workers=workers, ca_bundle=ca_bundle)


class BucketWriter:
    """Write objects into one bucket. An existing object is replaced only where the caller names it.

    Encryption is the bucket's default. Every method raises AccessDeniedError, StorageError, and, if there is no such
    bucket, ConfigurationError.

    Args:
        s3: S3 client for control calls; its endpoint and credentials also serve the calls that carry bytes.
        http: connections from ``storage_pool``.
        bucket: name of the bucket.
    """

    def __init__(self, *, s3: S3Client, http: urllib3.PoolManager, bucket: str) -> None:
        self._s3 = s3
        self._http = http
        self.bucket: Final = bucket

    def create_upload(self, description: ObjectDescription) -> str:
        """Open a multipart upload and return its id."""
        with _answer_of("CreateMultipartUpload") as call:
            answer = self._s3.create_multipart_upload(
                Bucket=self.bucket,
                Key=description.key,
                ContentType=description.content_type,
                Metadata=dict(description.metadata),
                Tagging=urlencode(description.tags),
                StorageClass="STANDARD",
                ChecksumAlgorithm="CRC64NVME",
                ChecksumType="FULL_OBJECT",
            )
            return call.text(answer, "UploadId")

    def send_part(
        self,
        *,
        key: str,
        upload_id: str,
        number: int,
        size_bytes: int,
        blocks: Iterable[bytes],
        checksum: Callable[[], Crc64Nvme],
    ) -> HeldPart:
        """Stream one part; S3 accepts it only if its checksum is as announced. Errors of ``blocks`` pass unchanged.

        Args:
            key: the upload's key.
            upload_id: the upload's id.
            number: the part's number, from 1.
            size_bytes: how many bytes ``blocks`` has.
            blocks: its bytes.
            checksum: returns the checksum of the bytes, once all of them are read.

        Raises:
            UploadVanishedError: S3 does not know the upload.
        """
        answer = self._put(
            "UploadPart",
            key,
            query={"partNumber": number, "uploadId": upload_id},
            headers={},
            body=TrailedBody(blocks, size_bytes=size_bytes, checksum=checksum),
        )
        _check("UploadPart", answer, ExpectedRefusal.UPLOAD_UNKNOWN)
        with _answer_of("UploadPart") as call:
            return HeldPart(
                etag=call.field(answer.headers, "ETag"),
                size_bytes=size_bytes,
                crc64nvme=answer.headers.get(CHECKSUM_HEADER),
            )

    def list_parts(self, *, key: str, upload_id: str) -> dict[int, HeldPart]:
        """Return what S3 holds of an upload, by part number.

        Raises:
            UploadVanishedError: S3 does not know the upload.
        """
        held = dict[int, HeldPart]()
        with _answer_of("ListParts", ExpectedRefusal.UPLOAD_UNKNOWN) as call:
            pages = self._s3.get_paginator("list_parts").paginate(Bucket=self.bucket, Key=key, UploadId=upload_id)
            for page in pages:
                # A page without parts is genuine only if it names the upload it is about: otherwise every byte of an
                # upload whose parts are missing from the list would be sent again.
                call.field(page, "UploadId")
                for part in page.get("Parts", []):
                    held[call.field(part, "PartNumber")] = HeldPart(
                        etag=call.field(part, "ETag"),
                        size_bytes=call.field(part, "Size"),
                        crc64nvme=part.get("ChecksumCRC64NVME"),
                    )
        return held

    def open_uploads(self, key: str) -> list[str]:
        """Return the ids of all open uploads for a key."""
        with _answer_of("ListMultipartUploads") as call:
            pages = self._s3.get_paginator("list_multipart_uploads").paginate(Bucket=self.bucket, Prefix=key)
            return [
                call.field(upload, "UploadId")
                for page in pages
                for upload in page.get("Uploads", [])
                if call.field(upload, "Key") == key
            ]

    def complete_upload(
        self,
        *,
        key: str,
        upload_id: str,
        parts: Sequence[UploadedPart],
        whole: Crc64Nvme,
        replaces: str | None = None,
    ) -> WrittenObject:
        """Complete an upload into an object; S3 compares the parts with our sizes and checksums.

        Args:
            key: the upload's key.
            upload_id: the upload's id.
            parts: all of them.
            whole: checksum of the whole file.
            replaces: the ETag of the object that gets a new version; None if the key must be free.

        Raises:
            ObjectExistsError: the key is taken, or holds another object than the one to be replaced.
            PartsRefusedError: S3 lost a part or holds another one.
            UploadConflictError: another write to the key intervened.
            UploadVanishedError: S3 does not know the upload.
        """
        completed: list[CompletedPartTypeDef] = [
            {"PartNumber": part.number, "ETag": part.etag, "ChecksumCRC64NVME": str(part.crc64nvme)} for part in parts
        ]
        with _answer_of("CompleteMultipartUpload", *_ERRORS) as call:
            answer = self._s3.complete_multipart_upload(
                Bucket=self.bucket,
                Key=key,
                UploadId=upload_id,
                MultipartUpload={"Parts": completed},
                MpuObjectSize=whole.size_bytes,
                ChecksumCRC64NVME=str(whole),
                # S3 takes the checksum of the whole only if its type is repeated here.
                ChecksumType="FULL_OBJECT",
                **_condition(replaces),
            )
            # S3 starts with status 200 and blanks to keep the connection open, and reports the outcome later:
            # https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html
            return WrittenObject(etag=call.text(answer, "ETag"), crc64nvme=_checksum_of_whole(answer))

    def abort_upload(self, *, key: str, upload_id: str) -> None:
        """Abort an upload and drop the parts that S3 holds of it; do nothing if it does not exist."""
        try:
            with _answer_of("AbortMultipartUpload", ExpectedRefusal.UPLOAD_UNKNOWN):
                self._s3.abort_multipart_upload(Bucket=self.bucket, Key=key, UploadId=upload_id)
        except UploadVanishedError:
            return

    def put_object(
        self,
        description: ObjectDescription,
        *,
        size_bytes: int,
        blocks: Iterable[bytes],
        checksum: Callable[[], Crc64Nvme],
        replaces: str | None = None,
    ) -> WrittenObject:
        """Stream an object; S3 accepts it only if its checksum is as announced. Errors of ``blocks`` pass unchanged.

        Args:
            description: what it carries.
            size_bytes: how many bytes ``blocks`` has.
            blocks: its bytes.
            checksum: returns the checksum of the bytes, once all of them are read.
            replaces: the ETag of the object that gets a new version; None if the key must be free.

        Raises:
            ObjectExistsError: the key is taken, or holds another object than the one to be replaced.
        """
        headers = {
            "Content-Type": description.content_type,
            **{_CONDITION_HEADERS[name]: value for name, value in _condition(replaces).items()},
            "x-amz-storage-class": "STANDARD",
            "x-amz-tagging": urlencode(description.tags),
            **{f"x-amz-meta-{name}": value for name, value in description.metadata.items()},
        }
        body = TrailedBody(blocks, size_bytes=size_bytes, checksum=checksum)
        answer = self._put("PutObject", description.key, query={}, headers=headers, body=body)
        _check("PutObject", answer, ExpectedRefusal.CONDITION_FAILED, ExpectedRefusal.NOT_THERE)
        with _answer_of("PutObject") as call:
            return WrittenObject(etag=call.text(answer.headers, "ETag"), crc64nvme=answer.headers.get(CHECKSUM_HEADER))

    def describe_object(self, key: str) -> StoredObject | None:
        """Return size, checksum and metadata of an object; None if there is none."""
        try:
            with answer_of(Service.S3, "HeadObject", ExpectedRefusal.NOT_THERE) as call:
                answer = self._s3.head_object(Bucket=self.bucket, Key=key, ChecksumMode="ENABLED")
                return StoredObject(
                    size_bytes=call.field(answer, "ContentLength"),
                    etag=call.field(answer, "ETag"),
                    crc64nvme=_checksum_of_whole(answer),
                    metadata=answer.get("Metadata", {}),
                )
        except ExpectedRefusalError:
            return None

    def checksum_of_piece(self, *, key: str, etag: str, offset: int, size_bytes: int) -> Crc64Nvme | None:
        """Read a piece of an object and return its checksum.

        Args:
            key: the object's key.
            etag: S3's ETag of the object meant.
            offset: where the piece begins.
            size_bytes: size of the piece.

        Returns:
            None if S3 does not return it: the key holds another object by now, or none, or one that cannot be read, as
                in
            the archive classes (``InvalidObjectState``:
            https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html).
        """
        hasher = StreamHasher()
        try:
            with answer_of(
                Service.S3, "GetObject", ExpectedRefusal.NOT_THERE, ExpectedRefusal.CONDITION_FAILED
            ) as call:
                answer = self._s3.get_object(
                    Bucket=self.bucket, Key=key, IfMatch=etag, Range=f"bytes={offset}-{offset + size_bytes - 1}"
                )
                for block in call.field(answer, "Body").iter_chunks(BLOCK_BYTES):
                    hasher.update(block)
        except (ExpectedRefusalError, AccessDeniedError, RequestRefusedError):
            return None
        if hasher.crc64nvme.size_bytes != size_bytes:
            raise StorageError("S3 answered GetObject with another number of bytes than asked")
        return hasher.crc64nvme

    def _put(
        self,
        operation: str,
        key: str,
        *,
        query: Mapping[str, str | int],
        headers: Mapping[str, str],
        body: TrailedBody,
    ) -> urllib3.BaseHTTPResponse:
        with _answer_of(operation):
            put = sign_put(self._s3, bucket=self.bucket, key=key, query=query, headers={**headers, **body.headers})
        try:
            return self._http.request(
                "PUT",
                put.url,
                body=cast("Iterable[bytes]", body),  # a view of bytes is sent as bytes are
                headers=put.headers,
                redirect=False,
                retries=False,
                timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT_SECONDS, read=IDLE_TIMEOUT_SECONDS),
            )
        except HTTPError as error:
            raise StorageError(f"S3 broke off {operation}: {type(error).__name__}") from error


def _checksum_of_whole(answer: Mapping[str, Any]) -> str | None:
    # A composite checksum is a checksum of checksums, with which we could compare nothing.
    is_whole = answer.get("ChecksumType", "FULL_OBJECT") == "FULL_OBJECT"
    return answer.get("ChecksumCRC64NVME") if is_whole else None


class _Condition(TypedDict, total=False):
    IfMatch: str
    IfNoneMatch: str


_CONDITION_HEADERS: Final = {"IfMatch": "If-Match", "IfNoneMatch": "If-None-Match"}


def _condition(replaces: str | None) -> _Condition:
    return {"IfNoneMatch": "*"} if replaces is None else {"IfMatch": replaces}


_ERRORS: Final = {
    ExpectedRefusal.UPLOAD_UNKNOWN: UploadVanishedError,
    ExpectedRefusal.UPLOAD_CONFLICTS: UploadConflictError,
    ExpectedRefusal.CONDITION_FAILED: ObjectExistsError,
    ExpectedRefusal.NOT_THERE: ObjectExistsError,  # the one that was to be replaced has gone
    ExpectedRefusal.PARTS_REFUSED: PartsRefusedError,
}


@contextmanager
def _answer_of(operation: str, *expected: ExpectedRefusal) -> Iterator[Call]:
    try:
        with answer_of(Service.S3, operation, *expected) as call:
            yield call
    except ExpectedRefusalError as refused:
        raise _ERRORS[refused.kind](f"{operation}: {refused.code}") from refused


def _check(operation: str, answer: urllib3.BaseHTTPResponse, *expected: ExpectedRefusal) -> None:
    """Raise the error that an answer stands for, where botocore did not read it."""
    if answer.status == 200 and b"<Error>" not in answer.data:
        return
    code = re.search(rb"<Code>([A-Za-z0-9.]{1,60})</Code>", answer.data)
    # Of all elements only these two: others repeat the request, with its signature and token.
    message = re.search(rb"<Message>([^<]{1,400})", answer.data) if code else None
    read: Any = {
        "Error": {
            "Code": code[1].decode() if code else str(answer.status),
            "Message": unescape(message[1].decode(errors="replace")) if message else "",
        },
        "ResponseMetadata": {
            "HTTPStatusCode": answer.status,
            "HTTPHeaders": {name.lower(): value for name, value in answer.headers.items()},
        },
    }
    with _answer_of(operation, *expected):
        raise ClientError(read, operation)
