"""A signed URL reaches the CDN as it was signed, and nothing of it is told."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.certificate import write_certificate
from gopro_sync.archive.net.pools import keep_addresses_out_of_the_log
from gopro_sync.archive.part_plan import PartLimits
from gopro_sync.archive.source import source_pool
from gopro_sync.errors import NetworkError
from local.simulator import Fault, FaultName
from tests.integration.archive.conftest import MIB, Bench
from tests.support.s3_server import TransferS3
from tests.support.source_server import SourceServer


@pytest.mark.parametrize(
    "odd_query",
    [
        "&response-content-disposition=attachment%3b%20filename*%3dUTF-8''caf%c3%a9.mp4",
        "&x[]=1|2^{3}`\\",
        "&x=..//./a;b=c&&d",
        '&name="GX 01.MP4"',
        "&name=caf\u00e9 \U0001f3a5",
        "&x=%zz%&y=100%",
        "&x=a+b~*$!@:?/",
    ],
)
def test_an_odd_url_is_sent_as_it_was_signed(bench: Bench, odd_query: str) -> None:
    bench.source.odd_query = odd_query
    bench.transfer()
    bench.assert_archived()
    assert bench.source.signed == 1


@pytest.mark.parametrize("level", [logging.DEBUG, logging.WARNING])
def test_no_log_tells_the_url_of_an_odd_answer(
    small_bench: Bench, caplog: pytest.LogCaptureFixture, level: int
) -> None:
    caplog.set_level(level)
    keep_addresses_out_of_the_log()
    small_bench.source.fail(Fault(FaultName.ODD_HEADERS, headers={"X-A": "1\r\n broken\r\n: :"}))
    small_bench.call()
    assert not small_bench.source.is_told_by(caplog.text)


@pytest.fixture
def tls_bench(video: bytes, s3: TransferS3, tmp_path: Path) -> Iterator[Bench]:
    """The CDN behind TLS."""
    write_certificate(tmp_path / "certificate.pem")
    with SourceServer(video, certificate=tmp_path / "certificate.pem") as source:
        source.odd_query = "&x=%3b[1]"
        yield Bench(source=source, s3=s3, limits=PartLimits(multipart_threshold_bytes=10 * MIB))


def test_the_same_goes_for_tls(tls_bench: Bench, tmp_path: Path) -> None:
    trusted = str(tmp_path / "certificate.pem")
    tls_bench.transfer(source_http=source_pool(workers=2, ca_bundle=trusted, allows_internal_addresses=True))
    tls_bench.assert_archived()


def test_a_cdn_that_is_not_trusted_is_not_read_from(tls_bench: Bench) -> None:
    with pytest.raises(NetworkError, match="SSLCertVerificationError"):
        tls_bench.transfer()
    assert tls_bench.source.requests == []


def test_connections_are_kept_from_part_to_part(tls_bench: Bench, tmp_path: Path) -> None:
    pool = source_pool(workers=1, ca_bundle=str(tmp_path / "certificate.pem"), allows_internal_addresses=True)
    tls_bench.transfer(source_http=pool, workers=1)
    assert len(tls_bench.source.requests) > 3
    assert tls_bench.source.connections == 1
