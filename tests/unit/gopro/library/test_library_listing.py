from __future__ import annotations

import random
from contextlib import suppress
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gopro_sync.errors import (
    GoProApiChangedError,
    GoProSyncError,
    GoProUnavailableError,
    LibraryIncompleteError,
    NetworkError,
    SessionRefusedError,
    ThrottledError,
)
from gopro_sync.gopro.library.listing import LibraryListing, ListingGap, list_library
from gopro_sync.gopro.library.page import Page, PageRequest, parse_page
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


def test_a_page_that_stays_short_is_made_up_for_by_those_of_another_size() -> None:
    library = FakeLibrary.of_videos(250, spoil=lambda number, _size, rows: rows[:12] if number == 3 else rows)
    listing = list_library(library.fetch_page, workers=4)
    assert (ids(listing), listing.gap) == (videos(250), None)


def test_a_library_whose_pages_all_stay_short_is_a_broken_listing() -> None:
    library = FakeLibrary.of_videos(250, spoil=lambda _number, size, rows: rows[: size // 10])
    with pytest.raises(LibraryIncompleteError, match="GoPro counts 250, showed "):
        list_library(library.fetch_page, workers=4)


def test_pages_that_repeat_rows_of_the_page_before_are_not_taken_for_complete() -> None:
    library = FakeLibrary.of_videos(
        212, spoil=lambda number, _size, rows: rows if number == 1 else [rows[-1], *rows[:-1]]
    )
    assert ids(list_library(library.fetch_page, workers=4)) == videos(212)


def test_a_server_that_always_serves_the_first_page_is_not_taken_for_complete() -> None:
    library = FakeLibrary.of_videos(450)
    with pytest.raises(LibraryIncompleteError, match="GoPro counts 450, showed 200"):
        list_library(lambda asked: parse_page(library.payload(1, asked.per_page), asked.number), workers=4)


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
        listing = list_library(library.fetch_page, workers=4)
    except LibraryIncompleteError:
        return  # allowed when deletions never stop: the run then stops as well, and says so
    listed = set(ids(listing))
    if listing.gap is not None:
        return  # as well, and the run goes on
    remaining = {row["id"] for row in library.rows if isinstance(row, dict)}
    assert remaining <= listed


def test_a_library_that_grows_by_a_page_with_every_page_does_not_keep_the_listing_busy_for_ever() -> None:
    def upload_many(library: FakeLibrary) -> None:
        for _ in range(2):
            library.upload()

    library = FakeLibrary.of_videos(4, largest_page=2, before_page=upload_many)
    with suppress(LibraryIncompleteError):
        list_library(library.fetch_page, workers=4)
    assert len(library.asked) < 1_000


def test_items_of_one_second_that_change_places_at_each_request_are_all_listed() -> None:
    chance = random.Random(7)
    photos = [video_row(number, type="Photo", created_at="2026-01-05T00:00:00Z") for number in range(11, 141)]
    newer = [video_row(number, created_at="2026-01-06T00:00:00Z") for number in range(141, 151)]
    older = [video_row(number, created_at="2026-01-04T00:00:00Z") for number in range(1, 11)]
    for _ in range(20):

        def shuffle(library: FakeLibrary) -> None:
            library.rows = [*newer, *chance.sample(photos, len(photos)), *older]

        library = FakeLibrary([*newer, *photos, *older], before_page=shuffle)
        listing = list_library(library.fetch_page, workers=4)
        assert (sorted(ids(listing)), listing.gap) == (videos(150), None)
        assert len(library.asked) <= 15


@pytest.mark.parametrize("count", [300, 700])
def test_more_items_of_one_second_than_fit_on_a_page_are_listed_too(count: int) -> None:
    chance = random.Random(count)
    rows = [video_row(number, created_at="2026-01-05T00:00:00Z") for number in range(count, 0, -1)]
    library = FakeLibrary(rows, before_page=lambda shuffled: chance.shuffle(shuffled.rows))
    listing = list_library(library.fetch_page, workers=4)
    assert (sorted(ids(listing)), listing.gap) == (videos(count), None)
    assert len(library.asked) <= 300


@pytest.mark.parametrize(("count", "ghosts"), [(7, 1), (7, 15), (2, 18), (212, 1), (1_000, 40)])
def test_a_total_that_counts_items_which_no_page_shows_is_reported_and_stops_nothing(count: int, ghosts: int) -> None:
    library = FakeLibrary.of_videos(count, ghosts=ghosts)
    listing = list_library(library.fetch_page, workers=4)
    assert ids(listing) == videos(count)
    assert listing.gap == ListingGap(stated=count + ghosts, shown=count)
    assert str(listing.gap) == f"GoPro counts {count + ghosts}, showed {count}"


def test_an_item_that_is_listed_twice_for_good_is_taken_once_and_told() -> None:
    rows = [video_row(number) for number in (7, 6, 5, 4, 4, 3, 2, 1)]
    listing = list_library(FakeLibrary(rows).fetch_page, workers=4)
    assert (ids(listing), listing.gap) == (videos(7), ListingGap(stated=8, shown=7))


@pytest.mark.parametrize("turned", [False, True])
def test_of_two_rows_of_one_id_the_one_that_states_more_counts_wherever_it_stands(*, turned: bool) -> None:
    rows = [video_row(1, item_count=1, file_size=10), video_row(1, item_count=2, file_size=20)]
    listing = list_library(FakeLibrary(rows[::-1] if turned else rows).fetch_page, workers=4)
    assert [(item.item_count, item.size_bytes) for item in listing.items] == [(2, 20)]


@pytest.mark.parametrize("count", [150, 212, 1_000, 1_990])
@pytest.mark.parametrize("overlap", [1, 5])
def test_pages_that_overlap_are_joined(count: int, overlap: int) -> None:
    def overlapping(asked: PageRequest) -> Page:
        at = (asked.number - 1) * (asked.per_page - overlap)
        rows = [video_row(number) for number in range(count, 0, -1)][at : at + asked.per_page]
        pages = {"per_page": asked.per_page, "total_items": count}
        return parse_page({"_pages": pages, "_embedded": {"media": rows}}, asked.number)

    listing = list_library(overlapping, workers=4)
    assert (ids(listing), listing.gap) == (videos(count), None)


@pytest.mark.parametrize("count", [250, 1_000])
def test_rows_at_the_end_that_no_page_reaches_are_listed_by_their_time_of_upload(count: int) -> None:
    rows = [video_row(number) for number in range(count, 0, -1)]

    def late(asked: PageRequest) -> Page:
        found = [row for row in rows if asked.uploaded_before is None or row["id"] <= "video000010"]
        at = (asked.number - 1) * asked.per_page
        shown = found[max(0, at - 7) : max(0, at - 7) + min(asked.per_page, max(0, len(found) - at))]
        pages = {"per_page": asked.per_page, "total_items": len(found)}
        return parse_page({"_pages": pages, "_embedded": {"media": shown}}, asked.number)

    listing = list_library(late, workers=4)
    assert (ids(listing), listing.gap) == (videos(count), None)


def test_what_lies_behind_a_refused_page_is_listed_by_its_time_of_upload() -> None:
    library = FakeLibrary.of_videos(2_450, deepest_row=1_000)
    listing = list_library(library.fetch_page, workers=4)
    assert (ids(listing), listing.gap) == (videos(2_450), None)
    assert len(library.asked) <= 35


@pytest.mark.parametrize("knows_ranges", [True, False])
def test_rows_of_one_second_behind_a_refused_page_are_reported_to_be_out_of_reach(*, knows_ranges: bool) -> None:
    rows = [video_row(number, created_at="2026-05-01T18:02:44Z") for number in range(1_050, 0, -1)]
    library = FakeLibrary(rows, deepest_row=1_000, knows_ranges=knows_ranges)
    listing = list_library(library.fetch_page, workers=4)
    assert listing.gap == ListingGap(stated=1_050, shown=1_000, refused_from=1_001)
    assert str(listing.gap) == "GoPro counts 1050, showed 1000; it refuses pages from row 1001 on"


def test_a_range_of_times_that_gopro_does_not_understand_is_asked_for_once_and_fails_nothing() -> None:
    library = FakeLibrary.of_videos(1_050, deepest_row=1_000)
    ranges: list[PageRequest] = []

    def fetch(asked: PageRequest) -> Page:
        if asked.uploaded_before is not None:
            ranges.append(asked)
            raise NetworkError("GoPro answered with status 500")
        return library.fetch_page(asked)

    listing = list_library(fetch, workers=4)
    assert listing.gap == ListingGap(stated=1_050, shown=1_000, refused_from=1_001)
    assert len(ranges) == 1


def test_even_a_small_part_of_a_library_is_taken_where_gopro_refuses_the_rest() -> None:
    library = FakeLibrary.of_videos(1_000, deepest_row=300, knows_ranges=False)
    listing = list_library(library.fetch_page, workers=4)
    assert listing.gap == ListingGap(stated=1_000, shown=300, refused_from=301)


@pytest.mark.parametrize("count", [0, 5, 90, 150, 999, 5_000])
@pytest.mark.parametrize("ghosts", [1, 3])
def test_a_row_that_is_never_shown_costs_so_many_requests_and_no_more(count: int, ghosts: int) -> None:
    library = FakeLibrary.of_videos(count, ghosts=ghosts)
    with suppress(LibraryIncompleteError):
        list_library(library.fetch_page, workers=4)
    assert len(library.asked) <= max(300, 3 * -(-(count + ghosts) // 100))


@pytest.mark.parametrize("count", [0, 7, 100, 250])
@pytest.mark.parametrize("total", [None, 0, 5])
@pytest.mark.parametrize("states_size", [True, False])
def test_a_total_that_is_too_small_or_none_hides_nothing(count: int, total: int | None, *, states_size: bool) -> None:
    library = FakeLibrary.of_videos(count)

    def fetch(asked: PageRequest) -> Page:
        payload = library.payload(asked.number, asked.per_page)
        size = {"per_page": payload["_pages"]["per_page"]} if states_size else {}
        return parse_page(
            payload | {"_pages": size | ({} if total is None else {"total_items": min(total, count)})},
            asked.number,
            asked_size=asked.per_page,
        )

    listing = list_library(fetch, workers=4)
    assert (ids(listing), listing.gap) == (videos(count), None)
    assert len(library.asked) <= 5


def test_a_total_that_is_far_too_large_costs_few_requests() -> None:
    library = FakeLibrary.of_videos(150, ghosts=500_000)
    with pytest.raises(LibraryIncompleteError, match="GoPro counts 500150, showed 150"):
        list_library(library.fetch_page, workers=4)
    assert len(library.asked) <= 60


def test_a_page_behind_the_last_that_is_refused_is_asked_for_once_and_is_no_limit() -> None:
    library = FakeLibrary.of_videos(155, ghosts=1)
    refused: list[PageRequest] = []

    def fetch(asked: PageRequest) -> Page:
        if (asked.number - 1) * asked.per_page >= 155:
            refused.append(asked)
            raise GoProApiChangedError("GoPro answered with status 400")
        return library.fetch_page(asked)

    listing = list_library(fetch, workers=4)
    assert listing.gap == ListingGap(stated=156, shown=155)
    assert len(refused) == 1


def test_a_page_in_the_middle_that_stays_empty_hides_nothing() -> None:
    library = FakeLibrary.of_videos(1_000, spoil=lambda number, _size, rows: [] if number == 3 else rows)
    listing = list_library(library.fetch_page, workers=4)
    assert (ids(listing), listing.gap) == (videos(1_000), None)


def test_a_listing_that_shows_nothing_of_a_library_is_broken() -> None:
    with pytest.raises(LibraryIncompleteError, match="GoPro counts 3, showed 0"):
        list_library(FakeLibrary([], ghosts=3).fetch_page, workers=4)


@pytest.mark.parametrize(
    ("stated", "shown", "refused_from", "is_broken"),
    [
        (1, 0, None, True),
        (21, 1, None, False),  # few rows
        (22, 1, None, True),
        (100, 50, None, False),
        (101, 50, None, True),
        (101, 50, 51, False),  # GoPro's limit
    ],
)
def test_a_listing_is_broken_if_it_hides_more_than_it_shows(
    stated: int, shown: int, refused_from: int | None, *, is_broken: bool
) -> None:
    gap = ListingGap(stated=stated, shown=shown, refused_from=refused_from)
    assert gap.suggests_a_broken_listing is is_broken


def test_rows_that_are_no_items_are_reported_beside_the_others() -> None:
    rows: list[object] = [
        video_row(4),
        {"id": None},
        {"id": [], "filename": "GX010003.MP4"},
        "text",
        video_row(2),
        video_row(1),
    ]
    listing = list_library(FakeLibrary(rows).fetch_page, workers=4)
    assert ids(listing) == ["video000001", "video000002", "video000004"]
    assert [row.media_id for row in listing.malformed] == [None, None, None]
    assert listing.total_items == 6
    assert listing.gap == ListingGap(stated=6, shown=6, nameless=3)
    assert str(listing.gap) == "GoPro counts 6, showed 6, 3 of them without an id"


def test_rows_without_an_id_do_not_stand_for_what_is_hidden_however_often_they_are_shown() -> None:
    """What GoPro refuses leads on to the older part, in which the same rows come again."""
    rows = [video_row(number, **({"id": None} if number in {2, 3} else {})) for number in range(250, 0, -1)]
    listing = list_library(FakeLibrary(rows, ghosts=2, deepest_row=200).fetch_page, workers=4)
    assert (len(listing.items), len(listing.malformed)) == (248, 2)
    assert str(listing.gap).startswith("GoPro counts 252, showed 250, 2 of them without an id")


@pytest.mark.parametrize(("named", "nameless", "is_broken"), [(0, 20, False), (0, 21, True), (99, 90, False)])
def test_rows_without_an_id_are_as_good_as_hidden(named: int, nameless: int, *, is_broken: bool) -> None:
    library = FakeLibrary([*(video_row(number) for number in range(named, 0, -1)), *[{"id": None}] * nameless])
    if is_broken:
        with pytest.raises(LibraryIncompleteError, match="GoPro counts 21, showed 21, 21 of them without an id"):
            list_library(library.fetch_page, workers=4)
        return
    listing = list_library(library.fetch_page, workers=4)
    assert (len(listing.items), len(listing.malformed)) == (named, nameless)


@pytest.mark.parametrize("count", [7_500, 20_000])
def test_a_large_library_is_read_again_too_where_its_first_page_is_short(count: int) -> None:
    library = FakeLibrary.of_videos(count, spoil=lambda _number, size, rows: rows[:99] if size == 100 else rows)
    listing = list_library(library.fetch_page, workers=4)
    assert (len(listing.items), listing.gap) == (count, None)
    assert len(library.asked) <= 3 * count // 100


def test_a_large_library_that_hides_one_row_is_archived_all_the_same() -> None:
    """Whatever page the row would be on: also on the first one."""
    library = FakeLibrary.of_videos(
        10_000, spoil=lambda _number, _size, rows: [row for row in rows if row != video_row(9_990)]
    )
    listing = list_library(library.fetch_page, workers=4)
    assert listing.gap == ListingGap(stated=10_000, shown=9_999)


def test_a_listing_that_has_taken_long_is_not_read_again() -> None:
    library = FakeLibrary.of_videos(300, ghosts=1)
    now = [0.0]

    def fetch(asked: PageRequest) -> Page:
        now[0] += 12.0
        return library.fetch_page(asked)

    listing = list_library(fetch, workers=1, clock=lambda: now[0])
    assert listing.gap == ListingGap(stated=301, shown=300)
    assert now[0] <= 150


def test_a_range_of_times_that_leads_nowhere_costs_so_many_requests_and_no_more() -> None:
    """GoPro takes the range, but shows the newest rows last: each older part is nearly the whole library again."""
    rows = [video_row(number) for number in range(1, 3_001)]

    class Unordered(FakeLibrary):
        def _found(self, uploaded_before: Any) -> list[object]:
            found = super()._found(uploaded_before)
            return [*found[:-2], *reversed(found[-2:])]

    library = Unordered(rows, ghosts=3)
    listing = list_library(library.fetch_page, workers=4)
    assert listing.gap is not None
    assert listing.gap.shown == 3_000
    assert len(library.asked) <= 300


def test_a_date_that_stands_in_for_the_one_of_upload_does_not_say_where_the_older_part_begins() -> None:
    def without_date(row: object) -> object:
        return {**cast("dict[str, Any]", row), "created_at": None}

    library = FakeLibrary.of_videos(
        1_000,
        deepest_row=300,
        spoil=lambda _number, _size, rows: [without_date(row) if row == video_row(701) else row for row in rows],
    )
    listing = list_library(library.fetch_page, workers=4)
    assert (len(listing.items), listing.gap) == (1_000, None)


def test_a_page_that_fails_is_made_up_for_and_an_outage_is_the_failure_of_the_listing() -> None:
    library = FakeLibrary.of_videos(1_000)

    def without_page_3(asked: PageRequest) -> Page:
        if asked.number == 3 and asked.uploaded_before is None:
            raise NetworkError("GoPro answered with status 503")
        return library.fetch_page(asked)

    def until_it_stops(asked: PageRequest) -> Page:
        if len(library.asked) > 15:
            raise NetworkError("GoPro answered with status 503")
        return library.fetch_page(asked)

    assert ids(list_library(without_page_3, workers=4)) == videos(1_000)
    library.asked.clear()
    library.rows = [video_row(number) for number in range(2_000, 0, -1)]
    with pytest.raises(NetworkError):
        list_library(until_it_stops, workers=4)


def test_a_size_of_pages_that_is_refused_from_the_first_page_on_is_not_the_end_of_the_listing() -> None:
    library = FakeLibrary.of_videos(125, deepest_row=100, knows_ranges=False)
    listing = list_library(library.fetch_page, workers=4)
    assert listing.gap == ListingGap(stated=125, shown=100, refused_from=101)
    assert len(library.asked) <= 20


@pytest.mark.parametrize("error", [SessionRefusedError, ThrottledError, GoProUnavailableError])
def test_what_concerns_all_requests_is_no_page_s_trouble(error: type[GoProSyncError]) -> None:
    library = FakeLibrary.of_videos(1_000)

    def fetch(asked: PageRequest) -> Page:
        if asked.number == 3:
            raise error("not now")
        return library.fetch_page(asked)

    with pytest.raises(error):
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
        good_payload(_pages={"per_page": 100, "total_items": "many"}),
        good_payload(_pages={"per_page": "many", "total_items": 5}),
        good_payload(_pages={"per_page": 100, "total_items": 10**15}),
        good_payload(_pages={"per_page": 10**30, "total_items": 5}),
        good_payload(_pages={"per_page": "\u0663", "total_items": 5}),
        good_payload(_pages={"per_page": 100, "total_items": float("inf")}),
        {"_pages": {"per_page": 100, "total_items": 5}, "_embedded": None},
        {"_pages": {"per_page": 100, "total_items": 5}, "_embedded": {}},
        good_payload(_embedded={"media": {"id": "a1"}}),
    ],
)
def test_an_unknown_shape_of_the_listing_is_an_api_change(payload: object) -> None:
    with pytest.raises(GoProApiChangedError):
        parse_page(payload, 1)


@pytest.mark.parametrize("embedded", [{}, {"errors": []}, {"media": None}, {"media": {}}, None])
@pytest.mark.parametrize("per_page", [100, 0, None])
def test_an_empty_library_may_come_without_a_list(embedded: object, per_page: object) -> None:
    page = parse_page({"_pages": {"per_page": per_page, "total_items": 0}, "_embedded": embedded}, 1)
    assert list_library(lambda _asked: page, workers=4) == LibraryListing(items=(), malformed=())
