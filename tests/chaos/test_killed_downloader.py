"""The downloader is killed, and the state machine goes on: nothing is lost and nothing is done twice."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Final

import pytest

from tests.chaos.conftest import PART_SIZE_BYTES, WORKERS, Death, World

MIB: Final = 1024 * 1024
PARTS: Final = 6
LARGE: Final = (PARTS - 1) * PART_SIZE_BYTES + 12345


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
    world.deaths = [Death(operation="CompleteMultipartUpload", moment="acted")]

    world.night()

    assert world.killed == 1
    assert sorted(world.s3.parts_sent()) == list(range(1, PARTS + 1))
    assert world.s3.count("CreateMultipartUpload") == world.s3.count("CompleteMultipartUpload") == 1
    world.assert_archived_once()


# --- others, each with its own trap ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_after_an_upload_was_opened_but_before_its_id_was_recorded(world: World) -> None:
    world.put_recording(LARGE)
    world.deaths = [Death(operation="CreateMultipartUpload", moment="acted")]

    world.night()

    assert world.killed == 1
    world.assert_archived_once()


@pytest.mark.slow
def test_after_it_was_recorded_but_before_the_state_machine_was_reported(world: World) -> None:
    world.put_recording(LARGE)
    world.deaths = [Death(operation="UpdateItem", moment="acted", nth=6)]

    execution = world.night()

    assert execution is not None
    assert execution.output["synced"] == 1
    assert world.statuses.count("COMPLETED") == 1
    world.assert_archived_once()


@pytest.mark.slow
def test_after_it_was_recorded_in_the_last_try_and_it_does_not_become_a_failure(world: World) -> None:
    world.put_recording(LARGE)
    claim_asked = Death(operation="UpdateItem", moment="asked")
    world.deaths = [Death(operation="UpdateItem", moment="acted", nth=6), claim_asked]

    execution = world.night()

    assert execution is not None
    assert (execution.output["failed"], world.killed) == (0, 2)
    assert "MarkVideoFailed" in execution.visited
    world.assert_archived_once()


@pytest.mark.slow
def test_after_a_small_file_was_stored_but_before_it_was_recorded(world: World) -> None:
    world.put_recording(3 * MIB)
    world.deaths = [Death(operation="PutObject", moment="acted")]

    world.night()

    assert world.s3.count("PutObject", status=412) == 1
    world.assert_archived_once()


@pytest.mark.slow
@pytest.mark.parametrize(("moment", "nth"), [("asked", 1), ("acted", 2)])
def test_between_two_chapters(world: World, moment: str, nth: int) -> None:
    world.put_recording(LARGE, 2 * MIB, MIB)
    world.deaths = [Death(operation="PutObject", moment=moment, nth=nth)]

    world.night()

    assert world.killed == 1
    assert sorted(world.s3.parts_sent()) == list(range(1, PARTS + 1))
    world.assert_archived_once()


@pytest.mark.slow
def test_more_often_than_the_state_machine_tries_again(world: World) -> None:
    """Two lives a night: the first night ends with the video FAILED, the second one goes on where it stopped."""
    world.put_recording(LARGE)
    world.deaths = [Death(operation="UploadPart", moment="acted"), *[Death(operation="UploadPart", moment="asked")] * 2]

    first = world.night()
    world.now += timedelta(days=1)
    second = world.night()

    assert first is not None
    assert second is not None
    assert (first.output["failed"], second.output["synced"]) == (1, 1)
    assert (world.killed, world.invocations) == (3, 4)
    assert "FAILED" in world.statuses
    assert world.s3.count("CreateMultipartUpload") == 1
    world.assert_archived_once()


@pytest.mark.slow
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


# --- at every boundary, once ------------------------------------------------------------------------------------------

# All moments of a life without death, in the order of a request: how many calls there are, and of how many blocks each
# body. A call that is new in the engine has to be written down here, and is then died at.
SHORT: Final = 15 * MIB + 12345  # four parts
BOUNDARIES: Final[dict[str, tuple[tuple[int, ...], dict[tuple[str, str], int]]]] = {
    "one-file-in-parts": (
        (SHORT,),
        {
            ("UpdateItem", "asked"): 8,
            ("UpdateItem", "acted"): 6,
            ("UpdateItem", "refused"): 2,  # no budget of requests is kept yet, and nothing is known of ETags
            ("ListMultipartUploads", "asked"): 1,
            ("ListMultipartUploads", "acted"): 1,
            ("CreateMultipartUpload", "asked"): 1,
            ("CreateMultipartUpload", "acted"): 1,
            ("UploadPart", "asked"): 4,
            ("UploadPart", "receiving"): 16,
            ("UploadPart", "acted"): 4,
            ("CompleteMultipartUpload", "asked"): 1,
            ("CompleteMultipartUpload", "receiving"): 1,
            ("CompleteMultipartUpload", "acted"): 1,
            ("HeadObject", "asked"): 1,
            ("HeadObject", "acted"): 1,
        },
    ),
    "two-small-chapters": (
        (MIB + 7, 5),
        {
            ("UpdateItem", "asked"): 8,
            ("UpdateItem", "acted"): 6,
            ("UpdateItem", "refused"): 2,  # no budget of requests is kept yet, and nothing is known of ETags
            ("PutObject", "asked"): 2,
            ("PutObject", "receiving"): 3,
            ("PutObject", "acted"): 2,
            ("HeadObject", "asked"): 2,
            ("HeadObject", "acted"): 2,
        },
    ),
}


@pytest.mark.parametrize("recording", BOUNDARIES)
def test_the_boundaries_are_all_that_a_life_has(world: World, recording: str) -> None:
    sizes, boundaries = BOUNDARIES[recording]
    world.put_recording(*sizes)

    world.night()

    assert Counter(world.moments_of_lives) == boundaries


@pytest.mark.slow
@pytest.mark.parametrize(
    ("recording", "operation", "moment", "nth"),
    [
        pytest.param(recording, operation, moment, nth, id=f"{recording}-{operation}-{moment}-{nth}")
        for recording, (_, boundaries) in BOUNDARIES.items()
        for (operation, moment), count in boundaries.items()
        for nth in range(1, count + 1)
    ],
)
def test_at_every_boundary(world: World, recording: str, operation: str, moment: str, nth: int) -> None:
    world.put_recording(*BOUNDARIES[recording][0])
    world.deaths = [Death(operation=operation, moment=moment, nth=nth)]

    world.night()

    assert world.killed == 1
    world.assert_archived_once()
