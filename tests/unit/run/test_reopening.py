"""Which archived videos are re-opened: those of which GoPro shows more than before, once for each state."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

import pytest

from gopro_sync.archive.archived_file import ArchivedFile
from gopro_sync.errors import AccessDeniedError, GoProSyncError, TrackerError
from gopro_sync.gopro.library.media import MediaItem
from gopro_sync.run.reopening import MOST_IN_A_RUN, reopen, shown_more
from gopro_sync.table.listed import Listed
from gopro_sync.table.tracker import Reopening, Status, Tracker, TrackerRecord
from gopro_sync.table.video import Video

MAY: Final = datetime(2026, 5, 1, 18, 2, 44, tzinfo=UTC)
NIGHT: Final = datetime(2026, 6, 1, 2, 0, tzinfo=UTC)
MB: Final = 1_000_000


def item(media_id: str = "m1", **fields: Any) -> MediaItem:
    standard: dict[str, Any] = {
        "type": "Video",
        "ready_to_view": "ready",
        "filename": "GX010456.MP4",
        "size_bytes": 2 * MB,
        "item_count": 2,
        "uploaded_at": MAY,
    }
    return MediaItem(media_id=media_id, **{**standard, **fields})


def file(number: int, size_bytes: int = MB) -> ArchivedFile:
    return ArchivedFile(
        item_number=number,
        s3_key=f"gopro-videos/2026/05/GX0{number}0456.MP4",
        size_bytes=size_bytes,
        source_etag=None,
        s3_etag='"aa"',
        checksum_crc64nvme="AAAAAAAAAAA=",
        etag_proof="undecidable",
    )


def archived(media_id: str = "m1", **fields: Any) -> TrackerRecord:
    """Two chapters of a megabyte each, as this version records it."""
    standard: dict[str, Any] = {
        "video": Video(
            media_id=media_id, filename="GX010456.MP4", s3_key=file(1).s3_key, uploaded_at=MAY, size_bytes=2 * MB
        ),
        "status": Status.COMPLETED,
        "lease_owner": None,
        "lease_expires_at": None,
        "files": (file(1), file(2)),
        "upload": None,
        "error_type": None,
        "next_attempt_after": None,
        "listed": Listed(size_bytes=2 * MB, chapter_count=2, uploaded_at=MAY),
    }
    return TrackerRecord(**{**standard, **fields})


def of_old(**fields: Any) -> TrackerRecord:
    """The same as an earlier version recorded it, which kept nothing of the listing."""
    return archived(**{"listed": Listed(), **fields})


@pytest.mark.parametrize("record", [archived(), of_old()], ids=["of today", "of old"])
@pytest.mark.parametrize(
    "shown",
    [
        {},
        {"filename": "Surf.MP4"},
        {"size_bytes": 2 * MB + 3072},
        {"size_bytes": 2 * MB - 3072},
        {"size_bytes": None},
        {"size_bytes": 0},
        {"size_bytes": MB},
        {"item_count": 1},
        {"type": "TimeLapseVideo", "item_count": 480},
        {"uploaded_at": MAY - timedelta(days=30)},
        {"uploaded_at": MAY.replace(microsecond=999_999)},
    ],
    ids=str,
)
def test_what_shows_no_more_of_a_video_leaves_it_archived(record: TrackerRecord, shown: dict[str, Any]) -> None:
    assert shown_more(item(**shown), record, NIGHT) is None


@pytest.mark.parametrize("record", [archived(), of_old()], ids=["of today", "of old"])
@pytest.mark.parametrize(
    ("shown", "reason"),
    [
        ({"item_count": 3}, "GoPro lists 3 chapters, and showed 2 before"),
        ({"size_bytes": 3 * MB}, "GoPro lists 3000000 bytes, and showed 2000000 before"),
        ({"uploaded_at": MAY + timedelta(days=1)}, "GoPro has another upload of it, of 2026-05-02T18:02:44Z"),
    ],
    ids=str,
)
def test_more_chapters_or_bytes_or_a_later_upload_re_open_a_video(
    record: TrackerRecord, shown: dict[str, Any], reason: str
) -> None:
    assert shown_more(item(**shown), record, NIGHT) == reason


def test_what_an_earlier_version_called_archived_too_early_is_re_opened() -> None:
    short = of_old(files=(file(1),))
    assert shown_more(item(), short, NIGHT) == "GoPro lists 2 chapters, and showed 1 before"


CAPTURED: Final = MAY - timedelta(days=3)


def test_a_date_of_upload_that_comes_and_goes_re_opens_nothing() -> None:
    """Where GoPro states none, the capture date stands in for it, and may be any, as a camera's clock may be."""
    for captured_at in (CAPTURED, NIGHT + timedelta(days=900)):
        without = item(uploaded_at=captured_at, captured_at=captured_at, is_upload_stated=False)
        with_date = item(uploaded_at=MAY, captured_at=captured_at)
        video = replace(archived().video, uploaded_at=captured_at)
        taken_without = archived(video=video, listed=Listed(size_bytes=2 * MB, chapter_count=2))
        assert shown_more(with_date, taken_without, NIGHT) is None
        assert shown_more(without, archived(), NIGHT) is None
        assert shown_more(without, of_old(), NIGHT) is None


def test_a_date_that_stands_in_for_the_one_of_upload_is_not_recorded_as_stated() -> None:
    video = replace(archived().video, uploaded_at=CAPTURED, captured_at=CAPTURED)
    assert video.listed.uploaded_at == CAPTURED
    assert replace(video, is_upload_stated=False).listed.uploaded_at is None


@pytest.mark.parametrize("item_count", [1, 2])
def test_the_files_of_two_lenses_are_no_missing_chapter(item_count: int) -> None:
    lenses = tuple(replace(file(1), lens=lens) for lens in ("front", "back"))
    listed = Listed(size_bytes=2 * MB, chapter_count=item_count, uploaded_at=MAY)

    assert shown_more(item(item_count=item_count), archived(files=lenses, listed=listed), NIGHT) is None
    assert shown_more(item(item_count=item_count), of_old(files=lenses), NIGHT) is None
    assert shown_more(item(item_count=item_count + 1), archived(files=lenses, listed=listed), NIGHT) is not None


@pytest.mark.parametrize("status", [Status.PENDING, Status.IN_PROGRESS, Status.FAILED])
def test_what_is_not_archived_is_not_re_opened(status: Status) -> None:
    assert shown_more(item(item_count=3), archived(status=status), NIGHT) is None


def test_what_somebody_called_archived_without_a_file_is_left_to_him() -> None:
    assert shown_more(item(item_count=3), of_old(files=()), NIGHT) is None


def test_what_an_operator_has_accepted_is_re_opened_by_a_change_only() -> None:
    accepted = archived(
        files=(file(1),), is_accepted=True, listed=Listed(size_bytes=4 * MB, chapter_count=3, uploaded_at=MAY)
    )
    shown = item(item_count=3, size_bytes=4 * MB)

    assert shown_more(shown, accepted, NIGHT) is None
    assert shown_more(replace(shown, item_count=4), accepted, NIGHT) is not None
    assert shown_more(replace(shown, size_bytes=5 * MB), accepted, NIGHT) is not None


def test_what_was_accepted_under_an_earlier_version_is_not_re_opened_by_what_was_accepted() -> None:
    accepted = of_old(files=(file(1),), is_accepted=True)

    assert shown_more(item(), accepted, NIGHT) is None
    assert shown_more(item(size_bytes=5 * MB), accepted, NIGHT) is not None


def nights_that_reopen(shown: Iterable[MediaItem]) -> list[int]:
    """Play a listing night by night; what is re-opened ends as archived with two chapters, since there are no more."""
    record, nights = archived(), []
    for night, listed in enumerate(shown, start=1):
        now = NIGHT + timedelta(days=night)
        tracker = FakeTracker()
        reopened = reopen(
            [listed], {"m1": record}, cast("Tracker", tracker), run="run", now=now, at_most=9, writes=True
        )
        if not reopened:
            continue
        nights.append(night)
        # Tried again while the listing showed less again: archived by what it showed then.
        record = replace(reopened["m1"], status=Status.COMPLETED)
    return nights


def test_a_listing_that_alternates_re_opens_a_video_less_and_less_often() -> None:
    shown = [item(item_count=2 + night % 2) for night in range(120)]
    assert nights_that_reopen(shown) == [2, 4, 8, 16, 32, 62, 92]


def test_an_upload_date_that_is_another_one_every_night_does_so_too() -> None:
    shown = [item(uploaded_at=MAY + timedelta(days=night)) for night in range(120)]
    assert nights_that_reopen(shown) == [2, 4, 8, 16, 32, 62, 92]


def test_a_video_that_grows_every_night_is_taken_again_every_night() -> None:
    assert nights_that_reopen(item(item_count=night) for night in range(1, 6)) == [3, 4, 5]


class FakeTracker:
    """A tracker that notes what is re-opened, all but what another run has been quicker with."""

    def __init__(self, *, quicker: Iterable[str] = (), fails_with: GoProSyncError | None = None) -> None:
        self.quicker, self.fails_with = frozenset(quicker), fails_with
        self.reopened: dict[str, Reopening] = {}

    def reopen(self, record: TrackerRecord, reopening: Reopening) -> bool:
        if self.fails_with is not None:
            raise self.fails_with
        if record.video.media_id in self.quicker:
            return False
        self.reopened[record.video.media_id] = reopening
        return True


def look_again(
    tracker: FakeTracker, *media_ids: str, at_most: int = 1000, writes: bool = True
) -> dict[str, TrackerRecord]:
    return reopen(
        [item(media_id, item_count=3) for media_id in media_ids],
        {media_id: archived(media_id) for media_id in media_ids},
        cast("Tracker", tracker),
        run="run-1",
        now=NIGHT,
        at_most=at_most,
        writes=writes,
    )


def test_what_is_re_opened_counts_its_failures_from_the_first_and_keeps_its_files() -> None:
    failed_before = replace(archived(), video=replace(archived().video, retry_count=4))
    reopened = reopen(
        [item(item_count=3)],
        {"m1": failed_before},
        cast("Tracker", FakeTracker()),
        run="run-1",
        now=NIGHT,
        at_most=1,
        writes=True,
    )["m1"]
    assert (reopened.status, reopened.video.retry_count, len(reopened.files)) == (Status.PENDING, 0, 2)


def test_another_run_that_was_quicker_keeps_the_video() -> None:
    tracker = FakeTracker(quicker=["a"])
    assert list(look_again(tracker, "a", "b")) == ["b"]


def test_a_dry_run_writes_nothing() -> None:
    tracker = FakeTracker()
    assert list(look_again(tracker, "a", writes=False)) == ["a"]
    assert tracker.reopened == {}


def test_no_more_are_re_opened_than_the_run_has_room_for_and_never_a_whole_library() -> None:
    many = [f"m{number}" for number in range(20_000)]
    assert len(look_again(FakeTracker(), *many[:200])) == MOST_IN_A_RUN
    assert len(look_again(FakeTracker(), *many[:200], at_most=3)) == 3
    assert look_again(FakeTracker(), *many[:200], at_most=0) == {}


def test_a_library_of_old_records_is_neither_re_opened_nor_written() -> None:
    tracker = FakeTracker()
    many = [f"m{number}" for number in range(2_000)]
    records = {media_id: of_old() for media_id in many}
    reopened = reopen(
        [item(media_id) for media_id in many],
        records,
        cast("Tracker", tracker),
        run="run-1",
        now=NIGHT,
        at_most=1000,
        writes=True,
    )
    assert (reopened, tracker.reopened) == ({}, {})


def test_a_table_that_does_not_answer_keeps_no_run_from_what_is_new() -> None:
    assert look_again(FakeTracker(fails_with=TrackerError("It throttles")), "a", "b") == {}


def test_a_table_that_takes_no_such_write_ends_the_run() -> None:
    with pytest.raises(AccessDeniedError):
        look_again(FakeTracker(fails_with=AccessDeniedError("UpdateItem")), "a")
