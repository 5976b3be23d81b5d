"""What a transfer needs of the machine that it runs on; handed in, so that a test can stand in for all of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


class Crew(Protocol):
    """Those who do the pieces of a job: several at once, or one after the other."""

    @property
    def is_stopped(self) -> bool:
        """Whether a piece has failed, so that all who are still at work shall give up."""
        ...

    def new_lock(self) -> AbstractContextManager[object]:
        """Return a place where only one of the crew can be at a time."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait, unless the job is stopped meanwhile."""
        ...

    def do_all[Item, Done](self, work: Callable[[Item], Done], items: Sequence[Item]) -> list[Done]:
        """Do the work once for each item.

        Returns:
            What came of each item, in the order of the items.

        Raises:
            Exception: the first error of the work; nobody is at work any more by then, and items may be undone.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Time, chance and hands.

    Args:
        clock: returns seconds, never going backwards.
        wall_clock: returns the time, aware.
        random: gives a number in [0, 1), to spread the tries.
        crew: makes a crew that does so many pieces at once; one for each transfer.
    """

    clock: Callable[[], float]
    wall_clock: Callable[[], datetime]
    random: Callable[[], float]
    crew: Callable[[int], Crew]
