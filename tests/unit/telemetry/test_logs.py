"""Logs: structured, and without secrets whoever wrote the line."""

from __future__ import annotations

import json
import logging
from io import StringIO

from aws_lambda_powertools import Logger

from gopro_sync.telemetry.logs import EventType, RedactingFormatter

SECRET = "fake-secret-value-0123456789"


def log_line(message: object, **fields: object) -> str:
    stream = StringIO()
    logger = Logger(
        service=f"test-{id(stream)}",
        logger_handler=logging.StreamHandler(stream),
        logger_formatter=RedactingFormatter(utc=True, use_rfc3339=True),
    )
    logger.info(message, extra=fields)
    return stream.getvalue()


def test_a_secret_in_a_field_or_a_message_never_reaches_the_stream() -> None:
    line = log_line(f"failed for ?Signature={SECRET}", auth_token=SECRET, event={"password": SECRET})

    assert SECRET not in line
    assert json.loads(line)["auth_token"] == "[redacted]"


def test_other_fields_stay_as_they_are() -> None:
    fields = json.loads(log_line("done", media_id="abc123", file_size_bytes=524288000))

    assert fields["media_id"] == "abc123"
    assert fields["file_size_bytes"] == 524288000
    assert fields["level"] == "INFO"


def test_event_types_are_spelled_for_a_query_language() -> None:
    assert all(event.value.isidentifier() and event.value.islower() for event in EventType)
