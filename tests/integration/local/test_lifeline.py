"""What a command starts ends when the command is killed, unless it was allowed to outlive it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local.lifeline import LIFELINE_VARIABLE, bound
from local.state import REPOSITORY

# A process that ends with its starter, as the engine does, with a child that knows nothing of it, as a function does.
_STARTED = (
    "import subprocess, sys, time\n"
    "from local.lifeline import end_with_starter\n"
    "end_with_starter()\n"
    "child = subprocess.Popen(['sleep', '60'])\n"
    "print(child.pid, flush=True)\n"
    "time.sleep(60)\n"
)
_STARTER = (
    "import os, sys, time\n"
    "from pathlib import Path\n"
    "from local import processes\n"
    f"record = processes.start_in_background('test', [sys.executable, '-c', {_STARTED!r}],\n"
    f"    environment=dict(os.environ), directory=Path({str(REPOSITORY)!r}), log=Path(sys.argv[1]))\n"
    "while not (child := Path(sys.argv[1]).read_text()): time.sleep(0.01)\n"
    "if sys.argv[2] == 'outlive': processes.let_outlive(record)\n"
    "print(record.pid, child.strip(), flush=True)\n"
    "time.sleep(60)\n"
)
# Runs a program that knows nothing of lifelines.
_BINDER = (
    "import os, subprocess, sys, time\n"
    "from local.lifeline import LIFELINE_VARIABLE, bound, lifeline\n"
    "with lifeline() as far_end:\n"
    "    process = subprocess.Popen(bound(['sh', '-c', 'echo $$; sleep 60; echo unreachable']), pass_fds=[far_end],\n"
    "        env={**os.environ, LIFELINE_VARIABLE: str(far_end)}, start_new_session=True)\n"
    "    process.wait()\n"
)


@pytest.fixture
def starter(tmp_path: Path) -> Iterator[Callable[..., tuple[subprocess.Popen[str], list[int]]]]:
    """Runs a program that starts others; gives it, and the numbers of what it has started."""
    running: list[subprocess.Popen[str]] = []
    started: list[int] = []

    def run(program: str, *arguments: str) -> tuple[subprocess.Popen[str], list[int]]:
        command = [sys.executable, "-c", program, str(tmp_path / "log"), *arguments]
        process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
        running.append(process)
        assert process.stdout
        started.extend(int(word) for word in process.stdout.readline().split())
        return process, started

    yield run
    for process in running:
        process.kill()
        process.communicate()
    for pid in filter(_is_alive, started):
        os.kill(pid, signal.SIGKILL)


def _is_alive(pid: int) -> bool:
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(state.strip()) and not state.startswith("Z")


def _end(process: subprocess.Popen[str], number: int) -> None:
    process.send_signal(number)
    process.wait(timeout=30)


def _all_ended(pids: list[int]) -> bool:
    deadline = time.monotonic() + 10
    while any(map(_is_alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not any(map(_is_alive, pids))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGHUP, signal.SIGQUIT])
def test_a_process_and_what_it_started_end_when_its_starter_is_killed(
    starter: Callable[..., tuple[subprocess.Popen[str], list[int]]], number: int
) -> None:
    process, started = starter(_STARTER, "end")
    assert len(started) == 2
    assert all(map(_is_alive, started))

    _end(process, number)

    assert _all_ended(started)


def test_a_process_that_may_outlive_its_starter_does(
    starter: Callable[..., tuple[subprocess.Popen[str], list[int]]],
) -> None:
    process, started = starter(_STARTER, "outlive")

    _end(process, signal.SIGKILL)
    time.sleep(0.3)

    assert [_is_alive(pid) for pid in started] == [True, True]


def test_a_program_that_knows_nothing_of_it_ends_when_its_starter_is_killed(
    starter: Callable[..., tuple[subprocess.Popen[str], list[int]]],
) -> None:
    process, started = starter(_BINDER)
    assert len(started) == 1

    _end(process, signal.SIGKILL)

    assert _all_ended(started)


@pytest.mark.parametrize(("script", "code"), [("exit 3", 3), ("kill -TERM $$", 143), ("exit 0", 0)])
def test_a_bound_program_ends_with_its_own_exit_code(script: str, code: int) -> None:
    environment = {name: value for name, value in os.environ.items() if name != LIFELINE_VARIABLE}

    assert subprocess.run(bound(["sh", "-c", script]), env=environment, check=False).returncode == code
