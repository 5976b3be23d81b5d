"""Start background processes, which end with the command that started them or outlive it, and end exactly those."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.lifeline import LIFELINE_VARIABLE, Lifeline
from local.plain_files import open_log

# In the environment of each process of ours, and of what it starts: its record's mark.
MARK_VARIABLE = "LOCAL_CLOUD_PROCESS"
_GRACE_SECONDS = 5.0
_POLL_SECONDS = 0.05
_PROC = Path("/proc/self")

# What this very process started: its parent has to collect it once it has ended.
_children: dict[int, subprocess.Popen[bytes]] = {}
# What ends them when this very process does, by their number.
_lifelines: dict[int, Lifeline] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessRecord:
    """A process of ours, identified so that another process that is later given its number is never mistaken for it.

    Attributes:
        name: for messages.
        pid: its number, and that of the group that it leads.
        started: when, in the system's own words; empty when it ended at once.
        mark: the value of ``MARK_VARIABLE`` in its environment; empty when it has none.
    """

    name: str
    pid: int
    started: str
    mark: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the record as the state file keeps it."""
        return {"name": self.name, "pid": self.pid, "started": self.started, "mark": self.mark}

    @classmethod
    def from_json(cls, document: object) -> ProcessRecord:
        """Return the record that :meth:`to_json` was made from.

        Raises:
            ValueError: it is something else, such as a process number that no process of ours can have.
        """
        match document:
            case {"name": str(name), "pid": int(pid), "started": str(started), "mark": str(mark)} if pid > 1:
                return cls(name=name, pid=pid, started=started, mark=mark)
        raise ValueError("a process has no name, number and start time")


def start_in_background(
    name: str,
    arguments: Sequence[str],
    *,
    environment: Mapping[str, str],
    directory: Path,
    log: Path,
    inherited_sockets: Sequence[int] = (),
) -> ProcessRecord:
    """Start a process that leads a group of its own: a Ctrl-C in the terminal does not reach it, nor its children.

    If it calls :func:`local.lifeline.end_with_starter`, it ends with this process unless :func:`let_outlive` says
    otherwise.

    Args:
        name: for messages.
        arguments: the program and its arguments.
        environment: all of it, but for the mark and the lifeline.
        directory: where it runs.
        log: gets its output.
        inherited_sockets: file descriptors that it keeps open.
    """
    mark = secrets.token_hex(8)
    line = Lifeline()
    try:
        with open_log(log) as output:
            process = subprocess.Popen(
                arguments,
                env={**environment, MARK_VARIABLE: mark, LIFELINE_VARIABLE: str(line.far_end)},
                cwd=directory,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=[*inherited_sockets, line.far_end],
                start_new_session=True,
            )
    except BaseException:
        line.close()
        raise
    finally:
        line.close_far_end()
    _children[process.pid] = process
    _lifelines[process.pid] = line
    return ProcessRecord(name=name, pid=process.pid, started=_start_time(process.pid) or "", mark=mark)


def let_outlive(record: ProcessRecord) -> None:
    """Let a process that this one started keep running when this one ends."""
    if line := _lifelines.pop(record.pid, None):
        line.release()


def this_process(name: str) -> ProcessRecord:
    """Return the record of the process that asks.

    Args:
        name: for messages.
    """
    return ProcessRecord(name=name, pid=os.getpid(), started=_start_time(os.getpid()) or "")


def is_running(record: ProcessRecord) -> bool:
    """Whether this very process still runs."""
    return _start_time(record.pid) == record.started


def stop(record: ProcessRecord) -> None:
    """End the process and everything that it started; do nothing if all of it is already gone.

    When the process itself is gone, its number may be another's by now, and so may the group's: what is in the group is
    ended only if one of its members carries the process's mark (which can be read on Linux only).

    Raises:
        PermissionError: it runs as another user.
    """
    started_now = _start_time(record.pid)
    if started_now is not None and started_now != record.started:
        return  # the number belongs to somebody else now, so our group is gone too
    if started_now is not None:
        _signal(record.pid, signal.SIGTERM, group=False)
        _wait_while(record, is_running)
    # While any member lives, no new process can be given the group's number.
    if _group_lives(record) or (started_now is not None and not _PROC.exists()):
        _signal(record.pid, signal.SIGKILL, group=True)
        _wait_while(record, _group_lives)


def _wait_while(record: ProcessRecord, lives: Callable[[ProcessRecord], bool]) -> None:
    deadline = time.monotonic() + _GRACE_SECONDS
    while lives(record) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)


def _group_lives(record: ProcessRecord) -> bool:
    """Whether the process runs, or anything that is in its group and carries its mark."""
    return is_running(record) or (
        bool(record.mark) and any(_mark(member) == record.mark for member in _members(record.pid))
    )


def _signal(pid: int, number: signal.Signals, *, group: bool) -> None:
    with suppress(ProcessLookupError):  # ended by itself meanwhile
        if group:
            os.killpg(pid, number)
        else:
            os.kill(pid, number)


def _members(group: int) -> Iterator[Path]:
    for process in _PROC.parent.glob("[0-9]*"):
        fields = _stat_fields(process)
        if fields and fields[2] == str(group):
            yield process


def _mark(process: Path) -> str | None:
    try:
        variables = (process / "environ").read_bytes().split(b"\0")
    except OSError:  # ended meanwhile, or another user's
        return None
    prefix = f"{MARK_VARIABLE}=".encode()
    marks = (os.fsdecode(variable.removeprefix(prefix)) for variable in variables if variable.startswith(prefix))
    return next(marks, None)


def _stat_fields(process: Path) -> list[str]:
    """Return the fields after the program's name: 0 is the state, 2 the group, 19 the start time; empty if it is gone.

    See proc_pid_stat(5). The name before them, in brackets, may hold spaces.
    """
    try:
        return (process / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _start_time(pid: int) -> str | None:
    """Return when the process started, in the system's own words; None if it is not running."""
    _reap(pid)
    if _PROC.exists():
        fields = _stat_fields(_PROC.with_name(str(pid)))
        if not fields:
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
        if line := _lifelines.pop(pid, None):
            line.close()
