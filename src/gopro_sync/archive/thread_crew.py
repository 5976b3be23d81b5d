"""The crew used in production: threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager


class ThreadCrew:
    """A ``Crew`` of threads, which live for one job.

    Args:
        count: how many items are worked on at once.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._stop = threading.Event()

    @property
    def is_stopped(self) -> bool:
        """Whether an item's work has failed."""
        return self._stop.is_set()

    def new_lock(self) -> AbstractContextManager[object]:
        """Return a lock."""
        return threading.Lock()

    def sleep(self, seconds: float) -> None:
        """Wait, unless the job is stopped meanwhile."""
        self._stop.wait(seconds)

    def do_all[Item, Done](self, work: Callable[[Item], Done], items: Sequence[Item]) -> list[Done]:
        """Do the work once for each item, starting them in their order; see ``Crew.do_all``."""
        errors: list[BaseException] = []

        def do(item: Item) -> Done:
            try:
                return work(item)
            except BaseException as error:
                errors.append(error)
                # Here, not in the waiting thread: this one takes its next item before that one wakes up.
                self._stop.set()
                raise

        with ThreadPoolExecutor(max_workers=self._count, thread_name_prefix="part") as threads:
            try:
                pieces = [threads.submit(do, item) for item in items]
                wait(pieces, return_when=FIRST_EXCEPTION)
            finally:
                self._stop.set()
                threads.shutdown(cancel_futures=True)
        self._stop.clear()
        if errors:
            raise errors[0]
        return [piece.result() for piece in pieces]
