"""The downloader is killed, and the state machine goes on: nothing is lost and nothing is done twice."""

from __future__ import annotations

import os
import random
from datetime import timedelta
from typing import Final

import pytest

from tests.chaos.conftest import PART_SIZE_BYTES, WORKERS, Death, World

MIB: Final = 1024 * 1024
PARTS: Final = 6
LARGE: Final = (PARTS - 1) * PART_SIZE_BYTES + 12345
# With each: how many moments a life without death has.
RECORDINGS: Final = {
    "one-file-in-parts": ((LARGE,), 53),
    "one-small-file": ((3 * MIB + 7,), 12),
    "three-chapters": ((2 * MIB, LARGE, MIB + 1), 69),
}
SEEDS: Final = range(int(os.environ.get("CHAOS_SEEDS", "50")))


# --- the instants that matter most -----------------------------------------------------------------------------------


def test_between_two_bytes_of_a_part(world: World) -> None:
    world.put_recording(LARGE)
    world.deaths = [Death(operation="UploadPart", moment="receiving", nth=12)]

    world.night()

    assert world.killed == 1
    assert world.s3.count("CreateMultipartUpload") == 1
    world.assert_archived_once()


def test_after_a_part_arrived_but_before_anything_was_written(world: World) -> None:
    world.put_recording(LARGE)
    world.deaths = [Death(operation="UploadPart", moment="acted", nth=4)]

    world.night()

    assert world.killed == 1
    assert world.s3.count("CreateMultipartUpload") == 1
    assert len(world.s3.parts_sent()) <= PARTS + WORKERS
    world.assert_archived_once()


def test_after_completion_but_before_it_was_recorded(world: World) -> None:
    world.put_recording(LARGE)
    world.deaths = [Death(operation="CompleteMultipartUpload", moment="acted"), Death(operation="HeadObject")]

    world.night()

    assert world.killed == 2
    assert sorted(world.s3.parts_sent()) == list(range(1, PARTS + 1))
    assert world.s3.count("CreateMultipartUpload") == world.s3.count("CompleteMultipartUpload") == 1
    world.assert_archived_once()


# --- others, each with its own trap ----------------------------------------------------------------------------------


def test_after_an_upload_was_opened_but_before_its_id_was_recorded(world: World) -> None:
    world.put_recording(LARGE)
    world.deaths = [Death(operation="CreateMultipartUpload", moment="acted")]

    world.night()

    assert world.killed == 1
    world.assert_archived_once()


def test_after_it_was_recorded_but_before_the_state_machine_was_told(world: World) -> None:
    world.put_recording(LARGE)
    world.deaths = [Death(operation="UpdateItem", moment="acted", nth=4)]

    execution = world.night()

    assert execution is not None
    assert execution.output["synced"] == 1
    assert world.statuses.count("COMPLETED") == 1
    world.assert_archived_once()


def test_after_it_was_recorded_in_the_last_try_and_it_does_not_become_a_failure(world: World) -> None:
    world.put_recording(LARGE)
    claim_asked = Death(operation="UpdateItem", moment="asked")
    world.deaths = [Death(operation="UpdateItem", moment="acted", nth=4), claim_asked, claim_asked]

    execution = world.night()

    assert execution is not None
    assert (execution.output["failed"], world.killed) == (0, 3)
    assert "MarkVideoFailed" in execution.visited
    world.assert_archived_once()


def test_after_a_small_file_was_stored_but_before_it_was_recorded(world: World) -> None:
    world.put_recording(3 * MIB)
    world.deaths = [Death(operation="PutObject", moment="acted")]

    world.night()

    assert world.s3.count("PutObject", status=412) == 1
    world.assert_archived_once()


def test_between_two_chapters(world: World) -> None:
    world.put_recording(LARGE, 2 * MIB, MIB)
    world.deaths = [Death(operation="PutObject", moment="asked"), Death(operation="PutObject", moment="acted", nth=2)]

    world.night()

    assert world.killed == 2
    assert sorted(world.s3.parts_sent()) == list(range(1, PARTS + 1))
    world.assert_archived_once()


def test_more_often_than_the_state_machine_tries_again(world: World) -> None:
    """Three lives a night: the first night ends with the video FAILED, the second one goes on where it stopped."""
    world.put_recording(LARGE)
    world.deaths = [Death(operation="UploadPart", moment="acted"), *[Death(operation="UploadPart", moment="asked")] * 3]

    first = world.night()
    world.now += timedelta(days=1)
    second = world.night()

    assert first is not None
    assert second is not None
    assert (first.output["failed"], second.output["synced"]) == (1, 1)
    assert (world.killed, world.invocations) == (4, 5)
    assert "FAILED" in world.statuses
    assert world.s3.count("CreateMultipartUpload") == 1
    world.assert_archived_once()


def test_together_with_the_whole_run_and_the_next_run_waits_until_the_lease_is_over(world: World) -> None:
    world.put_recording(LARGE)
    world.deaths = [Death(operation="UploadPart", moment="acted", nth=4, ends_the_run=True)]

    world.night()
    world.now += timedelta(minutes=5)
    too_early = world.night()
    world.now += timedelta(minutes=12)
    world.night()

    assert too_early is not None
    assert (too_early.output["new_count"], world.invocations) == (0, 2)
    assert world.s3.count("CreateMultipartUpload") == 1
    world.assert_archived_once()


# --- anywhere --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_anywhere_and_again_and_again(world: World, seed: int) -> None:
    chance = random.Random(seed)
    sizes, moments = RECORDINGS[chance.choice(list(RECORDINGS))]
    world.put_recording(*sizes)
    world.deaths = [a_death(chance, moments) for _ in range(chance.choice([1, 1, 2, 4]))]

    world.nights_until_archived()

    world.assert_archived_once()


def a_death(chance: random.Random, moments: int) -> Death:
    """At a random moment of a request, or at a random time that is none."""
    ends_the_run = chance.random() < 0.2
    if chance.random() < 0.2:
        return Death(after_seconds=chance.uniform(0.0, 0.5), ends_the_run=ends_the_run)
    return Death(nth=chance.randint(1, moments), ends_the_run=ends_the_run)
