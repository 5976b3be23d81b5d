"""Calls made side by side while a person waits, in threads that never keep the command from ending.

Those of `concurrent.futures` are waited for at the end of the program: Ctrl-C would seem to do nothing for as long as
a call waits for its answer.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import Any


class SideThreads:
    """So many threads as there are calls, up to a number.

    Args:
        most: that number.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._threads = 0
        self._calls: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = queue.SimpleQueue()

    def start[T](self, call: Callable[[], T]) -> Future[T]:
        """Make a call in a thread; return what will have its result."""
        future: Future[T] = Future()
        self._calls.put((future, call))
        if self._threads < self._most:
            self._threads += 1
            threading.Thread(target=self._work, daemon=True).start()
        return future

    def results[T, U](self, call: Callable[[T], U], arguments: Iterable[T]) -> list[U]:
        """Make a call for each argument; return the results in their order, or raise the first one's error."""
        futures = [self.start(lambda argument=argument: call(argument)) for argument in arguments]  # type: ignore[misc]
        return [future.result() for future in futures]

    def _work(self) -> None:
        while True:
            future, call = self._calls.get()
            try:
                future.set_result(call())
            except BaseException as error:  # noqa: BLE001 - for whoever waits for the result
                future.set_exception(error)
