"""What the three entry points have in common: the event's shape, the correlation id, and the line a failure leaves."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import wraps
from typing import Any, Final

from aws_lambda_powertools.utilities.typing import LambdaContext

from gopro_sync import tracing
from gopro_sync.errors import ConfigurationError, GoProSyncError, InvalidEventError
from gopro_sync.json_fields import JsonObject, optional_text
from gopro_sync.observability import EventType, logger

type Handler = Callable[[JsonObject, LambdaContext], dict[str, Any]]

STATUS_OK: Final = 200


def entry_point(failure_event: EventType, *, prepare: Callable[[], object]) -> Callable[[Handler], Handler]:
    """Make a Lambda handler of a function from event and context to an answer.

    The errors are raised, not returned: a returned status code would be a success to Step Functions.

    Args:
        failure_event: the event type of the line that is logged when the function fails.
        prepare: makes the clients that the function will need.
    """

    def decorate(function: Handler) -> Handler:
        @wraps(function)
        @logger.inject_lambda_context(clear_state=True)
        def handler(event: JsonObject, context: LambdaContext) -> dict[str, Any]:
            try:
                if not isinstance(event, Mapping):
                    raise InvalidEventError(f"The event is not a JSON object but {type(event).__name__}")
                logger.set_correlation_id(execution_id_of(event, context))
                return function(event, context)
            except GoProSyncError as error:
                if error.media_id is not None:  # where it is None, what the invocation has told so far holds
                    logger.append_keys(media_id=error.media_id)
                logger.error(
                    error.message,
                    extra={
                        "event_type": failure_event,
                        "error_type": type(error).__name__,
                        "error_message": str(error),
                    },
                )
                raise

        _end_start(prepare)
        return handler

    return decorate


def _end_start(prepare: Callable[[], object]) -> None:
    # Lambda lends a whole processor until a function is loaded, and a fraction of one from then on.
    if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
        tracing.load()
        with suppress(ConfigurationError):  # raised again, and logged, by the invocation
            prepare()
    gc.freeze()  # what is there now stays for good: no collection needs to look at it
    gc.enable()


def execution_id_of(event: JsonObject, context: LambdaContext) -> str:
    """Return who this invocation works for: the state machine's execution, or the invocation itself."""
    return optional_text(event, "execution_id") or context.aws_request_id
