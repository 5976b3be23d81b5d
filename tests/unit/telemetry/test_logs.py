"""Logs: structured, and without secrets whoever wrote the line."""

from __future__ import annotations

import json
import logging
import re
from io import StringIO
from typing import Literal

import pytest
from aws_lambda_powertools import Logger

from gopro_sync.telemetry.json_lines import RedactingFormatter
from gopro_sync.telemetry.logs import EventType

SECRET = "fake-secret-value-0123456789"


def log_line(message: object, *, level: Literal["info", "warning", "error"] = "info", **fields: object) -> str:
    stream = StringIO()
    logger = Logger(
        service=f"test-{id(stream)}",
        logger_handler=logging.StreamHandler(stream),
        logger_formatter=RedactingFormatter(utc=True, use_rfc3339=True),
    )
    getattr(logger, level)(message, extra=fields)
    return stream.getvalue()


def test_a_secret_in_a_field_or_a_message_never_reaches_the_stream() -> None:
    line = log_line(f"failed for ?Signature={SECRET}", auth_token=SECRET, event={"password": SECRET})

    assert SECRET not in line
    assert json.loads(line)["auth_token"] == "[redacted]"


@pytest.mark.parametrize(
    "text",
    [
        "field 'password': 'it",
        'answer: {"error": "x", "access_token": "abc',
        "no value for token=",
        "Unexpected token: '",
        '{"password": ["a", "b"]}',
        "\ud83d half a letter, https://x.example/?Signature=abc",
    ],
)
def test_a_line_stays_json_with_all_its_fields_whatever_is_reported(text: str) -> None:
    fields = json.loads(log_line("what happened", media_id="abc123", unexpected_text=text, event_type="x"))
    assert (fields["media_id"], fields["event_type"], fields["level"]) == ("abc123", "x", "INFO")


def with_itself() -> dict[str, object]:
    reported: dict[str, object] = {}
    reported["itself"] = reported
    return reported


@pytest.mark.parametrize(
    "value",
    [
        10**5000,
        float("nan"),
        float("-inf"),
        with_itself(),
        {"\ud800": "\udfff"},
        ["x" * 1000] * 1000,
        "\x00\ufffe" * 300_000,
    ],
    ids=["a number of 5,000 digits", "no number", "infinity", "itself", "half a letter", "many", "long"],
)
def test_no_value_takes_a_line_away_or_makes_it_longer_than_one_event(value: object) -> None:
    line = log_line("what happened", media_id="abc123", event_type="x", odd=value, auth_token=SECRET * 20_000)

    fields = json.loads(line, parse_constant=lambda _name: pytest.fail("no JSON"))
    assert (fields["media_id"], fields["event_type"], fields["message"]) == ("abc123", "x", "what happened")
    assert len(line.encode()) <= 256 * 1024
    assert SECRET not in line


def test_other_fields_stay_as_they_are() -> None:
    fields = json.loads(log_line("done", media_id="abc123", file_size_bytes=524288000))

    assert fields["media_id"] == "abc123"
    assert fields["file_size_bytes"] == 524288000
    assert fields["level"] == "INFO"


def test_levels_and_time_stamps_are_spelled_as_the_specification_does() -> None:
    spoken = [json.loads(log_line("x", level=level)) for level in ("info", "warning", "error")]

    assert [line["level"] for line in spoken] == ["INFO", "WARN", "ERROR"]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["timestamp"]) for line in spoken)


@pytest.mark.parametrize(("parameter", "level"), [("WARN", logging.WARNING), ("WARNING", logging.WARNING)])
def test_the_stack_s_log_level_works_by_either_name(
    parameter: str, level: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POWERTOOLS_LOG_LEVEL", parameter)
    assert Logger(service=f"test-level-{parameter}").log_level == level


def test_event_types_are_spelled_for_a_query_language() -> None:
    assert all(event.value.isidentifier() and event.value.islower() for event in EventType)
