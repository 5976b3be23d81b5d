"""What the downloader is asked and what it answers, without anything behind it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gopro_sync import composition
from gopro_sync.archive.archived_file import ArchivedFile
from gopro_sync.errors import GoProApiChangedError, GoProSyncError, MediaGoneError
from gopro_sync.gopro.library.media import MalformedRow, MediaItem
from gopro_sync.handlers import video_downloader
from gopro_sync.run.video import VideoResult
from gopro_sync.table.video import Video
from gopro_sync.telemetry.logs import EventType
from tests.support.lambda_context import FakeLambdaContext

EVENTS = Path(__file__).parents[3] / "events"
EVENT: dict[str, Any] = json.loads((EVENTS / "video-downloader.json").read_text()) | {"auth_token": "fake-token"}
UPLOADED = datetime(2025, 11, 10, 14, 23, 45, tzinfo=UTC)
FILE = ArchivedFile(
    item_number=1,
    s3_key="gopro-videos/2025/11/GH010456.MP4",
    size_bytes=1000,
    source_etag="e",
    s3_etag='"d41d8cd98f00b204e9800998ecf8427e-2"',
    checksum_crc64nvme="AAAAAAAAAAA=",
    etag_proof="MATCHED",
)


@dataclass
class World:
    """Stands in for everything behind the handler."""

    result: VideoResult = field(
        default_factory=lambda: VideoResult(event=EventType.VIDEO_DOWNLOAD_COMPLETE, files=(FILE,), bytes_sent=1000)
    )
    item: MediaItem | MalformedRow = field(default_factory=lambda: MalformedRow(media_id=None, problem="none"))
    refusal: GoProSyncError | None = None
    asked: list[str] = field(default_factory=list)
    recorded: list[Video] = field(default_factory=list)
    archived: list[Video] = field(default_factory=list)

    def get_media(self, media_id: str) -> MediaItem | MalformedRow:
        self.asked.append(media_id)
        if self.refusal is not None:
            raise self.refusal
        return self.item

    def download_url(self, media_id: str) -> str:
        return f"https://api.gopro.com/media/{media_id}/download"

    def add_pending(self, videos: list[Video]) -> None:
        self.recorded += videos

    def archive(self, video: Video) -> VideoResult:
        self.archived.append(video)
        return self.result


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    for name, value in json.loads((EVENTS / "env.json").read_text())["Parameters"].items():
        monkeypatch.setenv(name, value)
    composition.forget()
    here = World()
    with monkeypatch.context() as patch:
        for name in ("gopro_client", "tracker", "video_transfer"):
            patch.setattr(composition, name, lambda *_, **__: here)
        yield here
    composition.forget()


@pytest.mark.parametrize(
    ("event", "status", "code"),
    [
        (EventType.VIDEO_DOWNLOAD_COMPLETE, "COMPLETED", 200),
        (EventType.VIDEO_ALREADY_ARCHIVED, "COMPLETED", 200),
        (EventType.VIDEO_DOWNLOAD_PAUSED, "IN_PROGRESS", 202),
        (EventType.VIDEO_DOWNLOAD_WAITING, "WAITING", 202),
        (EventType.VIDEO_DOWNLOAD_DEFERRED, "DEFERRED", 202),
    ],
)
def test_only_a_video_that_is_archived_answers_200(world: World, event: EventType, status: str, code: int) -> None:
    world.result = VideoResult(event=event)
    answer = video_downloader.handler(EVENT, FakeLambdaContext())
    assert (answer["statusCode"], answer["status"]) == (code, status)


@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov"])
def test_the_answer_tells_the_object_by_arn_and_its_etag_as_s3_gives_it(world: World, partition: str) -> None:
    context = FakeLambdaContext(partition=partition)
    answer = video_downloader.handler(EVENT, context)
    bucket = composition.settings().archive_bucket_name
    assert answer["s3_arn"] == f"arn:{partition}:s3:::{bucket}/gopro-videos/2025/11/GH010456.MP4"
    assert answer["s3_etag"] == '"d41d8cd98f00b204e9800998ecf8427e-2"'
    assert world.archived


def test_the_documented_event_without_an_upload_date_gets_it_from_gopro(world: World) -> None:
    world.item = MediaItem(media_id=EVENT["media_id"], type="Video", ready_to_view="ready", uploaded_at=UPLOADED)
    video_downloader.handler(EVENT, FakeLambdaContext())
    assert [video.uploaded_at for video in world.recorded + world.archived] == [UPLOADED, UPLOADED]


def test_the_size_and_the_chapters_by_which_a_video_is_judged_are_gopros_and_not_those_of_a_written_event(
    world: World,
) -> None:
    world.item = MediaItem(
        media_id=EVENT["media_id"],
        type="Video",
        ready_to_view="ready",
        uploaded_at=UPLOADED,
        size_bytes=1000,
        item_count=3,
    )
    given = datetime(2025, 11, 10, 14, 23, 45, tzinfo=UTC)
    video_downloader.handler(EVENT | {"upload_date": "2025-11-10T14:23:45Z"}, FakeLambdaContext())
    (video,) = world.archived
    assert EVENT["file_size"] != 1000
    assert (video.size_bytes, video.item_count, video.uploaded_at) == (1000, 3, given)


@pytest.mark.parametrize("refusal", [MediaGoneError("gone"), GoProApiChangedError("another shape")])
def test_a_gopro_that_does_not_answer_this_question_leaves_the_event_as_it_is(
    world: World, refusal: GoProSyncError
) -> None:
    world.refusal = refusal
    assert video_downloader.handler(EVENT, FakeLambdaContext())["statusCode"] == 200
    assert [video.size_bytes for video in world.archived] == [EVENT["file_size"]]


def test_nobody_asks_gopro_for_what_the_lister_has_seen(world: World) -> None:
    video_downloader.handler(EVENT | {"execution_id": "run-7"}, FakeLambdaContext())
    assert world.asked == []


def test_an_item_of_an_unknown_form_is_archived_without_the_date(world: World) -> None:
    answer = video_downloader.handler(EVENT, FakeLambdaContext())
    assert answer["statusCode"] == 200
    assert [video.uploaded_at for video in world.archived] == [None]


@pytest.mark.parametrize("event", [EventType.VIDEO_ALREADY_ARCHIVED, EventType.VIDEO_DOWNLOAD_DEFERRED])
def test_it_says_whether_a_video_is_another_runs(world: World, event: EventType) -> None:
    world.result = VideoResult(event=event, is_another_runs=True)
    assert video_downloader.handler(EVENT, FakeLambdaContext())["by_another_run"] is True

    world.result = VideoResult(event=event)
    assert "by_another_run" not in video_downloader.handler(EVENT, FakeLambdaContext())
