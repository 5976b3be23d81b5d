"""Background processes that outlive the command that started them, and ending exactly those."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_GRACE_SECONDS = 5.0
_POLL_SECONDS = 0.05

# What this very process started: its parent has to collect it once it has ended.
_children: dict[int, subprocess.Popen[bytes]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessRecord:
    """A process of ours, so identified that a process which was given its number later is never taken for it."""

    name: str
    pid: int
    started: str

    def to_json(self) -> dict[str, Any]:
        """The record as the state file keeps it."""
        return {"name": self.name, "pid": self.pid, "started": self.started}


def start_in_background(
    name: str,
    arguments: Sequence[str],
    *,
    environment: Mapping[str, str],
    directory: Path,
    log: Path,
    inherited_sockets: Sequence[int] = (),
) -> ProcessRecord:
    """Starts a process that leads a group of its own: a Ctrl-C in the terminal does not reach it, nor its children.

    Args:
        name: for messages.
        arguments: the program and its arguments.
        environment: all of it.
        directory: where it runs.
        log: gets its output.
        inherited_sockets: file descriptors that it keeps open.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(
            arguments,
            env=dict(environment),
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=inherited_sockets,
            start_new_session=True,
        )
    _children[process.pid] = process
    return ProcessRecord(name=name, pid=process.pid, started=_start_time(process.pid) or "")


def is_running(record: ProcessRecord) -> bool:
    """Whether this very process still runs."""
    return _start_time(record.pid) == record.started


def stop(record: ProcessRecord) -> None:
    """Ends the process and everything that it started; nothing happens when it is gone already."""
    started_now = _start_time(record.pid)
    if started_now is not None and started_now != record.started:
        return  # the number belongs to somebody else now, so our group is gone too
    if started_now is not None:
        _signal(record.pid, signal.SIGTERM, group=False)
        _wait_for_end(record)
    # While any member lives, no new process can be given the group's number.
    _signal(record.pid, signal.SIGKILL, group=True)
    _wait_for_end(record)


def _wait_for_end(record: ProcessRecord) -> None:
    deadline = time.monotonic() + _GRACE_SECONDS
    while is_running(record) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)


def _signal(pid: int, number: signal.Signals, *, group: bool) -> None:
    with suppress(ProcessLookupError):  # ended by itself meanwhile
        if group:
            os.killpg(pid, number)
        else:
            os.kill(pid, number)


def _start_time(pid: int) -> str | None:
    """When the process started, in the system's own words; None when it does not run."""
    _reap(pid)
    stat = Path(f"/proc/{pid}/stat")
    if Path("/proc/self/stat").exists():
        try:
            # The second field, the program's name in brackets, may hold spaces. After it: state is 0, start time is 19.
            fields = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return None
        if fields[0] != "Z":
            return fields[19]
        _reap(pid)  # it ended a moment ago
        return None
    answer = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.strip()
    return answer.partition(" ")[2].strip() if answer and not answer.startswith("Z") else None


def _reap(pid: int) -> None:
    child = _children.get(pid)
    if child is not None and child.poll() is not None:
        del _children[pid]
