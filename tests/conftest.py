"""What holds for all tests."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from functools import cache

import pytest
from hypothesis import settings
from typer import main, testing

from local import processes

# A busy machine is no failure: how long one example takes says nothing about the code.
settings.register_profile("quick", deadline=None, max_examples=30)
settings.register_profile("thorough", deadline=None, max_examples=150)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

# A shell starts what runs in the background with these ignored, and nohup with SIGHUP; what the tests start inherits
# that, and would not end by the signals that tests send.
for _number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, signal.default_int_handler if _number == signal.SIGINT else signal.SIG_DFL)


@pytest.fixture(autouse=True, scope="session")
def _commands_are_made_once() -> Iterator[None]:
    """Make the commands of an application once per process: for each command that is run, it takes longer than that."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(testing, "_get_command", cache(main.get_command))
        yield


@pytest.fixture(autouse=True, scope="session")
def _no_background_process_is_left() -> Iterator[None]:
    """End what tests have started in the background and not ended: Python would complain of each at its own end."""
    yield
    for process in processes._children.values():
        process.kill()
        process.wait()
