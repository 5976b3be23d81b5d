"""A name that nobody would give: through the listing, the table, the manifest and the letter of a failed video."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Final, cast

import pytest

from gopro_sync.archive.object_key import clean_filename
from gopro_sync.aws.clients import make_s3_client
from gopro_sync.gopro.client import GoProClient
from gopro_sync.gopro.library.listing import LibraryListing
from gopro_sync.gopro.library.media import MediaItem, parse_row
from gopro_sync.run.discovery import discover
from gopro_sync.run.run_files import write_manifest
from gopro_sync.run.video_event import as_event, video_of
from gopro_sync.table.tracker import Tracker
from tests.support.tracker_table import tracker_table

NOW: Final = datetime(2026, 5, 2, tzinfo=UTC)
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
TAKEN_BY_SQS: Final = "[\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*"


class Library:
    """GoPro's library of one item."""

    def __init__(self, item: MediaItem) -> None:
        self._item = item

    def list_library(self) -> LibraryListing:
        return LibraryListing(items=(self._item,), malformed=())


@pytest.mark.parametrize(
    ("name", "recorded"),
    [
        ("GX01\ud83c0456.MP4", "GX010456.MP4"),
        ("GX01\x00\n\x7f\x850456.MP4", "GX010456.MP4"),
        ("GX01\ufffe\uffff0456.MP4", "GX010456.MP4"),
        ("\u00c4tna \U0001f3a5.MP4", "\u00c4tna \U0001f3a5.MP4"),
        ("\u00e9" * 300_000 + ".MP4", "\u00e9" * 254 + ".MP4"),
        ("\ud83c\x00", None),
    ],
    ids=["half a letter", "controls", "no characters", "letters", "300,000 letters", "nothing"],
)
def test_a_video_of_any_name_is_recorded_and_handed_over_under_the_key_that_it_always_had(
    name: str, recorded: str | None
) -> None:
    row = {"id": "m1", "type": "Video", "ready_to_view": "ready", "created_at": "2026-05-01T18:02:44Z"}
    item = parse_row({**row, "filename": name})
    assert isinstance(item, MediaItem)
    key = f"gopro-videos/2026/05/{'m1.MP4' if recorded is None else clean_filename(name)}"
    with tracker_table("t") as dynamodb:
        tracker = Tracker(dynamodb, "t", clock=lambda: NOW, sleep=lambda _seconds: None)
        s3 = make_s3_client()
        s3.create_bucket(Bucket="archive", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})

        found = discover(cast("GoProClient", Library(item)), tracker, owner="run-1", max_videos=1, now=NOW)
        (video,) = found.videos
        assert (video.s3_key, video.filename) == (key, recorded or "m1.MP4")
        assert tracker.get_many(["m1"])["m1"].video.filename == video.filename

        written = write_manifest(s3, bucket="archive", execution_id="night", items=[as_event(video, download_url="u")])
        manifest = s3.get_object(Bucket="archive", Key=written["key"])["Body"].read()

    (event,) = json.loads(manifest)
    assert video_of(event) == video
    for text in (event["media_id"], event["filename"], event["s3_key"]):
        assert re.fullmatch(TAKEN_BY_SQS, text)
        assert len(text.encode()) < 1024
