"""Exactly what was started is ended, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from local import processes
from local.processes import ProcessRecord

_SLEEPS = "import time; time.sleep(60)"
# Starts a child, tells its number, and goes on; a second argument makes it deaf to SIGTERM.
_HAS_A_CHILD = (
    "import signal, subprocess, sys, time\n"
    "if len(sys.argv) > 1: signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    f"print(subprocess.Popen([sys.executable, '-c', {_SLEEPS!r}]).pid, flush=True)\n"
    "time.sleep(60)"
)


def _start(tmp_path: Path, program: str, *arguments: str) -> ProcessRecord:
    return processes.start_in_background(
        "test",
        [sys.executable, "-c", program, *arguments],
        environment={"PATH": os.environ["PATH"]},
        directory=tmp_path,
        log=tmp_path / "log",
    )


def _child(tmp_path: Path) -> int:
    deadline = time.monotonic() + 10
    while not (words := (tmp_path / "log").read_text(encoding="utf-8").split()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return int(words[0])


def _is_alive(pid: int) -> bool:
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(state.strip()) and not state.startswith("Z")


def test_a_started_process_runs_until_it_is_stopped(tmp_path: Path) -> None:
    record = _start(tmp_path, _SLEEPS)
    assert processes.is_running(record)

    processes.stop(record)

    assert not processes.is_running(record)


@pytest.mark.parametrize("deaf", [(), ("deaf",)], ids=["obedient", "deaf to SIGTERM"])
def test_what_a_process_started_ends_with_it(
    tmp_path: Path, deaf: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "_GRACE_SECONDS", 0.5)
    record = _start(tmp_path, _HAS_A_CHILD, *deaf)
    child = _child(tmp_path)

    processes.stop(record)

    assert not processes.is_running(record)
    assert not _is_alive(child)


def _die_leaving_a_child(tmp_path: Path) -> tuple[ProcessRecord, int]:
    record = _start(tmp_path, _HAS_A_CHILD)
    child = _child(tmp_path)
    os.kill(record.pid, 9)
    while processes.is_running(record):
        time.sleep(0.02)
    return record, child


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="whose child it is can be told on Linux only")
def test_what_a_process_started_is_ended_even_if_the_process_has_died_before(tmp_path: Path) -> None:
    record, child = _die_leaving_a_child(tmp_path)

    processes.stop(record)

    assert not _is_alive(child)


@pytest.mark.parametrize("mark", ["another's", ""])
def test_what_is_left_of_a_group_that_was_given_the_same_number_is_left_alone(tmp_path: Path, mark: str) -> None:
    somebody_elses, child = _die_leaving_a_child(tmp_path)

    processes.stop(replace(somebody_elses, started="another time", mark=mark))

    assert _is_alive(child)
    os.kill(child, 9)


@pytest.mark.parametrize("number", [2**22 + 1, 2**31, 10**30])
def test_a_number_that_no_process_can_have_is_no_error(number: int) -> None:
    processes.stop(ProcessRecord(name="test", pid=number, started="1", mark="mark"))


def test_a_process_that_was_given_the_same_number_is_left_alone(tmp_path: Path) -> None:
    somebody_elses = _start(tmp_path, _SLEEPS)

    processes.stop(replace(somebody_elses, started="another time"))

    assert processes.is_running(somebody_elses)
    processes.stop(somebody_elses)


def test_stopping_twice_is_no_error(tmp_path: Path) -> None:
    record = _start(tmp_path, _SLEEPS)

    processes.stop(record)
    processes.stop(record)
