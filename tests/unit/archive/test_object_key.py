from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import PureWindowsPath
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gopro_sync.archive.object_key import (
    MAX_CLEAN_NAME_BYTES,
    assign_keys,
    chapter_filename,
    chapter_key,
    clean_filename,
    disambiguated_filename,
    fallback_key,
    lens_key,
    next_edition_key,
    object_key,
)

JUNE = datetime(2026, 6, 14, 9, 30, tzinfo=UTC)
any_text = st.text(st.characters(codec=None), max_size=300)  # lone surrogates too


@dataclass(frozen=True)
class Item:
    """A row of a library, with what a key depends on."""

    media_id: str
    filename: str | None = "GX010456.MP4"
    file_extension: str | None = "MP4"
    uploaded_at: datetime = JUNE
    item_count: int = 1


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        ("GX010456.MP4", "GX010456.MP4"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("..\\evil.MP4", "_evil.MP4"),
        (".hidden.MP4", "hidden.MP4"),
        ("line\nbreak\x00\u202e.MP4", "linebreak.MP4"),
        ("  spaced name .MP4 ", "spaced name.MP4"),
        ("cafe\u0301.MP4", "caf\u00e9.MP4"),
        ("a:b?c*d.MP4", "a_b_c_d.MP4"),
        ('say "<hi>"|.MP4', "say __hi___.MP4"),
        ("CON.MP4", "_CON.MP4"),
        ("nul", "_nul"),
        ("Com1 .tar.MP4", "_Com1 .tar.MP4"),
        ("LPT\u00b2.MP4", "_LPT\u00b2.MP4"),
        ("CONTEST.MP4", "CONTEST.MP4"),
        ("COM10.MP4", "COM10.MP4"),
        ("dots and blanks. . ", "dots and blanks"),
    ],
)
def test_a_name_is_cleaned_to_one_harmless_component(name: str, cleaned: str) -> None:
    assert clean_filename(name) == cleaned


@pytest.mark.parametrize("name", ["", ".", "..", " . ", "\x00\x1f", "\u202e", ".MP4", " ..mov ", ".360"])
def test_a_name_of_which_nothing_is_left_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"nothing is left|an extension only"):
        clean_filename(name)


def test_a_long_name_is_cut_in_the_stem_and_keeps_its_extension() -> None:
    cleaned = clean_filename("ü" * 300 + ".MP4")
    assert cleaned == "ü" * 78 + ".MP4"
    assert len(cleaned.encode()) == MAX_CLEAN_NAME_BYTES


def test_a_long_name_is_cut_where_its_extension_has_to_be_added_and_ends_in_no_dot() -> None:
    assert key_of("ü" * 300) == "ü" * 78 + ".MP4"
    assert clean_filename("a" * (MAX_CLEAN_NAME_BYTES - 1) + ". " + "b" * 20) == "a" * (MAX_CLEAN_NAME_BYTES - 1)


@pytest.mark.parametrize(
    ("first", "item_number", "expected"),
    [
        ("GX010456.MP4", 1, "GX010456.MP4"),
        ("GX010456.MP4", 2, "GX020456.MP4"),
        ("GH010001.MP4", 12, "GH120001.MP4"),
        ("GS010077.360", 3, "GS030077.360"),
        ("gx010456.mp4", 2, "gx020456.mp4"),
        ("GX030456.MP4", 2, "GX040456.MP4"),
        ("GOPR0456.MP4", 1, "GOPR0456.MP4"),
        ("GOPR0456.MP4", 2, "GP010456.MP4"),
        ("GOPR0456_ab01.MP4", 3, "GP020456_ab01.MP4"),
        ("GX010456_ab01.MP4", 2, "GX020456_ab01.MP4"),
        ("holiday.MP4", 2, "holiday_chapter02.MP4"),
        ("holiday", 2, "holiday_chapter02"),
        ("GX010456.MP4", 100, "GX010456_chapter100.MP4"),
        ("GX01045.MP4", 2, "GX01045_chapter02.MP4"),
        ("GXAA0658.MP4", 2, "GXAA0658_chapter02.MP4"),
        ("CamA-20240404-GX010206.MP4", 2, "CamA-20240404-GX010206_chapter02.MP4"),
    ],
)
def test_a_chapter_has_the_name_that_the_camera_gives_it(first: str, item_number: int, expected: str) -> None:
    assert chapter_filename(first, item_number) == expected


def test_chapters_are_counted_from_one() -> None:
    with pytest.raises(ValueError, match="counts from 1"):
        chapter_filename("GX010456.MP4", 0)


@given(any_text.filter(bool), st.integers(1, 120), st.integers(1, 120))
def test_two_chapters_never_share_a_name(first: str, one: int, other: int) -> None:
    assert (chapter_filename(first, one) == chapter_filename(first, other)) == (one == other)


@given(any_text.filter(bool), any_text.filter(bool))
def test_two_media_ids_never_give_one_name(one: str, other: str) -> None:
    names = disambiguated_filename("GX010456.MP4", one), disambiguated_filename("GX010456.MP4", other)
    assert (names[0] == names[1]) == (one == other)


def test_key_holds_year_and_two_digit_month() -> None:
    assert object_key(uploaded_on=date(2026, 6, 1), filename="a.MP4") == "gopro-videos/2026/06/a.MP4"


@pytest.mark.parametrize("year", [1, 206, 9999])
def test_a_year_has_four_digits(year: int) -> None:
    assert object_key(uploaded_on=date(year, 6, 1), filename="a.MP4") == f"gopro-videos/{year:04}/06/a.MP4"


def test_chapters_of_a_key_stay_in_its_folder() -> None:
    assert chapter_key("gopro-videos/2026/06/GX010456_x.MP4", 2) == "gopro-videos/2026/06/GX020456_x.MP4"


def test_fallback_key_carries_the_media_id_once() -> None:
    fallback = fallback_key("gopro-videos/2026/06/GX010456.MP4", "ab.01")
    assert fallback == "gopro-videos/2026/06/GX010456_ab%2E01.MP4"
    assert fallback_key(fallback, "ab.01") == fallback


def test_each_edition_of_a_file_has_a_key_of_its_own_and_there_are_not_many() -> None:
    keys: list[str | None] = ["gopro-videos/2026/06/GX010456.MP4"]
    while keys[-1] is not None:
        keys.append(next_edition_key(keys[-1], "ab.01"))
    assert [key and key.rsplit("/", 1)[-1] for key in keys] == [
        "GX010456.MP4",
        "GX010456_ab%2E01.MP4",
        "GX010456_ab%2E01-2.MP4",
        "GX010456_ab%2E01-3.MP4",
        None,
    ]


def test_the_oldest_of_a_group_gets_the_plain_key_whatever_the_order() -> None:
    library = [Item("young", uploaded_at=JUNE + timedelta(days=1)), Item("old"), Item("older-id", uploaded_at=JUNE)]
    expected = {
        "old": "gopro-videos/2026/06/GX010456.MP4",
        "older-id": "gopro-videos/2026/06/GX010456_older-id.MP4",
        "young": "gopro-videos/2026/06/GX010456_young.MP4",
    }
    assert assign_keys(library, {}) == expected
    assert assign_keys(reversed(library), {}) == expected


def test_same_name_in_another_month_is_no_collision() -> None:
    keys = assign_keys([Item("a"), Item("b", uploaded_at=JUNE + timedelta(days=30))], {})
    assert keys["b"] == "gopro-videos/2026/07/GX010456.MP4"


def test_month_is_the_month_in_utc() -> None:
    just_july_in_tokyo = datetime(2026, 7, 1, 3, tzinfo=timezone(timedelta(hours=9)))
    assert assign_keys([Item("a", uploaded_at=just_july_in_tokyo)], {})["a"] == "gopro-videos/2026/06/GX010456.MP4"


def test_a_recorded_key_never_changes_even_if_an_older_item_appears() -> None:
    recorded = {"young": "gopro-videos/2026/06/GX010456.MP4"}
    keys = assign_keys([Item("young"), Item("old", uploaded_at=JUNE - timedelta(days=9))], recorded)
    assert keys["young"] == recorded["young"]
    assert keys["old"] == "gopro-videos/2026/06/GX010456_old.MP4"


def test_a_video_that_was_renamed_keeps_its_recorded_key() -> None:
    recorded = {"a": "gopro-videos/2026/06/GX010456.MP4"}
    assert assign_keys([Item("a", "Surf.MP4")], recorded) == recorded


def test_a_recorded_key_is_claimed_though_its_item_was_deleted_at_gopro() -> None:
    keys = assign_keys([Item("new")], {"gone": "gopro-videos/2026/06/GX010456.MP4"})
    assert keys["new"] == "gopro-videos/2026/06/GX010456_new.MP4"


def test_a_later_chapter_claims_its_key_too() -> None:
    library = [Item("three", item_count=3), Item("single", "GX020456.MP4", uploaded_at=JUNE + timedelta(hours=1))]
    assert assign_keys(library, {})["single"] == "gopro-videos/2026/06/GX020456_single.MP4"


def test_a_file_named_like_another_ones_disambiguated_name_does_not_take_its_place() -> None:
    library = [Item("1", "GX010456_b.MP4"), Item("a"), Item("b", uploaded_at=JUNE + timedelta(hours=1))]
    assert assign_keys(library, {})["b"] == "gopro-videos/2026/06/GX010456_b-2.MP4"


def test_a_number_of_chapters_that_no_recording_has_does_not_fill_the_memory() -> None:
    keys = assign_keys([Item("ab01", item_count=10**18 - 1), Item("cd02")], {})
    assert keys == {"ab01": "gopro-videos/2026/06/GX010456.MP4", "cd02": "gopro-videos/2026/06/GX010456_cd02.MP4"}


@pytest.mark.parametrize(
    ("filename", "extension", "expected"),
    [
        (None, "mp4", "ab01.MP4"),
        ("", "360", "ab01.360"),
        (None, None, "ab01.MP4"),
        (None, "json", "ab01.MP4"),
        (None, "../x", "ab01.MP4"),
        ("..", "mov", "ab01.MOV"),
        (".MP4", "MP4", "ab01.MP4"),
        (None, ".mp4", "ab01.MP4"),
        (None, "jpg", "ab01.MP4"),
    ],
)
def test_an_item_without_a_usable_filename_is_named_by_its_id(
    filename: str | None, extension: str | None, expected: str
) -> None:
    keys = assign_keys([Item("ab01", filename, file_extension=extension)], {})
    assert keys["ab01"] == f"gopro-videos/2026/06/{expected}"


def key_of(filename: str, file_extension: str | None = "MP4", media_id: str = "ab01") -> str:
    """The name that an item alone in its library gets."""
    keys = assign_keys([Item(media_id, filename, file_extension=file_extension)], {})
    return keys[media_id].removeprefix("gopro-videos/2026/06/")


@pytest.mark.parametrize(
    ("filename", "file_extension", "expected"),
    [
        ("Surf day", "MP4", "Surf day.MP4"),
        ("Surf day", "mov", "Surf day.MOV"),
        ("Surf day", None, "Surf day.MP4"),
        ("Dr. Smith", "MP4", "Dr. Smith.MP4"),
        ("2024.05.01 dive", "MP4", "2024.05.01 dive.MP4"),
        ("v1.2", "mp4", "v1.2.MP4"),
        ("MP4", "MP4", "MP4.MP4"),
        ("poster.jpg", "MP4", "poster.jpg.MP4"),
        ("edit.json", "json", "edit.json.MP4"),
        ("GS010012.360", "MP4", "GS010012.360"),
        ("GX010001.mp4", "MP4", "GX010001.mp4"),
        ("IMG_0001.MOV", "mp4", "IMG_0001.MOV"),
        ("clip.hevc", "HEVC", "clip.hevc"),
        ("clip.hevc", "MP4", "clip.hevc.MP4"),
        ("trailing.", "MP4", "trailing.MP4"),
        ("CamA-20240404-GX010206.MP4", "MP4", "CamA-20240404-GX010206.MP4"),
    ],
)
def test_a_name_without_a_videos_extension_gets_the_videos(
    filename: str, file_extension: str | None, expected: str
) -> None:
    assert key_of(filename, file_extension) == expected


def test_an_id_that_windows_keeps_for_a_device_names_no_file() -> None:
    assert key_of("", "mp4", media_id="nul") == "_nul.MP4"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("GX010001.mp4", "GX010001.MP4"),
        ("stra\u00dfe.MP4", "STRASSE.MP4"),
        ("\u00e4tna.MP4", "A\u0308TNA.MP4"),
        ("\u212b.MP4", "\u00c5.MP4"),
        ("a?b.MP4", "a*b.mp4"),
        ("holiday.MP4", "Holiday_back.MP4"),
    ],
)
def test_names_that_are_one_for_a_disk_are_kept_apart_by_the_id(first: str, second: str) -> None:
    names = [first, second]
    keys = assign_keys([Item(str(place), name) for place, name in enumerate(names)], {})
    assert [key.rpartition("/")[2] for key in keys.values()] == [
        clean_filename(first),
        disambiguated_filename(clean_filename(second), "1"),
    ]


def test_a_recorded_key_claims_its_name_in_either_case_and_two_recorded_ones_stay_as_they_are() -> None:
    recorded = {"a": "gopro-videos/2026/06/gx010456.mp4", "b": "gopro-videos/2026/06/GX010456.mp4"}
    keys = assign_keys([Item("a"), Item("b"), Item("c")], recorded)
    assert keys == {**recorded, "c": "gopro-videos/2026/06/GX010456_c.MP4"}


def test_a_file_in_the_bucket_claims_its_name_though_the_listing_does_not_count_it() -> None:
    recorded, taken = {"a": "gopro-videos/2026/06/GPFR0123.MP4"}, ["gopro-videos/2026/06/GPBK0123.MP4"]
    keys = assign_keys([Item("a", "GPFR0123.MP4"), Item("b", "gpbk0123.mp4")], recorded, taken=taken)
    assert keys["b"] == "gopro-videos/2026/06/gpbk0123_b.mp4"


def test_ids_that_differ_by_case_alone_give_names_that_differ_by_more() -> None:
    keys = assign_keys([Item("aB"), Item("Ab"), Item("AB")], {})
    names = {media_id: {key, fallback_key(key, media_id)} for media_id, key in keys.items()}
    assert len({name.casefold() for found in names.values() for name in found}) == sum(map(len, names.values()))


@pytest.mark.parametrize(
    ("first", "lens", "expected"),
    [
        ("GPFR0123.MP4", "front", "GPFR0123.MP4"),
        ("GPFR0123.MP4", "back", "GPBK0123.MP4"),
        ("GPBK0123_ab01.MP4", "front", "GPFR0123_ab01.MP4"),
        ("GPFR0123_chapter02.MP4", "back", "GPBK0123_chapter02.MP4"),
        ("GPFR0123.MP4", "left", "GPFR0123_left.MP4"),
        ("GPFR0123.MP4", None, "GPFR0123_default.MP4"),
        ("holiday.MP4", "front", "holiday.MP4"),
        ("holiday.MP4", "back", "holiday_back.MP4"),
        ("holiday.MP4", None, "holiday_default.MP4"),
        ("holiday.MP4", "../x", "holiday_%2E%2E%2Fx.MP4"),
    ],
)
def test_each_lens_has_a_name_of_its_own(first: str, lens: str | None, expected: str) -> None:
    key = lens_key(f"gopro-videos/2026/06/{first}", lens, keeps_name=lens == "front")
    assert key == f"gopro-videos/2026/06/{expected}"


# Letters that some disk takes for others, names that Windows keeps for devices, and the ends that it cuts off.
ODD_NAMES: Final = st.lists(
    st.sampled_from(
        [*"aAbB.:?\u00e4\u00c4\u0308\u00df\u0131\u0130\u017f\u212a ", "ss", "nul", "CON", ".mp4", ".MP4", "_back"]
    ),
    max_size=5,
).map("".join)


def is_no_lens(media_id: str) -> bool:
    """An id is no word of five letters: with one that is, the first key's second choice is the key of the lens."""
    return bool(media_id) and media_id.casefold() not in {"back", "front"}


LIBRARIES: Final = st.lists(
    st.builds(
        Item,
        media_id=st.one_of(st.sampled_from(["a", "A", "b", "B", "nul", "x" * 36]), any_text.filter(is_no_lens)),
        filename=st.one_of(
            st.none(), ODD_NAMES, st.sampled_from(["GX010456.MP4", "gx020456.mp4", "GX010456_A.MP4", "ä" * 90])
        ),
        file_extension=st.sampled_from([None, "MP4", "mov", "360", "json", "x" * 99]),
        uploaded_at=st.sampled_from([JUNE, JUNE + timedelta(days=1)]),
        item_count=st.integers(0, 3),
    ),
    max_size=10,
    unique_by=lambda item: item.media_id,
)


def files_of(item: Item, first_key: str) -> list[str]:
    """The keys of all chapters of two lenses, and those that are taken where another object lies there."""
    chapters = [chapter_key(first_key, number) for number in range(1, max(item.item_count, 1) + 1)]
    lenses = [(key, lens_key(key, "back", keeps_name=False)) for key in chapters]
    return [key for both in lenses for one in both for key in {one, fallback_key(one, item.media_id)}]


@given(LIBRARIES)
def test_all_files_of_a_library_can_be_restored_to_one_disk_of_windows_or_of_a_mac(library: list[Item]) -> None:
    keys = assign_keys(library, {})
    files = [key for item in library for key in files_of(item, keys[item.media_id])]
    for as_one in (str.upper, str.casefold, lambda key: unicodedata.normalize("NFD", key).casefold()):
        assert len({as_one(key) for key in files}) == len(files)
    for key in files:
        name = key.rpartition("/")[2]
        assert not set(name) & set('<>:"|?*\\'), name
        assert name.isprintable()
        assert not name.endswith((".", " ")), name
        assert PureWindowsPath(name).name == name
        assert not PureWindowsPath(name).is_reserved(), name
    for item in library:
        if len(item.media_id) <= 36 and item.media_id.isascii():  # as all that were seen; no disk takes more than 255
            assert max(len(key.rpartition("/")[2].encode()) for key in files_of(item, keys[item.media_id])) <= 255


@given(LIBRARIES, LIBRARIES)
def test_a_key_once_given_never_changes_whatever_comes_to_the_library(before: list[Item], later: list[Item]) -> None:
    recorded = assign_keys(before, {})
    keys = assign_keys([*before, *later], recorded)
    assert recorded.items() <= keys.items()
    assert len({key.casefold() for key in keys.values()}) == len(keys)


@given(
    st.lists(
        st.builds(
            Item,
            media_id=st.one_of(any_text.filter(bool), st.sampled_from(["a", "b", "../c", "..", "x" * 500])),
            filename=st.one_of(st.none(), any_text, st.sampled_from(["GX010456.MP4", "GX020456.MP4", "../a", "/"])),
            file_extension=st.one_of(st.none(), any_text),
            uploaded_at=st.sampled_from([JUNE, JUNE + timedelta(days=1)]),
            item_count=st.integers(0, 4),
        ),
        max_size=12,
    )
)
def test_whatever_gopro_says_every_chapter_has_its_own_harmless_key(library: list[Item]) -> None:
    keys = assign_keys(library, {})
    counts = {one.media_id: max(one.item_count, 1) for one in library}
    chapters = [chapter_key(keys[i], n) for i, count in counts.items() for n in range(1, count + 1)]
    assert len(set(chapters)) == len(chapters)
    for key in chapters:
        root, year, month, filename = key.split("/")
        assert (root, year, month) == ("gopro-videos", "2026", "06")
        assert filename
        assert not filename.startswith(".")
        assert "\\" not in filename
        assert not any(unicodedata.category(c) == "Cc" for c in filename)
        assert len(filename.encode()) <= 255
        assert len(key.encode()) <= 1024
