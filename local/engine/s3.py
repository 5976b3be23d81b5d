"""Patch the engine's S3: whole-object checksums, and what the published engine forgets or fails to refuse.

Bodies of any size are the business of ``s3_bodies``. The gaps that are closed here:

* CRC64NVME of a multipart object is a checksum of checksums there; on S3 it is that of the whole object.
* Without a declared algorithm there is no checksum at all; S3 computes CRC64NVME on its own and reports it.
* CRC64NVME is computed by a Python loop, 7 MB/s; here by awscrt.
* Parts smaller than 5 MiB are accepted; tags given at CreateMultipartUpload are lost; BucketKeyEnabled is not reported.
* A trailer is accepted anywhere: announced or not, behind a presigned URL, with any announced length or none.
"""

# ruff: noqa: SLF001  # a patch has to use the engine's private names
from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl
from xml.etree.ElementTree import Element, ParseError, SubElement, fromstring, tostring

from awscrt import checksums
from ministack import app
from ministack.services import s3

from local.aws_chunked import CHECKSUM_HEADER, AwsChunkedBody, BodyRefusedError, PlainBody, is_trailed
from local.engine import s3_bodies
from local.engine.patching import replace
from local.engine.s3_bodies import PartBeingJoined, RefusedBodyError
from local.engine.stored_bytes import StoredBytes

# An answer of the engine's S3: status, headers, body.
Answer = tuple[int, dict[str, str], bytes]

_SMALLEST_PART_BYTES = 5 * 1024 * 1024
_TYPE_HEADER = "x-amz-checksum-type"
_BUCKET_KEY_HEADER = "x-amz-server-side-encryption-bucket-key-enabled"

# Its `body` is that of the object whose upload this very thread is completing.
_completion = threading.local()


def apply() -> None:
    """Replace the handlers of the four operations that move a video, and the code that reads their bodies."""
    replace(app, "_decode_aws_chunked_body", _checking_frames(app._decode_aws_chunked_body))
    replace(app, "_incomplete_request_body_response", _naming_refusal(app._incomplete_request_body_response))
    s3_bodies.apply()
    replace(s3, "_crc64nvme", checksums.crc64nvme)
    replace(s3, "_bucket_default_sse_headers", _with_bucket_key(s3._bucket_default_sse_headers))
    replace(s3, "_SSE_STORED_HEADERS", (*s3._SSE_STORED_HEADERS, _BUCKET_KEY_HEADER))
    replace(s3, "_record_object_version", _with_whole_object_checksum(s3._record_object_version))
    replace(s3, "_put_object", _reporting_checksum(s3._put_object))
    replace(s3, "_create_multipart_upload", _keeping_tags(s3._create_multipart_upload))
    replace(s3, "_complete_multipart_upload", _completing(s3._complete_multipart_upload))


def _checking_frames(stock: Callable[..., bytes]) -> Callable[..., bytes]:
    def decode(body: bytes, headers: dict[str, str]) -> bytes:
        try:
            if is_trailed(headers):
                framed, block = (
                    AwsChunkedBody(PlainBody(BytesIO(body), len(body)), headers),
                    memoryview(bytearray(2**20)),
                )
                while framed.readinto(block):
                    pass
        except BodyRefusedError as refused:
            raise RefusedBodyError(refused) from refused
        return stock(body, headers)

    return decode


def _naming_refusal(stock: Callable[..., Answer | None]) -> Callable[..., Answer | None]:
    """Name the error that the engine is handling when it asks for this answer, since it does not pass it on."""

    def answer(*request: Any) -> Answer | None:
        as_published, error = stock(*request), sys.exception()
        if as_published is None or not isinstance(error, RefusedBodyError):
            return as_published
        return _refusal(error.refused.code, error.message, "", status=error.refused.status)

    return answer


def _with_whole_object_checksum(stock: Callable[..., str | None]) -> Callable[..., str | None]:
    """Add the checksum here, where every stored object passes with its record still open."""

    def record(bucket: str, key: str, prior: object, stored: dict[str, Any], data: bytes | StoredBytes) -> str | None:
        completed: StoredBytes | None = getattr(_completion, "body", None)
        if completed is not None:
            stored["body"], stored["size"], data = completed, len(completed), completed
        if not stored.get("checksums") or "CRC64NVME" in stored["checksums"]:
            stored["checksums"] = {"CRC64NVME": s3._compute_s3_checksum("CRC64NVME", data)}
            stored["checksum_type"] = "FULL_OBJECT"
        return stock(bucket, key, prior, stored, data)

    return record


def _reporting_checksum(stock: Callable[..., Answer]) -> Callable[..., Answer]:
    def put_object(bucket: str, key: str, body: bytes, headers: dict[str, str]) -> Answer:
        status, answered, answer_body = stock(bucket, key, body, headers)
        if status == 200:
            answered |= _checksum_headers(s3._buckets[bucket]["objects"][key])
        return status, answered, answer_body

    return put_object


def _keeping_tags(stock: Callable[..., Answer]) -> Callable[..., Answer]:
    def create_multipart_upload(bucket: str, key: str, headers: dict[str, str]) -> Answer:
        answer = stock(bucket, key, headers)
        if answer[0] == 200:
            upload_id = _text_of(fromstring(answer[2]), "UploadId")  # noqa: S314  # the engine's own answer
            upload = s3._multipart_uploads[upload_id]
            upload["tags"] = dict(parse_qsl(headers.get("x-amz-tagging", ""), keep_blank_values=True))
            if upload["checksum_algorithm"] == "CRC64NVME":
                answer[1][_TYPE_HEADER] = "FULL_OBJECT"
        return answer

    return create_multipart_upload


def _completing(stock: Callable[..., Answer]) -> Callable[..., Answer]:
    def complete(
        bucket: str, key: str, body: bytes, query: dict[str, Any], headers: dict[str, str] | None = None
    ) -> Answer:
        headers = dict(headers or {})
        upload_id = s3._qp(query, "uploadId")
        upload = s3._multipart_uploads.get(upload_id)
        if upload is None:  # unknown, or completed before: the engine answers both as S3 does
            return stock(bucket, key, body, query, headers)
        parts = [upload["parts"][number]["body"] for number in _part_numbers(body) if number in upload["parts"]]
        whole = StoredBytes.joined(parts)
        if any(len(part) < _SMALLEST_PART_BYTES for part in parts[:-1]):
            message = "Your proposed upload is smaller than the minimum allowed size"
            return _refusal("EntityTooSmall", message, f"/{bucket}/{key}")
        # Compared here: the engine would compare it with its checksum of checksums.
        claimed = headers.pop(CHECKSUM_HEADER, None)
        if claimed is not None and claimed != s3._compute_s3_checksum("CRC64NVME", whole):
            message = "The CRC64NVME you specified did not match the calculated checksum."
            return _refusal("BadDigest", message, f"/{bucket}/{key}")
        answer = _without_joining(stock, whole, upload, bucket, key, body, query, headers)
        if answer[0] != 200:
            return answer
        stored = s3._buckets[bucket]["objects"][key]
        if upload["tags"]:
            s3._object_tags[bucket, key, stored.get("version_id")] = upload["tags"]
        completed = answer[0], answer[1], _naming_checksum(answer[2], stored)
        s3._completed_multipart_uploads[upload_id]["response"] = completed
        return completed

    return complete


def _without_joining(stock: Callable[..., Answer], whole: StoredBytes, upload: dict[str, Any], *request: Any) -> Answer:
    """Let the engine complete an upload without its parts' bytes; a refusal leaves the upload as it was."""
    parts = upload["parts"]
    upload["parts"] = {number: {**part, "body": PartBeingJoined(part["body"])} for number, part in parts.items()}
    _completion.body = whole
    try:
        return stock(*request)
    finally:
        _completion.body = None
        upload["parts"] = parts


def _with_bucket_key(stock: Callable[[str], dict[str, str]]) -> Callable[[str], dict[str, str]]:
    def default_headers(bucket: str) -> dict[str, str]:
        headers = stock(bucket)
        if "<BucketKeyEnabled>true<" in (s3._bucket_encryption.get(bucket) or ""):
            headers[_BUCKET_KEY_HEADER] = "true"
        return headers

    return default_headers


def _part_numbers(completion: bytes) -> list[int]:
    try:
        root = fromstring(completion)  # noqa: S314  # sent by our own functions
    except ParseError:  # the engine refuses it
        return []
    return sorted(int(element.text or 0) for element in root.iter() if _local_name(element) == "PartNumber")


def _checksum_headers(stored: dict[str, Any]) -> dict[str, str]:
    headers = {f"x-amz-checksum-{name.lower()}": value for name, value in stored["checksums"].items()}
    return {**headers, _TYPE_HEADER: stored.get("checksum_type") or "FULL_OBJECT"}


def _naming_checksum(answer: bytes, stored: dict[str, Any]) -> bytes:
    if "CRC64NVME" not in stored["checksums"]:
        return answer
    root = fromstring(answer)  # noqa: S314  # the engine's own answer
    for element in [child for child in root if _local_name(child).startswith("Checksum")]:
        root.remove(element)
    for name, value in (("ChecksumCRC64NVME", stored["checksums"]["CRC64NVME"]), ("ChecksumType", "FULL_OBJECT")):
        SubElement(root, f"{{{s3.S3_NS}}}{name}").text = value
    return bytes(tostring(root, encoding="utf-8", xml_declaration=True, default_namespace=s3.S3_NS))


def _text_of(root: Element, name: str) -> str:
    return next(element.text or "" for element in root.iter() if _local_name(element) == name)


def _local_name(element: Element) -> str:
    return element.tag.rsplit("}", 1)[-1]


def _refusal(code: str, message: str, resource: str, *, status: int = 400) -> Answer:
    status, headers, body = s3._error(code, message, status, resource)
    return status, headers, body
