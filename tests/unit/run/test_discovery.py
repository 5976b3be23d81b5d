"""What a run finds in the library, and what it says of videos that it was asked for and cannot have."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, cast

from gopro_sync.gopro.client import GoProClient
from gopro_sync.gopro.library.listing import LibraryListing
from gopro_sync.gopro.library.media import MalformedRow, MediaItem
from gopro_sync.run.discovery import Discovery, discover
from gopro_sync.run.selection import Selection
from gopro_sync.table.tracker import Tracker
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
    """A tracker without a record, which notes what it is given."""

    def __init__(self) -> None:
        self.added: list[str] = []

    def get_many(self, media_ids: Iterable[str]) -> dict[str, Any]:
        del media_ids
        return {}

    def add_pending(self, videos: Sequence[Video]) -> None:
        self.added += [video.media_id for video in videos]


def find(*rows: MediaItem | MalformedRow, media_ids: Iterable[str] | None = None) -> Discovery:
    return discover(
        cast("GoProClient", FakeClient(*rows)),
        cast("Tracker", EmptyTracker()),
        owner="run-1",
        max_videos=1000,
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
