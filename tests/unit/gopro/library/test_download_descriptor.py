from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gopro_sync.errors import GoProApiChangedError, SourceMissingError
from gopro_sync.gopro.library.download import Offer, OriginalFile, choose_originals, parse_descriptor
from gopro_sync.values.file_id import FileId, files_of_recording
from tests.support.gopro_api import descriptor, variation
from tests.support.odd_values import json_values


def offered(*variations: object, item_count: int = 1) -> Offer:
    return choose_originals(parse_descriptor(descriptor(*variations), "a1"), item_count)


def choose(*variations: object, item_count: int = 1) -> tuple[OriginalFile, ...]:
    return offered(*variations, item_count=item_count).originals


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


@pytest.mark.parametrize("label", ["concat", "high_res_proxy_mp4", "baked_source", "edit_proxy", "source2", "original"])
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
    found = offered(
        variation("source", item_number=1), variation("source", item_number=2, available=False), item_count=1
    )
    assert ([original.item_number for original in found.originals], files_of_recording(found.listed, 1)) == ([1], 2)


@pytest.mark.parametrize(("numbers", "item_count"), [([1, 2], 3), ([1, 3], 3), ([2, 3], 1), ([1, 1000], 1)])
def test_a_missing_chapter_makes_the_recording_incomplete(numbers: list[int], item_count: int) -> None:
    found = offered(*(variation("source", item_number=number) for number in numbers), item_count=item_count)
    assert [original.item_number for original in found.originals] == numbers
    assert files_of_recording(found.listed, item_count) == max(item_count, *numbers) > len(numbers)


@pytest.mark.parametrize("numbers", [{"item_number": 1}, {}])
@pytest.mark.parametrize(("front", "back"), [("front", "back"), ("FRONT", " Back ")])
def test_each_lens_of_a_chapter_is_an_original_of_its_own_and_the_front_comes_first(
    numbers: dict[str, Any], front: str, back: str
) -> None:
    found = offered(
        variation("source", url="https://cdn.example/b?Signature=fake-signature", camera_position=back) | numbers,
        variation("source", url="https://cdn.example/f?Signature=fake-signature", camera_position=front) | numbers,
    )
    assert [(original.item_number, original.lens, original.url[:21]) for original in found.originals] == [
        (1, "front", "https://cdn.example/f"),
        (1, "back", "https://cdn.example/b"),
    ]


@pytest.mark.parametrize("position", [{}, {"camera_position": "default"}])
def test_the_lens_is_read_from_the_address_where_the_descriptor_does_not_name_it(position: dict[str, str]) -> None:
    urls = [f"https://cdn.example/m/source/{lens}/1.mp4?Signature=fake-signature" for lens in ("back", "front", "x1")]
    found = offered(*(variation("source", url=url) | position for url in urls))
    assert [(one.lens, one.url) for one in found.originals] == [(None, urls[2]), ("front", urls[1]), ("back", urls[0])]


@pytest.mark.parametrize("position", [None, "", " ", "default", "Default", 7, ["front"]])
def test_the_usual_lens_has_no_name(position: object) -> None:
    (original,) = choose(variation("source", camera_position=position))
    assert original.lens is None


@pytest.mark.parametrize("second", [{}, {"available": False}, {"url": ""}])
def test_an_original_that_is_listed_twice_is_one_file(second: dict[str, Any]) -> None:
    signed_anew = {"url": f"{url_of(1)}-2&Expires=7&X-Amz-Date=8", "item_number": 1, **second}
    (original,) = choose(variation("source", item_number=1), variation("source") | signed_anew)
    assert original.item_number == 1


def test_an_original_without_a_number_that_is_listed_twice_is_one_file() -> None:
    (original,) = choose(*(variation("source", url=f"https://cdn.example/a.mp4?Signature={n}") for n in (1, 2)))
    assert original.item_number == 1


@pytest.mark.parametrize("number", [{}, {"item_number": 1}])
def test_two_addresses_that_differ_by_more_than_their_signatures_are_two_files(number: dict[str, int]) -> None:
    urls = [f"https://cdn.example/get?file={name}&Expires=1&Signature=fake-signature" for name in "ab"]
    with pytest.raises(SourceMissingError, match=r"2 different camera originals|several camera originals"):
        choose(*(variation("source", url=url) | number for url in urls))


def test_of_two_different_originals_of_one_chapter_none_is_taken_and_the_other_chapters_are() -> None:
    other = variation("source", url="https://cdn.example/other.mp4?Signature=fake-signature") | {"item_number": 1}
    found = offered(variation("source", item_number=1), other, variation("source", item_number=2), item_count=2)
    assert [original.item_number for original in found.originals] == [2]
    ((doubtful, trouble),) = found.doubtful.items()
    assert (str(doubtful), len(found.listed)) == ("chapter 1", 2)
    assert trouble.message.startswith("GoPro offers 2 different camera originals of chapter 1")
    with pytest.raises(SourceMissingError, match="2 different camera originals of chapter 1"):
        choose(variation("source", item_number=1), other)


def test_several_originals_without_numbers_are_refused_because_their_order_is_a_guess() -> None:
    with pytest.raises(SourceMissingError, match="neither their numbers nor their addresses say which is which"):
        choose(
            variation("source", url="https://cdn.example/a.mp4"), variation("source", url="https://cdn.example/b.mp4")
        )


def test_chapters_without_numbers_are_reported_by_the_position_in_their_addresses() -> None:
    urls = [f"https://cdn.example/m/source/default/{number}.mp4?Signature=fake-signature" for number in (2, 1, 3)]
    chosen = choose(*(variation("source", url=url) for url in urls))
    assert [(original.item_number, original.url) for original in chosen] == [(1, urls[1]), (2, urls[0]), (3, urls[2])]


@pytest.mark.parametrize(("item_count", "number"), [(1, 1), (2, 2), (3, 2)])
def test_a_single_original_is_the_chapter_of_its_address_where_the_listing_has_that_many(
    item_count: int, number: int
) -> None:
    url = "https://cdn.example/m/source/default/2.mp4?Signature=fake-signature"
    (original,) = choose(variation("source", url=url), item_count=item_count)
    assert original.item_number == number


@pytest.mark.parametrize("label", ["Source", "SOURCE", "SOURCE ", "\tsource\n", "\u00a0source"])
def test_the_label_of_an_original_is_read_in_either_case_and_with_blanks(label: str) -> None:
    assert len(choose(variation(label))) == 1


@pytest.mark.parametrize(
    "payload",
    [None, [], "text", {}, {"_embedded": None}, {"_embedded": []}, {"_embedded": {"variations": {"label": "source"}}}],
)
def test_an_unknown_shape_is_an_api_change(payload: object) -> None:
    with pytest.raises(GoProApiChangedError):
        parse_descriptor(payload, "a1")


@pytest.mark.parametrize("row", [None, "source", ["source"], 7, {}, {"label": None}, {"label": ["source"]}])
def test_an_entry_that_might_be_a_chapter_is_counted_and_keeps_no_other_away(row: object) -> None:
    found = offered(row, variation("source", item_number=1), row, variation("concat"))
    assert ([original.url for original in found.originals], found.unclear) == ([url_of(1)], 2)
    with pytest.raises(SourceMissingError, match="only: 'concat', entries that cannot be read: 1"):
        choose(row, variation("concat"))


def test_where_no_entry_is_an_object_the_api_has_changed() -> None:
    with pytest.raises(GoProApiChangedError):
        choose(None, "source", ["source"])


@pytest.mark.parametrize(
    ("kind", "name"),
    [("jpg", "1.jpg"), ("JPG", "1"), ("image/jpeg", "1"), (None, "1.THM"), ("", "thumbnail.png"), ("1.json", "1.json")],
)
@pytest.mark.parametrize("number", [{}, {"item_number": 1}, {"item_number": 0}])
def test_a_cover_that_is_called_an_original_is_none(kind: object, name: str, number: dict[str, int]) -> None:
    cover = variation("source", type=kind, url=f"https://cdn.example/cover/{name}?Signature=fake-signature") | number
    found = offered(cover, variation("source") | number)
    assert ([original.url for original in found.originals], found.listed) == (
        [url_of(1)],
        frozenset({FileId(item_number=1)}),
    )
    with pytest.raises(SourceMissingError, match=r"no camera original, only: 'source' \("):
        choose(cover)


@pytest.mark.parametrize("kind", ["mp4", "MOV", "360", 360, "insv", "", None, 5, "1.mp4", "jpg"])
def test_an_original_of_a_kind_that_nobody_knows_or_that_is_contradicted_is_taken(kind: object) -> None:
    assert len(choose(variation("source", type=kind))) == 1


def test_a_cameras_own_proxy_is_taken_only_where_it_is_all_there_is() -> None:
    proxy = variation("source", type="lrv", url="https://cdn.example/1.lrv?Signature=fake-signature")
    assert [original.url for original in choose(proxy, variation("source"))] == [url_of(1)]
    assert [original.url for original in choose(proxy)] == [proxy["url"]]


@pytest.mark.parametrize("available", [False, "false", " FALSE ", 0, 0.0, "0", "no"])
def test_what_says_that_it_is_not_there_is_not_asked_for(available: object) -> None:
    with pytest.raises(SourceMissingError, match="0 of 1 camera originals"):
        choose(variation("source", available=available))


@pytest.mark.parametrize("available", [True, "true", 1, None, "", "yes"])
def test_all_else_is_there(available: object) -> None:
    assert len(choose(variation("source", available=available))) == 1


def test_blanks_around_an_address_are_none_of_it() -> None:
    assert [original.url for original in choose(variation("source", url=f" {url_of(1)}\r\n"), variation("source"))] == [
        url_of(1)
    ]


def test_the_descriptors_own_name_decides_nothing() -> None:
    payload = descriptor(variation("source")) | {"filename": "GX019999.JPG"}
    assert len(choose_originals(parse_descriptor(payload, "a1"), 1).originals) == 1


def test_one_file_for_two_chapters_is_taken_once_and_the_recording_is_not_whole() -> None:
    same = variation("source", item_number=2)
    found = offered(same | {"item_number": 1}, same, variation("source", item_number=3), item_count=3)
    assert [(original.item_number, original.url) for original in found.originals] == [(2, url_of(2)), (3, url_of(3))]
    ((file_id, trouble),) = found.doubtful.items()
    assert (file_id.item_number, trouble.message) == (
        1,
        "GoPro offers one and the same file for chapter 2 and for chapter 1",
    )


def test_what_nothing_tells_the_place_of_keeps_no_numbered_chapter_away() -> None:
    others = [variation("source", url=f"https://cdn.example/{name}.mp4") for name in "ab"]
    found = offered(variation("source", item_number=2), *others, item_count=3)
    assert [original.item_number for original in found.originals] == [2]
    assert sorted(file_id.item_number for file_id in found.doubtful) == [1, 3]


@given(st.lists(json_values, min_size=1, max_size=3), st.integers(0, 10**18 - 1))
def test_no_number_of_a_chapter_raises_anything_but_a_named_error(numbers: list[object], item_count: int) -> None:
    chapters = [{**variation("source"), "item_number": number} for number in numbers]
    with suppress(SourceMissingError):
        originals = choose(*chapters, item_count=item_count)
        assert all(original.item_number >= 1 for original in originals)
        assert [original.item_number for original in originals] == sorted({o.item_number for o in originals})
        assert len(originals) <= len(numbers)


def test_an_odd_number_on_a_proxy_harms_nothing() -> None:
    assert len(choose(variation("source"), {**variation("mp4_low"), "item_number": "first"})) == 1


def test_signed_urls_show_in_no_representation_and_no_error() -> None:
    parsed = parse_descriptor(descriptor(variation("source", item_number=1)), "a1")
    assert "fake-signature" not in repr(parsed)
    assert "fake-signature" not in repr(choose_originals(parsed, 1))
    addresses = [f"https://cdn.example/{name}?Signature=fake-signature" for name in "ab"]
    unnumbered = parse_descriptor(descriptor(*(variation("source", url=url) for url in addresses)), "a1")
    with pytest.raises(SourceMissingError) as caught:
        choose_originals(unnumbered, 2)
    assert "fake-signature" not in str(caught.value)
    assert caught.value.media_id == "a1"
