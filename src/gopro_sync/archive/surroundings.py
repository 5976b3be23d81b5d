"""What a transfer needs from the machine it runs on; passed in, so that a test can replace all of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


class Crew(Protocol):
    """Workers that do the pieces of a job, several at once or one after the other."""

    @property
    def is_stopped(self) -> bool:
        """Whether a piece has failed, so that all who are still at work should stop."""
        ...

    def new_lock(self) -> AbstractContextManager[object]:
        """Return a lock that one of the crew can hold at a time."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait, unless the job is stopped meanwhile."""
        ...

    def do_all[Item, Done](self, work: Callable[[Item], Done], items: Sequence[Item]) -> list[Done]:
        """Do the work once for each item.

        Returns:
            The result of each item, in the order of the items.

        Raises:
            Exception: the first error of the work; by then nobody is at work any more, and some items may not be done.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Time, chance and workers.

    Args:
        clock: returns seconds, never going backwards.
        wall_clock: returns the time, aware.
        random: returns a number in [0, 1), to spread the retries.
        crew: creates a crew of this many workers; one crew per transfer.
    """

    clock: Callable[[], float]
    wall_clock: Callable[[], datetime]
    random: Callable[[], float]
    crew: Callable[[int], Crew]
