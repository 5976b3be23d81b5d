"""The counts of `status` are those of a recount of the table, whatever was written to it before."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest

from gopro_sync.archive.archived_file import ArchivedFile
from gopro_sync.table.acceptance import accept_incomplete
from gopro_sync.table.rebuilding import Confirmation, RebuiltRecord, write_rebuilt
from gopro_sync.table.tracker import ClaimOutcome, Reopening, Tracker
from gopro_sync.table.unarchived import UnarchivedVideos
from gopro_sync.table.values import from_attribute_values
from gopro_sync.table.video import Video
from gopro_sync.table.video_counts import VideoCounts
from gopro_sync.values.timestamps import iso_utc
from gopro_sync_cli.status_facts import CountedVideos
from gopro_sync_cli.table_counts import BaseCount, DoesNotAddUpError, TableCounts
from tests.support.tracker_table import tracker_table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TABLE: Final = "tracker"
RUN: Final = "run"
FILE: Final = ArchivedFile(
    item_number=1,
    s3_key="gopro-videos/2026/11/a.MP4",
    size_bytes=3,
    source_etag=None,
    s3_etag='"e"',
    checksum_crc64nvme="c",
    etag_proof="absent",
)
NAMES: Final = {"COMPLETED": "completed", "PENDING": "pending", "IN_PROGRESS": "in_progress", "FAILED": "failed"}


class World:
    """A tracker whose clock a test sets, and what happens to its videos."""

    def __init__(self, dynamodb: DynamoDBClient) -> None:
        self.dynamodb = dynamodb
        # After the table was made, as moto has it.
        self.now = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=1)
        self.tracker = Tracker(dynamodb, TABLE, clock=lambda: self.now, sleep=lambda _: None)
        self.unarchived = UnarchivedVideos(dynamodb, TABLE, clock=lambda: self.now)
        self.counts = TableCounts(dynamodb, TABLE)
        self.media_ids: list[str] = []

    def record(self, number: int = 1) -> None:
        new = [f"m{len(self.media_ids) + n}" for n in range(number)]
        self.media_ids += new
        self.tracker.record_new([Video(media_id=name, filename="a.MP4", s3_key=FILE.s3_key) for name in new])

    def work(self, media_id: str, end: str) -> None:
        """Let a run take a video; ``end`` is what becomes of it."""
        before = self.tracker.get_many([media_id])[media_id]
        claim = self.tracker.claim(media_id, owner=RUN, lease=timedelta(minutes=1))
        if claim.outcome is not ClaimOutcome.CLAIMED:
            return
        self.tracker.save_progress(media_id, owner=RUN, files=[FILE], upload=None)
        match end:
            case "complete":
                self.tracker.complete(media_id, owner=RUN, files=[FILE])
            case "put back":
                self.tracker.put_back(before, owner=RUN)
            case "release":
                self.tracker.release(media_id, owner=RUN)
            case "fail":
                self.mark_failed(media_id)

    def mark_failed(self, media_id: str) -> None:
        """Write what the state machine writes (statemachine/sync.asl.json, MarkVideoFailed)."""
        self.dynamodb.update_item(
            TableName=TABLE,
            Key={"media_id": {"S": media_id}},
            UpdateExpression="SET #status = :failed, error_type = :error, sync_timestamp = :now, failed_at = :now, "
            "next_attempt_after = :later REMOVE lease_owner, lease_expires_at",
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues={
                ":failed": {"S": "FAILED"},
                ":error": {"S": "SourceMissingError"},
                ":now": {"S": iso_utc(self.now)},
                ":later": {"S": iso_utc(self.now + timedelta(days=1))},
            },
        )

    def reopen(self, media_id: str) -> None:
        record = self.tracker.get_many([media_id])[media_id]
        shown = record.listed
        self.tracker.reopen(record, Reopening(at=self.now, by=RUN, reason="more", shown=shown, times=1))

    def lose(self, media_id: str) -> None:
        self.unarchived.mark_absent(media_id, run=RUN)
        self.unarchived.mark_gone(media_id, run=RUN)

    def find_again(self, media_id: str) -> None:
        for video in self.unarchived.each():
            if video.media_id == media_id:
                self.unarchived.mark_back(video)

    def accept(self, media_id: str) -> None:
        record = self.tracker.get_many([media_id])[media_id]
        if record.error_type == "SourceMissingError" and record.status == "FAILED" and record.files:
            accept_incomplete(self.dynamodb, TABLE, record, accepted_by="somebody", now=self.now)

    def base(self) -> BaseCount:
        """Count as the report at the end of a run does."""
        pending = self.tracker.pending()
        assert pending.counts is not None
        assert pending.counted_at is not None
        return BaseCount(counts=pending.counts, at=pending.counted_at)

    def truth(self) -> dict[str, int]:
        """Count every record of the table, in the plainest way."""
        counted: Counter[str] = Counter()
        for page in self.dynamodb.get_paginator("scan").paginate(TableName=TABLE):
            for record in map(from_attribute_values, page["Items"]):
                if record["media_id"].startswith("#"):
                    continue
                is_gone = record["status"] == "FAILED" and record.get("error_type") == "MediaGoneError"
                counted["gone" if is_gone else NAMES[record["status"]]] += 1
                counted["total"] += 1
        return dict(counted)


@pytest.fixture
def world() -> Iterator[World]:
    with tracker_table(TABLE) as dynamodb:
        dynamodb.put_item(TableName=TABLE, Item={"media_id": {"S": "#gopro-session"}, "until": {"N": "1"}})
        yield World(dynamodb)


def told(counted: CountedVideos) -> dict[str, int]:
    numbers = {name: getattr(counted.counts, name) for name in ("total", *NAMES.values(), "gone")}
    return {name: number for name, number in numbers.items() if number}


@pytest.mark.parametrize("seed", range(4))
def test_the_counts_are_those_of_a_recount_after_any_history(world: World, seed: int) -> None:
    chance = random.Random(seed)
    world.record(5)
    ends = ["complete", "complete", "fail", "put back", "release", "nothing"]
    for _ in range(25):
        media_id = chance.choice(world.media_ids)
        happening: Any = chance.choice(
            [world.record, world.reopen, world.lose, world.find_again, world.accept, *[world.work] * 8]
        )
        arguments = {world.record: (), world.work: (media_id, chance.choice(ends))}.get(happening, (media_id,))
        happening(*arguments)
        world.now += timedelta(seconds=chance.choice([0, 0, 1, 100]))
    base = world.base()
    assert told(world.counts.since(base)) == world.truth(), "right after the count, in the same second"
    # No run is at work any more; what a stopped one had left, and people, still are.
    for _ in range(8):
        media_id = chance.choice(world.media_ids)
        if chance.random() < 0.5:
            world.accept(media_id)
        else:
            world.work(media_id, chance.choice(ends))
        world.now += timedelta(seconds=chance.choice([0, 0, 1, 100]))

    assert told(world.counts.since(base)) == world.truth()
    assert told(world.counts.recount(world.now)) == world.truth()


def test_failed_videos_are_counted_by_error_and_say_when_the_first_is_due(world: World) -> None:
    world.record(3)
    base = world.base()
    for media_id in ("m0", "m1"):
        world.work(media_id, "fail")
        world.now += timedelta(hours=1)
    world.lose("m2")

    for counted in (world.counts.since(base), world.counts.recount(world.now)):
        assert counted.failed_by_error == {"SourceMissingError": 2}
        assert counted.next_due == world.now + timedelta(hours=22)
        assert (counted.counts.failed, counted.counts.gone, counted.to_archive) == (2, 1, 2)


def test_a_count_of_another_table_does_not_add_up(world: World) -> None:
    world.record(2)
    base = world.base()
    with pytest.raises(DoesNotAddUpError):
        world.counts.since(replace(base, at=datetime.now(UTC) - timedelta(days=1)))


def test_records_that_were_lost_do_not_add_up(world: World) -> None:
    world.record(2)
    world.work("m0", "complete")
    base = world.base()
    fewer = replace(base, counts=replace(base.counts, total=0))
    with pytest.raises(DoesNotAddUpError):
        world.counts.since(fewer)


def test_records_that_a_person_has_rebuilt_do_not_add_up(world: World) -> None:
    world.record(2)
    base = world.base()
    video = Video(media_id="found", filename="a.MP4", s3_key=FILE.s3_key)
    found = RebuiltRecord(video=video, files=(FILE,), confirmation=Confirmation.NOT_LISTED, before=None)
    assert write_rebuilt(world.dynamodb, TABLE, found, written_by="somebody", now=world.now)

    with pytest.raises(DoesNotAddUpError):
        world.counts.since(base)
    assert told(world.counts.recount(world.now)) == world.truth() == {"total": 3, "pending": 2, "completed": 1}


def test_an_empty_table_has_none(world: World) -> None:
    assert world.counts.recount(world.now).counts == VideoCounts()
    assert world.counts.since(world.base()).counts == VideoCounts()
