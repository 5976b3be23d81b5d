"""Several parts at once, within a time budget, stopped together when one fails for good."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

from gopro_sync.archive.part_plan import Part

# A part may take so much longer than the slowest one so far before it runs into the end of the budget.
_SAFETY_FACTOR = 1.5


class OutOfTimeError(Exception):
    """The time budget is spent; never leaves this package."""


class StoppedError(Exception):
    """Another worker failed for good, so this one gave up; never leaves this package."""


class TimeBudget:
    """What is left of the invocation, less the reserve.

    Args:
        seconds_left: time until the invocation is cut off.
        reserve_seconds: time at the end that is not for moving bytes.
    """

    def __init__(self, *, seconds_left: Callable[[], float], reserve_seconds: float) -> None:
        self._seconds_left = seconds_left
        self._reserve_seconds = reserve_seconds
        self._slowest_part_seconds = 0.0

    def seconds(self) -> float:
        """Time that may still be spent on moving bytes."""
        return self._seconds_left() - self._reserve_seconds

    def record(self, part_seconds: float) -> None:
        """Learns how long a part takes."""
        self._slowest_part_seconds = max(self._slowest_part_seconds, part_seconds)

    def allows_another_part(self) -> bool:
        """Whether a part begun now would end in time, as far as the others tell; the first ones are always tried."""
        return self.seconds() > _SAFETY_FACTOR * self._slowest_part_seconds


class PartWorkers:
    """Threads that send the parts of one file.

    Args:
        count: how many parts are sent at once.
        budget: when to stop.
        clock: seconds, never going backwards.
    """

    def __init__(self, *, count: int, budget: TimeBudget, clock: Callable[[], float]) -> None:
        self._count = count
        self._budget = budget
        self._clock = clock
        self._lock = threading.Lock()
        self._stop = threading.Event()

    def sleep(self, seconds: float) -> None:
        """Waits, unless the work is stopped meanwhile."""
        self._stop.wait(seconds)

    def check(self) -> None:
        """To be called between two blocks of bytes.

        Raises:
            StoppedError: another worker failed for good.
            OutOfTimeError: the time budget is spent.
        """
        if self._stop.is_set():
            raise StoppedError
        if self._budget.seconds() <= 0:
            raise OutOfTimeError

    def send_all[Sent](
        self, parts: Iterable[Part], send: Callable[[Part], Sent], *, on_sent: Callable[[Sent], None]
    ) -> bool:
        """Sends the parts, each by one worker.

        Args:
            parts: what to send.
            send: sends one part, and calls ``check`` between blocks.
            on_sent: told of each part that is sent, by one thread at a time.

        Returns:
            Whether all parts are sent; otherwise time ran out.

        Raises:
            Exception: the first error of ``send`` or ``on_sent``; the other workers have stopped by then.
        """
        queue = iter(parts)
        with ThreadPoolExecutor(max_workers=self._count, thread_name_prefix="part") as threads:
            workers = [threads.submit(self._work, queue, send, on_sent) for _ in range(self._count)]
            try:
                finished, _ = wait(workers, return_when=FIRST_EXCEPTION)
            finally:
                self._stop.set()
        self._stop.clear()
        for worker in finished:
            worker.result()
        return all(worker.result() for worker in workers)

    def _work[Sent](self, queue: Iterator[Part], send: Callable[[Part], Sent], on_sent: Callable[[Sent], None]) -> bool:
        """Returns whether the queue was worked to its end."""
        while not self._stop.is_set():
            # Taken only once it may begin: a part that is taken and not sent would be missing at the end.
            if not self._budget.allows_another_part():
                return self._is_empty(queue)
            with self._lock:
                part = next(queue, None)
            if part is None:
                return True
            began = self._clock()
            try:
                sent = send(part)
            except (OutOfTimeError, StoppedError):
                return False
            with self._lock:
                self._budget.record(self._clock() - began)
                on_sent(sent)
        return False

    def _is_empty(self, queue: Iterator[Part]) -> bool:
        with self._lock:
            return next(queue, None) is None
