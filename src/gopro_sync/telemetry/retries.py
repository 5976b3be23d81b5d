"""One WARN line for each try inside a function that follows a failed one: what, which try it is, and when.

Step Functions' own retries are in the execution's history; those inside of a function are nowhere but in the log.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from tenacity import RetryCallState

from gopro_sync.telemetry.logs import EventType, logger

if TYPE_CHECKING:
    from botocore.client import BaseClient

_FAILURE: Final = "gopro_sync_failure"  # in the context that botocore hands from one try of a call to the next
_FIRST_REFUSAL: Final = 300


def tell_retry(
    what: str,
    *,
    attempt: int,
    wait_seconds: float | None = None,
    error_type: str | None = None,
    error_message: str | None = None,
) -> None:
    """Tell that something is tried once more.

    Args:
        what: the piece of work, in a few words; without secrets.
        attempt: which try follows, from 2.
        wait_seconds: how long it waits first, as far as that is known.
        error_type: what stopped the try before: the name of an error, or AWS's code.
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


def retry_teller(what: str) -> Callable[[RetryCallState], None]:
    """Return what tenacity calls before it waits for the next try (``before_sleep``).

    Args:
        what: the piece of work that failed, in a few words; without secrets.
    """

    def tell(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        tell_retry(
            what,
            attempt=state.attempt_number + 1,
            wait_seconds=round(state.upcoming_sleep, 3),
            error_type=None if error is None else type(error).__name__,
            error_message=None if error is None else str(error),
        )

    return tell


def tell_retries_of[Client: "BaseClient"](client: Client) -> Client:
    """Return an AWS client that tells of the tries that botocore makes by itself.

    botocore announces each request, and has the number of the try in the request's context from the second on; which
    answer it follows was announced before (``botocore.endpoint``, 1.43). Should another version do without either, no
    line is written, and the call goes on.

    Args:
        client: of any service; with retries in standard mode.
    """
    service = client.meta.service_model.service_id.hyphenize()
    client.meta.events.register(f"response-received.{service}", _note_failure, unique_id="gopro-sync-failure")
    client.meta.events.register(f"request-created.{service}", _tell_of_repeated, unique_id="gopro-sync-retry")
    return client


def _note_failure(
    context: dict[str, Any], exception: Exception | None = None, parsed_response: Any = None, **_: Any
) -> None:
    if exception is not None:
        context[_FAILURE] = type(exception).__name__
    elif parsed_response is not None and parsed_response["ResponseMetadata"]["HTTPStatusCode"] >= _FIRST_REFUSAL:
        context[_FAILURE] = parsed_response.get("Error", {}).get("Code")


def _tell_of_repeated(request: Any, operation_name: str, event_name: str = "", **_: Any) -> None:
    attempt = request.context.get("retries", {}).get("attempt", 1)
    if attempt > 1:
        service = event_name.split(".")[1]
        tell_retry(f"{service} {operation_name}", attempt=attempt, error_type=request.context.get(_FAILURE))
