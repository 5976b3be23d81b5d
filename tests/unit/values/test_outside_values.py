"""What others wrote where a number or a date is expected: it is read exactly, or it counts as not given."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gopro_sync.values.outside_values import (
    LARGEST_WHOLE_NUMBER,
    LONGEST_RETRY_AFTER_SECONDS,
    SECONDS_LIMIT,
    ContentRange,
    content_range_or_none,
    moment_or_none,
    one_line,
    retry_after_seconds,
    seconds_or_none,
    sendable_text,
    table_number_or_none,
    text_or_none,
    whole_number_or_none,
    zoned_moment_or_none,
)
from tests.support.odd_values import NO_NUMBERS, calendar_ends, has_a_moment_in_utc, json_values, texts

NOW = datetime(2026, 5, 1, 2, 0, tzinfo=UTC)


# --- texts and numbers -----------------------------------------------------------------------------------------------


@given(json_values)
def test_no_value_raises(value: object) -> None:
    text = text_or_none(value)
    assert text is None or text == value
    number = whole_number_or_none(value)
    assert number is None or 0 <= number <= LARGEST_WHOLE_NUMBER
    seconds = seconds_or_none(value)
    assert seconds is None or 0 <= seconds < SECONDS_LIMIT
    table_number = table_number_or_none(value)
    assert table_number is None or isinstance(value, str)
    for moment in (moment_or_none(value), zoned_moment_or_none(value)):
        assert moment is None or moment.utcoffset() == timedelta(0)


@given(st.integers(0, 10**18 - 1))
def test_a_number_may_arrive_as_text(number: int) -> None:
    assert whole_number_or_none(number) == whole_number_or_none(str(number)) == number


@pytest.mark.parametrize(
    "value",
    [*NO_NUMBERS, None, True, -1, 1.5, float("nan"), float("inf"), 1e300, 10**18, 10**30, "9" * 19, "9" * 5_000, []],
)
def test_what_is_no_plausible_number_counts_as_not_given(value: object) -> None:
    assert whole_number_or_none(value) is None


@given(texts)
def test_a_number_is_spelled_in_ascii_digits_alone(text: str) -> None:
    if whole_number_or_none(text) is not None:
        assert set(text) <= set("0123456789")


@pytest.mark.parametrize("value", [None, "", "  ", 7, ["GX010456.MP4"]])
def test_what_is_no_text_counts_as_not_given(value: object) -> None:
    assert text_or_none(value) is None


@pytest.mark.parametrize(("value", "seconds"), [(0, 0.0), (7, 7.0), (7.25, 7.25), (999_999_999, 999_999_999.0)])
def test_seconds_are_a_number(value: float, seconds: float) -> None:
    assert seconds_or_none(value) == seconds


@pytest.mark.parametrize("value", [None, True, "7", -1, -0.5, float("nan"), float("inf"), 1e9, 10**30, [7]])
def test_what_no_clock_could_count_is_no_number_of_seconds(value: object) -> None:
    assert seconds_or_none(value) is None


@pytest.mark.parametrize(
    ("text", "number"),
    [("0", 0), ("-7", -7), ("2E+3", 2000), ("1.5", Decimal("1.5")), ("9.9E+125", 99 * 10**124), ("1E-130", 10**-130)],
)
def test_a_number_of_the_table_is_read_exactly(text: str, number: float) -> None:
    read = table_number_or_none(text)
    assert read == number or (isinstance(read, Decimal) and float(read) == number)


@pytest.mark.parametrize("text", ["", ".", "-", "NaN", "sNaN", "Infinity", "1_0", "٣", " 1", "1E+999999", "9" * 5_000])
def test_what_no_table_can_hold_is_no_number(text: str) -> None:
    assert table_number_or_none(text) is None


# --- times -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["2026-05-01T18:02:44Z", "2026-05-01T20:02:44+02:00", "2026-05-01T18:02:44", "2026-05-01T18:02:44.000Z"]
)
def test_a_time_becomes_utc_and_needs_no_zone(text: str) -> None:
    assert moment_or_none(text) == datetime(2026, 5, 1, 18, 2, 44, tzinfo=UTC)


@pytest.mark.parametrize("text", ["2026-05-01T18:02:44Z", "2026-05-01T20:02:44+02:00", "2026-05-01T18:02:44.000Z"])
def test_a_time_with_a_zone_becomes_utc(text: str) -> None:
    assert zoned_moment_or_none(text) == datetime(2026, 5, 1, 18, 2, 44, tzinfo=UTC)


@pytest.mark.parametrize("text", ["2026-05-01T18:02:44", "2026-05-01"])
def test_a_time_without_a_zone_is_none_where_one_is_needed(text: str) -> None:
    assert zoned_moment_or_none(text) is None


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "yesterday",
        "2026-13-01T00:00:00Z",
        1_777_658_564,
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "\u0662\u0660\u0662\u0666-\u0660\u0665-\u0660\u0661T18:02:44Z",
        "2026-05-01\ud80018:02:44Z\ud800",
        "2026-05-01T18:02:44Z\x1f",
        "2026-05-01T18:02:44+99:99",
    ],
)
def test_what_is_no_time_counts_as_not_given(value: object) -> None:
    assert moment_or_none(value) is None
    assert zoned_moment_or_none(value) is None


@given(calendar_ends)
def test_a_time_at_either_end_of_the_calendar_is_read_in_every_zone_that_leaves_it_there(moment: datetime) -> None:
    expected = moment if has_a_moment_in_utc(moment) else None
    assert moment_or_none(moment.isoformat()) == zoned_moment_or_none(moment.isoformat()) == expected


# --- headers ---------------------------------------------------------------------------------------------------------


@given(st.integers(-10_000, 10_000))
def test_a_pause_may_be_a_date(seconds: int) -> None:
    header = format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)
    assert retry_after_seconds(header, NOW) == max(0, seconds)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        (" 120\t", 120.0),
        ("Fri, 01 May 2026 02:00:30 GMT", 30.0),
        ("Fri, 01 May 2026 02:00:30", 30.0),
        ("Fri, 01 May 2026 01:00:00 GMT", 0.0),
        ("Friday, 01-May-26 02:00:30 GMT", 30.0),
        ("Fri May  1 02:00:30 2026", 30.0),
        ("Mon, 01 Jan 0001 00:00:00 +1400", 0.0),
    ],
)
def test_retry_after_is_read_in_both_forms(header: str, seconds: float) -> None:
    assert retry_after_seconds(header, NOW) == seconds


@given(texts)
def test_no_retry_after_header_raises(header: str) -> None:
    pause = retry_after_seconds(header, NOW)
    assert pause is None or 0 <= pause <= LONGEST_RETRY_AFTER_SECONDS


@given(calendar_ends, st.sampled_from(["GMT", "+1400", "-1200", "+2359", "-2359", "+9999", "-0000", "EST", ""]))
def test_no_date_of_any_year_and_zone_raises(moment: datetime, zone: str) -> None:
    header = format_datetime(moment).rpartition(" ")[0]
    pause = retry_after_seconds(f"{header} {zone}".strip(), NOW)
    assert pause is None or 0 <= pause <= LONGEST_RETRY_AFTER_SECONDS


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "soon",
        "-5",
        "1_0",
        "٣",
        "²",
        "0\x1f",
        "7 7",
        "1.5",
        "nan",
        "Infinity",
        "Fri, 99 Foo 2027",
        "Fri, \u0661\u0665 Jan 2027 08:00:30 GMT",
        "Thu, 99 Foo 99999999999999999999 00:00:00 GMT",
        "Fri, 01 Jan 99999999999999999999 00:00:00 GMT",
        "Fri, 01 Jan 2027 00:00:00 +99999999999999999999",
        "\ud800",
    ],
)
def test_an_unreadable_pause_counts_as_not_asked_for(header: str | None) -> None:
    assert retry_after_seconds(header, NOW) is None


@pytest.mark.parametrize(
    "header", ["31536001", "9" * 400, "9" * 5_000, "Fri, 31 Dec 9999 23:59:59 GMT", "Fri, 31 Dec 9999 23:59:59 -1400"]
)
def test_no_pause_is_longer_than_a_wait_of_the_state_machine(header: str) -> None:
    assert retry_after_seconds(header, NOW) == LONGEST_RETRY_AFTER_SECONDS == timedelta(days=365).total_seconds()


@given(st.integers(0, 10**17), st.integers(0, 10**17), st.integers(1, 10**17))
def test_a_range_is_read_exactly(first: int, more: int, beyond: int) -> None:
    last, total = first + more, first + more + beyond
    stated = ContentRange(first=first, last=last, total=total)
    assert content_range_or_none(f"bytes {first}-{last}/{total}") == stated
    assert content_range_or_none(f"Bytes {first}-{last}/*") == ContentRange(first=first, last=last, total=None)


@given(texts | st.builds("bytes {}-{}/{}".format, texts, texts, texts))
def test_no_content_range_raises(header: str) -> None:
    stated = content_range_or_none(header)
    assert stated is None or 0 <= stated.first <= stated.last < (stated.total or LARGEST_WHOLE_NUMBER + 1)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "bytes */5",
        "bytes 0-0/**",
        "bytes 0-0/0",
        "bytes 0-5/5",
        "bytes 3-2/5",
        "bytes \u0660-\u0660/\u0665",
        "bytes 0-0/1_0",
    ]
    + [f"bytes 0-0/{total}" for total in ("9" * 19, "9" * 5_000, "-1", "1e9", "5\x1f")],
)
def test_a_range_that_cannot_be_counts_as_not_stated(header: str | None) -> None:
    assert content_range_or_none(header) is None


# --- what is sent on -------------------------------------------------------------------------------------------------

# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
TAKEN_BY_SQS = "[\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*"


@given(st.text(st.characters(codec=None)), st.integers(0, 40))
def test_what_is_sent_on_is_taken_by_every_service(text: str, longest_bytes: int) -> None:
    for read in (sendable_text, one_line):
        cleaned = read(text, longest_bytes=longest_bytes)
        assert re.fullmatch(TAKEN_BY_SQS, cleaned)
        assert len(cleaned.encode()) <= longest_bytes
    assert len(one_line(text, longest_bytes=10_000).splitlines()) <= 1


@pytest.mark.parametrize("text", ["GX010456.MP4", "\u00c4tna, 5\u00a0km.mp4", "\U0001f3a5", "e\u0301"])
def test_what_can_be_sent_stays_as_it_is(text: str) -> None:
    assert sendable_text(text, longest_bytes=100) == one_line(text, longest_bytes=100) == text
