"""Stand-ins for the crew of a transfer."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext

from gopro_sync.archive.thread_crew import ThreadCrew


class WaitlessCrew(ThreadCrew):
    """Threads whose waits take no time.

    Args:
        count: how many items are worked on at once.
        on_sleep: told of each wait.
    """

    def __init__(self, count: int, on_sleep: Callable[[float], None]) -> None:
        super().__init__(count)
        self._on_sleep = on_sleep

    def sleep(self, seconds: float) -> None:
        """Waits not."""
        self._on_sleep(seconds)


class SeededCrew:
    """Works in the calling thread, on one item after the other, in an order that the dice decide.

    Args:
        dice: of some seed.
        on_sleep: told of each wait, which takes no time.
    """

    is_stopped = False  # the error of an item comes out before another one is begun

    def __init__(self, dice: random.Random, on_sleep: Callable[[float], None]) -> None:
        self._dice = dice
        self._on_sleep = on_sleep

    def new_lock(self) -> AbstractContextManager[object]:
        """Nobody else is there."""
        return nullcontext()

    def sleep(self, seconds: float) -> None:
        """Waits not."""
        self._on_sleep(seconds)

    def do_all[Item, Done](self, work: Callable[[Item], Done], items: Sequence[Item]) -> list[Done]:
        """Does the work once for each item."""
        order = self._dice.sample(range(len(items)), len(items))
        done = {position: work(items[position]) for position in order}
        return [done[position] for position in sorted(done)]
