"""Where the bytes go: to the bucket's own region, which no engine on this machine can show."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from gopro_sync.aws import clients
from gopro_sync.aws.signed_put import SignedPut, sign_put

BUCKET = "gopro-archive-bucket-123456789012"


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_PROFILE", "AWS_CONFIG_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "fake-key-id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "fake-secret-key")
    clients.aws_session.cache_clear()
    yield
    clients.aws_session.cache_clear()


def part_sent(monkeypatch: pytest.MonkeyPatch, region: str, *, bucket: str = BUCKET) -> SignedPut:
    monkeypatch.setenv("AWS_DEFAULT_REGION", region)
    query: dict[str, str | int] = {"partNumber": 1, "uploadId": "u"}
    s3 = clients.make_transfer_client()
    return sign_put(s3, bucket=bucket, key="gopro-videos/2026/05/a.MP4", query=query, headers={})


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("us-east-1", f"{BUCKET}.s3.amazonaws.com"),
        ("eu-central-1", f"{BUCKET}.s3.eu-central-1.amazonaws.com"),
        ("eu-central-2", f"{BUCKET}.s3.eu-central-2.amazonaws.com"),  # must be opted into
        ("eu-south-1", f"{BUCKET}.s3.eu-south-1.amazonaws.com"),  # must be opted into
        ("us-gov-west-1", f"{BUCKET}.s3.us-gov-west-1.amazonaws.com"),
        ("cn-north-1", f"{BUCKET}.s3.cn-north-1.amazonaws.com.cn"),
    ],
)
def test_a_part_goes_to_the_bucket_in_its_region_and_is_signed_for_it(
    monkeypatch: pytest.MonkeyPatch, region: str, host: str
) -> None:
    sent = part_sent(monkeypatch, region)
    url = urlsplit(sent.url)
    assert (url.scheme, url.hostname, url.path) == ("https", host, "/gopro-videos/2026/05/a.MP4")
    scope = sent.headers["Authorization"].partition("Credential=")[2].partition(",")[0]
    assert scope.split("/")[2:] == [region, "s3", "aws4_request"]


def test_a_bucket_with_dots_in_its_name_is_named_by_the_path_since_no_certificate_covers_its_host(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = urlsplit(part_sent(monkeypatch, "eu-central-1", bucket="my.videos").url)
    assert (url.hostname, url.path) == ("s3.eu-central-1.amazonaws.com", "/my.videos/gopro-videos/2026/05/a.MP4")


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"])
@pytest.mark.parametrize("endpoint", ["https://127.0.0.1:4566", "http://localhost:9000"])
def test_an_s3_that_is_not_aws_is_asked_at_its_own_address(
    monkeypatch: pytest.MonkeyPatch, variable: str, endpoint: str
) -> None:
    monkeypatch.setenv(variable, endpoint)
    assert part_sent(monkeypatch, "eu-central-1").url.startswith(f"{endpoint}/{BUCKET}/gopro-videos/")
