"""What a command costs, with everything that it starts: time, CPU, and memory at its peak. Linux only (``/proc``)."""

from __future__ import annotations

import os
import re
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

_SAMPLE_SECONDS = 0.02
_PEAK_LINE = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)


class BenchError(Exception):
    """Nothing can be said: a contender or a server failed, or an object is not the source's file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one run took, the start of all its processes included.

    Args:
        wall_seconds: from start to end.
        cpu_seconds: user and system, of all processes.
        peak_memory_bytes: resident at the peak, summed over the processes; shared memory counts in each.
    """

    wall_seconds: float
    cpu_seconds: float
    peak_memory_bytes: int


def measure(command: Sequence[str], *, environment: Mapping[str, str], cpus: set[int], log: Path) -> Cost:
    """Run a command to its end.

    Args:
        command: the program and its arguments.
        environment: all of it.
        cpus: where it may run.
        log: gets its output.

    Raises:
        BenchError: it failed.
    """
    began = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=dict(environment), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
    os.sched_setaffinity(process.pid, cpus)
    with _PeakMemory(process.pid) as memory:
        _, status, usage = os.wait4(process.pid, 0)  # Popen.wait would throw the usage away
    wall_seconds = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        last_words = log.read_text(encoding="utf-8", errors="replace").strip()[-500:]
        raise BenchError(f"{' '.join(command[:3])} ended with {process.returncode}: {last_words}")
    return Cost(
        wall_seconds=wall_seconds,
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        peak_memory_bytes=memory.peak_bytes,
    )


class _PeakMemory:
    """Watch a process and its descendants while it runs.

    The kernel's own peak of each process is read, so only growth in the last moments before the end can be missed. It
    is not taken from ``wait4``: that one begins with the memory of the process that forked.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._peaks: dict[int, int] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    @property
    def peak_bytes(self) -> int:
        return sum(self._peaks.values())

    def _watch(self) -> None:
        while not self._ended.wait(_SAMPLE_SECONDS):
            for pid in _family(self._pid):
                status = _read(Path(f"/proc/{pid}/status"))
                if peak := _PEAK_LINE.search(status):
                    self._peaks[pid] = max(self._peaks.get(pid, 0), int(peak[1]) * 1024)


def _family(pid: int) -> Iterator[int]:
    yield pid
    for child in _read(Path(f"/proc/{pid}/task/{pid}/children")).split():
        yield from _family(int(child))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""  # ended meanwhile
