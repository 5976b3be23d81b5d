"""A PUT whose body somebody else sends is signed as AWS computes it, and nobody is told with what."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final
from unittest.mock import patch

import pytest
from ministack.core import sigv4

from gopro_sync.aws import clients
from gopro_sync.aws.signed_put import SignedPut, sign_put
from tests.support.aws_environment import REGION, aws_environment

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

TOKEN: Final = "fake-session-token"
HEADERS: Final = {
    "Content-Length": "1",
    "x-amz-trailer": "x-amz-checksum-crc64nvme",
    "x-amz-meta-media-id": "a  b%C3%A4 ",
    "If-Match": '"c0ffee"',
}


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Client]:
    clients.aws_session.cache_clear()
    with aws_environment(), pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_SESSION_TOKEN", TOKEN)
        yield clients.make_transfer_client()
    clients.aws_session.cache_clear()


def put(s3: S3Client) -> SignedPut:
    query: dict[str, str | int] = {"partNumber": 1, "uploadId": "a+b/c d~e="}
    return sign_put(s3, bucket="archive", key="gopro-videos/2026/05/GX 01+\u00e9.MP4", query=query, headers=HEADERS)


def test_the_signature_is_the_one_that_a_server_computes(s3: S3Client) -> None:
    signed = put(s3)
    path, _, query = signed.url.removeprefix(f"https://archive.s3.{REGION}.amazonaws.com").partition("?")
    headers = {name.lower(): value for name, value in signed.headers.items()}
    headers["host"] = f"archive.s3.{REGION}.amazonaws.com"
    signature = sigv4.parse_header_signature(headers)
    assert isinstance(signature, sigv4.HeaderSignature)
    asked = dict(pair.split("=") for pair in query.split("&"))
    with patch.object(sigv4, "uri_encode", lambda text, **_: text):  # the query is taken as it was sent
        failure = sigv4.header_signature_failure(signature, "test", "PUT", path, asked, headers, b"")
    assert failure is None
    assert headers["x-amz-content-sha256"] == "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
    assert headers["x-amz-security-token"] == TOKEN
    assert {*(name.lower() for name in HEADERS), "x-amz-content-sha256", "x-amz-date", "x-amz-security-token"} <= set(
        signature.signed_headers.split(";")
    )


def test_the_address_holds_no_secret_and_all_of_the_query(s3: S3Client) -> None:
    assert put(s3).url == (
        f"https://archive.s3.{REGION}.amazonaws.com/gopro-videos/2026/05/GX%2001%2B%C3%A9.MP4"
        "?partNumber=1&uploadId=a%2Bb%2Fc%20d~e%3D"
    )


def test_neither_log_nor_description_tells_signature_or_token(s3: S3Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        signed = put(s3)
    secrets = (TOKEN, signed.headers["Authorization"].rpartition("=")[2])
    reported = [record.getMessage() for record in caplog.records] + [repr(signed), str(signed)]
    assert not [text for text in reported if any(secret in text for secret in secrets)]
