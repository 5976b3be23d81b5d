"""A real cloud in a state directory: it keeps to what is its own, and nobody else gets in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local import cloud, processes
from local.processes import ProcessRecord
from local.state import REPOSITORY, CloudState, StateDirectory
from local.state_contents import foreign_entries
from tests.support.folder_tree import files, plant

_SECONDS_TO_GET_TO_WORK = 30


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "state"
    cloud.stop(tmp_path / "state")


def _local(command: str, state: Path, temporary: Path) -> subprocess.Popen[str]:
    temporary.mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-m", "local", command, "--state-dir", str(state)],
        cwd=REPOSITORY,
        env={**os.environ, "TMPDIR": str(temporary)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def _ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, stated = process.communicate(timeout=200)
    return process.returncode, stated


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _SECONDS_TO_GET_TO_WORK
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_real_cloud_writes_what_is_its_own_and_goes_without_a_trace_of_it(state: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    up = _local("up", state, elsewhere)
    _wait_until((state / "logs" / "engine.log").exists)
    for command in ("up", "down"):
        code, stated = _ended(_local(command, state, elsewhere))
        assert (code, "another terminal" in stated) == (1, True)
    assert _ended(up)[0] == 0
    assert foreign_entries(state) == []
    assert files(elsewhere) == []
    assert list(elsewhere.iterdir()) == []
    recorded = StateDirectory(state).recorded_processes()
    assert [processes.is_running(record) for record in recorded] == [True, True]

    plant(
        state, {"notes.txt": b"1", "logs": {"notes.txt": b"2"}, "trust": {"company.pem": b"3"}, "photos": {"a": b"4"}}
    )
    code, stated = _ended(_local("down", state, elsewhere))

    assert code == 0
    assert "logs/notes.txt, notes.txt, photos, trust/company.pem" in stated
    assert [processes.is_running(record) for record in recorded] == [False, False]
    assert files(state) == [
        "LOCAL-CLOUD.txt",
        "logs/notes.txt",
        "notes.txt",
        "photos/a",
        "trust/ca-bundle.pem",
        "trust/company.pem",
        "trust/engine.crt",
        "trust/engine.key",
    ]


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_demo_that_is_killed_leaves_no_process_and_the_next_command_clears_its_files_away(
    state: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    demo = _local("demo", state, elsewhere)
    try:
        _wait_until(lambda: any("sam build" in line for line in _processes_that_name(state)))
        started = StateDirectory(state).recorded_processes()
        assert [record.name for record in started] == ["engine", "simulator"]
    finally:
        demo.kill()
        _ended(demo)

    _wait_until(lambda: not any(map(processes.is_running, started)))
    _wait_until(lambda: not _processes_that_name(state))  # sam, too
    code, stated = _ended(_local("run", state, elsewhere))
    assert (code, f"`demo`, which the local cloud in {state} belonged to, has ended" in stated) == (1, True)
    code, stated = _ended(_local("down", state, elsewhere))
    assert (code, stated) == (0, "Down.\n")
    assert files(state) == ["LOCAL-CLOUD.txt", "trust/ca-bundle.pem", "trust/engine.crt", "trust/engine.key"]


def _processes_that_name(folder: Path) -> list[str]:
    lines = subprocess.run(["ps", "-eww", "-o", "args"], capture_output=True, text=True, check=True).stdout.splitlines()
    return [line for line in lines if str(folder) in line]


@pytest.mark.parametrize("is_damaged", [False, True], ids=["well-formed", "damaged"])
def test_down_after_a_crash_spares_the_process_that_was_given_the_number_since(
    state: Path, tmp_path: Path, is_damaged: bool
) -> None:
    somebody_elses = subprocess.Popen(["sleep", "60"], start_new_session=True)
    record = ProcessRecord(name="engine", pid=somebody_elses.pid, started="another time", mark="another's")
    directory = StateDirectory(state)
    with directory.claimed():
        directory.prepare(CloudState())
        directory.write(CloudState(processes=(record,)))
    if is_damaged:
        (state / "state.json").write_text(json.dumps({"processes": [record.to_json()]}), encoding="utf-8")

    code, stated = _ended(_local("down", state, tmp_path / "elsewhere"))

    assert (code, "damaged" in stated) == ((1, True) if is_damaged else (0, False))
    assert files(state) == ["LOCAL-CLOUD.txt"]
    assert somebody_elses.poll() is None
    somebody_elses.kill()
    somebody_elses.wait()
