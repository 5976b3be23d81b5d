"""Several parts at once, within a time budget, stopped together when one fails for good."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gopro_sync.archive.part_plan import Part
from gopro_sync.archive.surroundings import Crew
from gopro_sync.errors import NetworkError

# A part may take this much longer than the slowest one so far before it exceeds the budget.
_SAFETY_FACTOR = 1.5


class OutOfTimeError(Exception):
    """The time budget is spent; never leaves this package."""


class StoppedError(Exception):
    """Another worker failed for good, so this one gave up; never leaves this package."""


def no_progress(media_id: str) -> NetworkError:
    """Return what to raise where a call could do nothing, since calling again would do no better."""
    return NetworkError("Not one part could be copied in the time given", media_id=media_id)


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
        """Record how long a part took."""
        self._slowest_part_seconds = max(self._slowest_part_seconds, part_seconds)

    def allows_another_part(self) -> bool:
        """Return whether a part begun now would end in time, judging by the others; the first ones are always tried."""
        return self.seconds() > _SAFETY_FACTOR * self._slowest_part_seconds


class PartWorkers:
    """A crew that sends the parts of one file.

    Args:
        crew: who sends them.
        budget: when to stop.
        clock: seconds, never going backwards.
    """

    def __init__(self, *, crew: Crew, budget: TimeBudget, clock: Callable[[], float]) -> None:
        self._crew = crew
        self._budget = budget
        self._clock = clock
        self._lock = crew.new_lock()

    def check(self) -> None:
        """Check whether to go on; called between two blocks of bytes.

        Raises:
            StoppedError: another worker failed for good.
            OutOfTimeError: the time budget is spent.
        """
        if self._crew.is_stopped:
            raise StoppedError
        if not self.have_time():
            raise OutOfTimeError

    def have_time(self) -> bool:
        """Return whether any of the time budget is left."""
        return self._budget.seconds() > 0

    def send_all[Sent](
        self, parts: Sequence[Part], send: Callable[[Part], Sent], *, on_sent: Callable[[Sent], None]
    ) -> bool:
        """Send the parts, each by one worker.

        Args:
            parts: what to send.
            send: sends one part, and calls ``check`` between blocks.
            on_sent: called with each part that was sent, by one worker at a time.

        Returns:
            Whether all parts are sent; otherwise time ran out.

        Raises:
            Exception: the first error of ``send`` or ``on_sent``; the other workers have stopped by then.
        """

        def send_in_time(part: Part) -> bool:
            if self._crew.is_stopped or not self._budget.allows_another_part():
                return False
            began = self._clock()
            try:
                sent = send(part)
            except (OutOfTimeError, StoppedError):
                return False
            with self._lock:
                self._budget.record(self._clock() - began)
                on_sent(sent)
            return True

        return all(self._crew.do_all(send_in_time, parts))
