"""Let Ctrl-C, SIGTERM and a lost terminal (SIGHUP) end a command in an orderly way, never in the middle of a step."""

from __future__ import annotations

import errno
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final, Self

from gopro_sync_cli.exit_codes import ExitCode

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interruptions:
    """Turn each of the three signals into a SystemExit with 128 plus its number, as shells count it.

    Use as a context manager, in the main thread. A signal that is ignored (nohup, a script's background job) stays so.
    """

    def __init__(self) -> None:
        self._handlers_before: dict[signal.Signals, Any] = {}
        self._are_kept_back = False
        self._first: int | None = None

    def __enter__(self) -> Self:
        for number in _SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._handlers_before[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, _kind: type[BaseException] | None, error: BaseException | None, _trace: object) -> None:
        for number, handler in self._handlers_before.items():
            signal.signal(number, handler)
        if isinstance(error, OSError) and error.errno == errno.EIO:
            # The message no longer reached the terminal: that is gone, and its signal is still on its way.
            raise SystemExit(ExitCode.TERMINAL_LOST) from error

    @contextmanager
    def kept_back(self) -> Iterator[None]:
        """Hold the signals back: in this block they take effect where `take_effect` is called, or else at its end.

        An error that leaves the block meanwhile is raised on: its message matters more than the signal.

        Raises:
            SystemExit: there was one.
        """
        self._are_kept_back = True
        try:
            yield
        except Exception:
            if self._first == signal.SIGHUP:  # nobody is there any more to read the message
                self.take_effect()
            raise
        finally:
            self._are_kept_back = False
        self.take_effect()

    def take_effect(self) -> None:
        """End here if there was a signal.

        Raises:
            SystemExit: there was one.
        """
        if self._first is not None:
            raise SystemExit(ExitCode.of_signal(self._first))

    def _receive(self, number: int, _frame: FrameType | None) -> None:
        if self._first is None:
            self._first = number
        if not self._are_kept_back:
            self.take_effect()
