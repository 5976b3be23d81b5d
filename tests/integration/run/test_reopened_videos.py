"""Archived videos of which GoPro shows more on a later night: real client, tracker and engine, night by night."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from gopro_sync.errors import IncompleteSourceError
from gopro_sync.run.discovery import discover
from gopro_sync.run.video import VideoStatus
from gopro_sync.table.acceptance import accept_incomplete
from local.simulator import Fault
from local.simulator.faults import FaultName
from tests.integration.run import test_video_archiving as archiving
from tests.integration.run.test_video_archiving import MIB, TABLE, World, recording


@pytest.fixture
def world() -> Iterator[World]:
    with archiving.worlds() as world:
        yield world


def next_night(world: World) -> None:
    world.now += timedelta(days=1)


def test_a_chapter_that_comes_later_is_sent_alone_and_the_night_after_has_nothing_to_do(world: World) -> None:
    world.put(recording(MIB, 2 * MIB))
    world.archive(world.discover())
    next_night(world)
    world.put(recording(MIB, 2 * MIB, 3 * MIB))

    found = world.discover(owner="run-2")
    result = world.archive(found, owner="run-2")

    assert found.reopened == {"m1": "GoPro lists 3 chapters, and showed 2 before"}
    assert (found.already_synced, found.total_found) == (0, 1)
    assert (result.status, result.bytes_sent, len(result.files)) == (VideoStatus.COMPLETED, 3 * MIB, 3)
    record = world.record()
    assert (record["status"], record["listed_chapters"], record["listed_size"]) == ("COMPLETED", "3", str(6 * MIB))
    assert (record["reopen_reason"], record["reopened_at"]) == (found.reopened["m1"], "2026-06-02T02:00:00Z")
    world.assert_archived_whole()

    next_night(world)
    last = world.discover(owner="run-3")
    assert (last.videos, dict(last.reopened), last.already_synced) == ((), {}, 1)


def test_a_re_opened_video_that_gopro_cannot_complete_fails_as_one_that_is_new_and_keeps_its_files(
    world: World,
) -> None:
    world.put(recording(MIB, 2 * MIB))
    world.archive(world.discover())
    next_night(world)
    world.put(recording(MIB, 2 * MIB, 3 * MIB))
    world.fail(Fault(FaultName.FEWER_SOURCES))

    found = world.discover(owner="run-2")
    with pytest.raises(IncompleteSourceError, match="chapters 2 of 3"):
        world.archive(found, owner="run-2")

    assert [video.retry_count for video in found.videos] == [0], "its first failure has a dead letter"
    assert [file["M"]["item_number"]["N"] for file in world.record()["files"]] == ["1", "2"]
    assert len(world.s3.objects) == 2
    pending = world.tracker.pending()
    assert (pending.count, pending.oldest_age_seconds(world.now)) == (1, 0), "it waits since it was re-opened"


def test_another_upload_date_over_the_same_files_sends_nothing_and_re_opens_the_video_no_more(world: World) -> None:
    world.put(recording(MIB, 2 * MIB))
    world.archive(world.discover())
    next_night(world)
    world.put(replace(recording(MIB, 2 * MIB), created_at="2026-05-20T18:02:44Z"))

    found = world.discover(owner="run-2")
    result = world.archive(found, owner="run-2")
    next_night(world)

    assert found.reopened == {"m1": "GoPro has another upload of it, of 2026-05-20T18:02:44Z"}
    assert (result.status, result.bytes_sent, len(world.s3.objects)) == (VideoStatus.COMPLETED, 0, 2)
    assert world.discover(owner="run-3").already_synced == 1


def test_a_lister_that_is_called_again_in_its_run_names_what_its_first_call_re_opened(world: World) -> None:
    world.put(recording(MIB))
    world.archive(world.discover())
    world.put(recording(MIB, MIB))

    first, again, another = (world.discover(owner=owner) for owner in ("run-2", "run-2", "run-3"))

    assert first.reopened == again.reopened != {}
    assert (dict(another.reopened), len(another.videos)) == ({}, 1)


def test_an_accepted_video_stays_accepted_until_gopro_shows_more_than_was_accepted(world: World) -> None:
    world.put(recording(MIB, 2 * MIB, row_overrides={"item_count": 3}))
    with pytest.raises(IncompleteSourceError):
        world.archive(world.discover())
    world.dynamodb.update_item(
        TableName=TABLE,
        Key={"media_id": {"S": "m1"}},
        UpdateExpression="SET #s = :f, error_type = :e REMOVE lease_owner",
        ExpressionAttributeNames={"#s": "status"},
        ExpressionAttributeValues={":f": {"S": "FAILED"}, ":e": {"S": "IncompleteSourceError"}},
    )
    accept_incomplete(world.dynamodb, TABLE, world.tracker.get_many(["m1"])["m1"], accepted_by="me", now=world.now)

    assert world.discover(owner="run-2").already_synced == 1
    world.put(recording(MIB, 2 * MIB, MIB, MIB))
    result = world.archive(world.discover(owner="run-3"), owner="run-3")

    assert (result.status, result.bytes_sent) == (VideoStatus.COMPLETED, 2 * MIB)
    world.assert_archived_whole()


def test_of_two_runs_one_re_opens_a_video(world: World) -> None:
    world.put(recording(MIB))
    world.archive(world.discover())
    record = world.tracker.get_many(["m1"])["m1"]
    world.put(recording(MIB, MIB))

    first = world.discover(owner="run-2")
    reopening = world.tracker.get_many(["m1"])["m1"].reopening

    assert first.reopened
    assert reopening is not None
    assert not world.tracker.reopen(record, reopening), "it is not archived any more"


def test_a_dry_run_names_what_would_be_re_opened_and_changes_nothing(world: World) -> None:
    world.put(recording(MIB))
    world.archive(world.discover())
    world.put(recording(MIB, MIB))
    before = world.record()

    found = discover(
        world.client(), world.tracker, owner="run-2", max_videos=9, now=world.now, records_what_is_new=False
    )

    assert (list(found.reopened), [video.media_id for video in found.videos]) == (["m1"], ["m1"])
    assert world.record() == before
