"""What is not to be archived yet has a record, never stands among the videos of a run, and is tried in the end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, cast

import pytest

from gopro_sync.archive.archived_file import ArchivedFile
from gopro_sync.gopro.client import GoProClient
from gopro_sync.gopro.library.listing import LibraryListing
from gopro_sync.gopro.library.media import MediaItem, parse_row
from gopro_sync.run.discovery import Discovery, discover
from gopro_sync.run.selection import Selection
from gopro_sync.table.rebuilding import RebuiltRecord, write_rebuilt
from gopro_sync.table.tracker import Tracker
from gopro_sync.table.transfer_items import item_of_file
from gopro_sync.table.values import to_attribute_values
from gopro_sync.table.video import Video
from tests.support.gopro_library import video_row
from tests.support.tracker_table import tracker_table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TABLE: Final = "gopro-sync-tracker"
FIRST_NIGHT: Final = datetime(2026, 3, 1, 1, tzinfo=UTC)
A_WEEK: Final = timedelta(days=7)


class Nights:
    """One library and its table, night after night; the rows may change between two nights."""

    def __init__(self, dynamodb: DynamoDBClient) -> None:
        self.dynamodb = dynamodb
        self.rows: list[dict[str, Any]] = []
        self.now = FIRST_NIGHT
        self.tracker = Tracker(dynamodb, TABLE, clock=lambda: self.now, sleep=lambda _: None)

    def list_library(self) -> LibraryListing:
        items = tuple(item for row in self.rows if isinstance(item := parse_row(row), MediaItem))
        return LibraryListing(items=items, malformed=())

    def run(self, *, days_later: int = 0, selection: Selection | None = None, is_dry_run: bool = False) -> Discovery:
        self.now += timedelta(days=days_later)
        return discover(
            cast("GoProClient", self),
            self.tracker,
            owner=f"run-{self.now}",
            max_videos=10,
            now=self.now,
            selection=selection or Selection(),
            records_what_is_new=not is_dry_run,
            not_ready_after=A_WEEK,
        )

    def record(self) -> dict[str, str]:
        (item,) = self.dynamodb.scan(TableName=TABLE)["Items"]
        return {name: str(next(iter(value.values()))) for name, value in item.items()}


@pytest.fixture
def nights() -> Iterator[Nights]:
    with tracker_table(TABLE) as dynamodb:
        yield Nights(dynamodb)


ARCHIVED: Final = ArchivedFile(
    item_number=1,
    s3_key="gopro-videos/2026/03/GX010001.MP4",
    size_bytes=7,
    source_etag=None,
    s3_etag='"aa"',
    checksum_crc64nvme="AAAAAAAAAAA=",
    etag_proof="undecidable",
)


def row(**fields: object) -> dict[str, Any]:
    """A video that was uploaded in the first night."""
    return video_row(1, created_at="2026-03-01T00:30:00Z", **fields)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"ready_to_view": "transcoding", "filename": None}, "not_ready"),
        ({"ready_to_view": "quantum"}, "unknown_state"),
        ({"type": "Hologram", "file_extension": "holo"}, "unknown_type"),
    ],
)
def test_what_waits_is_recorded_once_and_counted_as_pending(
    nights: Nights, fields: dict[str, object], reason: str
) -> None:
    nights.rows = [row(**fields)]
    for night in range(3):
        found = nights.run(days_later=1 if night else 0)
        assert (found.videos, found.later_videos, found.skipped) == ((), (), {reason: 1})
    record = nights.record()
    assert (record["status"], record["waiting_reason"]) == ("PENDING", reason)
    assert record["first_seen_at"] == "2026-03-01T01:00:00Z"
    assert not record.keys() & {"s3_key", "sync_timestamp"}
    pending = nights.tracker.pending()
    assert (pending.count, pending.first_seen_at) == (1, FIRST_NIGHT)
    assert pending.waiting == {"video000001": reason}


def test_what_becomes_ready_is_archived_under_the_name_that_it_has_then(nights: Nights) -> None:
    nights.rows = [row(ready_to_view="transcoding", filename=None)]
    nights.run()
    nights.rows = [row()]
    for _ in range(2):
        (video,) = nights.run(days_later=1).videos
        assert video.s3_key == "gopro-videos/2026/03/GX010001.MP4"
        record = nights.record()
        assert (record["status"], record["s3_key"]) == ("PENDING", video.s3_key)
        assert record["first_seen_at"] == "2026-03-01T01:00:00Z"
        assert "waiting_reason" not in record


@pytest.mark.parametrize("state", ["transcoding", "quantum"])
def test_after_some_days_the_original_is_tried_whatever_the_state(nights: Nights, state: str) -> None:
    nights.rows = [row(ready_to_view=state)]
    assert nights.run().videos == ()
    assert nights.run(days_later=6).videos == ()
    found = nights.run(days_later=1)
    assert ([video.media_id for video in found.videos], found.skipped) == (["video000001"], {})
    assert "waiting_reason" not in nights.record()


@pytest.mark.parametrize("created_at", ["2025-01-06T00:00:00Z", None])
def test_an_item_waits_from_the_night_on_in_which_it_was_seen(nights: Nights, created_at: str | None) -> None:
    nights.rows = [row(ready_to_view="transcoding") | {"created_at": created_at, "captured_at": None}]
    assert nights.run().videos == ()
    assert len(nights.run(days_later=7).videos) == 1


def test_a_kind_that_nobody_knows_is_never_tried(nights: Nights) -> None:
    nights.rows = [row(type="Hologram", file_extension="holo")]
    nights.run()
    assert nights.run(days_later=300).videos == ()


def test_neither_a_dry_run_nor_one_that_asks_for_others_records_what_waits(nights: Nights) -> None:
    nights.rows = [row(ready_to_view="transcoding")]
    nights.run(is_dry_run=True)
    nights.run(selection=Selection(media_ids=frozenset({"another"})))
    assert nights.dynamodb.scan(TableName=TABLE)["Items"] == []


def test_what_is_archived_stays_so_while_gopro_works_on_it_again(nights: Nights) -> None:
    nights.rows = [row()]
    nights.run()
    nights.dynamodb.update_item(
        TableName=TABLE,
        Key={"media_id": {"S": "video000001"}},
        UpdateExpression="SET #status = :done",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={":done": {"S": "COMPLETED"}},
    )
    nights.rows = [row(ready_to_view="updating")]
    for days in (1, 30):
        assert nights.run(days_later=days).videos == ()
        assert nights.record()["status"] == "COMPLETED"
    assert nights.tracker.pending().count == 0


@pytest.mark.parametrize("status", ["IN_PROGRESS", "FAILED"])
def test_a_record_that_somebody_is_at_work_on_is_not_written_anew(nights: Nights, status: str) -> None:
    nights.rows = [row(ready_to_view="transcoding")]
    nights.run()
    nights.dynamodb.update_item(
        TableName=TABLE,
        Key={"media_id": {"S": "video000001"}},
        UpdateExpression="SET #status = :status, lease_owner = :another",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={":status": {"S": status}, ":another": {"S": "another"}},
    )
    nights.rows = [row()]
    nights.run(days_later=1)
    assert nights.record()["lease_owner"] == "another"


@pytest.mark.parametrize("status", ["PENDING", "COMPLETED"])
def test_files_that_a_record_of_a_waiting_item_names_are_never_forgotten(nights: Nights, status: str) -> None:
    """As after a rebuild from the bucket, or where an earlier version has taken what waited."""
    nights.rows = [row(ready_to_view="transcoding")]
    nights.run()
    nights.dynamodb.update_item(
        TableName=TABLE,
        Key={"media_id": {"S": "video000001"}},
        UpdateExpression="SET files = :files, #status = :status, s3_key = :key",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues=to_attribute_values(
            {":files": [item_of_file(ARCHIVED)], ":status": status, ":key": ARCHIVED.s3_key}
        ),
    )
    nights.rows = [row(item_count=2)]
    for _ in range(2):
        (video,) = nights.run(days_later=1).videos
        assert video.s3_key == ARCHIVED.s3_key
        assert nights.tracker.get_many(["video000001"])["video000001"].files == (ARCHIVED,)


def test_what_is_taken_does_not_wait_any_more(nights: Nights) -> None:
    nights.rows = [row(ready_to_view="transcoding")]
    nights.run()
    nights.tracker.claim("video000001", owner="a-run-of-an-earlier-version", lease=A_WEEK)
    assert "waiting_reason" not in nights.record()


def test_a_record_that_was_rebuilt_from_the_bucket_is_none_of_an_item_that_waits(nights: Nights) -> None:
    nights.rows = [row(ready_to_view="transcoding")]
    nights.run()
    before = nights.tracker.get_many(["video000001"])["video000001"]
    video = Video(media_id="video000001", filename="GX010001.MP4", s3_key=ARCHIVED.s3_key)
    rebuilt = RebuiltRecord(video=video, files=(ARCHIVED,), confirmation=None, before=before)
    assert write_rebuilt(nights.dynamodb, TABLE, rebuilt, written_by="a person", now=nights.now)
    record = nights.record()
    assert (record["status"], record["s3_key"], "waiting_reason" in record) == ("PENDING", ARCHIVED.s3_key, False)
