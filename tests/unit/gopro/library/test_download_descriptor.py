from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gopro_sync.errors import GoProApiChangedError, SourceMissingError
from gopro_sync.gopro.library.download import OriginalFile, choose_originals, parse_descriptor
from tests.support.gopro_api import descriptor, variation
from tests.support.odd_values import json_values


def choose(*variations: object, item_count: int = 1) -> tuple[OriginalFile, ...]:
    return choose_originals(parse_descriptor(descriptor(*variations), "a1"), item_count)


def url_of(number: int) -> str:
    return f"https://cdn.example/source/{number}.mp4?Signature=fake-signature"


def test_the_original_is_taken_and_never_the_proxy_in_files() -> None:
    assert choose(variation("source"), variation("mp4_low")) == (OriginalFile(item_number=1, url=url_of(1)),)


def test_the_original_is_found_by_its_label_and_not_by_its_place() -> None:
    (original,) = choose(variation("concat"), variation("edit_proxy"), variation("source"))
    assert original.url == url_of(1)


def test_a_proxy_as_large_as_the_original_is_not_taken() -> None:
    large = {"width": 3840, "height": 2160}
    (original,) = choose(
        variation("high_res_proxy_mp4", **large), variation("source", **large), variation("concat", **large)
    )
    assert original.url == url_of(1)


@given(st.permutations([1, 2, 3, 4]))
def test_all_chapters_are_taken_in_order_and_never_the_server_made_join(order: list[int]) -> None:
    chapters = [variation("source", item_number=number) for number in order]
    originals = choose(variation("concat"), *chapters, item_count=4)
    assert [(original.item_number, original.url) for original in originals] == [(n, url_of(n)) for n in (1, 2, 3, 4)]


def test_the_sources_are_counted_where_the_listing_states_too_few_chapters() -> None:
    chapters = [variation("source", item_number=number) for number in (1, 2, 3)]
    assert len(choose(*chapters, item_count=1)) == 3


@pytest.mark.parametrize("number", [None, 0, 1, "1"])
def test_a_single_file_may_be_numbered_or_not(number: object) -> None:
    (original,) = choose({**variation("source"), "item_number": number})
    assert original.item_number == 1


def test_absent_availability_means_that_the_original_is_there() -> None:
    source = variation("source")
    del source["available"]
    assert len(choose(source)) == 1


@pytest.mark.parametrize("label", ["concat", "high_res_proxy_mp4", "baked_source", "edit_proxy", "Source", "source "])
def test_without_an_original_nothing_is_taken_instead(label: str) -> None:
    with pytest.raises(SourceMissingError, match=f"no camera original, only: '{label}'"):
        choose(variation(label))


def test_a_descriptor_without_variations_says_that_there_is_nothing() -> None:
    with pytest.raises(SourceMissingError, match="no camera original, only: nothing"):
        choose_originals(parse_descriptor({"filename": "", "_embedded": {"variations": None}}, "a1"), 1)


@pytest.mark.parametrize("defect", [{"available": False}, {"url": ""}, {"url": None}])
def test_an_original_that_is_listed_but_not_there_is_missing(defect: dict[str, Any]) -> None:
    with pytest.raises(SourceMissingError, match="0 of 1 camera originals"):
        choose(variation("source", **defect), variation("high_res_proxy_mp4"))


def test_an_unavailable_chapter_makes_the_recording_incomplete_though_the_listing_knows_nothing_of_it() -> None:
    with pytest.raises(SourceMissingError, match="1 of 2 camera originals"):
        choose(variation("source", item_number=1), variation("source", item_number=2, available=False), item_count=1)


@pytest.mark.parametrize(("numbers", "item_count"), [([1, 2], 3), ([1, 3], 3), ([2, 3], 1), ([1, 10**17], 1)])
def test_a_missing_chapter_makes_the_recording_incomplete(numbers: list[int], item_count: int) -> None:
    expected = max(item_count, *numbers)
    with pytest.raises(SourceMissingError, match=f"2 of {expected} camera originals"):
        choose(*(variation("source", item_number=number) for number in numbers), item_count=item_count)


def test_two_lenses_of_one_chapter_are_refused_because_one_would_be_lost() -> None:
    front = variation("source", item_number=1, camera_position="front")
    back = variation("source", item_number=1, camera_position="back")
    with pytest.raises(SourceMissingError, match="2 camera originals for 1 chapters"):
        choose(front, back)


def test_several_originals_without_numbers_are_refused_because_their_order_is_a_guess() -> None:
    with pytest.raises(SourceMissingError, match="without chapter numbers"):
        choose(variation("source"), variation("source"))


@pytest.mark.parametrize(
    "payload",
    [None, [], "text", {}, {"_embedded": None}, {"_embedded": []}, {"_embedded": {"variations": {"label": "source"}}}],
)
def test_an_unknown_shape_is_an_api_change(payload: object) -> None:
    with pytest.raises(GoProApiChangedError):
        parse_descriptor(payload, "a1")


@pytest.mark.parametrize("row", [None, "source", ["source"], {"label": "source", "item_number": "first"}])
def test_a_variation_that_might_be_an_unreadable_chapter_is_not_left_out(row: object) -> None:
    with pytest.raises(GoProApiChangedError):
        parse_descriptor(descriptor(variation("source", item_number=1), row), "a1")


@given(st.lists(json_values, min_size=1, max_size=3), st.integers(0, 10**18 - 1))
def test_no_number_of_a_chapter_raises_anything_but_a_named_error(numbers: list[object], item_count: int) -> None:
    chapters = [{**variation("source"), "item_number": number} for number in numbers]
    with suppress(GoProApiChangedError, SourceMissingError):
        originals = choose(*chapters, item_count=item_count)
        assert [original.item_number for original in originals] == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize(("number", "error"), [(10**18 - 1, SourceMissingError), (10**30, GoProApiChangedError)])
def test_a_number_that_no_chapter_has_is_named(number: int, error: type[Exception]) -> None:
    with pytest.raises(error):
        choose(variation("source", item_number=1), {**variation("source"), "item_number": number})


def test_an_odd_number_on_a_proxy_harms_nothing() -> None:
    assert len(choose(variation("source"), {**variation("mp4_low"), "item_number": "first"})) == 1


def test_signed_urls_show_in_no_representation_and_no_error() -> None:
    parsed = parse_descriptor(descriptor(variation("source", item_number=1)), "a1")
    assert "fake-signature" not in repr(parsed)
    assert "fake-signature" not in repr(choose_originals(parsed, 1))
    with pytest.raises(SourceMissingError) as caught:
        choose_originals(parsed, 2)
    assert "fake-signature" not in str(caught.value)
    assert caught.value.media_id == "a1"
