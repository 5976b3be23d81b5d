from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gopro_sync.values.transfer_rate import megabits_per_second, seconds_on_the_line


def test_a_rate_is_in_megabits_and_not_in_megabytes_or_mebibits() -> None:
    assert megabits_per_second(1_000_000_000, 160) == pytest.approx(50)


def test_no_time_at_all_is_no_rate() -> None:
    assert megabits_per_second(1, 0) == 0


@given(st.integers(min_value=1, max_value=10**13), st.floats(min_value=1e-3, max_value=1e6))
def test_a_file_takes_as_long_as_its_rate_says(size_bytes: int, seconds: float) -> None:
    assert seconds_on_the_line(size_bytes, megabits_per_second(size_bytes, seconds)) == pytest.approx(seconds)
