"""S3 keeps and checks here what S3 keeps and checks."""

from __future__ import annotations

import base64
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3
from awscrt import checksums
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from local.aws_client import make_client
from local.engine.environment import DEFAULT_REGION, ROOT_ACCESS_KEY_ID, ROOT_SECRET_ACCESS_KEY
from tests.integration.engine.conftest import AS_PUBLISHED, Engine, running_engine
from tests.support.trailed_requests import CHECKSUM_HEADER, CONTENT, REFUSALS, Trailed, crc64nvme

_MIB = 1024 * 1024
_DECLARED = {"ChecksumAlgorithm": "CRC64NVME", "ChecksumType": "FULL_OBJECT"}


def _crc64nvme(data: bytes) -> str:
    return base64.b64encode(checksums.crc64nvme(data).to_bytes(8)).decode()


class Upload:
    """A multipart upload whose parts are sent as ours are: to presigned URLs, with unsigned payloads."""

    def __init__(self, engine: Engine, **settings: Any) -> None:
        self.s3 = engine.client("s3")
        self.where = {"Bucket": engine.bucket(), "Key": "videos/GX010001.MP4"}
        created = self.s3.create_multipart_upload(**self.where, **settings)
        self.upload_id = created["UploadId"]
        self.pool = urllib3.PoolManager(ca_certs=str(engine.ca_bundle))
        self.parts: list[dict[str, Any]] = []

    def send(self, *bodies: bytes) -> list[str | None]:
        """Sends parts; gives the checksum that S3 reports for each."""
        reported = []
        for body in bodies:
            number = len(self.parts) + 1
            request = {**self.where, "UploadId": self.upload_id, "PartNumber": number}
            url = self.s3.generate_presigned_url("upload_part", Params=request)
            blocks = (body[offset : offset + _MIB] for offset in range(0, len(body), _MIB))
            answer = self.pool.request("PUT", url, body=blocks, headers={"Content-Length": str(len(body))})
            assert answer.status == 200, answer.data
            self.parts.append({"PartNumber": number, "ETag": answer.headers["ETag"]})
            reported.append(answer.headers.get("x-amz-checksum-crc64nvme"))
        return reported

    def complete(self, **settings: Any) -> dict[str, Any]:
        completed: dict[str, Any] = self.s3.complete_multipart_upload(
            **self.where, UploadId=self.upload_id, MultipartUpload={"Parts": self.parts}, **settings
        )
        return completed

    def head(self) -> dict[str, Any]:
        answer: dict[str, Any] = self.s3.head_object(**self.where, ChecksumMode="ENABLED")
        return answer


@pytest.fixture(
    scope="module", params=["large bodies in files"] if AS_PUBLISHED else ["large bodies in files", "all in files"]
)
def engine(
    request: pytest.FixtureRequest, engine: Engine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    """The engine of all tests, and one that keeps small bodies as it keeps large ones."""
    if request.param != "all in files":
        yield engine
        return
    with running_engine(tmp_path_factory.mktemp("engine"), "tests.integration.engine.all_in_files") as started:
        yield started


@pytest.fixture(scope="module")
def two_parts() -> tuple[bytes, bytes]:
    return os.urandom(5 * _MIB), os.urandom(_MIB + 7)


@pytest.mark.gap
def test_the_checksum_of_a_multipart_object_is_that_of_the_whole_object(
    engine: Engine, two_parts: tuple[bytes, bytes]
) -> None:
    upload = Upload(engine, **_DECLARED)
    whole = _crc64nvme(b"".join(two_parts))

    reported = upload.send(*two_parts)
    listed = upload.s3.list_parts(**upload.where, UploadId=upload.upload_id)["Parts"]
    completed = upload.complete(ChecksumCRC64NVME=whole, MpuObjectSize=sum(map(len, two_parts)), IfNoneMatch="*")
    head = upload.head()

    assert reported == [_crc64nvme(part) for part in two_parts] == [part["ChecksumCRC64NVME"] for part in listed]
    assert (completed["ChecksumCRC64NVME"], completed["ChecksumType"]) == (whole, "FULL_OBJECT")
    assert (head["ChecksumCRC64NVME"], head["ChecksumType"]) == (whole, "FULL_OBJECT")


@pytest.mark.gap
def test_a_wrong_whole_object_checksum_refuses_the_completion(
    engine: Engine, two_parts: tuple[bytes, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = Upload(engine, **_DECLARED)
    upload.send(*two_parts)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")  # botocore takes BadDigest for a fault of the line, and tries again
    upload.s3 = make_client("s3", region=DEFAULT_REGION, endpoint_url=engine.endpoint_url, ca_bundle=engine.ca_bundle)

    with pytest.raises(ClientError, match="BadDigest"):
        upload.complete(ChecksumCRC64NVME=_crc64nvme(b"another video"))
    assert upload.complete(ChecksumCRC64NVME=_crc64nvme(b"".join(two_parts)))["ETag"].endswith('-2"')


@pytest.mark.gap
def test_without_a_declared_algorithm_s3_computes_crc64nvme_by_itself(
    engine: Engine, two_parts: tuple[bytes, bytes]
) -> None:
    upload = Upload(engine)
    upload.send(*two_parts)
    completed = upload.complete()

    assert upload.head()["ChecksumCRC64NVME"] == completed["ChecksumCRC64NVME"] == _crc64nvme(b"".join(two_parts))


@pytest.mark.gap
def test_a_single_put_is_answered_with_the_checksum_of_the_object(engine: Engine) -> None:
    s3, where = engine.client("s3"), {"Bucket": engine.bucket(), "Key": "GX010001.MP4"}
    url = s3.generate_presigned_url("put_object", Params=where)

    answer = urllib3.PoolManager(ca_certs=str(engine.ca_bundle)).request("PUT", url, body=b"video")

    assert answer.headers["x-amz-checksum-crc64nvme"] == _crc64nvme(b"video")
    assert s3.head_object(**where, ChecksumMode="ENABLED")["ChecksumCRC64NVME"] == _crc64nvme(b"video")


@pytest.mark.gap
def test_a_part_under_5_mib_that_is_not_the_last_refuses_the_completion(engine: Engine) -> None:
    upload = Upload(engine)
    upload.send(b"x" * (5 * _MIB - 1), b"y")

    with pytest.raises(ClientError, match="EntityTooSmall"):
        upload.complete()


@pytest.mark.gap
def test_tags_given_when_the_upload_was_created_are_on_the_object(engine: Engine) -> None:
    upload = Upload(engine, Tagging="Source=GoPro&UploadDate=2026-05-01", Metadata={"media-id": "m1"})
    upload.send(b"video")
    upload.complete()

    tags = upload.s3.get_object_tagging(**upload.where)["TagSet"]

    assert tags == [{"Key": "Source", "Value": "GoPro"}, {"Key": "UploadDate", "Value": "2026-05-01"}]
    assert upload.head()["Metadata"] == {"media-id": "m1"}


@pytest.mark.gap
def test_the_bucket_key_of_the_default_encryption_is_reported(engine: Engine) -> None:
    s3, bucket = engine.client("s3"), engine.bucket()
    key_id = engine.client("kms").create_key()["KeyMetadata"]["KeyId"]
    by_default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key_id}
    rule = {"ApplyServerSideEncryptionByDefault": by_default, "BucketKeyEnabled": True}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})

    written = s3.put_object(Bucket=bucket, Key="k", Body=b"v")

    assert written["BucketKeyEnabled"] is True
    assert s3.head_object(Bucket=bucket, Key="k")["BucketKeyEnabled"] is True


@pytest.mark.gap
def test_checksums_do_not_slow_a_large_upload_down(engine: Engine) -> None:
    """The engine as published needs ten seconds for the checksum alone."""
    upload, part = Upload(engine, **_DECLARED), bytes(64 * _MIB)

    started = time.monotonic()
    upload.send(part)
    upload.complete()

    assert time.monotonic() - started < 6


def test_an_object_that_exists_is_not_overwritten_unasked(engine: Engine) -> None:
    upload = Upload(engine)
    upload.send(b"second")
    upload.s3.put_object(**upload.where, Body=b"first")

    with pytest.raises(ClientError, match="PreconditionFailed"):
        upload.complete(IfNoneMatch="*")


def test_a_completion_that_names_another_size_is_refused(engine: Engine) -> None:
    upload = Upload(engine)
    upload.send(b"video")

    with pytest.raises(ClientError, match="InvalidRequest"):
        upload.complete(MpuObjectSize=6)


def test_a_presigned_url_carries_no_more_rights_than_its_signer(engine: Engine) -> None:
    role = engine.role("lambda.amazonaws.com", "s3:GetObject")
    assumed = engine.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    signer = engine.client(
        "s3",
        access_key_id=assumed["AccessKeyId"],
        secret_access_key=assumed["SecretAccessKey"],
        session_token=assumed["SessionToken"],
    )
    url = signer.generate_presigned_url("put_object", Params={"Bucket": engine.bucket(), "Key": "k"})

    answer = urllib3.PoolManager(ca_certs=str(engine.ca_bundle)).request("PUT", url, body=b"video")

    assert answer.status == 403
    assert b"s3:PutObject" in answer.data


ROOT = Credentials(ROOT_ACCESS_KEY_ID, ROOT_SECRET_ACCESS_KEY)
# The engine as published refuses these as S3 does.
REFUSED_AS_PUBLISHED = {
    *("other bytes", "another checksum", "a length too large", "a length too small", "no number", "chunk too long"),
    *("no end of a chunk", "no last chunk", "more behind the trailer"),
}


def put_trailed(engine: Engine, request: Trailed, *, credentials: Credentials = ROOT) -> tuple[str, Any]:
    """Puts an object with a trailer; gives the bucket and the answer."""
    bucket = engine.bucket()
    http = urllib3.PoolManager(ca_certs=str(engine.ca_bundle))
    return bucket, request.send(http, f"{engine.endpoint_url}/{bucket}/k", credentials)


@pytest.mark.gap
def test_a_body_with_its_checksum_is_kept_without_its_frames(engine: Engine) -> None:
    bucket, answer = put_trailed(engine, Trailed())
    kept = engine.client("s3").get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert (answer.status, answer.headers[CHECKSUM_HEADER]) == (200, crc64nvme(CONTENT)), answer.data
    assert (kept["Body"].read(), kept["ChecksumCRC64NVME"]) == (CONTENT, crc64nvme(CONTENT))
    assert "ContentEncoding" not in kept


@pytest.mark.parametrize(
    ("wrong", "status", "code"),
    [
        refusal
        if refusal.id in REFUSED_AS_PUBLISHED
        else pytest.param(*refusal.values, id=refusal.id, marks=pytest.mark.gap)
        for refusal in REFUSALS
    ],
)
def test_a_body_that_is_not_as_announced_is_refused_and_nothing_is_kept(
    engine: Engine, wrong: Trailed, status: int, code: str
) -> None:
    bucket, answer = put_trailed(engine, wrong)
    assert (answer.status, f"<Code>{code}</Code>".encode() in answer.data) == (status, True), answer.data
    assert engine.client("s3").list_objects_v2(Bucket=bucket)["KeyCount"] == 0


@pytest.mark.gap
@pytest.mark.parametrize("operation", ["put_object", "upload_part"])
def test_a_presigned_url_takes_no_trailer(engine: Engine, operation: str) -> None:
    upload = Upload(engine)
    part = {"UploadId": upload.upload_id, "PartNumber": 1} if operation == "upload_part" else {}
    url = upload.s3.generate_presigned_url(operation, Params=upload.where | part)
    answer = upload.pool.request("PUT", url, body=Trailed().body, headers=Trailed().headers)
    assert answer.status == 400
    assert b"<Code>MalformedTrailerError</Code>" in answer.data


def session(engine: Engine, *actions: str) -> Credentials:
    """Temporary credentials of a new role."""
    role = engine.role("lambda.amazonaws.com", *actions)
    assumed = engine.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    return Credentials(assumed["AccessKeyId"], assumed["SecretAccessKey"], assumed["SessionToken"])


def test_a_trailed_request_with_another_signature_or_token_is_refused(engine: Engine) -> None:
    right = session(engine, "s3:PutObject")
    _, answer = put_trailed(engine, Trailed(), credentials=right)
    assert answer.status == 200
    _, answer = put_trailed(engine, Trailed(), credentials=Credentials(right.access_key, "another", right.token))
    assert (answer.status, b"<Code>SignatureDoesNotMatch</Code>" in answer.data) == (403, True)
    _, answer = put_trailed(engine, Trailed(), credentials=Credentials(right.access_key, right.secret_key, "another"))
    assert (answer.status, b"<Code>InvalidToken</Code>" in answer.data) == (400, True), answer.data


def test_a_trailed_request_carries_no_more_rights_than_its_signer(engine: Engine) -> None:
    _, answer = put_trailed(engine, Trailed(), credentials=session(engine, "s3:GetObject"))
    assert (answer.status, b"s3:PutObject" in answer.data) == (403, True)


def test_a_piece_is_read_of_the_object_that_is_meant_and_of_no_other(engine: Engine) -> None:
    s3, where = engine.client("s3"), {"Bucket": engine.bucket(), "Key": "videos/piece.MP4"}
    etag = s3.put_object(**where, Body=b"0123456789")["ETag"]
    assert s3.get_object(**where, IfMatch=etag, Range="bytes=7-9")["Body"].read() == b"789"
    with pytest.raises(ClientError, match=r"PreconditionFailed|412"):
        s3.get_object(**where, IfMatch='"another"', Range="bytes=7-9")


@pytest.mark.gap
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="peak memory is read from /proc")
def test_memory_does_not_grow_with_the_object(engine: Engine) -> None:
    status, part, count = Path(f"/proc/{engine.pid}/status"), os.urandom(8 * _MIB), 8

    def megabytes(field: str) -> float:
        return int(re.search(rf"{field}:\s+(\d+) kB", status.read_text())[1]) / 1000  # type: ignore[index]

    Path(f"/proc/{engine.pid}/clear_refs").write_text("5")  # the peak begins anew; see proc_pid_clear_refs(5)
    before = megabytes("VmRSS")
    upload = Upload(engine)
    upload.send(*[part] * count)
    upload.complete()
    body: Any = upload.s3.get_object(**upload.where)["Body"]
    crc = 0
    for block in body.iter_chunks(_MIB):
        crc = checksums.crc64nvme(block, crc)

    assert crc == checksums.crc64nvme(part * count)
    assert megabytes("VmHWM") - before < 20  # the object has 67
