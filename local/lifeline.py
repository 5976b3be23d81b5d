"""End what a command started when the command ends, however it ends: killed, terminal closed, out of memory.

The command holds one end of a pipe, which the system closes when the command is gone; what it started waits at the
other end. That needs neither signals nor /proc, so it works the same on Linux and macOS.

``python local/lifeline.py PROGRAM ARGUMENT...`` runs a program that knows nothing of this.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final

# In the environment of what was started: its end of the pipe, a file descriptor.
LIFELINE_VARIABLE: Final = "LOCAL_CLOUD_LIFELINE"
_OUTLIVE: Final = b"\n"


class Lifeline:
    """The command's end of the pipe; whoever holds the other end is ended when this one closes.

    Attributes:
        far_end: the file descriptor that the started process has to inherit.
    """

    def __init__(self) -> None:
        self.far_end, self._near_end = os.pipe()

    def close_far_end(self) -> None:
        """Close this process's copy of the far end, once what it was made for has started."""
        os.close(self.far_end)

    def close(self) -> None:
        """End what holds the other end, if it still runs."""
        os.close(self._near_end)

    def release(self) -> None:
        """Let what holds the other end outlive this process."""
        with suppress(BrokenPipeError):  # it has ended already
            os.write(self._near_end, _OUTLIVE)
        os.close(self._near_end)


@contextmanager
def lifeline() -> Iterator[int]:
    """Yield the far end of a lifeline that lasts as long as the ``with`` block."""
    line = Lifeline()
    try:
        yield line.far_end
    finally:
        line.close_far_end()
        line.close()


def bound(command: Sequence[str]) -> list[str]:
    """Return a command that runs another one, which does not know the variable above, and ends it when we end."""
    return [sys.executable, "-P", __file__, *command]


def end_with_starter() -> None:
    """Watch, in a thread, for the end of the process that started this one; then end this one's whole group.

    Nothing happens without the variable above, as when a person started it. This process has to lead its group.
    """
    far_end = os.environ.pop(LIFELINE_VARIABLE, None)
    if far_end is not None and os.getpgrp() == os.getpid():
        threading.Thread(target=_watch, args=(int(far_end),), name="lifeline", daemon=True).start()


def _watch(far_end: int) -> None:
    if os.read(far_end, len(_OUTLIVE)) != _OUTLIVE:
        # Nothing in here is worth keeping, and what it started has to end too.
        os.killpg(os.getpgrp(), signal.SIGKILL)
    os.close(far_end)


def _main() -> int:
    end_with_starter()
    code = subprocess.call(sys.argv[1:])  # the command that `bound` was given
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(_main())
