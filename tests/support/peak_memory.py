"""How much memory each process of a local cloud took at most, the functions' included."""

from __future__ import annotations

import re
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

_BETWEEN_LOOKS_SECONDS = 0.5
_PROC = Path("/proc")


class PeakMemory:
    """Watches processes and their descendants for the length of a ``with`` block.

    On Linux the peak is the system's own (``VmHWM``, proc_pid_status(5)), so that nothing between two looks is missed.
    Elsewhere it is the largest resident size that was seen.

    Args:
        processes: number of each, by name.

    Attributes:
        peaks: in bytes: of each process by its name, and of the largest of its descendants by ``"<name>'s children"``.
        before: the same, as it was when the block was entered.
    """

    def __init__(self, processes: Mapping[str, int]) -> None:
        self.peaks: dict[str, int] = {}
        self.before: dict[str, int] = {}
        self._processes = dict(processes)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self.look()
        self.before = dict(self.peaks)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        self.look()

    def look(self) -> None:
        """Read how it is now."""
        resident = _resident_bytes()
        parents = {pid: parent for pid, (parent, _size) in resident.items()}
        roots = {pid: name for name, pid in self._processes.items()}
        for pid, (_parent, size) in resident.items():
            name = roots.get(pid) or _descends_from(pid, parents, roots)
            if name is not None:
                peak = _peak_bytes(pid) or size
                self.peaks[name] = max(self.peaks.get(name, 0), peak)

    def _watch(self) -> None:
        while not self._ended.wait(_BETWEEN_LOOKS_SECONDS):
            self.look()


def _descends_from(pid: int, parents: Mapping[int, int], roots: Mapping[int, str]) -> str | None:
    while pid in parents:
        pid = parents[pid]
        if pid in roots:
            return f"{roots[pid]}'s children"
    return None


def _resident_bytes() -> dict[int, tuple[int, int]]:
    """Return parent and resident size of every process that this user sees."""
    listed = subprocess.run(["ps", "-axo", "pid=,ppid=,rss="], capture_output=True, text=True, check=True).stdout
    rows = (list(map(int, line.split())) for line in listed.splitlines())
    return {pid: (parent, kilobytes * 1024) for pid, parent, kilobytes in rows}


def _peak_bytes(pid: int) -> int | None:
    try:
        status = (_PROC / str(pid) / "status").read_text(encoding="utf-8", errors="replace")
    except OSError:  # it has ended, or the system has no such files
        return None
    found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    return None if found is None else int(found[1]) * 1024
