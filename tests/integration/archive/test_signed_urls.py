"""A signed URL reaches the CDN as it was signed, and nothing of it is told."""

from __future__ import annotations

import logging

import pytest

from gopro_sync.archive.net.pools import keep_addresses_out_of_the_log
from local.simulator import Fault, FaultName
from tests.integration.archive.conftest import Bench


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
