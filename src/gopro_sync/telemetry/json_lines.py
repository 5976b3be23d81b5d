"""How the functions write their logs: Powertools' JSON lines, without secrets.

Every line is one JSON object with ``timestamp``, ``level``, ``correlation_id`` (the execution), ``function_name`` and
``event_type``; sizes are bytes, durations seconds.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final, cast

from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

from gopro_sync.redaction import redact, redact_values
from gopro_sync.telemetry.logs import LOGGER_NAME
from gopro_sync.values.outside_values import LARGEST_WHOLE_NUMBER

# The long-standing limit of CloudWatch Logs for an event; Lambda splits a longer line, and no query reads half an
# object. https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html
_LONGEST_LINE_BYTES: Final = 256 * 1024 - 100
_LONGEST_TEXT: Final = 1000


class RedactingFormatter(LambdaPowertoolsFormatter):
    """Powertools' JSON formatter with secrets replaced in everything that a line contains.

    No call site, library or exception text can bypass it here. It acts before the line becomes JSON: afterwards, a
    secret's end could not be distinguished from the line's own quotes.

    Levels and time stamps are the specification's: ``WARN`` where Python says ``WARNING``, and ``Z`` for UTC.
    """

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 - logging's name
        """Return the time of a line, such as 2025-11-11T02:15:32.123Z."""
        return super().formatTime(record, datefmt).replace("+00:00", "Z")

    def serialize(self, log: Any) -> str:
        """Convert the line's fields to JSON without secrets, which any stream can write."""
        if log.get("level") == "WARNING":
            log["level"] = "WARN"
        try:
            line = super().serialize(cast("Any", redact_values(log)))
        except (TypeError, ValueError, RecursionError) as error:  # a lost line would be a silent failure
            line = super().serialize(_shortened(log, {"unwritable": type(error).__name__}))
        if len(line.encode("utf-8", "replace")) > _LONGEST_LINE_BYTES:
            line = super().serialize(_shortened(log, {"shortened": True}))
        return line.encode("utf-8", "replace").decode()


def _shortened(log: Mapping[str, Any], because: Mapping[str, Any]) -> Any:
    short = {redact(str(name))[:_LONGEST_TEXT]: _plain(str(name), value) for name, value in log.items()}
    return {**short, **because}


def _plain(name: str, value: object) -> object:
    """Return what is short and simple as it is; for everything else, its beginning or its kind."""
    match value:
        case None | bool():
            return value
        case int() if abs(value) <= LARGEST_WHOLE_NUMBER:
            return value
        case str():
            (fields,) = cast("dict[str, str]", redact_values({name: value})).values()
            return fields[:_LONGEST_TEXT]
    return f"left out: {type(value).__name__}"


# Powertools gives its handler to the standard library's logger of this name, so that whatever is logged there is a line
# of this form from now on; what is set here (the correlation id, further keys) is in each of them.
function_logger: Final = Logger(
    service=LOGGER_NAME, utc=True, use_rfc3339=True, logger_formatter=RedactingFormatter(utc=True, use_rfc3339=True)
)
