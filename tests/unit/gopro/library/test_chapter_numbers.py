"""Which chapter an original is: no two are swapped, and none is lost for an odd number."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gopro_sync.gopro.library.chapter_numbers import Stated, first_free, number_chapters

type Number = int | Decimal | None


def stated(*originals: tuple[Number, int | None, str]) -> list[Stated]:
    return [Stated(number=number, position=position, address=address) for number, position, address in originals]


def numbered(*numbers: Number) -> list[Stated]:
    return stated(*((number, None, f"/{place}") for place, number in enumerate(numbers)))


@pytest.mark.parametrize(
    ("numbers", "chapters"),
    [
        ((1, 2, 3), [1, 2, 3]),
        ((3, 1, 2), [3, 1, 2]),
        ((0, 1, 2), [1, 2, 3]),
        ((2, 0, 1), [3, 1, 2]),
        ((2, 3), [2, 3]),
        ((1, 3), [1, 3]),
        ((5, 9), [5, 9]),
        ((-1, 0, 1), [1, 2, 3]),
        ((0, -2), [2, 1]),
        ((Decimal("1.5"), Decimal("0.5"), 1), [3, 1, 2]),
        ((10**30, 10**17, 1), [3, 2, 1]),
        ((1001, 1000), [2, 1]),
        ((None, 2, 3), [1, 2, 3]),
        ((0, 2, 3), [1, 2, 3]),
        ((1, None, 3), [1, 2, 3]),
        ((1, 2, None), [1, 2, 3]),
        ((None, 3), [None, 3]),
        ((None, None, 2), [None, None, 2]),
        ((0, 0, 1), [None, None, 1]),
        ((None, None), [None, None]),
        ((0, 0), [None, None]),
        ((None,), [1]),
        ((0,), [1]),
        ((2,), [2]),
        ((-1,), [1]),
        ((10**30,), [1]),
        ((Decimal("1.5"),), [1]),
    ],
)
def test_numbers_tell_what_they_can(numbers: tuple[Number, ...], chapters: list[int | None]) -> None:
    assert number_chapters(numbered(*numbers), 1) == chapters


@pytest.mark.parametrize(
    ("originals", "chapters"),
    [
        # From 0, with positions from 0 and from 1.
        (((0, 0, "a"), (1, 1, "b"), (2, 2, "c")), [1, 2, 3]),
        (((0, 1, "a"), (1, 2, "b"), (2, 3, "c")), [1, 2, 3]),
        # 0 for "not numbered", of a file whose address says which it is, or which is listed again.
        (((1, 1, "a"), (0, 2, "b")), [1, 2]),
        (((1, 1, "a"), (0, 1, "a")), [1, 1]),
        (((2, None, "a"), (None, 7, "a")), [2, 2]),
        # From 0, and the first one is not there.
        (((0, None, ""), (1, None, "b"), (2, None, "c")), [1, 2, 3]),
        # By their positions alone.
        (((None, 2, "b"), (None, 1, "a")), [2, 1]),
        (((None, 0, "a"), (None, 2, "c"), (None, 1, "b")), [1, 3, 2]),
        (((None, 2024, "b"), (None, 2023, "a")), [2, 1]),
        (((0, 1, "a"), (0, 2, "b")), [1, 2]),
        # With numbers, a position is what it is.
        (((1, None, "a"), (None, 0, "x"), (3, None, "c")), [1, 2, 3]),
        (((2, None, "b"), (None, 1, "a")), [2, 1]),
        (((2, None, "b"), (None, 2024, "a")), [2, 1]),
        # What is not there has no place of its own; what is, is the only one.
        (((None, None, "a"), (None, None, "")), [1, None]),
        (((1, None, "a"), (None, None, "")), [1, None]),
    ],
)
def test_where_numbers_do_not_tell_addresses_do(
    originals: tuple[tuple[Number, int | None, str], ...], chapters: list[int | None]
) -> None:
    assert number_chapters(stated(*originals), 1) == chapters


def test_a_single_file_is_where_its_address_says_if_the_listing_has_that_many() -> None:
    one = stated((None, 3, "a"))
    assert [number_chapters(one, item_count) for item_count in (1, 2, 3)] == [[1], [1], [3]]


def test_with_more_chapters_missing_than_files_left_nothing_tells_which_is_which() -> None:
    assert number_chapters(numbered(1, None), 3) == [1, None]


@given(st.lists(st.integers(-5, 2000) | st.decimals(-5, 2000), min_size=1, max_size=8, unique=True), st.integers(1, 9))
def test_of_numbered_files_none_is_lost_and_none_swapped(numbers: list[Number], item_count: int) -> None:
    chapters = number_chapters(numbered(*numbers), item_count)
    known = [(number, chapter) for number, chapter in zip(numbers, chapters, strict=True) if number and chapter]
    assert len(known) == len([number for number in numbers if number])
    in_order = [chapter for _, chapter in sorted(known)]
    assert in_order == sorted(set(in_order))
    assert all(chapter >= 1 for chapter in in_order)
    assert len({chapter for chapter in chapters if chapter}) == len([chapter for chapter in chapters if chapter])


def test_the_first_free_place_is_found() -> None:
    assert [first_free(taken) for taken in (set[int](), {1, 2, 4}, {2})] == [1, 3, 1]
