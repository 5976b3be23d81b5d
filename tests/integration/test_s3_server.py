"""The S3 that tests and bench use refuses what S3 refuses."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import urllib3
from botocore.credentials import Credentials

from tests.support.s3_server import TransferS3
from tests.support.trailed_requests import CHECKSUM_HEADER, CONTENT, REFUSALS, Trailed, crc64nvme, signed

CREDENTIALS = Credentials("fake-key-id", "fake-secret-key", "fake-token")


@pytest.fixture(scope="module")
def server() -> Iterator[TransferS3]:
    with TransferS3() as running:
        yield running


@pytest.fixture
def s3(server: TransferS3) -> TransferS3:
    server.forget()
    return server


@pytest.fixture(scope="module")
def http() -> urllib3.PoolManager:
    return urllib3.PoolManager()


@pytest.mark.parametrize("is_part", [False, True])
def test_a_body_with_its_checksum_is_kept_without_its_frames(
    s3: TransferS3, http: urllib3.PoolManager, is_part: bool
) -> None:
    upload = s3.new_upload("k", {})
    address = f"{s3.endpoint_url}/archive/k" + (f"?partNumber=1&uploadId={upload}" if is_part else "")
    answer = Trailed().send(http, address, CREDENTIALS)
    assert (answer.status, answer.headers[CHECKSUM_HEADER]) == (200, crc64nvme(CONTENT))
    assert (s3.uploads[upload].parts[1] if is_part else s3.objects["k"]).data == CONTENT
    assert "content-encoding" not in (s3.uploads[upload].headers if is_part else s3.objects["k"].headers)


@pytest.mark.parametrize(("wrong", "status", "code"), REFUSALS)
def test_a_body_that_is_not_as_announced_is_refused_and_nothing_is_kept(
    s3: TransferS3, http: urllib3.PoolManager, wrong: Trailed, status: int, code: str
) -> None:
    answer = wrong.send(http, f"{s3.endpoint_url}/archive/k", CREDENTIALS)
    assert (answer.status, f"<Code>{code}</Code>".encode() in answer.data) == (status, True), answer.data
    assert s3.objects == {}


def test_a_presigned_url_takes_no_trailer(s3: TransferS3, http: urllib3.PoolManager) -> None:
    url = s3.client.generate_presigned_url("put_object", Params={"Bucket": "archive", "Key": "k"})
    answer = http.request("PUT", url, body=Trailed().body, headers=Trailed().headers, retries=False)
    assert (answer.status, s3.objects) == (400, {})
    assert b"<Code>MalformedTrailerError</Code>" in answer.data


def test_a_header_of_s3_that_is_not_signed_is_refused(s3: TransferS3, http: urllib3.PoolManager) -> None:
    url = f"{s3.endpoint_url}/archive/k"
    headers = signed(url, Trailed().headers, CREDENTIALS) | {"x-amz-tagging": "a=b"}
    answer = http.request("PUT", url, body=Trailed().body, headers=headers, retries=False)
    assert (answer.status, s3.objects) == (403, {})


def test_a_body_without_a_checksum_is_refused_where_ours_must_give_one(
    s3: TransferS3, http: urllib3.PoolManager
) -> None:
    url = s3.client.generate_presigned_url("put_object", Params={"Bucket": "archive", "Key": "k"})
    assert http.request("PUT", url, body=CONTENT, retries=False).status == 400
