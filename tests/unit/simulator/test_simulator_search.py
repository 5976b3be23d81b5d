"""Search reads its query as GoPro was observed to."""

from __future__ import annotations

import pytest

from local.simulator.library import ItemSeries, Library, SimulatedItem
from local.simulator.search import MalformedQueryError, SearchCriteria, SearchQuery, parse_search


def parse(**query: str) -> SearchQuery:
    return parse_search(query, default_page_size=30, max_page_size=200)


def ids(library: Library, **query: str) -> list[str]:
    return [item.media_id for item in library.page(parse(**query).criteria, offset=0, count=100)]


@pytest.fixture
def library() -> Library:
    return Library(
        [
            SimulatedItem(media_id="old", created_at="2026-01-01T00:00:00Z", captured_at="2026-09-01T00:00:00Z"),
            SimulatedItem(media_id="new", created_at="2026-03-01T00:00:00Z", type="Photo"),
            SimulatedItem(media_id="mid", created_at="2026-02-01T00:00:00Z", ready_to_view="transcoding"),
        ]
    )


@pytest.mark.parametrize(
    ("asked", "given"), [("", 30), ("0", 30), ("nonsense", 30), ("50", 50), ("200", 200), ("1000", 200)]
)
def test_page_size_defaults_to_30_and_is_silently_capped_at_200(asked: str, given: int) -> None:
    assert parse(per_page=asked).per_page == given


@pytest.mark.parametrize("page", ["0", "-1", "first"])
def test_pages_count_from_one(page: str) -> None:
    with pytest.raises(MalformedQueryError) as caught:
        parse(page=page)
    assert caught.value.status == 400


@pytest.mark.parametrize("text", ["", "yesterday,today", "2026-01-01T00:00:00Z"])
@pytest.mark.parametrize("name", ["captured_range", "created_range", "updated_range"])
def test_a_malformed_range_is_a_500(name: str, text: str) -> None:
    with pytest.raises(MalformedQueryError) as caught:
        parse(**{name: text})
    assert caught.value.status == 500


def test_newest_comes_first_by_either_order(library: Library) -> None:
    assert ids(library) == ["new", "mid", "old"]
    assert ids(library, order_by="captured_at") == ["old", "new", "mid"]


def test_filters_narrow_and_typing_mistakes_return_everything(library: Library) -> None:
    assert ids(library, type="Photo") == ["new"]
    assert ids(library, type="Foto") == ["new", "mid", "old"]
    assert ids(library, processing_states="ready,nonsense") == ["new", "old"]
    assert ids(library, parent_id="anything") == ["new", "mid", "old"]


def test_ranges_are_half_open(library: Library) -> None:
    assert ids(library, created_range="2026-01-01T00:00:00Z,2026-02-01T00:00:00Z") == ["old"]
    assert ids(library, created_range="2026-02-01T00:00:00Z,2026-02-01T00:00:00Z") == []


def test_a_series_is_listed_newest_first_among_the_stated_items() -> None:
    stated = SimulatedItem(media_id="stated", created_at="2026-01-01T00:01:30Z")
    library = Library([stated], ItemSeries(count=3, first_created_at="2026-01-01T00:00:00Z", interval_seconds=60))
    assert ids(library) == ["series000002", "stated", "series000001", "series000000"]


def test_deleted_and_added_items_change_the_listing_at_once() -> None:
    library = Library(series=ItemSeries(count=3))
    assert library.count(SearchCriteria()) == 3
    assert library.delete("series000001")
    assert not library.delete("series000001")
    assert library.get("series000001") is None
    library.add(SimulatedItem(media_id="extra", created_at="2027-01-01T00:00:00Z"))
    assert ids(library) == ["extra", "series000002", "series000000"]


@pytest.mark.parametrize("media_id", ["series000003", "series1", "seriesx", "other"])
def test_ids_outside_the_series_are_not_found(media_id: str) -> None:
    assert Library(series=ItemSeries(count=3)).get(media_id) is None


def test_an_id_can_be_there_only_once(library: Library) -> None:
    with pytest.raises(ValueError, match="already an item 'old'"):
        library.add(SimulatedItem(media_id="old"))
