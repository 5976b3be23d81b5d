"""Large bodies lie in files while S3 has them, and nowhere when it has them no more; memory stays what it was."""

from __future__ import annotations

import hashlib
import random
import resource
import socket
import ssl
import time
from collections.abc import Callable
from io import BytesIO
from urllib.parse import urlsplit

import pytest
import urllib3

from tests.integration.engine.conftest import AS_PUBLISHED, Engine
from tests.integration.engine.test_s3 import Upload
from tests.support.trailed_requests import crc64nvme

_MIB = 1024 * 1024
_PATIENCE_SECONDS = 10

pytestmark = pytest.mark.skipif(AS_PUBLISHED, reason="the engine as published keeps bodies in memory")


def noise(size_bytes: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(size_bytes)  # reproducible


@pytest.fixture
def kept(engine: Engine) -> Callable[[], int]:
    """Tell how many files with bodies there are, beside those that other tests left."""
    folder = engine.temporary / "s3-bodies"

    def files() -> int:
        return len(list(folder.iterdir())) if folder.exists() else 0

    before = files()
    return lambda: files() - before


def comes_true(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return condition()


def finished_upload(engine: Engine, *parts: bytes) -> Upload:
    upload = Upload(engine)
    upload.send(*parts)
    upload.complete()
    return upload


def test_an_object_of_several_parts_is_read_whole_and_in_pieces(engine: Engine) -> None:
    parts = [noise(5 * _MIB + 3, 1), noise(5 * _MIB, 2), noise(7, 3)]
    content, upload = b"".join(parts), finished_upload(engine, *parts)
    s3, where = upload.s3, upload.where
    seams = (0, 5 * _MIB + 3, 10 * _MIB + 3)

    whole = s3.get_object(**where, ChecksumMode="ENABLED")
    pieces = [(max(seam - 2, 0), seam + 2) for seam in seams] + [(0, len(content) - 1), (len(content) - 1, 10**12)]
    read = [s3.get_object(**where, Range=f"bytes={first}-{last}")["Body"].read() for first, last in pieces]

    assert whole["Body"].read() == content
    assert (whole["ContentLength"], whole["ChecksumCRC64NVME"]) == (len(content), crc64nvme(content))
    assert read == [content[first : last + 1] for first, last in pieces]
    assert s3.get_object(**where, Range="bytes=-9")["Body"].read() == content[-9:]
    second = s3.generate_presigned_url("get_object", Params={**where, "PartNumber": 2})
    assert upload.pool.request("GET", second).data == parts[1]
    digests = b"".join(hashlib.md5(part, usedforsecurity=False).digest() for part in parts)
    assert whole["ETag"] == f'"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-3"'


def test_a_tool_that_moves_parts_at_once_gets_back_what_it_sent(engine: Engine) -> None:
    """boto3's transfers, which the AWS CLI makes, too: parts of 8 MiB with a checksum each, read in ranges."""
    s3, where, content, read = engine.client("s3"), {"Bucket": engine.bucket(), "Key": "k"}, noise(17 * _MIB), BytesIO()
    s3.upload_fileobj(BytesIO(content), **where)
    s3.download_fileobj(**where, Fileobj=read)
    assert s3.head_object(**where)["ETag"].endswith('-3"')
    assert read.getvalue() == content


def test_copies_hold_the_same_bytes_and_outlive_their_source(engine: Engine, kept: Callable[[], int]) -> None:
    parts = [noise(5 * _MIB, 4), noise(2 * _MIB, 5)]
    content, upload = b"".join(parts), finished_upload(engine, *parts)
    s3, where = upload.s3, upload.where
    copy, assembled = {**where, "Key": "copy"}, {**where, "Key": "assembled"}

    s3.copy_object(**copy, CopySource=where)
    upload_id = s3.create_multipart_upload(**assembled)["UploadId"]
    ranges = ["bytes=1-5242881", f"bytes=5242882-{len(content) - 1}"]
    copied = [
        s3.upload_part_copy(**assembled, UploadId=upload_id, PartNumber=n, CopySource=where, CopySourceRange=r)
        for n, r in enumerate(ranges, start=1)
    ]
    listed = [{"PartNumber": n, "ETag": c["CopyPartResult"]["ETag"]} for n, c in enumerate(copied, start=1)]
    s3.complete_multipart_upload(**assembled, UploadId=upload_id, MultipartUpload={"Parts": listed})
    s3.delete_object(**where)

    assert s3.get_object(**copy)["Body"].read() == content
    answer = s3.get_object(**assembled, ChecksumMode="ENABLED")
    assert (answer["Body"].read(), answer["ChecksumCRC64NVME"]) == (content[1:], crc64nvme(content[1:]))
    assert kept() == 2
    for key in ("copy", "assembled"):
        s3.delete_object(**{**where, "Key": key})
    assert comes_true(lambda: kept() == 0)


def test_an_older_version_is_read_until_it_is_deleted_and_takes_no_room_then(
    engine: Engine, kept: Callable[[], int]
) -> None:
    s3, where = engine.client("s3"), {"Bucket": engine.bucket(), "Key": "k"}
    s3.put_bucket_versioning(Bucket=where["Bucket"], VersioningConfiguration={"Status": "Enabled"})
    old, new = noise(2 * _MIB, 6), noise(2 * _MIB, 7)
    first, second = (s3.put_object(**where, Body=content)["VersionId"] for content in (old, new))

    assert s3.get_object(**where, VersionId=first)["Body"].read() == old
    assert s3.get_object(**where)["Body"].read() == new
    assert kept() == 2
    for version in (first, second):
        s3.delete_object(**where, VersionId=version)
    assert comes_true(lambda: kept() == 0)


def test_what_is_refused_aborted_or_replaced_takes_no_room(engine: Engine, kept: Callable[[], int]) -> None:
    upload = Upload(engine)
    upload.send(noise(2 * _MIB))
    upload.parts.clear()
    upload.send(noise(3 * _MIB))  # the same part again
    assert comes_true(lambda: kept() == 1)
    upload.s3.abort_multipart_upload(**upload.where, UploadId=upload.upload_id)
    nobody = engine.client("s3", access_key_id="AKIANOBODY", secret_access_key="nothing")
    with pytest.raises(Exception, match="InvalidAccessKeyId"):
        nobody.put_object(**upload.where, Body=noise(2 * _MIB))
    assert comes_true(lambda: kept() == 0)


def test_a_client_that_goes_away_in_the_middle_leaves_nothing(engine: Engine, kept: Callable[[], int]) -> None:
    s3, where = engine.client("s3"), {"Bucket": engine.bucket(), "Key": "k"}
    url = urlsplit(s3.generate_presigned_url("put_object", Params=where))
    context = ssl.create_default_context(cafile=str(engine.ca_bundle))
    with (
        socket.create_connection((url.hostname, url.port)) as plain,
        context.wrap_socket(plain, server_hostname=url.hostname) as connection,
    ):
        head = f"PUT {url.path}?{url.query} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Length: {4 * _MIB}\r\n\r\n"
        connection.sendall(head.encode() + noise(_MIB))
        assert comes_true(lambda: kept() == 1)
    assert comes_true(lambda: kept() == 0)
    assert s3.list_objects_v2(Bucket=where["Bucket"])["KeyCount"] == 0


def test_a_large_upload_is_an_object_whatever_its_type_says(engine: Engine) -> None:
    s3, where, content = engine.client("s3"), {"Bucket": engine.bucket(), "Key": "k"}, noise(2 * _MIB)
    s3.put_object(**where, Body=content, ContentType="application/x-www-form-urlencoded")
    assert s3.get_object(**where)["Body"].read() == content


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
def test_a_large_body_is_checked_by_whatever_checksum_the_client_likes(engine: Engine, algorithm: str) -> None:
    s3, where = engine.client("s3"), {"Bucket": engine.bucket(), "Key": "k"}
    s3.put_object(**where, Body=noise(2 * _MIB), ChecksumAlgorithm=algorithm)  # botocore sends its own checksum along
    assert s3.get_object(**where, ChecksumMode="ENABLED")["Body"].read() == noise(2 * _MIB)


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="only Linux limits another process")
def test_what_does_not_fit_on_the_disk_is_refused_in_one_sentence(engine: Engine, kept: Callable[[], int]) -> None:
    s3, where = engine.client("s3"), {"Bucket": engine.bucket(), "Key": "k"}
    url = s3.generate_presigned_url("put_object", Params=where)
    soft, hard = resource.prlimit(engine.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(engine.pid, resource.RLIMIT_FSIZE, (_MIB, hard))  # EFBIG, where a full disk says ENOSPC
    try:
        answer = urllib3.PoolManager(ca_certs=str(engine.ca_bundle)).request("PUT", url, body=noise(2 * _MIB))
    finally:
        resource.prlimit(engine.pid, resource.RLIMIT_FSIZE, (soft, hard))
    assert (answer.status, b"<Code>InvalidRequest</Code>" in answer.data) == (400, True)
    assert f"cannot keep the body in {engine.temporary}".encode() in answer.data
    assert comes_true(lambda: kept() == 0)
