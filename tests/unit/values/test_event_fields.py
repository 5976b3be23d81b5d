"""Fields of events: the wrong shape is named by field, its value is not repeated."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given

from gopro_sync.errors import InvalidEventError
from gopro_sync.values.event_fields import (
    JsonObject,
    optional_count,
    optional_flag,
    optional_seconds,
    optional_text,
    optional_texts,
    optional_time,
    required_count,
    required_text,
)
from gopro_sync.values.timestamps import iso_utc
from tests.support.odd_values import calendar_ends, json_values


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
        (optional_count, float("nan")),
        (optional_count, 10**18),
        (optional_count, 10**30),
        (optional_count, {"count": 1}),
        (optional_seconds, "12"),
        (optional_seconds, float("nan")),
        (optional_seconds, float("inf")),
        (optional_seconds, 10**30),
        (optional_seconds, [1]),
        (optional_time, "yesterday"),
        (optional_time, "2026-05-01T09:30:12"),
        (optional_time, 1714555812),
        (optional_time, "0001-01-01T00:00:00+14:00"),
        (optional_time, "9999-12-31T23:59:59-14:00"),
        (optional_time, {"time": "2026-05-01T09:30:12Z"}),
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
    assert optional_time({"x": "2026-05-01T11:30:12+02:00"}, "x") == moment


READERS = (
    optional_count,
    optional_flag,
    optional_seconds,
    optional_text,
    optional_texts,
    optional_time,
    required_count,
    required_text,
)


@given(json_values | calendar_ends.map(datetime.isoformat))
def test_no_value_raises_anything_but_the_error_that_names_the_field(value: object) -> None:
    for read in READERS:
        stated = "field 'x'"
        try:
            read({"x": value}, "x")
        except InvalidEventError as error:
            stated = str(error)
        assert "field 'x'" in stated


@pytest.mark.parametrize("end", ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59.999999+00:00", "9999-12-31T00:00:00Z"])
def test_a_runs_duration_can_be_added_to_the_last_day_of_the_calendar(end: str) -> None:
    started_at = optional_time({"run_started_at": end}, "run_started_at")

    assert started_at is not None
    assert iso_utc(started_at + timedelta(days=1)).startswith("9999-12-31T")


def test_a_count_is_one_that_can_be_divided() -> None:
    largest = optional_count({"bytes_transferred": 10**18 - 1}, "bytes_transferred")

    assert largest is not None
    assert largest / 1e6 == pytest.approx(1e12)
