from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone

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
    ],
)
def test_a_name_is_cleaned_to_one_harmless_component(name: str, cleaned: str) -> None:
    assert clean_filename(name) == cleaned


@pytest.mark.parametrize("name", ["", ".", "..", " . ", "\x00\x1f", "\u202e"])
def test_a_name_of_which_nothing_is_left_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="nothing is left"):
        clean_filename(name)


def test_a_long_name_is_cut_in_the_stem_and_keeps_its_extension() -> None:
    cleaned = clean_filename("ü" * 300 + ".MP4")
    assert cleaned == "ü" * 78 + ".MP4"
    assert len(cleaned.encode()) == MAX_CLEAN_NAME_BYTES


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


def test_chapters_of_a_key_stay_in_its_folder() -> None:
    assert chapter_key("gopro-videos/2026/06/GX010456_x.MP4", 2) == "gopro-videos/2026/06/GX020456_x.MP4"


def test_fallback_key_carries_the_media_id_once() -> None:
    fallback = fallback_key("gopro-videos/2026/06/GX010456.MP4", "ab.01")
    assert fallback == "gopro-videos/2026/06/GX010456_ab%2E01.MP4"
    assert fallback_key(fallback, "ab.01") == fallback


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
    ],
)
def test_an_item_without_a_usable_filename_is_named_by_its_id(
    filename: str | None, extension: str | None, expected: str
) -> None:
    keys = assign_keys([Item("ab01", filename, file_extension=extension)], {})
    assert keys["ab01"] == f"gopro-videos/2026/06/{expected}"


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
