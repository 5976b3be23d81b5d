"""A run that is interrupted is stopped, and one whose engine dies says what is lost."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from local import cloud, running
from local.cloud import Cloud
from local.errors import NotRunningError
from local.interruption import interruptible
from tests.support.local_cloud import FakeMachine

_MACHINE_ARN = "arn:aws:states:us-east-1:000000000000:stateMachine:sync"


class _StepFunctions:
    """Starts an execution; what happens when one is looked at or stopped is up to the test."""

    def __init__(self, looked_at: Callable[[], None], stopping: Callable[[], None] = lambda: None) -> None:
        self._looked_at, self._stopping = looked_at, stopping
        self.stopped: list[str] = []

    def start_execution(self, **_: Any) -> dict[str, str]:
        return {"executionArn": "arn of the execution"}

    def describe_execution(self, **_: Any) -> dict[str, Any]:
        self._looked_at()
        raise AssertionError("the execution goes on for ever")

    def stop_execution(self, *, executionArn: str, **_: Any) -> None:  # noqa: N803 - boto3's name
        self._stopping()
        self.stopped.append(executionArn)


@pytest.fixture(autouse=True)
def _handlers_of_this_process() -> Iterator[None]:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> FakeMachine:
    return FakeMachine(monkeypatch)


def _up(machine: FakeMachine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, client: _StepFunctions) -> Cloud:
    monkeypatch.setattr(
        machine, "_stack_outputs", lambda *_: {"CredentialsSecretArn": "arn", "StateMachineArn": _MACHINE_ARN}
    )
    monkeypatch.setattr(cloud, "_stack_outputs", machine._stack_outputs)
    here = cloud.start(state_directory=tmp_path)
    monkeypatch.setattr(Cloud, "client", lambda _cloud, _service: client)
    monkeypatch.setattr(running, "ProgressWatch", lambda *_, **__: None)
    return here


def test_a_run_whose_engine_dies_says_what_is_lost(
    machine: FakeMachine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def die() -> None:
        machine.end("engine")
        raise EndpointConnectionError(endpoint_url="https://127.0.0.1:4566")

    client = _StepFunctions(looked_at=die)
    here = _up(machine, monkeypatch, tmp_path, client)

    with pytest.raises(NotRunningError, match="has ended, and all that it held is gone"):
        running.run(here, {})

    assert client.stopped == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_run_is_stopped_when_it_is_interrupted_however_impatiently(
    machine: FakeMachine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, number: signal.Signals
) -> None:
    client = _StepFunctions(
        looked_at=lambda: signal.raise_signal(number), stopping=lambda: signal.raise_signal(signal.SIGINT)
    )
    here = _up(machine, monkeypatch, tmp_path, client)

    with pytest.raises(SystemExit), interruptible(lambda _line: None):
        running.run(here, {})

    assert client.stopped == ["arn of the execution"]
