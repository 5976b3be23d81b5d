"""When a schedule starts runs: the last time and the next one, as EventBridge Scheduler counts them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from gopro_sync_cli.schedule_times import NotReadableError, read_cron, read_rate

NIGHTLY = "cron(0 1 * * ? *)"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "zone", "now", "last", "following"),
    [
        (NIGHTLY, "UTC", "2026-11-28T12:00", "2026-11-28T01:00", "2026-11-29T01:00"),
        (NIGHTLY, "UTC", "2026-11-28T01:00", "2026-11-28T01:00", "2026-11-29T01:00"),
        ("cron(0 2 * * ? *)", "Europe/Berlin", "2026-11-28T12:00", "2026-11-28T01:00", "2026-11-29T01:00"),
        ("cron(0 2 * * ? *)", "Pacific/Auckland", "2026-11-28T12:00", "2026-11-27T13:00", "2026-11-28T13:00"),
        ("cron(*/15 6-7 * * ? *)", "UTC", "2026-11-28T06:20", "2026-11-28T06:15", "2026-11-28T06:30"),
        ("cron(0 1 ? * MON-FRI *)", "UTC", "2026-11-28T12:00", "2026-11-27T01:00", "2026-11-30T01:00"),
        ("cron(0 1 ? * 1 *)", "UTC", "2026-11-28T12:00", "2026-11-22T01:00", "2026-11-29T01:00"),
        ("cron(0 1 1 * ? *)", "UTC", "2026-11-28T12:00", "2026-11-01T01:00", "2026-12-01T01:00"),
        ("cron(30 1,13 * JAN,jul ? *)", "UTC", "2026-11-28T12:00", "2026-07-31T13:30", "2027-01-01T01:30"),
    ],
)
def test_the_last_time_and_the_next(expression: str, zone: str, now: str, last: str, following: str) -> None:
    schedule = read_cron(expression, zone)
    assert (schedule.before(at(now)), schedule.after(at(now))) == (at(last), at(following))


def test_a_time_that_the_clocks_skip_starts_no_run() -> None:
    schedule = read_cron("cron(30 2 * * ? *)", "Europe/Berlin")
    assert schedule.after(at("2026-03-28T12:00")) == at("2026-03-30T00:30")


def test_a_time_that_comes_twice_starts_one_run() -> None:
    schedule = read_cron("cron(30 2 * * ? *)", "Europe/Berlin")
    first = schedule.after(at("2026-10-24T12:00"))
    assert first == at("2026-10-25T00:30")
    assert schedule.after(first) == at("2026-10-26T01:30")


@pytest.mark.parametrize(
    "expression",
    [
        *("", "cron(0 1 L * ? *)", "cron(0 1 ? * MON#2 *)", "cron(0 1 15W * ? *)", "cron(61 1 * * ? *)"),
        *("cron(0 1 * * ?)", "cron(5-1 1 * * ? *)", "cron(*/0 1 * * ? *)", "at(2026-11-28T01:00:00)"),
        "cron(٣ 1 * * ? *)",
    ],
)
def test_of_what_is_not_read_no_time_is_said(expression: str) -> None:
    with pytest.raises(NotReadableError):
        read_cron(expression, "UTC")


def test_a_zone_that_there_is_not() -> None:
    with pytest.raises(NotReadableError):
        read_cron(NIGHTLY, "Mars/Olympus")


def test_a_year_that_is_over_has_no_next_time() -> None:
    assert read_cron("cron(0 1 * * ? 2025)", "UTC").after(at("2026-11-28T12:00")) is None


@pytest.mark.parametrize(
    ("expression", "every"), [("rate(1 day)", timedelta(days=1)), ("rate(12 hours)", timedelta(hours=12))]
)
def test_a_rate(expression: str, every: timedelta) -> None:
    assert read_rate(expression) == every


@pytest.mark.parametrize("expression", ["rate(0 days)", "rate(1 week)", "rate(x)", NIGHTLY])
def test_what_is_no_rate(expression: str) -> None:
    with pytest.raises(NotReadableError):
        read_rate(expression)
