"""One WARN line for each retry inside a function: of what, which attempt it is, and when.

Step Functions' own retries are in the execution's history; those inside a function are nowhere but in the log.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from gopro_sync.telemetry.logs import EventType, logger

if TYPE_CHECKING:
    from botocore.session import Session
    from tenacity import RetryCallState

_FAILURE: Final = "gopro_sync_failure"  # in the context that botocore passes from one try of a call to the next


def log_retry(
    what: str,
    *,
    attempt: int,
    wait_seconds: float | None = None,
    error_type: str | None = None,
    error_message: str | None = None,
) -> None:
    """Log that something is retried.

    Args:
        what: the piece of work, in a few words; without secrets.
        attempt: which attempt follows, from 2.
        wait_seconds: how long it waits first, as far as that is known.
        error_type: what ended the previous attempt: the name of an error, or AWS's code.
        error_message: the same in words.
    """
    known = {"wait_seconds": wait_seconds, "error_type": error_type, "error_message": error_message}
    logger.warning(
        f"Once more: {what}",
        extra={
            "event_type": EventType.RETRY,
            "what": what,
            "attempt": attempt,
            **{name: value for name, value in known.items() if value is not None},
        },
    )


def retry_logger(what: str) -> Callable[[RetryCallState], None]:
    """Return what tenacity calls before it waits for the next attempt (``before_sleep``).

    Args:
        what: the piece of work that failed, in a few words; without secrets.
    """

    def tell(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        log_retry(
            what,
            attempt=state.attempt_number + 1,
            wait_seconds=round(state.upcoming_sleep, 3),
            error_type=None if error is None else type(error).__name__,
            error_message=None if error is None else str(error),
        )

    return tell


def log_retries_of(session: Session) -> None:
    """Log botocore's own retries, for all clients that are created from a session from now on.

    botocore announces each request, and from the second attempt on has its number in the request's context; the answer
    that it follows was announced before (``botocore.endpoint``, 1.43). Should another version omit either, no line is
    written, and the call continues.

    Args:
        session: whose clients retry in standard mode.
    """
    session.register("response-received", _note_failure, unique_id="gopro-sync-failure")
    session.register("request-created", _log_repeated, unique_id="gopro-sync-retry")


def _note_failure(**event: Any) -> None:
    context, exception = event.get("context", {}), event.get("exception")
    code = (event.get("parsed_response") or {}).get("Error", {}).get("Code")
    if exception is not None or code is not None:
        context[_FAILURE] = code if exception is None else type(exception).__name__


def _log_repeated(**event: Any) -> None:
    context = getattr(event.get("request"), "context", {})
    attempt = context.get("retries", {}).get("attempt", 1)
    if attempt > 1:
        call = event.get("event_name", "").removeprefix("request-created.").replace(".", " ")
        log_retry(call, attempt=attempt, error_type=context.get(_FAILURE))
