"""A local cloud without programs: what they write is written, and their processes are numbers in a set."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local import cloud, deployment, processes
from local.cloud import Cloud
from local.engine_process import StartedEngine
from local.processes import ProcessRecord
from local.simulator_process import SimulatorAddress
from local.state import StateDirectory

# What is in a state directory while a cloud is up, as found by running one.
WRITTEN_BY_A_CLOUD = (
    "LOCAL-CLOUD.txt",
    "build.toml",
    "build/Function/module.py",
    "build/template.yaml",
    "logs/engine.log",
    "logs/sam-build.log",
    "logs/sam-deploy.log",
    "logs/simulator.log",
    "sam/metadata.json",
    "samconfig.toml",
    "simulator.json",
    "state.json",
    "tmp/ministack/key.pem",
    "tmp/unpacked/module.py",
    "trust/ca-bundle.pem",
    "trust/engine.crt",
    "trust/engine.key",
)

_MARK = "of a fake machine"


class FakeMachine:
    """Stands for the engine, the simulator and sam, and for the processes of the machine.

    Attributes:
        alive: the processes that run.
        started: names of the processes, in the order in which they were started.
        fails_at: the step that raises, and what; steps are named after the functions they stand for.
        meanwhile: what else happens at a step.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.alive: set[ProcessRecord] = set()
        self._really_runs = processes.is_running
        self.started: list[str] = []
        self.fails_at: dict[str, BaseException] = {}
        self.meanwhile: dict[str, Callable[[], object]] = {}
        replacements = {
            processes: ("is_running", "stop"),
            deployment: ("build", "deploy"),
            cloud: ("start_engine", "wait_until_ready", "start_simulator", "wait_for_simulator", "_stack_outputs"),
        }
        for module, names in replacements.items():
            for name in names:
                monkeypatch.setattr(module, name, getattr(self, name))
        monkeypatch.setattr(Cloud, "client", lambda _cloud, _service: self)

    def is_running(self, record: ProcessRecord) -> bool:
        return record in self.alive if record.mark == _MARK else self._really_runs(record)

    def end(self, name: str) -> None:
        """End the process of that name from outside, as a person or the system does."""
        self.alive = {record for record in self.alive if record.name != name}

    def stop(self, record: ProcessRecord) -> None:
        self.alive.discard(record)

    def start_engine(self, directory: StateDirectory, *_: Any, **__: Any) -> StartedEngine:
        self._step("start_engine")
        _write(directory.log("engine"), directory.temporary / "unpacked" / "module.py")
        _write(directory.temporary / "ministack" / "key.pem")
        return StartedEngine(process=self._start("engine"), endpoint_url="https://127.0.0.1:4566")

    def wait_until_ready(self, *_: Any) -> None:
        self._step("wait_until_ready")

    def start_simulator(self, directory: StateDirectory, **_: Any) -> ProcessRecord:
        self._step("start_simulator")
        _write(directory.log("simulator"), directory.path / "simulator.json")
        return self._start("simulator")

    def wait_for_simulator(self, *_: Any) -> SimulatorAddress:
        return SimulatorAddress(api_url="http://127.0.0.1:4001", credential={"auth_token": "fake"})

    def build(self, directory: StateDirectory) -> None:
        self._step("build")
        _write(directory.log("sam-build"), directory.path / "build.toml", directory.path / "samconfig.toml")
        _write(directory.build / "template.yaml", directory.build / "Function" / "module.py")

    def deploy(self, directory: StateDirectory, **_: Any) -> None:
        self._step("deploy")
        _write(directory.log("sam-deploy"), directory.path / "sam" / "metadata.json")

    def put_secret_value(self, **_: Any) -> None:
        self._step("put_secret_value")

    def _stack_outputs(self, *_: Any) -> dict[str, str]:
        return {"CredentialsSecretArn": "arn"}

    def _step(self, name: str) -> None:
        if name in self.meanwhile:
            self.meanwhile[name]()
        if name in self.fails_at:
            raise self.fails_at[name]

    def _start(self, name: str) -> ProcessRecord:
        self.started.append(name)
        record = ProcessRecord(name=name, pid=1000 + len(self.started), started="1", mark=_MARK)
        self.alive.add(record)
        return record


def _write(*files: Path) -> None:
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("written by a cloud", encoding="utf-8")
