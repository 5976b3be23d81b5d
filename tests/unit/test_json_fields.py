"""Fields of events: the wrong shape is named by field, its value is not repeated."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from gopro_sync.errors import InvalidEventError
from gopro_sync.json_fields import (
    JsonObject,
    optional_count,
    optional_text,
    optional_time,
    required_count,
    required_text,
)
from gopro_sync.timestamps import iso_utc, parse_iso_utc


@pytest.mark.parametrize("event", [{}, {"media_id": None}, {"media_id": ""}])
def test_a_required_text_that_is_missing_null_or_empty_is_refused(event: JsonObject) -> None:
    with pytest.raises(InvalidEventError, match="media_id"):
        required_text(event, "media_id")


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (optional_text, 5),
        (optional_text, ["secret-value"]),
        (optional_count, "12"),
        (optional_count, -1),
        (optional_count, True),
        (optional_count, 1.5),
        (optional_time, "yesterday"),
        (optional_time, "2026-05-01T09:30:12"),
        (optional_time, 1714555812),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused_by_name(read: Callable[[JsonObject, str], object], value: object) -> None:
    with pytest.raises(InvalidEventError, match="field 'x'") as caught:
        read({"x": value}, "x")

    assert "secret-value" not in str(caught.value)


@pytest.mark.parametrize("read", [optional_text, optional_count, optional_time])
def test_missing_and_null_are_the_same(read: Callable[[JsonObject, str], object]) -> None:
    assert read({}, "x") is None
    assert read({"x": None}, "x") is None


@pytest.mark.parametrize("event", [{}, {"x": None}])
def test_a_required_count_that_is_missing_is_refused_by_name(event: JsonObject) -> None:
    with pytest.raises(InvalidEventError, match="field 'x'"):
        required_count(event, "x")


def test_zero_is_a_count() -> None:
    assert optional_count({"file_size": 0}, "file_size") == 0


def test_times_are_written_and_read_alike() -> None:
    moment = datetime(2026, 5, 1, 9, 30, 12, tzinfo=UTC)

    assert iso_utc(moment) == "2026-05-01T09:30:12Z"
    assert parse_iso_utc("2026-05-01T11:30:12+02:00") == moment
