from __future__ import annotations

import math

import pytest

from gopro_sync.archive.retries import ATTEMPTS, LONGEST_WAIT_SECONDS, Retries
from gopro_sync.errors import (
    AccessDeniedError,
    GoProSyncError,
    IntegrityError,
    MediaGoneError,
    NetworkError,
    SourceChangedError,
    SourceResponseError,
    SourceUrlExpiredError,
    StorageError,
    ThrottledError,
)


class Work:
    """Fails so often with this error, then succeeds."""

    def __init__(self, error: GoProSyncError, times: int) -> None:
        self.error = error
        self.times = times
        self.calls = 0
        self.slept: list[float] = []

    def __call__(self) -> str:
        self.calls += 1
        if self.calls <= self.times:
            raise self.error
        return "done"

    def run(self, *, random: float = 0.999, seconds_left: float = math.inf) -> str:
        retries = Retries(sleep=self.slept.append, random=lambda: random, seconds_left=lambda: seconds_left)
        return retries.call("the work", self)


@pytest.mark.parametrize("kind", [NetworkError, ThrottledError, SourceResponseError, StorageError])
def test_what_may_pass_is_tried_again(kind: type[GoProSyncError]) -> None:
    work = Work(kind("passing"), ATTEMPTS - 1)
    assert work.run() == "done"
    assert work.calls == ATTEMPTS


@pytest.mark.parametrize(
    "kind", [AccessDeniedError, IntegrityError, MediaGoneError, SourceChangedError, SourceUrlExpiredError]
)
def test_what_will_not_pass_is_raised_at_once(kind: type[GoProSyncError]) -> None:
    work = Work(kind("lasting"), 99)
    with pytest.raises(kind):
        work.run()
    assert work.calls == 1


def test_tries_are_bounded_and_the_last_error_comes_out() -> None:
    work = Work(NetworkError("unreachable"), 99)
    with pytest.raises(NetworkError, match="unreachable"):
        work.run()
    assert work.calls == ATTEMPTS


def test_waits_double_and_are_spread_over_their_upper_half() -> None:
    early, late = Work(NetworkError("x"), 4), Work(NetworkError("x"), 4)
    early.run(random=0.0)
    late.run(random=1.0)
    assert early.slept == [0.25, 0.5, 1.0, 2.0]
    assert late.slept == [0.5, 1.0, 2.0, 4.0]
    assert max(late.slept) <= LONGEST_WAIT_SECONDS


def test_retry_after_is_the_least_wait() -> None:
    work = Work(ThrottledError("slow down", retry_after_seconds=9.5), 1)
    work.run()
    assert work.slept == [9.5]


@pytest.mark.parametrize(("asked", "seconds_left"), [(61.0, math.inf), (10.0, 9.0)])
def test_a_wait_that_is_too_long_is_left_to_the_caller(asked: float, seconds_left: float) -> None:
    work = Work(ThrottledError("slow down", retry_after_seconds=asked), 99)
    with pytest.raises(ThrottledError) as raised:
        work.run(seconds_left=seconds_left)
    assert raised.value.retry_after_seconds == asked
    assert work.slept == []
