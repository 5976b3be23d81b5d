"""Which records the objects of a bucket make, whatever lies in it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gopro_sync.archive.archived_file import ArchivedFile
from gopro_sync.archive.proof import identity_in
from gopro_sync.gopro.library.listing import LibraryListing, ListingGap
from gopro_sync.gopro.library.media import MalformedRow, MediaItem
from gopro_sync.table.rebuilding import Confirmation
from gopro_sync.table.tracker import Lookup, Status, TrackerRecord
from gopro_sync.table.video import Video
from gopro_sync_cli.bucket_inventory import FoundObject, Inventory
from gopro_sync_cli.rebuild_plan import Plan, is_of_another_library, plan_records

NOW: Final = datetime(2026, 6, 1, tzinfo=UTC)
MB: Final = 1_000_000
FOLDER: Final = "gopro-videos/2026/05"


def found(media_id: str, number: int = 1, size: int = MB, key: str | None = None, **more: Any) -> FoundObject:
    hours, lens = more.get("hours", 0), more.get("lens")
    return FoundObject(
        media_id=media_id,
        stored_at=NOW + timedelta(hours=hours),
        file=ArchivedFile(
            item_number=number,
            lens=lens,
            s3_key=key or f"{FOLDER}/{media_id}-{number}.MP4",
            size_bytes=size,
            source_etag=None,
            s3_etag='"aa"',
            checksum_crc64nvme="AAAAAAAAAAA=",
            etag_proof="NOT_CHECKED",
        ),
    )


def item(media_id: str, **fields: Any) -> MediaItem:
    standard = {"type": "Video", "ready_to_view": "ready", "filename": f"{media_id}-1.MP4", "size_bytes": MB}
    return MediaItem(**{"media_id": media_id, "uploaded_at": NOW, **standard, **fields})


def record(media_id: str, status: Status, *files: ArchivedFile) -> TrackerRecord:
    return TrackerRecord(
        video=Video(media_id=media_id, filename="x.MP4", s3_key=f"{FOLDER}/{media_id}-1.MP4"),
        status=status,
        lease_owner=None,
        lease_expires_at=None,
        files=files,
        upload=None,
        error_type=None,
        next_attempt_after=None,
    )


def plan(
    objects: list[FoundObject],
    *rows: MediaItem | MalformedRow,
    records: tuple[TrackerRecord, ...] = (),
    gap: ListingGap | None = None,
) -> Plan:
    listing = LibraryListing(
        items=tuple(row for row in rows if isinstance(row, MediaItem)),
        malformed=tuple(row for row in rows if isinstance(row, MalformedRow)),
        gap=gap,
    )
    lookup = Lookup(records={one.video.media_id: one for one in records}, unreadable={})
    return plan_records(Inventory(found=objects, odd={}), listing, lookup, now=NOW)


@pytest.mark.parametrize(
    ("fields", "confirmation"),
    [
        ({"size_bytes": 2 * MB, "item_count": 2}, Confirmation.LISTING),
        ({"size_bytes": 2 * MB + 3000, "item_count": 2}, Confirmation.LISTING),
        ({"size_bytes": 3 * MB, "item_count": 2}, None),
        ({"size_bytes": MB, "item_count": 2}, None),
        ({"size_bytes": 2 * MB, "item_count": 3}, None),
        ({"size_bytes": 2 * MB, "item_count": 900, "type": "TimeLapseVideo"}, Confirmation.LISTING),
        ({"size_bytes": None, "item_count": 2}, None),
        ({"size_bytes": 0, "item_count": 2}, None),
        ({"size_bytes": 2 * MB, "item_count": 2, "ready_to_view": "processing"}, None),
    ],
)
def test_only_what_the_listing_confirms_is_archived(fields: dict[str, Any], confirmation: Confirmation | None) -> None:
    (one,) = plan([found("a", 1), found("a", 2)], item("a", **fields)).records
    assert one.confirmation is confirmation
    assert [file.item_number for file in one.files] == [1, 2]


def test_what_is_not_listed_is_archived_but_not_while_a_row_that_gopro_does_not_show_may_be_it() -> None:
    assert plan([found("a")], item("b"), gap=ListingGap(stated=2, shown=1)).count(None) == 1


def test_what_is_not_listed_is_archived_but_not_while_a_row_without_an_id_may_be_it() -> None:
    assert plan([found("a")], item("b")).count(Confirmation.NOT_LISTED) == 1
    assert plan([found("a")], MalformedRow(media_id=None, problem="no id")).count(None) == 1
    assert plan([found("a")], MalformedRow(media_id="a", problem="no time")).count(None) == 1


@pytest.mark.parametrize(("stated", "expected"), [(3 * MB, None), (MB, Confirmation.NOT_LISTED)])
def test_what_is_short_by_its_own_record_does_not_become_archived_by_being_listed_no_more(
    stated: int, expected: Confirmation | None
) -> None:
    before = record("a", Status.FAILED)
    known = replace(before, video=replace(before.video, size_bytes=stated))
    planned = plan([found("a")], item("b"), records=(known,))
    (one,) = planned.records
    assert (one.confirmation, [file.item_number for file in one.files]) == (expected, [1])
    short = f"a: GoPro no longer lists it; archived: {MB} of {stated} bytes, chapters 1 of 1; it stays FAILED"
    assert planned.remarks == ([short] if expected is None else [])


def test_a_missing_chapter_keeps_its_place_and_is_named_where_nobody_can_fetch_it() -> None:
    (one,) = plan([found("a", 2, key=f"{FOLDER}/a_other.MP4")], item("a", size_bytes=2 * MB, item_count=2)).records
    assert (one.confirmation, one.video.s3_key) == (None, "gopro-videos/2026/06/a-1.MP4")
    unlisted = plan([found("a", 3)], item("b"))
    assert unlisted.remarks == ["a: neither in the bucket nor still listed by GoPro: chapter 1, 2"]


def test_of_two_copies_of_a_chapter_one_is_recorded_and_the_other_named() -> None:
    copies = [found("a", key="old", hours=0), found("a", key="new", hours=1), found("a", key="cut", size=5, hours=2)]
    planned = plan(copies, item("a"))
    (one,) = planned.records
    assert [file.s3_key for file in one.files] == ["new"]
    assert [remark.split()[1] for remark in planned.remarks] == ["cut", "old"]
    known = record("a", Status.PENDING, copies[0].file)
    assert [file.s3_key for file in plan(copies, item("a"), records=(known,)).records[0].files] == ["old"]


def test_the_two_lenses_of_a_chapter_are_two_files_of_one_video() -> None:
    lenses = [found("a", key="b", lens="back"), found("a", key="f", lens="front")]
    (one,) = plan(lenses, item("a", size_bytes=2 * MB)).records
    assert [(file.lens, file.s3_key) for file in one.files] == [("front", "f"), ("back", "b")]
    assert (one.confirmation, one.video.s3_key) == (Confirmation.LISTING, "f")


def test_one_lens_alone_is_left_to_a_run_that_asks_gopro_for_the_other() -> None:
    (one,) = plan([found("a", lens="front")], item("a", size_bytes=MB)).records
    assert one.confirmation is None
    planned = plan([found("a", 1, lens="front"), found("a", 2, lens="back")], item("b"))
    reported = "a: neither in the bucket nor still listed by GoPro: chapter 1 of the lens back"
    assert planned.remarks == [reported]


def test_an_object_that_its_record_knows_the_lens_of_is_not_taken_for_a_second_file() -> None:
    known = record("a", Status.PENDING, found("a", key="f", lens="front").file)
    planned = plan([found("a", key="f")], item("a"), records=(known,))
    assert (planned.records, planned.recorded, planned.remarks) == ([], 1, [])


def test_a_record_that_names_what_is_not_in_the_bucket_confirms_nothing_and_is_reported() -> None:
    lost = found("a", 1, key="lost").file
    for status, to_write in ((Status.COMPLETED, 0), (Status.PENDING, 1)):
        planned = plan(
            [found("a", 2)],
            item("a", size_bytes=2 * MB, item_count=2),
            records=(record("a", status, lost),),
        )
        assert [one.confirmation for one in planned.records] == [None] * to_write
        assert planned.remarks == ["a: its record names lost, which is not in the bucket"]


def test_a_library_that_has_none_of_the_videos_is_another_one() -> None:
    inventory = Inventory(found=[found("a")], odd={})
    assert is_of_another_library(inventory, LibraryListing(items=(item("b"),), malformed=()))
    assert not is_of_another_library(inventory, LibraryListing(items=(item("a"),), malformed=()))
    assert not is_of_another_library(Inventory(found=[], odd={}), LibraryListing(items=(), malformed=()))


NUMBERS: Final = st.lists(st.integers(1, 6), unique=True, min_size=1)


@given(numbers=NUMBERS, recorded=NUMBERS, listed=st.integers(0, 7), status=st.sampled_from(Status))
def test_nothing_is_lost_and_nothing_short_is_called_archived(
    numbers: list[int], recorded: list[int], listed: int, status: Status
) -> None:
    objects = [found("a", number) for number in numbers]
    before = record("a", status, *(found("a", number).file for number in sorted(recorded)))
    planned = plan(objects, item("a", size_bytes=listed * MB, item_count=max(1, listed)), records=(before,))
    assert len(planned.records) + planned.recorded == 1
    for one in planned.records:
        assert {file.item_number for file in one.files} == {*numbers, *recorded}
        assert one.before is before
        is_whole = sorted(numbers) == list(range(1, listed + 1)) and set(recorded) <= set(numbers)
        assert (one.confirmation is Confirmation.LISTING) == is_whole
    if status is Status.COMPLETED:
        assert planned.records == []


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"media-id": "a"},
        {"media-id": "a", "item-number": "9" * 17},
        {"item-number": "1"},
        {"media-id": "a", "item-number": "0"},
    ],
)
def test_an_object_that_does_not_say_whose_it_is_has_no_identity(metadata: dict[str, str]) -> None:
    assert identity_in(metadata) is None


def test_an_identity_is_read_as_it_was_written() -> None:
    identity = identity_in({"media-id": "a%25b", "item-number": "12", "source-etag": '"%C3%A9-2"'})
    assert identity is not None
    assert (identity.media_id, identity.item_number, identity.source_etag) == ("a%b", 12, '"é-2"')
    assert identity.lens is None
    of_a_lens = identity_in({"media-id": "a", "item-number": "1", "camera-position": "back"})
    assert of_a_lens is not None
    assert of_a_lens.lens == "back"
