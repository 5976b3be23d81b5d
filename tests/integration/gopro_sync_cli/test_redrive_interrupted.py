"""``./gopro-sync redrive`` as a process on a terminal, with real signals: nothing stays hidden in the queue."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest

from tests.support.redrive_server import RedriveServer
from tests.support.redrive_stack import RedriveStack, failed_video
from tests.support.sqs import Moment

pytestmark = pytest.mark.slow  # each starts the command in a terminal of its own

ROOT: Final = Path(__file__).parents[3]
# A terminal of its own, as a window has: closing it is what sends SIGHUP.
ON_A_TERMINAL: Final = (
    "import os, runpy, signal, sys; os.login_tty(0); "
    # Where the tests run in the background of a shell, SIGINT is ignored, and so it would be here.
    "signal.signal(signal.SIGINT, signal.default_int_handler); sys.argv[1:] = ['redrive', *sys.argv[1:]]; "
    "runpy.run_module('gopro_sync_cli', run_name='__main__', alter_sys=True)"
)


class Terminal:
    """The command on a terminal of its own."""

    def __init__(self, endpoint_url: str, *arguments: str) -> None:
        self._screen, keyboard = os.openpty()
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        self.process = subprocess.Popen(
            [sys.executable, "-c", ON_A_TERMINAL, *arguments],
            cwd=ROOT,
            env=environment
            | {
                "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}",
                "AWS_ENDPOINT_URL": endpoint_url,
                "AWS_DEFAULT_REGION": "eu-west-1",
                "AWS_ACCESS_KEY_ID": "fake",
                "AWS_SECRET_ACCESS_KEY": "fake",
                "NO_PROXY": "127.0.0.1",
            },
            stdin=keyboard,
            stdout=keyboard,
            stderr=keyboard,
        )
        os.close(keyboard)

    def read_until(self, words: str) -> str:
        """Return what stands on the screen once the words do."""
        screen = ""
        while words not in screen:
            screen += os.read(self._screen, 4096).decode()
        return screen

    def type(self, keys: bytes) -> None:
        os.write(self._screen, keys)

    def press_until_it_ends(self, keys: bytes) -> None:
        """Press keys as a person does who sees nothing happen.

        The question stands a moment before it is waited for: a signal of just then takes effect with the next key only.
        """
        for _ in range(20):
            with suppress(OSError):  # it has ended, and its terminal with it
                self.type(keys)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=1)
                return

    def close(self) -> None:
        with suppress(OSError):
            os.close(self._screen)

    def exit_code(self) -> int:
        """Wait for the end, with somebody reading the screen."""
        threading.Thread(target=self._read_to_the_end, daemon=True).start()
        return self.process.wait(timeout=20)

    def _read_to_the_end(self) -> None:
        with suppress(OSError):
            while os.read(self._screen, 4096):
                pass


class QuickClock:
    """The true time, with nothing that has to be waited for."""

    def time(self) -> float:
        return time.time()

    def sleep(self, seconds: float, /) -> None:
        pass


@pytest.fixture
def stack() -> RedriveStack:
    stack = RedriveStack(QuickClock())
    stack.sqs.send(*(failed_video(f"video{number}") for number in range(40)))
    return stack


@pytest.fixture
def terminals(stack: RedriveStack) -> Iterator[Callable[..., Terminal]]:
    opened: list[Terminal] = []

    def open_terminal(*arguments: str) -> Terminal:
        opened.append(Terminal(server.endpoint_url, *arguments))
        return opened[-1]

    with RedriveServer(stack) as server:
        yield open_terminal
        for terminal in opened:
            terminal.process.kill()
            terminal.process.wait()
            terminal.close()


@pytest.mark.parametrize(
    ("interrupt", "exit_code"),
    [
        (lambda terminal: terminal.type(b"\x03"), 130),
        (lambda terminal: terminal.process.send_signal(signal.SIGTERM), 143),
        (lambda terminal: terminal.close(), 129),
    ],
    ids=["Ctrl-C", "SIGTERM", "the terminal is closed"],
)
def test_an_end_in_the_middle_of_a_reception_leaves_no_message_hidden(
    stack: RedriveStack,
    terminals: Callable[..., Terminal],
    interrupt: Callable[[Terminal], None],
    exit_code: int,
) -> None:
    """The messages that SQS has hidden by then are on their way to the command."""
    is_under_way, goes_on = threading.Event(), threading.Event()

    def hold_third_answer(number: int, operation: str, moment: Moment) -> None:
        if (number, operation, moment) == (3, "ReceiveMessage", "acted"):
            is_under_way.set()
            goes_on.wait(10)

    stack.blow = hold_third_answer
    terminal = terminals("--yes")
    assert is_under_way.wait(10)
    assert len(stack.sqs.hidden()) > 2

    interrupt(terminal)
    time.sleep(0.1)
    goes_on.set()

    assert terminal.exit_code() == exit_code
    assert stack.sqs.hidden() == []
    assert len(stack.sqs.bodies()) == 40
    assert stack.tried() == []


def test_ctrl_c_at_the_question_ends_it_with_nothing_hidden(
    stack: RedriveStack, terminals: Callable[..., Terminal]
) -> None:
    terminal = terminals()
    assert re.search(r"40 +SourceMissingError", terminal.read_until("Try 40 videos now?"))
    assert stack.sqs.hidden() == []

    terminal.press_until_it_ends(b"\x03")

    assert terminal.exit_code() == 130
    assert stack.sqs.hidden() == []
    assert stack.tried() == []
