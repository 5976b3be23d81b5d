"""What counts as the whole of a video: pure arithmetic over what is listed and what is archived."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gopro_sync.archive.archived_file import ArchivedFile
from gopro_sync.run.completeness import shortfall, slack_bytes

CHAPTER_BYTES = 4_000_000_000


def files(*sizes: int) -> list[ArchivedFile]:
    return [
        ArchivedFile(
            item_number=number,
            s3_key=f"gopro-videos/{number}.MP4",
            size_bytes=size,
            source_etag=None,
            s3_etag="etag",
            checksum_crc64nvme="AAAAAAAAAAA=",
            etag_proof="MATCHED",
        )
        for number, size in enumerate(sizes, start=1)
    ]


@given(st.lists(st.integers(1, CHAPTER_BYTES), min_size=1, max_size=20))
def test_all_chapters_with_all_bytes_are_the_whole(sizes: list[int]) -> None:
    assert shortfall(files(*sizes), listed_bytes=sum(sizes), chapter_count=len(sizes)) is None
    assert shortfall(files(*sizes), listed_bytes=None, chapter_count=len(sizes)) is None


@given(st.lists(st.integers(1, CHAPTER_BYTES), min_size=2, max_size=20))
def test_a_missing_chapter_is_never_overlooked_where_gopro_counts_it(sizes: list[int]) -> None:
    stated = shortfall(files(*sizes[1:]), listed_bytes=None, chapter_count=len(sizes))
    assert stated == f"{sum(sizes[1:])} bytes, chapters {len(sizes) - 1} of {len(sizes)}"


@given(st.integers(1, CHAPTER_BYTES), st.integers(1, 12))
def test_a_chapter_of_equal_size_that_is_missing_shows_in_the_bytes_alone(size: int, count: int) -> None:
    stated = shortfall(files(*[size] * count), listed_bytes=size * (count + 1), chapter_count=count)
    assert stated == f"{size * count} of {size * (count + 1)} bytes, chapters {count} of {count}"


@given(st.integers(0, 10**13))
def test_the_slack_is_a_hundredth_at_most(listed_bytes: int) -> None:
    assert 0 <= slack_bytes(listed_bytes) <= listed_bytes / 100


@pytest.mark.parametrize("listed_bytes", [20_000_000, 100_000_000, CHAPTER_BYTES])
def test_what_a_re_processing_was_seen_to_change_is_within_the_slack(listed_bytes: int) -> None:
    assert shortfall(files(listed_bytes - 3_072), listed_bytes=listed_bytes, chapter_count=1) is None


@pytest.mark.parametrize("differs_by", [-3_072, 0, 3_072])
def test_where_the_bytes_are_all_there_a_gap_or_an_unreadable_entry_is_no_chapter(differs_by: int) -> None:
    found = files(CHAPTER_BYTES, CHAPTER_BYTES + differs_by)
    assert shortfall(found, listed_bytes=2 * CHAPTER_BYTES, chapter_count=2, possible_count=4) is None


@pytest.mark.parametrize("listed_bytes", [None, 0, CHAPTER_BYTES])
def test_where_the_bytes_do_not_tell_it_may_be_one(listed_bytes: int | None) -> None:
    found = files(CHAPTER_BYTES, CHAPTER_BYTES)
    stated = shortfall(found, listed_bytes=listed_bytes, chapter_count=1, possible_count=3)
    assert stated is not None
    assert stated.endswith("chapters 2 of 3")


def test_a_chapter_that_is_listed_is_never_made_up_for_by_bytes() -> None:
    stated = shortfall(files(CHAPTER_BYTES), listed_bytes=CHAPTER_BYTES, chapter_count=2, possible_count=2)
    assert stated == f"{CHAPTER_BYTES} of {CHAPTER_BYTES} bytes, chapters 1 of 2"
