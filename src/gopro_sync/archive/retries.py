"""How often and how long failed work is retried within one invocation."""

from __future__ import annotations

from collections.abc import Callable

import tenacity

from gopro_sync.errors import NetworkError, RetryableError, SourceResponseError, StorageError, ThrottledError
from gopro_sync.telemetry.retries import retry_logger

ATTEMPTS = 5
FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 20.0
# A server that asks for a longer wait is not waited for here: an invocation costs money, while the state machine waits
# for free. Its first wait after a failure is as long (statemachine/sync.asl.json, DownloadVideo's Retry).
LONGEST_RETRY_AFTER_SECONDS = 30.0

# The other retryable errors need another run or a fresh start, not the same request again.
PASSING_ERRORS = (NetworkError, ThrottledError, SourceResponseError, StorageError)


class Retries:
    """Bounded retries with exponential, jittered waits; a server's ``Retry-After`` is honoured.

    Args:
        sleep: waits so many seconds.
        random: returns a number in [0, 1).
        seconds_left: time that may still be spent; no wait exceeds it.
    """

    def __init__(
        self, *, sleep: Callable[[float], None], random: Callable[[], float], seconds_left: Callable[[], float]
    ) -> None:
        self._sleep = sleep
        self._random = random
        self._seconds_left = seconds_left

    def call[T](self, what: str, work: Callable[[], T]) -> T:
        """Do the work, and retry it on errors that may pass; raise its last error.

        Args:
            what: the work in a few words, for the log.
            work: what to do.
        """
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(PASSING_ERRORS),
            stop=self._is_enough,
            wait=self._wait_seconds,
            sleep=self._sleep,
            before_sleep=retry_logger(what),
            reraise=True,
        )
        return retrying(work)

    def _wait_seconds(self, state: tenacity.RetryCallState) -> float:
        longest = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2.0 ** (state.attempt_number - 1))
        jittered = longest * (0.5 + self._random() / 2)
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after_seconds if isinstance(error, RetryableError) else None
        return max(jittered, asked or 0.0)

    def _is_enough(self, state: tenacity.RetryCallState) -> bool:
        longest_wait = min(LONGEST_RETRY_AFTER_SECONDS, self._seconds_left())
        return state.attempt_number >= ATTEMPTS or state.upcoming_sleep > longest_wait
