"""What the lister writes of a video is what the downloader reads of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Final, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gopro_sync.errors import InvalidEventError
from gopro_sync.gopro.client import GoProClient
from gopro_sync.gopro.library.listing import LibraryListing
from gopro_sync.gopro.library.media import MediaItem, filename_or_none, is_media_id, parse_row
from gopro_sync.run.discovery import discover
from gopro_sync.run.video_event import as_event, video_of
from gopro_sync.table.tracker import Lookup, Recording, Tracker
from gopro_sync.table.video import Video
from gopro_sync.values.outside_values import LARGEST_WHOLE_NUMBER, one_line

URL: Final = "https://api.gopro.com/media/m1/download"
NOW: Final = datetime(2026, 5, 2, tzinfo=UTC)

any_text = st.text(st.characters(codec=None), max_size=300)  # lone surrogates too
media_ids = st.text(st.characters(min_codepoint=ord("!"), max_codepoint=ord("~")), min_size=1, max_size=128).filter(
    is_media_id
)
whole_numbers = st.integers(0, LARGEST_WHOLE_NUMBER)
# To the second, as this system writes times.
moments = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)).map(  # noqa: DTZ001 - the zone follows
    lambda moment: moment.replace(microsecond=0, tzinfo=UTC)
)
videos = st.builds(
    Video,
    media_id=media_ids,
    filename=any_text.map(filename_or_none).filter(bool),
    s3_key=any_text.filter(lambda text: ".." not in text).map(
        lambda text: one_line(f"gopro-videos/{text}", longest_bytes=1024)
    ),
    uploaded_at=st.none() | moments,
    captured_at=st.none() | moments,
    size_bytes=st.none() | whole_numbers,
    duration_seconds=st.none() | st.floats(0, 1e9, exclude_max=True),
    item_count=st.integers(1, LARGEST_WHOLE_NUMBER),
    retry_count=whole_numbers,
)
rows = st.fixed_dictionaries(
    {
        "id": media_ids,
        "type": st.just("Video"),
        "ready_to_view": st.just("ready"),
        "created_at": moments.map(datetime.isoformat),
    },
    optional={
        name: st.none() | any_text | st.integers() | st.floats() | moments.map(datetime.isoformat)
        for name in ("filename", "file_extension", "file_size", "captured_at", "item_count", "source_duration")
    },
)


class Library:
    """GoPro's library, and a tracker that has none of it yet."""

    def __init__(self, *items: MediaItem) -> None:
        self._items = items
        self.recorded: list[Video] = []

    def list_library(self) -> LibraryListing:
        return LibraryListing(items=self._items, malformed=())

    def look_up(self, _media_ids: object, **_: object) -> Lookup:
        return Lookup(records={}, unreadable={})

    def record_new(self, videos: list[Video], **_: object) -> Recording:
        self.recorded += videos
        return Recording(left=frozenset(), refused={}, trouble=None)


def sent(video: Video) -> Video:
    """What the downloader reads, after the manifest and the state machine have carried it as JSON."""
    return video_of(json.loads(json.dumps(as_event(video, download_url=URL))))


@given(videos)
def test_the_downloader_reads_the_video_that_the_lister_wrote(video: Video) -> None:
    assert sent(video) == video


@given(rows)
def test_whatever_gopro_says_of_a_video_reaches_the_downloader(row: dict[str, Any]) -> None:
    item = parse_row(row)
    if not isinstance(item, MediaItem):
        return
    library = Library(item)
    found = discover(cast("GoProClient", library), cast("Tracker", library), owner="run-1", max_videos=1, now=NOW)
    (video,) = found.videos
    assert library.recorded == [video]
    assert sent(video) == video


@pytest.mark.parametrize("moment", [1_777_658_564_001, "2026-05-01T18:02:44.999Z"])
def test_a_part_of_a_second_is_lost_where_a_date_is_read_and_not_on_its_way(moment: int | str) -> None:
    item = parse_row({"id": "m1", "type": "Video", "ready_to_view": "ready", "created_at": moment})
    assert isinstance(item, MediaItem)
    assert item.uploaded_at == datetime(2026, 5, 1, 18, 2, 44, tzinfo=UTC)


def test_the_fields_of_the_event_have_the_names_that_they_always_had() -> None:
    video = Video(
        media_id="m1",
        filename="GX010456.MP4",
        s3_key="gopro-videos/2026/05/GX010456.MP4",
        uploaded_at=datetime(2026, 5, 1, 18, 2, 44, tzinfo=UTC),
        captured_at=datetime(2026, 4, 30, 9, 0, tzinfo=UTC),
        size_bytes=123,
        duration_seconds=7.5,
        item_count=2,
        retry_count=1,
    )
    assert as_event(video, download_url=URL) == {
        "media_id": "m1",
        "filename": "GX010456.MP4",
        "download_url": URL,
        "file_size": 123,
        "upload_date": "2026-05-01T18:02:44Z",
        "duration": 7.5,
        "captured_at": "2026-04-30T09:00:00Z",
        "item_count": 2,
        "s3_key": "gopro-videos/2026/05/GX010456.MP4",
        "retry_count": 1,
    }


def test_a_date_of_recording_does_not_become_one_of_upload_on_its_way() -> None:
    video = Video(media_id="m1", filename="a.MP4", s3_key="gopro-videos/2026/05/a.MP4", is_upload_stated=False)
    assert video_of(as_event(video, download_url=URL)) == video


@pytest.mark.parametrize("prefix", ["gopro-videos/2025/11/", "gopro-videos/2025/11"])
def test_an_event_that_somebody_wrote_may_name_the_folder_only(prefix: str) -> None:
    video = video_of({"media_id": "m1", "filename": "a/GH010456.MP4", "s3_prefix": prefix})
    assert video == Video(media_id="m1", filename="a/GH010456.MP4", s3_key="gopro-videos/2025/11/a_GH010456.MP4")


@pytest.mark.parametrize(
    "odd",
    [
        {"media_id": "half \ud83c"},
        {"media_id": "x" * 3000},
        {"s3_key": "gopro-videos/2026/05/\ud83c.MP4"},
        {"s3_key": "gopro-videos/2026/05/a\n.MP4"},
        {"s3_key": f"gopro-videos/{'\u00e9' * 520}.MP4"},
    ],
)
def test_an_id_or_a_key_that_aws_does_not_take_is_refused(odd: dict[str, str]) -> None:
    with pytest.raises(InvalidEventError):
        video_of({"media_id": "m1", "s3_key": "gopro-videos/2026/05/a.MP4", **odd})
