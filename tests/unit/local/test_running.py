"""When a run counts as a success, and how it is watched."""

from __future__ import annotations

import datetime as dt
import json
from types import SimpleNamespace
from typing import Any

import pytest

from local import running
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


class SlowCloud:
    """A run that lasts ten minutes, and a look at it that takes half a second."""

    def __init__(self) -> None:
        self.outputs = {"StateMachineArn": "arn:machine"}
        self.now = 0.0
        self.looking = 0.0
        self.looks = 0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def look(self) -> None:
        self.now += 0.5
        self.looking += 0.5
        self.looks += 1

    def client(self, _service: str) -> SlowCloud:
        return self

    def start_execution(self, **_: Any) -> dict[str, Any]:
        return {"executionArn": "arn:run"}

    def describe_execution(self, **_: Any) -> dict[str, Any]:
        self.now += 0.01
        moment = dt.datetime(2026, 5, 1, tzinfo=dt.UTC)
        status = "SUCCEEDED" if self.now >= 600 else "RUNNING"
        return {"executionArn": "arn:run", "status": status, "output": "{}", "startDate": moment, "stopDate": moment}


def test_watching_takes_a_tenth_of_the_time_at_most_however_slow_a_look_is(monkeypatch: pytest.MonkeyPatch) -> None:
    cloud = SlowCloud()
    monkeypatch.setattr(running, "time", SimpleNamespace(monotonic=cloud.monotonic))
    monkeypatch.setattr(running, "ProgressWatch", lambda *_, **__: cloud)

    running.run(cloud, {}, sleep=cloud.sleep)  # type: ignore[arg-type]  # stands for a cloud

    assert cloud.looks > 50
    assert cloud.looking <= 0.1 * cloud.now
    assert cloud.now < 603  # and its end is noticed soon all the same


class ChainedRuns:
    """Runs of which each but the last starts the next; interrupted where it is asked for."""

    def __init__(self, last: int, *, interrupted_in: int | None = None) -> None:
        self.outputs = {"StateMachineArn": "arn:machine"}
        self.stopped: list[str] = []
        self.looked_at: list[str] = []
        self._last, self._interrupted_in = last, interrupted_in

    def client(self, _service: str) -> ChainedRuns:
        return self

    def start_execution(self, **_: Any) -> dict[str, Any]:
        return {"executionArn": "run-1"}

    def stop_execution(self, *, executionArn: str, **_: Any) -> None:  # noqa: N803 - the API's name
        self.stopped.append(executionArn)

    def describe_execution(self, *, executionArn: str) -> dict[str, Any]:  # noqa: N803
        if executionArn == f"run-{self._interrupted_in}":
            raise KeyboardInterrupt
        moment = dt.datetime(2026, 5, 1, tzinfo=dt.UTC)
        described = {"executionArn": executionArn, "startDate": moment, "stopDate": moment}
        return described | {"status": "SUCCEEDED", "output": "{}"}

    def get_execution_history(self, *, executionArn: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        number = int(executionArn[-1])
        other = {"taskSucceededEventDetails": {"resource": "publish", "output": "{}"}}
        started = json.dumps({"ExecutionArn": f"run-{number + 1}"})
        start = {"taskSucceededEventDetails": {"resource": "startExecution", "output": started}}
        return {"events": [{"type": "ExecutionSucceeded"}, *([start] if number < self._last else []), other]}

    def watch(self, _cloud: object, *, execution_arn: str) -> ChainedRuns:
        self.looked_at.append(execution_arn)
        return self

    def go_on_with(self, execution_arn: str) -> None:
        self.looked_at.append(execution_arn)

    def look(self) -> None: ...


def test_a_run_is_followed_through_those_that_resume_its_backlog(monkeypatch: pytest.MonkeyPatch) -> None:
    cloud = ChainedRuns(last=3)
    monkeypatch.setattr(running, "ProgressWatch", cloud.watch)

    runs = running.run_with_successors(cloud, {})  # type: ignore[arg-type]  # stands for a cloud

    assert [one.arn for one in runs] == ["run-1", "run-2", "run-3"]
    assert cloud.looked_at == ["run-1", "run-2", "run-3"]


def test_an_interruption_stops_the_run_that_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    cloud = ChainedRuns(last=3, interrupted_in=2)
    monkeypatch.setattr(running, "ProgressWatch", cloud.watch)

    with pytest.raises(KeyboardInterrupt):
        running.run_with_successors(cloud, {})  # type: ignore[arg-type]

    assert cloud.stopped == ["run-2"]
