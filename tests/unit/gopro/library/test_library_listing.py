from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gopro_sync.errors import GoProApiChangedError, LibraryIncompleteError, NetworkError
from gopro_sync.gopro.library.listing import LibraryListing, Page, list_library, parse_page
from tests.support.gopro_library import FakeLibrary, video_row
from tests.support.odd_values import json_values


def ids(listing: LibraryListing) -> list[str]:
    return [item.media_id for item in listing.items]


def videos(count: int) -> list[str]:
    return [f"video{number:06}" for number in range(1, count + 1)]


def test_an_empty_library_is_complete() -> None:
    assert list_library(FakeLibrary([]).fetch_page, workers=4) == LibraryListing(items=(), malformed=())


@given(count=st.integers(0, 450), largest_page=st.integers(20, 200), workers=st.integers(1, 4))
@settings(max_examples=30, deadline=None)
def test_every_item_is_listed_once_oldest_first_whatever_the_page_size_that_gopro_serves(
    count: int, largest_page: int, workers: int
) -> None:
    library = FakeLibrary.of_videos(count, largest_page=largest_page)
    assert ids(list_library(library.fetch_page, workers=workers)) == videos(count)


def test_no_page_is_asked_for_twice_when_all_is_well() -> None:
    library = FakeLibrary.of_videos(1_000)
    list_library(library.fetch_page, workers=4)
    assert sorted(library.asked) == [(number, 100) for number in range(1, 11)]


def test_short_pages_are_listed_anew_with_smaller_pages() -> None:
    library = FakeLibrary.of_videos(212, spoil=lambda _number, size, rows: rows[:12] if size > 50 else rows)
    assert ids(list_library(library.fetch_page, workers=4)) == videos(212)
    assert library.asked[0] == (1, 100)
    assert {size for _, size in library.asked[1:]} == {50}


def test_a_listing_that_stays_short_ends_after_three_tries_and_says_where() -> None:
    library = FakeLibrary.of_videos(250, spoil=lambda number, _size, rows: rows[:12] if number == 3 else rows)
    with pytest.raises(LibraryIncompleteError, match="3 tries: page 3 has 12 rows instead of 50"):
        list_library(library.fetch_page, workers=4)
    assert [asked for asked in library.asked if asked[0] == 1] == [(1, 100), (1, 50), (1, 50)]


def test_pages_that_repeat_rows_of_the_page_before_are_not_taken_for_complete() -> None:
    library = FakeLibrary.of_videos(
        212, spoil=lambda number, _size, rows: rows if number == 1 else [rows[-1], *rows[:-1]]
    )
    shifted = FakeLibrary.of_videos(
        212,
        spoil=lambda number, size, rows: rows if number == 1 else [video_row(213 - (number - 1) * size), *rows[:-1]],
    )
    assert ids(list_library(library.fetch_page, workers=4)) == videos(212)
    with pytest.raises(LibraryIncompleteError, match="different items instead of 212"):
        list_library(shifted.fetch_page, workers=4)


def test_a_server_that_always_serves_the_first_page_is_not_taken_for_complete() -> None:
    library = FakeLibrary.of_videos(300)
    with pytest.raises(LibraryIncompleteError, match="different items instead of 300"):
        list_library(lambda number, size: parse_page(library.payload(1, size), number), workers=4)


def test_an_upload_during_the_listing_pushes_nothing_over_the_edge() -> None:
    # 200 items are two pages; the upload moves the oldest to a third one, which nobody knew of.
    uploads = iter([False, True])
    library = FakeLibrary.of_videos(200, before_page=lambda lib: lib.upload() if next(uploads, False) else None)
    assert ids(list_library(library.fetch_page, workers=1)) == videos(200)
    assert library.asked == [(1, 100), (2, 100), (3, 100)]


@given(seed=st.integers(0, 10_000), count=st.integers(0, 350), share=st.floats(0, 1))
@settings(max_examples=40, deadline=None)
def test_whatever_is_uploaded_meanwhile_all_that_was_there_is_listed_without_starting_over(
    seed: int, count: int, share: float
) -> None:
    chance = random.Random(seed)
    library = FakeLibrary.of_videos(count, before_page=lambda lib: lib.upload() if chance.random() < share else None)
    listed = ids(list_library(library.fetch_page, workers=4))
    assert set(videos(count)) <= set(listed)
    assert len(listed) == len(set(listed))


@given(seed=st.integers(0, 10_000), count=st.integers(1, 350))
@settings(max_examples=40, deadline=None)
def test_whatever_is_deleted_meanwhile_nothing_that_remains_is_left_out(seed: int, count: int) -> None:
    chance = random.Random(seed)

    def delete_now_and_then(library: FakeLibrary) -> None:
        if library.rows and chance.random() < 0.2:
            library.rows.pop(chance.randrange(len(library.rows)))

    library = FakeLibrary.of_videos(count, before_page=delete_now_and_then)
    try:
        listed = set(ids(list_library(library.fetch_page, workers=4)))
    except LibraryIncompleteError:
        return  # allowed when deletions never stop: the run then stops as well, and says so
    remaining = {row["id"] for row in library.rows if isinstance(row, dict)}
    assert remaining <= listed


def test_a_library_that_grows_by_a_page_with_every_page_does_not_keep_the_listing_busy_for_ever() -> None:
    def upload_many(library: FakeLibrary) -> None:
        for _ in range(2):
            library.upload()

    library = FakeLibrary.of_videos(4, largest_page=2, before_page=upload_many)
    with pytest.raises(LibraryIncompleteError, match="items are missing"):
        list_library(library.fetch_page, workers=4)


def test_rows_that_are_no_items_are_reported_beside_the_others() -> None:
    rows: list[object] = [
        video_row(4),
        {"id": None},
        video_row(3, created_at="soon"),
        "text",
        video_row(2),
        video_row(1),
    ]
    listing = list_library(FakeLibrary(rows).fetch_page, workers=4)
    assert ids(listing) == ["video000001", "video000002", "video000004"]
    assert sorted(row.media_id or "" for row in listing.malformed) == ["", "", "video000003"]
    assert listing.total_items == 6


def test_the_failure_of_one_page_is_the_failure_of_the_listing() -> None:
    library = FakeLibrary.of_videos(1_000)

    def fetch(number: int, size: int) -> Page:
        if number == 3:
            raise NetworkError("GoPro answered with status 503")
        return library.fetch_page(number, size)

    with pytest.raises(NetworkError):
        list_library(fetch, workers=4)


def good_payload(**changes: Any) -> dict[str, Any]:
    return {"_pages": {"per_page": 100, "total_items": 0}, "_embedded": {"media": []}, **changes}


@pytest.mark.parametrize("number", ["100", 100])
def test_numbers_of_a_page_may_arrive_as_text(number: object) -> None:
    page = parse_page(good_payload(_pages={"per_page": number, "total_items": number}), 1)
    assert (page.per_page, page.total_items) == (100, 100)


@given(json_values, json_values, st.integers(1, 10**6))
def test_no_number_of_a_page_raises_anything_but_an_api_change(per_page: object, total_items: object, at: int) -> None:
    try:
        page = parse_page(good_payload(_pages={"per_page": per_page, "total_items": total_items}), at)
    except GoProApiChangedError:
        return
    assert page.expected_rows >= 0
    assert len(page.positions) == 0


@pytest.mark.parametrize(
    "payload",
    [
        None,
        [],
        "text",
        {},
        good_payload(_pages=None),
        good_payload(_pages={"per_page": 100}),
        good_payload(_pages={"per_page": 0, "total_items": 5}),
        good_payload(_pages={"per_page": 100, "total_items": 10**15}),
        good_payload(_pages={"per_page": 10**30, "total_items": 5}),
        good_payload(_pages={"per_page": "\u0663", "total_items": 5}),
        good_payload(_pages={"per_page": 100, "total_items": float("inf")}),
        good_payload(_embedded=None),
        good_payload(_embedded={}),
        good_payload(_embedded={"media": {"id": "a1"}}),
    ],
)
def test_an_unknown_shape_of_the_listing_is_an_api_change(payload: object) -> None:
    with pytest.raises(GoProApiChangedError):
        parse_page(payload, 1)
