"""An answer is lost after S3 or DynamoDB has acted: what was done counts as done, once, and is told as it is."""

from __future__ import annotations

from typing import Final

import pytest

from tests.chaos.conftest import World
from tests.chaos.test_killed_downloader import BOUNDARIES

# Every call that the downloader makes, each time that it makes it: a new one has to be added to the list of boundaries.
ANSWERS: Final = [
    pytest.param(recording, operation, nth, id=f"{recording}-{operation}-{nth}")
    for recording, (_, boundaries) in BOUNDARIES.items()
    for (operation, moment), count in boundaries.items()
    if moment == "acted"
    for nth in range(1, count + 1)
]


@pytest.mark.slow
@pytest.mark.parametrize(("recording", "operation", "nth"), ANSWERS)
def test_each_answer_may_be_lost(world: World, recording: str, operation: str, nth: int) -> None:
    sizes = BOUNDARIES[recording][0]
    world.put_recording(*sizes)
    world.answers_to_lose = [(operation, nth)]

    execution = world.night()

    assert world.answers_to_lose == [], "the answer was not lost"
    assert execution is not None
    reported = {name: execution.output[name] for name in ("synced", "failed", "deferred", "bytes_transferred")}
    assert reported == {"synced": 1, "failed": 0, "deferred": 0, "bytes_transferred": sum(sizes)}
    world.assert_archived_once()
