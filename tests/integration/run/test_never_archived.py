"""What is gone at GoPro before it was copied, and what waits in vain, is told once; night after night on one table."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, cast

import pytest

from gopro_sync.errors import GoProSyncError, GoProUnavailableError, NetworkError, ThrottledError
from gopro_sync.gopro.client import GoProClient
from gopro_sync.gopro.library.listing import LibraryListing, ListingGap
from gopro_sync.gopro.library.media import MalformedRow, MediaItem, parse_row
from gopro_sync.run.discovery import Discovery, discover
from gopro_sync.run.never_archived import MOST_MARKED, MOST_QUESTIONS, LookForThem, NeverArchived
from gopro_sync.table.tracker import Tracker
from gopro_sync.table.unarchived import UnarchivedVideos
from tests.support.gopro_library import video_row
from tests.support.tracker_table import tracker_table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TABLE: Final = "gopro-sync-tracker"
FIRST_NIGHT: Final = datetime(2026, 3, 1, 1, tzinfo=UTC)
GAP: Final = ListingGap(stated=9, shown=8)
ID: Final = "video000001"


class Nights:
    """One library and its table; the rows, and what GoPro says of an item, may change between two nights."""

    def __init__(self, dynamodb: DynamoDBClient) -> None:
        self.dynamodb = dynamodb
        self.rows: list[dict[str, Any]] = []
        self.deleted: set[str] = set()
        self.troubles: dict[str, GoProSyncError] = {}
        self.asked: list[str] = []
        self.now = FIRST_NIGHT
        self.tracker = Tracker(dynamodb, TABLE, clock=lambda: self.now, sleep=lambda _: None)
        self.gap: ListingGap | None = None
        self.malformed: tuple[MalformedRow, ...] = ()
        self.found: Discovery | None = None

    def list_library(self) -> LibraryListing:
        items = tuple(item for row in self.rows if isinstance(item := parse_row(row), MediaItem))
        return LibraryListing(items=items, malformed=self.malformed, gap=self.gap)

    def is_gone(self, media_id: str) -> bool:
        self.asked.append(media_id)
        if media_id in self.troubles:
            raise self.troubles[media_id]
        return media_id in self.deleted

    def run(self, *, days_later: int = 1, seconds_left: int = 240, is_tried_again: bool = False) -> NeverArchived:
        self.now += timedelta(days=0 if is_tried_again else days_later)
        client, run = cast("GoProClient", self), f"run-{self.now}"
        week = timedelta(days=7)
        self.found = discover(client, self.tracker, owner=run, max_videos=1000, now=self.now, not_ready_after=week)
        until = self.now + timedelta(seconds=seconds_left)
        videos = UnarchivedVideos(self.dynamodb, TABLE, clock=lambda: self.now)
        look = LookForThem(client, videos, run=run, clock=lambda: self.now, until=until)
        return look.after(self.found, waits_at_most=week)

    def taken(self) -> list[str]:
        assert self.found is not None
        return [video.media_id for video in self.found.videos]

    def change(self, **fields: str) -> None:
        """Change the first video's record."""
        self.dynamodb.update_item(
            TableName=TABLE,
            Key={"media_id": {"S": ID}},
            UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in fields),
            ExpressionAttributeNames={f"#{name}": name for name in fields},
            ExpressionAttributeValues={
                f":{name}": {"N" if name == "lease_expires_at" else "S": value} for name, value in fields.items()
            },
        )

    def record(self, media_id: str = ID) -> dict[str, str]:
        item = self.dynamodb.get_item(TableName=TABLE, Key={"media_id": {"S": media_id}})["Item"]
        return {name: str(next(iter(value.values()))) for name, value in item.items()}


@pytest.fixture
def nights() -> Iterator[Nights]:
    with tracker_table(TABLE) as dynamodb:
        yield Nights(dynamodb)


@pytest.fixture
def vanished(nights: Nights) -> Nights:
    """The second night has begun: the first video of two was deleted before it was copied."""
    nights.rows = [video_row(1), video_row(2)]
    nights.run()
    nights.rows = [video_row(2)]
    nights.deleted = {ID}
    return nights


def failed(nights: Nights) -> None:
    nights.change(
        status="FAILED", error_type="NetworkError", error_message="500", next_attempt_after="2026-09-01T00:00:00Z"
    )


@pytest.mark.parametrize("make", [lambda _: None, failed], ids=["pending", "failed"])
def test_what_is_gone_is_asked_for_after_two_listings_told_once_and_pending_no_more(
    vanished: Nights, make: Any
) -> None:
    make(vanished)
    assert (vanished.run().gone, vanished.asked, vanished.tracker.pending().count) == ({}, [], 2)
    assert vanished.run().gone == {ID: "GX010001.MP4"}
    record = vanished.record()
    assert (record["status"], record["error_type"]) == ("FAILED", "MediaGoneError")
    assert "next_attempt_after" not in record
    for _ in range(3):
        assert vanished.run(days_later=10).gone == {}
    assert (vanished.asked, vanished.tracker.pending().count) == ([ID], 1)


@pytest.mark.parametrize("fields", [{"ready_to_view": "transcoding"}, {"type": "Hologram", "file_extension": "x"}])
def test_an_item_that_waits_can_be_gone_as_well(nights: Nights, fields: dict[str, Any]) -> None:
    nights.rows = [video_row(1, **fields)]
    nights.run()
    nights.rows, nights.deleted = [], {ID}
    nights.run()
    assert (list(nights.run().gone), nights.tracker.pending().count) == ([ID], 0)
    nights.rows = [video_row(1)]
    nights.run()
    assert nights.taken() == [ID]


def test_a_run_that_is_tried_again_is_one_listing_and_tells_again_what_it_told(vanished: Nights) -> None:
    vanished.run()
    vanished.run(is_tried_again=True)
    assert vanished.asked == []
    for again in (False, True):
        assert list(vanished.run(is_tried_again=again).gone) == [ID]
    assert vanished.asked == [ID]


def test_a_listing_that_is_not_whole_proves_nothing(vanished: Nights) -> None:
    for gap, malformed in ((GAP, ()), (None, (MalformedRow(media_id=None, problem="no id"),))):
        vanished.gap, vanished.malformed = gap, malformed
        for _ in range(3):
            assert vanished.run().gone == {}
    assert vanished.asked == []
    assert "absent_since" not in vanished.record()


def test_what_is_listed_again_has_no_mark_any_more(vanished: Nights) -> None:
    vanished.run()
    vanished.rows, alone = [video_row(1), video_row(2)], vanished.rows
    vanished.run()
    vanished.rows = alone
    vanished.run()
    assert vanished.asked == []


def test_a_video_that_comes_back_is_taken_at_once(vanished: Nights) -> None:
    failed(vanished)
    vanished.run()
    assert vanished.run().gone
    vanished.rows = [video_row(1), video_row(2)]
    vanished.run()
    assert vanished.taken() == [ID, "video000002"]
    record = vanished.record()
    assert record["status"] == "PENDING"
    assert not record.keys() & {"error_type", "gone_by", "absent_since", "next_attempt_after", "sync_timestamp"}
    assert vanished.tracker.pending().count == 2


def test_what_gopro_hides_and_has_stays_pending_and_is_asked_for_once_a_week(vanished: Nights) -> None:
    vanished.deleted = set()
    for _ in range(16):
        assert vanished.run().gone == {}
    assert len(vanished.asked) == 3
    assert vanished.tracker.pending().count == 2


def test_what_is_archived_or_held_by_a_run_is_never_touched(vanished: Nights) -> None:
    vanished.run()
    vanished.change(status="IN_PROGRESS", lease_owner="another", lease_expires_at="9999999999")
    held = vanished.record()
    assert vanished.run().gone == {}
    vanished.change(status="COMPLETED")
    asked = len(vanished.asked)
    for _ in range(3):
        assert vanished.run().gone == {}
    assert (vanished.record(), len(vanished.asked)) == (held | {"status": "COMPLETED"}, asked)


def test_a_run_asks_no_more_than_some_questions_and_the_next_ones_ask_the_others(nights: Nights) -> None:
    nights.rows = [video_row(number) for number in range(1, 51)]
    nights.run()
    nights.deleted = {row["id"] for row in nights.rows}
    nights.rows = []
    nights.run()
    assert [len(nights.run().gone) for _ in range(4)] == [MOST_QUESTIONS, MOST_QUESTIONS, 10, 0]
    assert len(nights.asked) == len(set(nights.asked)) == 50
    assert MOST_QUESTIONS == 20
    assert MOST_MARKED == 500


@pytest.mark.parametrize("trouble", [NetworkError("500"), ThrottledError("429")])
def test_one_question_that_fails_ends_the_asking_and_is_not_the_first_of_the_next_night(
    nights: Nights, trouble: GoProSyncError
) -> None:
    nights.rows = [video_row(number) for number in (1, 2, 3)]
    nights.run()
    nights.deleted = {row["id"] for row in nights.rows}
    nights.rows = []
    nights.troubles = {ID: trouble}
    nights.run()
    reported = [media_id for _ in range(3) for media_id in sorted(nights.run().gone)]
    assert reported == ["video000002", "video000003"]
    assert nights.asked.count(ID) == 1


def test_a_closed_gate_leaves_all_questions_to_the_next_night(vanished: Nights) -> None:
    vanished.run()
    vanished.troubles = {ID: GoProUnavailableError("The gate is closed")}
    assert vanished.run().gone == {}
    vanished.troubles = {}
    assert list(vanished.run().gone) == [ID]


def test_a_run_without_time_leaves_it_to_the_next(vanished: Nights) -> None:
    vanished.run()
    assert vanished.run(seconds_left=30).gone == {}
    assert list(vanished.run().gone) == [ID]


def test_a_kind_that_nobody_knows_is_reported_once_after_a_week_and_stays_pending(nights: Nights) -> None:
    nights.rows = [video_row(1, type="Hologram", file_extension="holo", filename="GX010001.holo")]
    reported = [nights.run().waiting_in_vain for _ in range(12)]
    assert reported == [{}] * 7 + [{ID: "Hologram"}] + [{}] * 4
    assert nights.tracker.pending().count == 1


def test_a_run_that_is_tried_again_tells_of_what_waits_again(nights: Nights) -> None:
    nights.rows = [video_row(1, type="Hologram", file_extension="holo", filename="GX010001.holo")]
    nights.run()
    assert (
        nights.run(days_later=8).waiting_in_vain == nights.run(is_tried_again=True).waiting_in_vain == {ID: "Hologram"}
    )


def test_trouble_with_the_table_is_none_of_the_run(vanished: Nights, monkeypatch: pytest.MonkeyPatch) -> None:
    vanished.run()
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)

    def fail(**_: Any) -> None:
        raise ConnectionError("no route")

    vanished.dynamodb.meta.events.register("before-send.dynamodb.Scan", fail)
    assert vanished.run().gone == {}
    vanished.dynamodb.meta.events.unregister("before-send.dynamodb.Scan", fail)
    assert list(vanished.run().gone) == [ID]
