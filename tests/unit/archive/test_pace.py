"""How slow a source may be, by a clock of the test's."""

from __future__ import annotations

import pytest

from gopro_sync.archive.net.pace import LEAST_BYTES_PER_SECOND, STRETCH_SECONDS, Pace, SlowSourceError


class Line:
    """Brings bytes after a time; the reader may take its own time in between."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pace = Pace(lambda: self.now)

    def brings(self, byte_count: int, *, after: float) -> None:
        def receive() -> int:
            self.now += after
            return byte_count

        self.pace.watch(receive, int)

    def brings_for_ever(self, byte_count: int, *, after: float) -> None:
        while True:
            self.brings(byte_count, after=after)


def test_a_source_that_drips_is_given_up_after_half_a_minute() -> None:
    line = Line()
    with pytest.raises(SlowSourceError):
        line.brings_for_ever(1, after=10)
    assert line.now == STRETCH_SECONDS


def test_a_source_that_begins_well_and_then_drips_is_given_up() -> None:
    line = Line()
    for _ in range(100):
        line.brings(64 * 1024, after=1)
    with pytest.raises(SlowSourceError):
        line.brings_for_ever(100, after=1)
    assert line.now <= 100 + 2 * STRETCH_SECONDS


def test_a_slow_line_that_an_invocation_can_use_is_borne() -> None:
    line = Line()
    for _ in range(900):
        line.brings(LEAST_BYTES_PER_SECOND, after=1)


def test_a_server_that_thinks_and_then_sends_is_borne() -> None:
    line = Line()
    for _ in range(100):
        line.brings(400, after=14)
        for _ in range(20):
            line.brings(512 * 1024, after=0.1)


def test_time_that_the_reader_takes_is_not_the_sources() -> None:
    line = Line()
    for _ in range(100):
        line.brings(1000, after=0.01)
        line.now += 60


def test_another_request_begins_afresh() -> None:
    line = Line()
    for _ in range(100):
        line.brings(1, after=14)
        line.brings(1, after=14)
        line.pace.begin(lambda: None)


def test_whoever_asks_may_end_it_between_any_two_bytes() -> None:
    line = Line()

    def stop() -> None:
        raise InterruptedError

    line.pace.begin(stop)
    with pytest.raises(InterruptedError):
        line.brings(1, after=1)
