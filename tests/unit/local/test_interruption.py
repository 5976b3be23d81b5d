"""Ctrl-C, SIGTERM and a lost terminal end a command with the exit code that shells expect, and not its cleaning up."""

from __future__ import annotations

import errno
import signal
import threading
from collections.abc import Iterator

import pytest

from local.interruption import Interruption, interruptible, kept_back

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture(autouse=True)
def _handlers_of_this_process() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(
    ("number", "code", "stated"),
    [(signal.SIGINT, 130, ["Interrupted."]), (signal.SIGTERM, 143, ["Interrupted."]), (signal.SIGHUP, 129, [])],
)
def test_each_signal_ends_a_command_with_its_own_exit_code(number: int, code: int, stated: list[str]) -> None:
    lines: list[str] = []

    with pytest.raises(SystemExit) as ended, interruptible(lines.append):
        signal.raise_signal(signal.Signals(number))

    assert (ended.value.code, lines) == (code, stated)


def test_a_hangup_that_was_ignored_before_stays_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does

    with interruptible(print), kept_back():
        signal.raise_signal(signal.SIGHUP)


def test_an_interruption_that_was_ignored_before_is_heeded() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a shell does for background jobs of a script

    with pytest.raises(SystemExit), interruptible(lambda _line: None):
        signal.raise_signal(signal.SIGINT)


def test_a_terminal_that_is_lost_before_its_signal_arrives_counts_as_a_hangup() -> None:
    with pytest.raises(SystemExit) as ended, interruptible(print):
        raise OSError(errno.EIO, "Input/output error")

    assert ended.value.code == 129


def test_another_error_is_none_of_its_business() -> None:
    with pytest.raises(OSError, match="No space"), interruptible(print):
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("first", _SIGNALS)
def test_signals_wait_for_the_end_of_the_cleaning_up(first: signal.Signals, capfd: pytest.CaptureFixture[str]) -> None:
    cleaned: list[str] = []

    def work_and_clean_up() -> None:
        try:
            signal.raise_signal(first)
        finally:
            with kept_back():
                signal.raise_signal(signal.SIGINT)
                cleaned.append("half")
                signal.raise_signal(signal.SIGTERM)
                cleaned.append("whole")

    with pytest.raises(SystemExit) as ended, interruptible(lambda _line: None):
        work_and_clean_up()

    assert cleaned == ["half", "whole"]
    assert ended.value.code == 130
    assert "Cleaning up" in capfd.readouterr().err


def test_the_first_signal_takes_effect_after_what_was_in_progress() -> None:
    done: list[str] = []

    def clean_up_and_go_on() -> None:
        with kept_back():
            signal.raise_signal(signal.SIGTERM)
            done.append("cleaned up")
        done.append("went on")

    with interruptible(print), pytest.raises(Interruption) as interruption:
        clean_up_and_go_on()

    assert (interruption.value.number, done) == (signal.SIGTERM, ["cleaned up"])


def test_a_thread_that_cannot_handle_signals_can_clean_up() -> None:
    done: list[str] = []

    def clean_up() -> None:
        with kept_back():
            done.append("cleaned up")

    thread = threading.Thread(target=clean_up)
    thread.start()
    thread.join()

    assert done == ["cleaned up"]
