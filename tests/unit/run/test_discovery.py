"""What a run finds in the library, and what it says of videos that it was asked for and cannot have."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gopro_sync.archive.archived_file import ArchivedFile
from gopro_sync.errors import TrackerError
from gopro_sync.gopro.client import GoProClient
from gopro_sync.gopro.library.listing import LibraryListing
from gopro_sync.gopro.library.media import MalformedRow, MediaItem
from gopro_sync.run.discovery import Discovery, discover
from gopro_sync.run.notices import notice_of
from gopro_sync.run.selection import Selection
from gopro_sync.table.tracker import Lookup, Recording, Reopening, Status, Tracker, TrackerRecord
from gopro_sync.table.video import Video

MAY: Final = datetime(2026, 5, 1, tzinfo=UTC)


def item(media_id: str, **fields: Any) -> MediaItem:
    standard = {"type": "Video", "ready_to_view": "ready", "filename": f"{media_id}.MP4", "file_extension": "MP4"}
    return MediaItem(**{"media_id": media_id, "uploaded_at": MAY, **standard, **fields})


class FakeClient:
    """A library of these rows."""

    def __init__(self, *rows: MediaItem | MalformedRow) -> None:
        self._listing = LibraryListing(
            items=tuple(row for row in rows if isinstance(row, MediaItem)),
            malformed=tuple(row for row in rows if isinstance(row, MalformedRow)),
        )

    def list_library(self) -> LibraryListing:
        return self._listing


class EmptyTracker:
    """A tracker without a record, which notes what it is given, all but what it does not take."""

    def __init__(
        self, *, left: Iterable[str] = (), refused: Iterable[str] = (), unreadable: Iterable[str] = ()
    ) -> None:
        self.left, self.refused, self.unreadable = frozenset(left), frozenset(refused), frozenset(unreadable)
        self.added: list[str] = []

    def look_up(self, media_ids: Iterable[str], *, until: datetime | None) -> Lookup:
        del until
        unreadable = {media_id: "no record" for media_id in media_ids if media_id in self.unreadable}
        return Lookup(records={}, unreadable=unreadable)

    def record_new(self, videos: Sequence[Video], *, until: datetime | None) -> Recording:
        del until
        media_ids = [video.media_id for video in videos]
        left = frozenset(media_ids) & self.left
        refused = {media_id: "ValidationError" for media_id in media_ids if media_id in self.refused}
        self.added += [media_id for media_id in media_ids if media_id not in left | refused.keys()]
        return Recording(left=left, refused=refused, trouble=TrackerError("It throttles") if left else None)


def find(
    *rows: MediaItem | MalformedRow,
    media_ids: Iterable[str] | None = None,
    tracker: EmptyTracker | None = None,
    max_videos: int = 1000,
) -> Discovery:
    return discover(
        cast("GoProClient", FakeClient(*rows)),
        cast("Tracker", tracker or EmptyTracker()),
        owner="run-1",
        max_videos=max_videos,
        now=MAY,
        selection=Selection(media_ids=None if media_ids is None else frozenset(media_ids)),
    )


def test_an_id_that_the_library_does_not_know_is_named() -> None:
    found = find(item("a"), item("b"), media_ids=["a", "gone", "typo"])
    assert [video.media_id for video in found.videos] == ["a"]
    assert found.unavailable == {"gone": "not_in_library", "typo": "not_in_library"}


def test_an_id_that_is_there_and_no_video_to_archive_is_named_with_the_reason() -> None:
    found = find(
        item("photo", type="Photo"),
        item("young", ready_to_view="uploading"),
        MalformedRow(media_id="odd", problem="no time"),
        MalformedRow(media_id=None, problem="no id"),
        media_ids=["photo", "young", "odd"],
    )
    assert found.unavailable == {"photo": "photo", "young": "not_ready", "odd": "malformed"}
    assert found.skipped == {"malformed": 2, "not_ready": 1, "photo": 1}


def test_a_run_that_asks_for_no_ids_names_none() -> None:
    assert find(item("a"), item("photo", type="Photo")).unavailable == {}


def test_what_dynamodb_did_not_take_in_time_waits_for_the_next_run_and_the_others_are_archived() -> None:
    found = find(*map(item, "abcde"), tracker=EmptyTracker(left="de"), max_videos=2)
    assert [video.media_id for video in found.videos] == ["a", "b"]
    assert (found.unrecorded, found.remaining, found.total_found) == (2, 3, 5)


def test_a_run_for_which_dynamodb_took_nothing_says_why() -> None:
    with pytest.raises(TrackerError, match="It throttles"):
        find(*map(item, "abc"), tracker=EmptyTracker(left="abc"))


def test_a_video_without_a_record_to_go_by_is_left_out_and_named_and_the_others_are_archived(
    caplog: pytest.LogCaptureFixture,
) -> None:
    found = find(*map(item, "abcd"), tracker=EmptyTracker(refused="b", unreadable="c"))
    assert [video.media_id for video in found.videos] == ["a", "d"]
    assert found.unrecordable == {"b": "ValidationError", "c": "no record"}
    assert (found.remaining, found.total_found) == (0, 4)
    assert {vars(line)["media_id"] for line in caplog.records} == {"b", "c"}


def test_an_item_that_waits_stops_nobody_where_its_record_cannot_be_read() -> None:
    waiting = item("w", ready_to_view="transcoding")
    found = find(item("a"), waiting, tracker=EmptyTracker(unreadable="w"))
    assert [video.media_id for video in found.videos] == ["a"]


def test_a_video_that_the_run_was_not_asked_for_is_not_told_of() -> None:
    found = find(*map(item, "ab"), media_ids=["a"], tracker=EmptyTracker(unreadable="b"))
    assert (found.unrecordable, found.filtered) == ({}, 1)


class FailedTracker(EmptyTracker):
    """A tracker in which all videos have failed, each at its time, and are due in a month."""

    def __init__(self, failed_at: Mapping[str, datetime | None]) -> None:
        super().__init__()
        self.failed_at = failed_at

    def look_up(self, media_ids: Iterable[str], *, until: datetime | None) -> Lookup:
        del until
        records = {
            media_id: TrackerRecord(
                video=Video(media_id=media_id, filename=f"{media_id}.MP4", s3_key=f"gopro-videos/{media_id}.MP4"),
                status=Status.FAILED,
                lease_owner=None,
                lease_expires_at=None,
                files=(),
                upload=None,
                error_type="SourceMissingError",
                next_attempt_after=MAY + timedelta(days=30),
                failed_at=self.failed_at[media_id],
            )
            for media_id in media_ids
        }
        return Lookup(records=records, unreadable={})


def test_each_run_of_a_redrive_takes_those_that_have_not_had_their_try() -> None:
    tracker = FailedTracker({"tried": MAY, "waiting": MAY - timedelta(days=3), "of old": None})
    found = discover(
        cast("GoProClient", FakeClient(*map(item, tracker.failed_at))),
        cast("Tracker", tracker),
        owner="run-2",
        max_videos=1,
        now=MAY,
        selection=Selection(redrive=True, redrive_began_at=MAY - timedelta(hours=1)),
    )
    assert ([video.media_id for video in (*found.videos, *found.later_videos)], found.postponed) == (
        ["waiting", "of old"],
        1,
    )


# --- the counts ------------------------------------------------------------------------------------------------------


class KnownTracker(EmptyTracker):
    """A tracker that has these records."""

    def __init__(self, *records: TrackerRecord, **troubles: Iterable[str]) -> None:
        super().__init__(**troubles)
        self.records = {record.video.media_id: record for record in records}
        self.reopened: list[str] = []

    def look_up(self, media_ids: Iterable[str], *, until: datetime | None) -> Lookup:
        asked = list(media_ids)
        unreadable = super().look_up(asked, until=until).unreadable
        records = {name: self.records[name] for name in asked if name in self.records and name not in unreadable}
        return Lookup(records=records, unreadable=unreadable)

    def reopen(self, record: TrackerRecord, reopening: Reopening) -> bool:
        del reopening
        self.reopened.append(record.video.media_id)
        return True


FILE: Final = ArchivedFile(
    item_number=1,
    s3_key="gopro-videos/2026/05/GX010001.MP4",
    size_bytes=10,
    source_etag=None,
    s3_etag="bb-1",
    checksum_crc64nvme="AAAAAAAAAAA=",
    etag_proof="undecidable",
)


def record(media_id: str, status: Status, **fields: Any) -> TrackerRecord:
    standard: dict[str, Any] = {
        "video": Video(media_id=media_id, filename=f"{media_id}.MP4", s3_key=f"gopro-videos/{media_id}.MP4"),
        "lease_owner": None,
        "lease_expires_at": None,
        "files": (FILE,) if status is Status.COMPLETED else (),
        "upload": None,
        "error_type": "SourceMissingError" if status is Status.FAILED else None,
        "next_attempt_after": None,
    }
    return TrackerRecord(status=status, **{**standard, **fields})


RECORDS: Final[dict[str, Callable[[str], TrackerRecord | None]]] = {
    "none": lambda _: None,
    "pending": lambda name: record(name, Status.PENDING),
    "archived": lambda name: record(name, Status.COMPLETED),
    "failed": lambda name: record(name, Status.FAILED),
    "postponed": lambda name: record(name, Status.FAILED, next_attempt_after=MAY + timedelta(days=30)),
    "leased": lambda name: record(name, Status.IN_PROGRESS, lease_owner="run-0", lease_expires_at=2**40),
}
KINDS: Final = [*RECORDS, "left", "refused", "unreadable"]
ALONE: Final[st.SearchStrategy[dict[str, Any]]] = st.builds(
    dict, kind=st.sampled_from(KINDS), is_asked=st.booleans(), chapters=st.integers(1, 2)
)


@given(library=st.lists(ALONE, max_size=12), max_videos=st.integers(1, 5), is_redrive=st.booleans())
def test_every_video_found_is_in_exactly_one_of_the_counts(
    library: list[dict[str, Any]], max_videos: int, is_redrive: bool
) -> None:
    named = {f"m{number}": video for number, video in enumerate(library)}
    known = [RECORDS[video["kind"]](name) for name, video in named.items() if video["kind"] in RECORDS]
    of_kind = {
        kind: [name for name, video in named.items() if video["kind"] == kind]
        for kind in ("left", "refused", "unreadable")
    }
    tracker = KnownTracker(*[found for found in known if found is not None], **of_kind)
    asked = Selection(media_ids={name for name in named if named[name]["is_asked"]}, redrive=is_redrive)
    rows = [item(name, item_count=video["chapters"]) for name, video in named.items()]
    try:
        found = discover(
            cast("GoProClient", FakeClient(*rows, item("photo", type="Photo"))),
            cast("Tracker", tracker),
            owner="run-1",
            max_videos=max_videos,
            now=MAY,
            selection=asked,
        )
    except TrackerError:
        return  # DynamoDB took nothing at all
    left_out = len(found.unrecordable)
    counted = found.already_synced + len(found.videos) + found.remaining + found.postponed + found.filtered + left_out
    assert found.total_found == counted == len(library)
    archived = {name for name, video in named.items() if video["kind"] == "archived"}
    assert found.already_synced == len(archived - found.reopened.keys()) == len(archived - set(tracker.reopened))
    assert set(tracker.reopened) <= set(asked.media_ids or ())


def test_the_notice_of_a_redrive_counts_what_was_archived_before() -> None:
    names = [f"m{number}" for number in range(9)]
    found = discover(
        cast("GoProClient", FakeClient(*map(item, [*names, "failed"]))),
        cast("Tracker", KnownTracker(*(record(name, Status.COMPLETED) for name in names))),
        owner="run-1",
        max_videos=10,
        now=MAY,
        selection=Selection(media_ids={"failed"}, redrive=True),
    )
    reported = {
        "execution_id": "redrive",
        "status": "PARTIAL_FAILURE",
        "total_found": found.total_found,
        "already_synced": found.already_synced,
        "new_count": len(found.videos),
        "synced": 0,
        "failed": 1,
        "deferred": found.remaining,
        "bytes_transferred": 0,
        "duration_seconds": 1,
        "failures": {"SourceMissingError": 1},
        "failed_videos": [],
    }
    notice = notice_of(reported, None, environment="prod", tracker_table_name="gopro-sync-tracker")
    assert notice is not None
    assert "10 videos found, 9 of them archived before" in notice.text
    assert found.filtered == 0
