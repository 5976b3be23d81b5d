"""Ctrl-C, SIGTERM and a lost terminal (SIGHUP): each ends a command, but none cuts its clean-up short."""

from __future__ import annotations

import errno
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Final

from gopro_sync_cli.exit_codes import ExitCode

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_STDERR: Final = 2
_PATIENCE: Final = (
    b"\nCleaning up: a few seconds more. Ctrl-\\ ends this at once; the next start then clears away what is left.\n"
)


class Interruption(KeyboardInterrupt):
    """A signal has asked the command to end.

    Attributes:
        number: of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextmanager
def interruptible(say: Callable[[str], object]) -> Iterator[None]:
    """Let each of the three signals end what is in the ``with`` block, and the command with it.

    A script's background jobs ignore SIGINT; an interruption takes down what they are starting all the same. An ignored
    SIGHUP stays ignored: that is what nohup is for.

    Args:
        say: shows a line to a person.

    Raises:
        SystemExit: there was a signal; with 128 plus its number, as shells count.
    """
    for number in _SIGNALS:
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)
    try:
        yield
    except KeyboardInterrupt as error:
        cause = error.number if isinstance(error, Interruption) else signal.SIGINT
        if cause != signal.SIGHUP:  # after which nobody is there to read it
            say("Interrupted.")
        raise SystemExit(ExitCode.of_signal(cause)) from error
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        # The message no longer reached the terminal: that is gone, and its signal is still on its way.
        raise SystemExit(ExitCode.TERMINAL_LOST) from error


@contextmanager
def kept_back() -> Iterator[None]:
    """Hold the three signals back until the end of the ``with`` block, so that a clean-up in it is completed.

    The first of them takes effect at the end. Whoever presses Ctrl-C meanwhile is asked for patience.
    """
    if threading.current_thread() is not threading.main_thread():  # which receives no signals
        yield
        return
    received: list[int] = []

    def remember(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        if number == signal.SIGINT:
            with suppress(OSError):  # not by sys.stderr, amid whose own writing it may have come
                os.write(_STDERR, _PATIENCE)

    before = {number: signal.getsignal(number) for number in _SIGNALS}
    handled = {number: handler for number, handler in before.items() if handler not in {signal.SIG_IGN, None}}
    for number in handled:
        signal.signal(number, remember)
    try:
        yield
    finally:
        for number, handler in handled.items():
            signal.signal(number, handler)
    if received:
        signal.raise_signal(signal.Signals(received[0]))


def _interrupt(number: int, _frame: FrameType | None) -> None:
    raise Interruption(number)
