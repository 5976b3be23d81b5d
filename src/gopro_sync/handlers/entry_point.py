"""What the three entry points have in common: the event's shape, the correlation id, and how a failure leaves.

Lambda writes the text of whatever is raised to the function's log, and Step Functions keeps it in the execution's
history. So only errors of the closed set leave, whose text holds no secret, and without the exceptions that led to
them, which may quote a signed URL or a token.
"""

from __future__ import annotations

import gc
import os
import platform
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import wraps
from typing import Any, Final

from aws_lambda_powertools.utilities.typing import LambdaContext

from gopro_sync.errors import ConfigurationError, GoProSyncError, InvalidEventError, UnexpectedError
from gopro_sync.handlers.last_word import last_word
from gopro_sync.redaction import redact
from gopro_sync.telemetry import tracing
from gopro_sync.telemetry.json_lines import function_logger
from gopro_sync.telemetry.logs import EventType, logger
from gopro_sync.values.event_fields import JsonObject, optional_text

type Handler = Callable[[JsonObject, LambdaContext], dict[str, Any]]

STATUS_OK: Final = 200
STATUS_ACCEPTED: Final = 202  # requested, and not done yet
_LONGEST_LOGGED_TEXT: Final = 2000
_PACKAGE: Final = __name__.partition(".")[0]


def entry_point(failure_event: EventType, *, prepare: Callable[[], object]) -> Callable[[Handler], Handler]:
    """Create a Lambda handler from a function that maps event and context to an answer.

    The errors are raised, not returned: a returned status code would be a success to Step Functions.

    Args:
        failure_event: the event type of the line that is logged when the function fails.
        prepare: creates the clients that the function will need.
    """

    def decorate(function: Handler) -> Handler:
        @wraps(function)
        @function_logger.inject_lambda_context(clear_state=True)
        def handler(event: JsonObject, context: LambdaContext) -> dict[str, Any]:
            try:
                _refuse_other_than_objects(event)
                function_logger.set_correlation_id(execution_id_of(event, context))
                with last_word(lambda: context.get_remaining_time_in_millis() / 1000):
                    return function(event, context)
            except GoProSyncError as error:
                failure, unexpected = error, None
            except BaseException as error:  # noqa: BLE001 - whatever it is, even SystemExit, it leaves under a name of ours
                failure, unexpected = _named(error, event), error
            # Logged and raised out here, where Python attaches no exception that was being handled.
            _log_failure(failure, failure_event, because=unexpected)
            failure.__cause__ = failure.__context__ = None
            raise failure

        _end_start(prepare)
        return handler

    return decorate


def _refuse_other_than_objects(event: object) -> None:
    if not isinstance(event, Mapping):
        raise InvalidEventError(f"The event is not a JSON object but {type(event).__name__}")


def _named(error: BaseException, event: JsonObject) -> GoProSyncError:
    if isinstance(error, ImportError):
        # Not the fault of the video that came first: no other would fare better. awscrt is loaded with the first byte.
        return ConfigurationError(
            f"The function's package lacks {error.name or 'a library'}, or was built for another processor than "
            f"{platform.machine()}: run sam build and sam deploy with one Architecture (docs/deploy.md)"
        )
    media_id = event.get("media_id")
    return UnexpectedError(
        f"{type(error).__name__} at {_place_of(error)}", media_id=media_id if isinstance(media_id, str) else None
    )


def _place_of(error: BaseException) -> str:
    """Return where in this package the exception passed last, as ``module.py:line``."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if f"{os.sep}{_PACKAGE}{os.sep}" in frame.filename]
    last = (ours or frames)[-1]
    return f"{last.filename.rpartition(os.sep)[2]}:{last.lineno}"


def _log_failure(failure: GoProSyncError, failure_event: EventType, *, because: BaseException | None) -> None:
    if failure.media_id is not None:  # where it is None, the id that the invocation has logged so far holds
        function_logger.append_keys(media_id=failure.media_id)
    unexpected = {} if because is None else {"unexpected": type(because).__name__, "unexpected_text": _text_of(because)}
    logger.error(
        failure.message,
        extra={
            "event_type": failure_event,
            "error_type": type(failure).__name__,
            "error_message": str(failure),
            **unexpected,
        },
    )


def _text_of(error: BaseException) -> str:
    try:
        text = str(error)
    except BaseException as unreadable:  # noqa: BLE001 - a library's exception may fail to produce its text
        return f"its text cannot be read ({type(unreadable).__name__})"
    # Before it is cut off: half a secret would not be recognised any more.
    return redact(text)[:_LONGEST_LOGGED_TEXT]


def _end_start(prepare: Callable[[], object]) -> None:
    # Lambda lends a whole processor until a function is loaded, and a fraction of one from then on.
    if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
        tracing.load()
        with suppress(Exception):  # raised again by the invocation, which knows how to report it
            prepare()
    gc.freeze()  # what exists now stays for good: no collection needs to look at it
    gc.enable()


def execution_id_of(event: JsonObject, context: LambdaContext) -> str:
    """Return what this invocation works for: the state machine's execution, or the invocation itself."""
    return optional_text(event, "execution_id") or context.aws_request_id
