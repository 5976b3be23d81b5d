from __future__ import annotations

import sys
import threading
from collections.abc import Iterator

import pytest

from gopro_sync.archive.part_plan import Part
from gopro_sync.archive.thread_crew import ThreadCrew
from gopro_sync.archive.workers import OutOfTimeError, PartWorkers, StoppedError, TimeBudget
from gopro_sync.errors import MediaGoneError

PARTS = [Part(number=number, offset=number, size_bytes=1) for number in range(1, 21)]


class Workers:
    """Part workers with time to spend, and what they sent."""

    def __init__(self, *, count: int, part_seconds: float = 0.0, seconds_left: float = 1e9) -> None:
        self.left = seconds_left
        self.part_seconds = part_seconds
        self.sent: list[int] = []
        self._now = 0.0
        self.crew = ThreadCrew(count)
        budget = TimeBudget(seconds_left=lambda: self.left, reserve_seconds=30)
        self.workers = PartWorkers(crew=self.crew, budget=budget, clock=lambda: self._now)

    def spend(self, part: Part) -> int:
        self._now += self.part_seconds
        self.left -= self.part_seconds
        return part.number

    def send_all(self) -> bool:
        return self.workers.send_all(PARTS, self.spend, on_sent=self.sent.append)


def test_every_part_is_sent_once() -> None:
    workers = Workers(count=4)
    assert workers.send_all()
    assert sorted(workers.sent) == [part.number for part in PARTS]


def test_nothing_to_send_is_done_at_once() -> None:
    assert Workers(count=4).workers.send_all([], lambda part: part, on_sent=lambda _: None)


def test_as_many_parts_as_workers_are_sent_at_once() -> None:
    barrier = threading.Barrier(4, timeout=5)
    workers = Workers(count=4)

    def send(part: Part) -> int:
        barrier.wait()
        return part.number

    assert workers.workers.send_all(PARTS, send, on_sent=workers.sent.append)


def test_no_part_is_begun_that_would_not_end_before_the_reserve() -> None:
    # 100 seconds less the reserve of 30: parts of 20 seconds, begun while more than 30 are left.
    workers = Workers(count=1, part_seconds=20, seconds_left=100)
    assert not workers.send_all()
    assert workers.sent == [1, 2]


def test_all_is_done_when_time_runs_out_with_the_last_part() -> None:
    workers = Workers(count=1, seconds_left=100)

    def send(part: Part) -> int:
        workers.left = 30 if part is PARTS[-1] else 100
        return part.number

    assert workers.workers.send_all(PARTS, send, on_sent=workers.sent.append)


def test_a_fatal_error_stops_the_others_and_comes_out() -> None:
    workers = Workers(count=3)
    others_started = threading.Barrier(3, timeout=5)

    def send(part: Part) -> int:
        others_started.wait()
        if part.number == 2:
            raise MediaGoneError("gone")
        while True:
            workers.workers.check()

    with pytest.raises(MediaGoneError):
        workers.workers.send_all(PARTS, send, on_sent=workers.sent.append)
    assert workers.sent == []


@pytest.fixture
def _late_awakening() -> Iterator[None]:
    """Let a thread that waits wake up late, as on a busy machine."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("_late_awakening")
def test_no_part_is_begun_after_a_fatal_error() -> None:
    workers = Workers(count=1)
    begun = []

    def send(part: Part) -> int:
        begun.append(part.number)
        if part.number > 1:  # while the first part is sent, the others may still be handed out
            raise MediaGoneError(f"part {part.number} is gone")
        return part.number

    with pytest.raises(MediaGoneError, match="part 2 is gone"):
        workers.workers.send_all(PARTS, send, on_sent=workers.sent.append)
    assert begun == [1, 2]


def test_the_error_that_comes_out_is_the_first_one() -> None:
    workers = Workers(count=4)
    all_started = threading.Barrier(4, timeout=5)

    def send(part: Part) -> int:
        all_started.wait()
        if part.number != 4:
            workers.crew.sleep(60)
        raise MediaGoneError(f"part {part.number} is gone")

    with pytest.raises(MediaGoneError, match="part 4 is gone"):
        workers.workers.send_all(PARTS, send, on_sent=workers.sent.append)


def test_a_wait_ends_when_the_work_is_stopped() -> None:
    workers = Workers(count=2)
    both_started = threading.Barrier(2, timeout=5)

    def send(part: Part) -> int:
        both_started.wait()
        if part.number == 1:
            raise MediaGoneError("gone")
        workers.crew.sleep(60)
        workers.workers.check()
        return part.number

    with pytest.raises(MediaGoneError):
        workers.workers.send_all(PARTS, send, on_sent=workers.sent.append)
    assert workers.sent == []


def test_an_error_of_the_caller_comes_out_too() -> None:
    def refuse(number: int) -> None:
        raise RuntimeError(f"cannot note part {number}")

    workers = Workers(count=1)
    with pytest.raises(RuntimeError, match="cannot note part 1"):
        workers.workers.send_all(PARTS, workers.spend, on_sent=refuse)


def test_check_tells_spent_time_from_a_stop() -> None:
    workers = Workers(count=1, seconds_left=31)
    workers.workers.check()
    workers.left = 30
    with pytest.raises(OutOfTimeError):
        workers.workers.check()
    assert not issubclass(StoppedError, OutOfTimeError)
