"""What a function has written is in its log, also when the engine is too busy to read it at once."""

from __future__ import annotations

import os
import queue
import threading
import time
from dataclasses import dataclass
from typing import Any

import pytest

from local.engine.lambda_runtime import PythonWorker


@dataclass
class Process:
    stdout: Any


class Worker(PythonWorker):
    """A worker without a function: the test writes to its pipe, and reads it as the engine's thread does, but late."""

    def __init__(self, stdout: Any) -> None:
        self._proc = Process(stdout)
        self._stderr_queue: queue.Queue[str] = queue.Queue()

    def read_late(self, *, after_seconds: float) -> None:
        time.sleep(after_seconds)
        for line in iter(self._proc.stdout.readline, b""):
            self._stderr_queue.put(line.decode().rstrip())

    def log(self) -> str:
        return str(self._drain_stderr_bounded())


def test_lines_that_are_still_in_the_pipe_are_waited_for() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as stdout:
        worker = Worker(stdout)
        worker._stderr_queue.put("the first line")
        os.write(writing, b"a metric\nthe last line\n")
        reader = threading.Thread(target=worker.read_late, kwargs={"after_seconds": 0.15})
        reader.start()

        log = worker.log()

        os.close(writing)
        reader.join()
    assert log.splitlines() == ["the first line", "a metric", "the last line"]


@pytest.mark.parametrize("is_closed", [True, False])
def test_a_function_that_writes_nothing_is_not_waited_for(is_closed: bool) -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as stdout, os.fdopen(writing, "wb"):
        if is_closed:
            stdout.close()
        began = time.monotonic()
        assert Worker(stdout).log() == ""
        assert time.monotonic() - began < 1
