"""The S3 side: one object, by multipart upload or by one PutObject.

Control calls go through botocore. Bytes go through urllib3 (signature v4 over the headers, the body unsigned inside
TLS): with awscrt installed botocore signs in C and refuses a body that cannot be rewound, and it copies in 16 KiB
blocks.

The checksum of a body is known only after it was sent, so it comes behind it (``trailed_body.py``), and S3 refuses a
body that is another one. What S3 then says that it holds is compared, too, and the checksums of all parts and of the
whole are handed over at completion, where S3 refuses what differs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypedDict, cast
from urllib.parse import urlencode

import urllib3
from botocore.exceptions import ClientError
from urllib3.exceptions import HTTPError

from gopro_sync.archive.integrity import Crc64Nvme, StreamHasher
from gopro_sync.archive.net.pools import BLOCK_BYTES, open_pool
from gopro_sync.archive.trailed_body import CHECKSUM_HEADER, TrailedBody
from gopro_sync.aws.answers import Call, Service, Turn, TurnError, answer_of
from gopro_sync.aws.signed_put import sign_put
from gopro_sync.errors import AccessDeniedError, RequestRefusedError, StorageError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

CONNECT_TIMEOUT_SECONDS: Final = 10.0
IDLE_TIMEOUT_SECONDS: Final = 20.0  # for one block to leave, or for the answer after the last one

# These four are turns of the protocol, not failures of the system: `transfer` handles them all and none leaves it.


class UploadVanishedError(Exception):
    """S3 does not know the upload: completed, aborted, or expired by a lifecycle rule."""


class UploadConflictError(Exception):
    """S3 will never complete this upload: another write to the key was under way. A new one has to be made."""


class ObjectExistsError(Exception):
    """The key is not as it has to be: ``If-None-Match: *``, or the ``If-Match`` of a new version, stopped the write."""


class PartsRefusedError(Exception):
    """S3 did not complete the upload: a part is lost or is not what we say it is."""


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
    """Make the connections that carry bytes to S3.

    Args:
        workers: how many connections are kept open.
        ca_bundle: path of the certificates to trust instead of the system's.
    """
    return open_pool(workers=workers, ca_bundle=ca_bundle)


class BucketWriter:
    """Writes objects into one bucket, never over an existing one but the one that is named.

    Encryption is the bucket's default. Every method raises AccessDeniedError, StorageError, and ConfigurationError if
    there is no such bucket.

    Args:
        s3: S3 client for control calls; the bytes are sent to where it leads, with its credentials.
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
        """Streams one part, which S3 takes only if its checksum is the one said. Errors of ``blocks`` pass unchanged.

        Args:
            key: the upload's.
            upload_id: the upload.
            number: of the part, from 1.
            size_bytes: how many bytes ``blocks`` has.
            blocks: its bytes.
            checksum: tells the checksum of the bytes, once all of them are read.

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
        _check("UploadPart", answer, Turn.UPLOAD_UNKNOWN)
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
        with _answer_of("ListParts", Turn.UPLOAD_UNKNOWN) as call:
            pages = self._s3.get_paginator("list_parts").paginate(Bucket=self.bucket, Key=key, UploadId=upload_id)
            for page in pages:
                # Without parts a page is a true one only if it says which upload it is about; each byte of an upload
                # whose parts are not listed would be sent again.
                call.field(page, "UploadId")
                for part in page.get("Parts", []):
                    held[call.field(part, "PartNumber")] = HeldPart(
                        etag=call.field(part, "ETag"),
                        size_bytes=call.field(part, "Size"),
                        crc64nvme=part.get("ChecksumCRC64NVME"),
                    )
        return held

    def open_uploads(self, key: str) -> list[str]:
        """Return the ids of all uploads that are open for a key."""
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
        """Make the object out of its parts, which S3 compares with our sizes and checksums.

        Args:
            key: the upload's.
            upload_id: the upload.
            parts: all of them.
            whole: of the whole file.
            replaces: the ETag of the object that is to get a new version; None for a key that is to be free.

        Raises:
            ObjectExistsError: the key is taken, or not by the object that is to be replaced.
            PartsRefusedError: S3 lost a part or holds another one.
            UploadConflictError: another write to the key came between.
            UploadVanishedError: S3 does not know the upload.
        """
        completed: list[CompletedPartTypeDef] = [
            {"PartNumber": part.number, "ETag": part.etag, "ChecksumCRC64NVME": str(part.crc64nvme)} for part in parts
        ]
        with _answer_of("CompleteMultipartUpload", *_TURNS) as call:
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
            # S3 begins with status 200 and blanks, to keep the connection, and says later what came of it:
            # https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html
            return WrittenObject(etag=call.text(answer, "ETag"), crc64nvme=_checksum_of_whole(answer))

    def abort_upload(self, *, key: str, upload_id: str) -> None:
        """Give up an upload and the parts that S3 holds of it; nothing happens if it is not there."""
        try:
            with _answer_of("AbortMultipartUpload", Turn.UPLOAD_UNKNOWN):
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
        """Streams an object, which S3 makes only if its checksum is the one said. Errors of ``blocks`` pass unchanged.

        Args:
            description: what it carries.
            size_bytes: how many bytes ``blocks`` has.
            blocks: its bytes.
            checksum: tells the checksum of the bytes, once all of them are read.
            replaces: the ETag of the object that is to get a new version; None for a key that is to be free.

        Raises:
            ObjectExistsError: the key is taken, or not by the object that is to be replaced.
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
        _check("PutObject", answer, Turn.CONDITION_FAILED, Turn.NOT_THERE)
        with _answer_of("PutObject") as call:
            return WrittenObject(etag=call.text(answer.headers, "ETag"), crc64nvme=answer.headers.get(CHECKSUM_HEADER))

    def describe_object(self, key: str) -> StoredObject | None:
        """Return size, checksum and metadata of an object; None if there is none."""
        try:
            with answer_of(Service.S3, "HeadObject", Turn.NOT_THERE) as call:
                answer = self._s3.head_object(Bucket=self.bucket, Key=key, ChecksumMode="ENABLED")
                return StoredObject(
                    size_bytes=call.field(answer, "ContentLength"),
                    etag=call.field(answer, "ETag"),
                    crc64nvme=_checksum_of_whole(answer),
                    metadata=answer.get("Metadata", {}),
                )
        except TurnError:
            return None

    def checksum_of_piece(self, *, key: str, etag: str, offset: int, size_bytes: int) -> Crc64Nvme | None:
        """Return the checksum of a piece of an object, read anew.

        Args:
            key: where it lies.
            etag: S3's ETag of the object that is meant.
            offset: where the piece begins.
            size_bytes: of the piece.

        Returns:
            None if S3 does not give it: another object lies there by now, or none, or it may not be read, as in the
            archive classes (``InvalidObjectState``: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html).
        """
        hasher = StreamHasher()
        try:
            with answer_of(Service.S3, "GetObject", Turn.NOT_THERE, Turn.CONDITION_FAILED) as call:
                answer = self._s3.get_object(
                    Bucket=self.bucket, Key=key, IfMatch=etag, Range=f"bytes={offset}-{offset + size_bytes - 1}"
                )
                for block in call.field(answer, "Body").iter_chunks(BLOCK_BYTES):
                    hasher.update(block)
        except (TurnError, AccessDeniedError, RequestRefusedError):
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
    # A composite checksum is one of checksums, which says nothing that we could compare.
    is_whole = answer.get("ChecksumType", "FULL_OBJECT") == "FULL_OBJECT"
    return answer.get("ChecksumCRC64NVME") if is_whole else None


class _Condition(TypedDict, total=False):
    IfMatch: str
    IfNoneMatch: str


_CONDITION_HEADERS: Final = {"IfMatch": "If-Match", "IfNoneMatch": "If-None-Match"}


def _condition(replaces: str | None) -> _Condition:
    return {"IfNoneMatch": "*"} if replaces is None else {"IfMatch": replaces}


_TURNS: Final = {
    Turn.UPLOAD_UNKNOWN: UploadVanishedError,
    Turn.UPLOAD_CONFLICTS: UploadConflictError,
    Turn.CONDITION_FAILED: ObjectExistsError,
    Turn.NOT_THERE: ObjectExistsError,  # the one that was to be replaced has gone
    Turn.PARTS_REFUSED: PartsRefusedError,
}


@contextmanager
def _answer_of(operation: str, *turns: Turn) -> Iterator[Call]:
    try:
        with answer_of(Service.S3, operation, *turns) as call:
            yield call
    except TurnError as refused:
        raise _TURNS[refused.turn](f"{operation}: {refused.code}") from refused


def _check(operation: str, answer: urllib3.BaseHTTPResponse, *turns: Turn) -> None:
    """Raise what an answer means that botocore has not read."""
    if answer.status == 200 and b"<Error>" not in answer.data:
        return
    code = re.search(rb"<Code>([A-Za-z0-9.]{1,60})</Code>", answer.data)
    read: Any = {
        "Error": {"Code": code[1].decode() if code else str(answer.status)},
        "ResponseMetadata": {
            "HTTPStatusCode": answer.status,
            "HTTPHeaders": {name.lower(): value for name, value in answer.headers.items()},
        },
    }
    with _answer_of(operation, *turns):
        raise ClientError(read, operation)
