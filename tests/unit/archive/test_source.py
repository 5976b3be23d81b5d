from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from urllib.parse import quote

import pytest

from gopro_sync.archive.net.source_address import read_address
from gopro_sync.archive.source import SignedUrl
from gopro_sync.errors import GoProApiChangedError
from tests.support.odd_values import NO_NUMBERS

NOW = 1_800_000_000.0


class Gopro:
    """Signs a new URL at each call."""

    def __init__(self, lifetime_seconds: int | None = 3600) -> None:
        self.lifetime_seconds = lifetime_seconds
        self.now = NOW
        self.calls = 0

    def sign(self) -> str:
        self.calls += 1
        expires = "" if self.lifetime_seconds is None else f"&Expires={int(self.now) + self.lifetime_seconds}"
        return f"https://cdn.example/video?Signature=secret{self.calls}{expires}"

    def signed_url(self) -> SignedUrl:
        return SignedUrl(self.sign, wall_clock=lambda: datetime.fromtimestamp(self.now, UTC), lock=threading.Lock())


def test_a_url_is_kept_until_a_minute_before_it_runs_out() -> None:
    gopro = Gopro()
    url = gopro.signed_url()
    first = url.current()
    gopro.now += 3539
    assert url.current() == first
    gopro.now += 1
    assert url.current() != first
    assert gopro.calls == 2


def test_a_short_lived_url_is_used_for_half_its_life() -> None:
    gopro = Gopro(lifetime_seconds=10)
    url = gopro.signed_url()
    first = url.current()
    gopro.now += 4
    assert url.current() == first
    gopro.now += 1
    assert url.current() != first


@pytest.mark.parametrize("lifetime_seconds", [None, -500])
def test_a_url_without_a_believable_end_is_kept_until_it_is_refused(lifetime_seconds: int | None) -> None:
    gopro = Gopro(lifetime_seconds)
    url = gopro.signed_url()
    first = url.current()
    gopro.now += 86_400
    assert url.current() == first
    assert url.renew(first) != first


@pytest.mark.parametrize("expires", [*NO_NUMBERS, "9" * 18, "9" * 5_000, "%1F", "%D9%A3"])
def test_a_url_with_an_end_that_is_no_time_is_kept_until_it_is_refused(expires: str) -> None:
    url = SignedUrl(
        lambda: f"https://cdn.example/video?Expires={quote(expires)}",
        wall_clock=lambda: datetime.fromtimestamp(NOW, UTC),
        lock=threading.Lock(),
    )
    first = url.current()
    assert url.current() == first


def test_workers_that_were_refused_together_share_one_renewal() -> None:
    gopro = Gopro()
    url = gopro.signed_url()
    rejected = url.current()
    barrier = threading.Barrier(8)

    def worker(_: int) -> str:
        barrier.wait()
        return url.renew(rejected)

    with ThreadPoolExecutor(8) as threads:
        renewed = set(threads.map(worker, range(8)))
    assert len(renewed) == 1
    assert gopro.calls == 2


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080/x", "http://localhost/x", "http://[::1]:1/x", "https://a.b/x"])
def test_https_and_loopback_are_taken(url: str) -> None:
    assert read_address(url).host in {"127.0.0.1", "localhost", "::1", "a.b"}


@pytest.mark.parametrize("url", ["http://127.0.0.1.evil.example/x", "http://10.0.0.1/x", "file:///etc/passwd"])
def test_bytes_never_travel_in_the_clear(url: str) -> None:
    with pytest.raises(GoProApiChangedError):
        read_address(url)
