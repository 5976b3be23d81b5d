"""The end of a function's time, anticipated: it fails under a name of ours instead of being killed silently.

A service that never answers is given up by its own time-out, but several of them in a row can take longer than the
function has. Lambda then kills it with neither a line in the log nor a metric, and what it held, such as the session's
guard, stays held until its lease expires.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import PurePath
from types import FrameType
from typing import Final

from gopro_sync.errors import TimeIsUp, UnexpectedError
from gopro_sync.telemetry.logs import EventType, logger

# Enough for the log line, a metric, and one call that releases what is held.
RESERVE_SECONDS: Final = 3.0
_PACKAGE: Final = __name__.partition(".")[0]


@contextmanager
def last_word(seconds_left: Callable[[], float]) -> Iterator[None]:
    """Raise an error of ours wherever the code happens to be, if it is still at work shortly before the function's end.

    A signal, since nothing else ends a wait for the network. It interrupts the main thread, in which Lambda runs
    handlers (https://docs.python.org/3/library/signal.html#signals-and-threads); elsewhere there is none. It is
    reported at once: a pool of threads that has to end first may take longer than there is.

    Args:
        seconds_left: returns how long the function may still run.

    Raises:
        GoProSyncError: the function's time is nearly over; it names the service that was being called.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    place = "an unknown place"

    def end(_number: int, frame: FrameType | None) -> None:
        nonlocal place
        place = _place_in_package(frame)
        with suppress(RuntimeError):  # Python's own, if a line was just being written
            extra = {"event_type": EventType.TIME_IS_UP, "place": place}
            logger.warning("The function's time is nearly over", extra=extra)
        raise TimeIsUp

    before = signal.signal(signal.SIGALRM, end)
    # 0 would mean no alarm at all.
    signal.setitimer(signal.ITIMER_REAL, max(seconds_left() - RESERVE_SECONDS, 0.01))
    try:
        yield
    except TimeIsUp as is_up:
        raise is_up.meaning or UnexpectedError(f"The function's time was over while it was at {place}") from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _place_in_package(frame: FrameType | None) -> str:
    """Return where in this package the function is, as ``module.py:line``."""
    while frame is not None:
        file = PurePath(frame.f_code.co_filename)
        if _PACKAGE in file.parts:
            return f"{file.name}:{frame.f_lineno}"
        frame = frame.f_back
    return "an unknown place"
