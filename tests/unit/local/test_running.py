"""When a run counts as a success."""

from __future__ import annotations

from typing import Any

import pytest

from local.running import Execution


def _execution(status: str = "SUCCEEDED", output: dict[str, Any] | None = None) -> Execution:
    return Execution(arn="arn", status=status, output=output, error=None, cause=None, duration_seconds=1.0)


def test_a_run_that_left_nothing_behind_archived_every_video() -> None:
    assert _execution(output={"synced": 3, "failed": 0, "deferred": 0}).every_video_archived


@pytest.mark.parametrize(
    "execution",
    [
        _execution(output={"synced": 2, "failed": 1, "deferred": 0}),
        _execution(output={"synced": 2, "failed": 0, "deferred": 1}),
        _execution(output={"synced": 2}),
        _execution(status="FAILED"),
        _execution(status="ABORTED", output={"failed": 0, "deferred": 0}),
    ],
    ids=["a video failed", "a video was left for later", "the summary does not say", "it failed", "it was stopped"],
)
def test_a_run_that_left_a_video_behind_did_not(execution: Execution) -> None:
    assert not execution.every_video_archived
