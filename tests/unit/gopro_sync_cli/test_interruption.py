"""What leaves when a signal and an error come together."""

from __future__ import annotations

import errno
import signal
from collections.abc import Iterator

import pytest

from gopro_sync_cli.interruption import Interruptions


@pytest.fixture(autouse=True)
def _sigterm() -> Iterator[None]:
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGTERM, before)


def _step(error: Exception | None) -> None:
    """Be interrupted in the middle of a step, which then ends with an error or without."""
    with Interruptions() as interruptions, interruptions.kept_back():
        signal.raise_signal(signal.SIGTERM)
        if error is not None:
            raise error


def test_a_signal_that_was_kept_back_takes_effect_at_the_end() -> None:
    with pytest.raises(SystemExit) as ended:
        _step(None)
    assert ended.value.code == 128 + signal.SIGTERM


def test_an_error_that_leaves_meanwhile_is_not_swallowed_by_it() -> None:
    with pytest.raises(RuntimeError, match="may have started"):
        _step(RuntimeError("It may have started as ARN"))


def test_a_terminal_that_no_longer_takes_what_is_reported_is_lost_before_its_signal_comes() -> None:
    with pytest.raises(SystemExit, match="129"), Interruptions():
        raise OSError(errno.EIO, "Input/output error")
    with pytest.raises(SystemExit, match="129"), Interruptions() as interruptions, interruptions.kept_back():
        raise OSError(errno.EIO, "Input/output error")


def test_an_error_of_another_kind_is_reported() -> None:
    with pytest.raises(OSError, match="No space"), Interruptions():
        raise OSError(errno.ENOSPC, "No space left on device")
