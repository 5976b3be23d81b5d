"""The simulated service's clock: real time, which a test can move forward so that tokens and URLs age at once."""

from __future__ import annotations

import threading
import time


class SimulatorClock:
    """Seconds since the epoch, plus what the clock was advanced by."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._advanced_seconds = 0.0

    def now(self) -> float:
        """Return the simulated time, in seconds since the epoch."""
        return time.time() + self._advanced_seconds

    def advance(self, seconds: float) -> None:
        """Move the clock forward."""
        with self._lock:
            self._advanced_seconds += seconds
