"""``./gopro-sync rebuild``: the table is lost, or older than the bucket, and no byte is copied again."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

import pytest
import typer
from botocore.exceptions import ClientError

from gopro_sync.archive.bucket_writer import BucketWriter, storage_pool
from gopro_sync.archive.source import source_pool
from gopro_sync.errors import ConfigurationError
from gopro_sync.gopro.http import open_http_client
from gopro_sync.run.video import VideoStatus
from gopro_sync_cli.rebuild import Places, Rebuild
from gopro_sync_cli.terminal_output import output_console
from local.simulator import Simulator
from tests.integration.run.test_video_archiving import MIB, TABLE, World, recording
from tests.support.lost_answers import LostAnswers
from tests.support.s3_server import TransferS3
from tests.support.tracker_table import tracker_table


class Listing:
    """Lists what the S3 holds, which has no such operation."""

    def __init__(self, s3: TransferS3) -> None:
        self._s3 = s3

    def get_paginator(self, operation: str) -> Listing:
        assert operation == "list_objects_v2"
        return self

    def paginate(self, **asked: str) -> Iterator[dict[str, Any]]:
        assert asked == {"Bucket": "archive", "Prefix": "gopro-videos/"}
        for key in sorted(self._s3.objects):
            yield {"Contents": [{"Key": key, "LastModified": datetime(2026, 6, 1, tzinfo=UTC)}]}
        yield {}


@pytest.fixture
def world() -> Iterator[World]:
    with Simulator() as gopro, TransferS3() as s3, tracker_table(TABLE) as dynamodb, open_http_client() as http:
        source_http, storage_http = source_pool(workers=4, allows_internal_addresses=True), storage_pool(workers=4)
        yield World(
            gopro=gopro, s3=s3, dynamodb=dynamodb, http=http, source_http=source_http, storage_http=storage_http
        )
        source_http.clear()
        storage_http.clear()
        s3.client.close()


def rebuild(world: World, *, is_dry_run: bool = False, gopro_has_none: bool = False, table: str = TABLE) -> str:
    """Run the command, and return what it says."""
    stated = output_console(io.StringIO(), width=400)
    places = Places(
        s3=cast("Any", Listing(world.s3)),
        writer=BucketWriter(s3=world.s3.client, http=world.storage_http, bucket="archive"),
        dynamodb=world.dynamodb,
        table_name=table,
        gopro=world.client(),
    )
    command = Rebuild(places, caller=lambda: "arn:of:ann", output=stated, errors=stated, sleep=world.waits.append)
    try:
        command.run(is_dry_run=is_dry_run, gopro_has_none=gopro_has_none)
    except typer.Exit as end:
        stated.print(f"exit code {end.exit_code}")
    return cast("io.StringIO", stated.file).getvalue()


def forget(world: World) -> None:
    """Lose all records."""
    for item in world.dynamodb.scan(TableName=TABLE)["Items"]:
        world.dynamodb.delete_item(TableName=TABLE, Key={"media_id": item["media_id"]})


def archive_two_chapters(world: World, *, lenses: tuple[str, ...] = ()) -> dict[str, Any]:
    """Archive a video of two files: two chapters, or two lenses of one."""
    world.put(recording(MIB, 3000, lenses=lenses))
    assert world.archive(world.discover()).status is VideoStatus.COMPLETED
    return world.record()


BOTH_LENSES: Final = ("front", "back")


@pytest.mark.parametrize("lenses", [(), BOTH_LENSES])
def test_a_lost_table_is_rebuilt_and_the_next_run_finds_nothing_to_do(world: World, lenses: tuple[str, ...]) -> None:
    before = archive_two_chapters(world, lenses=lenses)
    forget(world)

    stated = rebuild(world)

    assert "In the bucket: 2 chapters, 0.0 GB; 0 other objects." in stated
    assert "confirms: 1;" in stated
    assert "Written: 1 records." in stated
    found = world.discover(owner="run-2")
    assert (found.videos, found.already_synced) == ((), 1)
    after = world.record()
    same = {"media_id", "status", "filename", "s3_key", "upload_date", "file_size", "retry_count"}
    assert {name: after[name] for name in same} == {name: before[name] for name in same}
    assert after["files"] == before["files"]
    assert {name: after[name] for name in after if name.startswith("listed_")} == {
        "listed_size": str(MIB + 3000),
        "listed_chapters": "2",
        "listed_upload_date": before["upload_date"],
    }, "what confirmed it re-opens it no more"
    assert "Records to write: 0." in rebuild(world)
    assert world.record() == after


def test_a_dry_run_writes_nothing(world: World) -> None:
    archive_two_chapters(world)
    forget(world)
    stated = rebuild(world, is_dry_run=True)
    assert "Records to write: 1." in stated
    assert world.dynamodb.scan(TableName=TABLE)["Count"] == 0


@pytest.mark.parametrize("lenses", [(), BOTH_LENSES])
def test_of_a_video_with_a_chapter_missing_the_next_run_fetches_that_chapter_only(
    world: World, lenses: tuple[str, ...]
) -> None:
    archive_two_chapters(world, lenses=lenses)
    keys = set(world.s3.objects)
    key = next(key for key in world.s3.objects if key.endswith("GX010456.MP4"))
    del world.s3.objects[key]
    forget(world)

    assert "what is missing: 1." in rebuild(world)
    assert world.record()["status"] == "PENDING"
    result = world.archive(world.discover(owner="run-2"), owner="run-2")

    assert (result.status, result.bytes_sent) == (VideoStatus.COMPLETED, MIB)
    assert set(world.s3.objects) == keys
    world.assert_archived_whole()


def test_a_listing_that_does_not_confirm_the_bytes_leaves_it_to_the_next_run_which_sends_nothing(world: World) -> None:
    archive_two_chapters(world)
    forget(world)
    world.put(recording(MIB, 3000, row_overrides={"file_size": None}))
    assert "what is missing: 1." in rebuild(world)
    result = world.archive(world.discover(owner="run-2"), owner="run-2")
    assert (result.status, result.bytes_sent) == (VideoStatus.COMPLETED, 0)


def test_what_gopro_does_not_list_any_more_is_archived_and_the_record_says_why(world: World) -> None:
    archive_two_chapters(world)
    forget(world)
    world.put(recording(MIB, media_id="m2"))

    refused = rebuild(world)
    assert "GoPro lists none of the videos" in refused
    assert "exit code 1" in refused
    assert world.dynamodb.scan(TableName=TABLE)["Count"] == 0

    assert "no longer listed by GoPro: 1;" in rebuild(world, gopro_has_none=True)
    record = world.record()
    assert (record["status"], record["rebuilt"]["archived_by"]) == ("COMPLETED", {"S": "not_listed_any_more"})
    assert record["rebuilt"]["by"] == {"S": "arn:of:ann"}


@pytest.mark.parametrize("status", ["PENDING", "FAILED", "IN_PROGRESS"])
def test_a_record_that_is_older_than_the_bucket_is_mended(world: World, status: str) -> None:
    world.put(recording(MIB, 3000))
    world.discover()
    old = world.dynamodb.scan(TableName=TABLE)["Items"][0] | {"status": {"S": status}, "retry_count": {"N": "2"}}
    if status == "FAILED":
        old |= {"error_type": {"S": "NetworkError"}, "next_attempt_after": {"S": "2030-01-01T00:00:00Z"}}
    if status == "IN_PROGRESS":
        old |= {"lease_owner": {"S": "run-0"}, "lease_expires_at": {"N": "1"}}
    world.archive(world.discover())
    world.dynamodb.put_item(TableName=TABLE, Item=old)

    assert "Written: 1 records." in rebuild(world)

    record = world.record()
    assert (record["status"], len(record["files"]), record["retry_count"]) == ("COMPLETED", 2, "2")
    assert not {"error_type", "next_attempt_after", "lease_owner", "lease_expires_at"} & record.keys()


def test_a_video_that_a_run_is_at_work_on_is_left_to_it(world: World) -> None:
    archive_two_chapters(world)
    forget(world)
    world.discover(owner="run-2")
    world.now = datetime.now(UTC)
    world.tracker.claim("m1", owner="run-2", lease=timedelta(minutes=16))
    before = world.record()
    stated = rebuild(world)
    assert "working on them: 1 videos" in stated
    assert world.record() == before


def test_a_record_that_a_run_writes_meanwhile_stays_the_runs(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    archive_two_chapters(world)
    forget(world)
    update = world.dynamodb.update_item

    def after_a_run(**request: Any) -> Any:
        monkeypatch.setattr(world.dynamodb, "update_item", update)
        world.now = datetime.now(UTC)
        world.discover(owner="run-2")
        world.tracker.claim("m1", owner="run-2", lease=timedelta(minutes=16))
        return update(**request)

    monkeypatch.setattr(world.dynamodb, "update_item", after_a_run)
    assert "Left as a run wrote them in the meantime: 1 records." in rebuild(world)
    assert world.record()["status"] == "IN_PROGRESS"


def test_an_answer_that_is_lost_is_no_record_of_another(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    archive_two_chapters(world)
    forget(world)
    lost = LostAnswers(world.dynamodb, "UpdateItem")
    assert "Written: 1 records." in rebuild(world)
    assert lost.left == 0


def test_a_record_that_dynamodb_does_not_take_keeps_no_other_from_being_written(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.put(recording(MIB), recording(MIB, media_id="m2"))
    for video in world.discover().videos:
        world.archive(replace(world.discover(), videos=(video,)))
    forget(world)
    update = world.dynamodb.update_item

    def refuses_the_first(**request: Any) -> Any:
        if request["Key"] == {"media_id": {"S": "m1"}}:
            raise ClientError(
                {"Error": {"Code": "ValidationException", "Message": "Item size has exceeded the maximum"}},
                "UpdateItem",
            )
        return update(**request)

    monkeypatch.setattr(world.dynamodb, "update_item", refuses_the_first)

    stated = rebuild(world)

    assert "m1: not written. DynamoDB does not accept the data of UpdateItem" in stated
    assert "Written: 1 records." in stated
    assert "exit code 3" in stated


def test_what_is_not_ours_is_named_and_left(world: World) -> None:
    archive_two_chapters(world)
    key = next(key for key in world.s3.objects if key.endswith("GX020456.MP4"))
    world.s3.objects[key.replace("GX020456", "holiday")] = replace(world.s3.objects[key], headers={})
    forget(world)
    stated = rebuild(world)
    assert "holiday.MP4: its metadata names no video; left unchanged" in stated
    assert "2 chapters" in stated
    assert world.record()["status"] == "COMPLETED"


def test_a_table_that_is_not_there_has_to_be_made_first(world: World) -> None:
    archive_two_chapters(world)
    with pytest.raises(ConfigurationError, match="Create the table no-such-table again first"):
        rebuild(world, table="no-such-table")
