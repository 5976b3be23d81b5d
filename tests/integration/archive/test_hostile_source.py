"""GoPro's answers are not trusted: where they lead, and what comes back from there."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from gopro_sync.archive.source import source_pool
from gopro_sync.errors import GoProApiChangedError, NetworkError, SourceResponseError
from local.simulator import Fault, FaultName
from tests.integration.archive.conftest import Bench

METADATA_ADDRESSES = ["169.254.169.254", "[fd00:ec2::254]", "100.100.100.200", "169.254.170.2"]
OWN_NETWORK = ["10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "[fe80::1]", "[fc00::1]", "0.0.0.0", "[::]"]
OWN_MACHINE = ["127.0.0.1", "127.1.2.3", "localhost", "[::1]", "[::ffff:127.0.0.1]"]
ODDLY_WRITTEN = ["2130706433", "0x7f000001", "0177.0.0.1", "0x7f.1", "127.1", "[fe80::1%25eth0]"]


def refused(bench: Bench, url: str) -> str:
    """What a transfer from there says; nothing may be connected to."""
    bench.sign = lambda: url
    with pytest.raises(GoProApiChangedError) as caught:
        bench.transfer(source_http=source_pool(workers=2))
    assert bench.s3.objects == {}
    return str(caught.value)


@pytest.mark.parametrize("host", [*METADATA_ADDRESSES, *OWN_NETWORK, *OWN_MACHINE, *ODDLY_WRITTEN])
@pytest.mark.parametrize("scheme", ["https", "http"])
def test_a_link_to_an_internal_address_is_not_followed(
    small_bench: Bench, monkeypatch: pytest.MonkeyPatch, scheme: str, host: str
) -> None:
    def connect(*_: Any) -> None:
        raise AssertionError("it was connected to")

    monkeypatch.setattr(socket.socket, "connect", connect)
    refused(small_bench, f"{scheme}://{host}:9001/2018-06-01/runtime/invocation/next?Signature=fake-signature")


def test_a_name_that_resolves_to_an_internal_address_is_not_followed(
    small_bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = small_bench.source.sign().split(":")[2].split("/")[0]
    answers = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", int(port)))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)
    stated = refused(small_bench, f"https://cdn.example:{port}/video?Signature=fake-signature")
    assert "cdn.example, which is not on the public internet" in stated
    assert "fake-signature" not in stated
    assert small_bench.source.requests == []


def test_a_name_that_resolves_differently_the_second_time_is_not_followed(
    small_bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = int(small_bench.source.sign().split(":")[2].split("/")[0])
    addresses = iter(["93.184.215.14"])

    def resolve(*_: object, **__: object) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(addresses, "127.0.0.1"), port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    refused(small_bench, f"https://cdn.example:{port}/video")
    assert small_bench.source.requests == []


@pytest.mark.parametrize(
    "url",
    [
        "http://cdn.example/video",
        "file:///etc/passwd",
        "ftp://cdn.example/video",
        "javascript:alert(1)",
        "//cdn.example/video",
        "https://",
        "https://cdn.example:port/video",
        "https://cdn.example\r\nX-Evil: 1/video",
        "https://cdn\texample/video",
        "https://[cdn.example/video",
    ],
)
def test_what_is_no_https_url_is_not_followed(small_bench: Bench, url: str) -> None:
    assert "Evil" not in refused(small_bench, url)


@pytest.mark.parametrize("location", ["https://elsewhere.example/", "http://169.254.169.254/latest/meta-data/"])
def test_a_redirect_of_the_cdn_is_not_followed(small_bench: Bench, location: str) -> None:
    small_bench.source.fail(Fault(FaultName.REDIRECT, location=location), hits_probe=True)
    with pytest.raises(SourceResponseError, match="answered 302"):
        small_bench.transfer()


@pytest.mark.parametrize("total", ["0", "9" * 19, "9" * 5000, "-1", "1e9", "*"])
def test_an_absurd_size_is_named_and_not_believed(small_bench: Bench, total: str) -> None:
    small_bench.source.headers = {"Content-Range": f"bytes 0-0/{total}"}
    with pytest.raises((SourceResponseError, NetworkError)):
        small_bench.transfer()


@pytest.mark.parametrize("length", ["0", "2", "1e0", "-1", "1\x1f", "9" * 5000])
def test_a_length_other_than_the_asked_one_is_named(small_bench: Bench, length: str) -> None:
    small_bench.source.headers = {"Content-Length": length}
    with pytest.raises((SourceResponseError, NetworkError)):
        small_bench.transfer()


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_pause_that_cannot_be_read_counts_as_not_asked_for(small_bench: Bench, status: int) -> None:
    small_bench.source.fail(Fault(FaultName.SERVER_ERROR, status=status, retry_after="0\x1f", count=1))
    small_bench.transfer()
    assert small_bench.slept == [0.375]


@pytest.mark.parametrize(
    "etag",
    ["x" * 257, "x" * 10_000, "a\x1fb", "a b", 'a", "b', 'a","b', ""],
    ids=["long", "longer", "control", "blank", "two headers", "two without a blank", "empty"],
)
def test_an_etag_that_cannot_be_kept_or_is_several_is_as_none(small_bench: Bench, etag: str) -> None:
    small_bench.source.etag = etag
    assert small_bench.transfer().file.source_etag is None


@pytest.mark.parametrize("etag", ["x" * 254, "\xe9" * 254, "a,b", "%41"], ids=["long", "not ASCII", "comma", "escape"])
def test_an_odd_etag_that_can_be_kept_is(small_bench: Bench, etag: str) -> None:
    small_bench.source.etag = etag
    assert small_bench.transfer().file.source_etag == etag


def test_headers_without_end_are_cut_off(small_bench: Bench) -> None:
    small_bench.source.headers = {f"X-{number}": "x" for number in range(1000)}
    with pytest.raises(NetworkError):
        small_bench.transfer()
