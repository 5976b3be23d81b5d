"""Range headers are read as S3 reads them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.simulator.cdn import ByteRange, UnsatisfiableRangeError, requested_range


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("bytes=0-0", ByteRange(0, 1)),
        ("bytes=10-19", ByteRange(10, 20)),
        ("bytes=90-", ByteRange(90, 100)),
        ("bytes=90-999", ByteRange(90, 100)),
        ("bytes=-10", ByteRange(90, 100)),
        ("bytes=-999", ByteRange(0, 100)),
        ("bytes=-", None),
        ("bytes=9-3", None),
        ("bytes=0-1,5-6", None),
        ("lines=0-1", None),
    ],
)
def test_what_is_served(header: str | None, expected: ByteRange | None) -> None:
    assert requested_range(header, 100) == expected


@pytest.mark.parametrize(
    ("header", "size"), [("bytes=100-", 100), ("bytes=100-200", 100), ("bytes=0-", 0), ("bytes=-0", 9)]
)
def test_what_lies_beyond_the_end_is_416(header: str, size: int) -> None:
    with pytest.raises(UnsatisfiableRangeError):
        requested_range(header, size)


@given(st.integers(1, 10**15), st.data())
def test_a_range_within_the_file_is_served_exactly(size: int, data: st.DataObject) -> None:
    first = data.draw(st.integers(0, size - 1))
    last = data.draw(st.integers(first, size - 1))
    assert requested_range(f"bytes={first}-{last}", size) == ByteRange(first, last + 1)
