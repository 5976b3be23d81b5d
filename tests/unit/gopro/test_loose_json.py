from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gopro_sync.gopro.loose_json import moment_or_none, text_or_none, whole_number_or_none

any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(any_json)
def test_no_value_raises(value: object) -> None:
    text_or_none(value)
    moment_or_none(value)
    number = whole_number_or_none(value)
    assert number is None or number >= 0


@given(st.integers(0, 10**18 - 1))
def test_a_number_may_arrive_as_text(number: int) -> None:
    assert whole_number_or_none(number) == whole_number_or_none(str(number)) == number


@pytest.mark.parametrize(
    "value",
    [None, True, -1, "-1", 1.5, "1.5", "", " 1", "1\n", "²", float("nan"), float("inf"), 10**18, "9" * 5_000, []],
)
def test_what_is_no_plausible_number_counts_as_not_given(value: object) -> None:
    assert whole_number_or_none(value) is None


@pytest.mark.parametrize(
    "text", ["2026-05-01T18:02:44Z", "2026-05-01T20:02:44+02:00", "2026-05-01T18:02:44", "2026-05-01T18:02:44.000Z"]
)
def test_a_time_becomes_utc_and_needs_no_zone(text: str) -> None:
    assert moment_or_none(text) == datetime(2026, 5, 1, 18, 2, 44, tzinfo=UTC)


@pytest.mark.parametrize(
    "value", [None, "", "yesterday", "2026-13-01T00:00:00Z", 1_777_658_564, "0001-01-01T00:00:00+14:00"]
)
def test_what_is_no_time_counts_as_not_given(value: object) -> None:
    assert moment_or_none(value) is None


@pytest.mark.parametrize("value", [None, "", "  ", 7, ["GX010456.MP4"]])
def test_what_is_no_text_counts_as_not_given(value: object) -> None:
    assert text_or_none(value) is None
