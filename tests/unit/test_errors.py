"""Errors: what happened, to which video, and what to do."""

from __future__ import annotations

import builtins
import inspect

import pytest

from gopro_sync import errors
from gopro_sync.errors import (
    GoProSyncError,
    NetworkError,
    RefusalError,
    RetryableError,
    SourceMissingError,
    ThrottledError,
)

RAISED = [
    member
    for _, member in inspect.getmembers(errors, inspect.isclass)
    if issubclass(member, GoProSyncError) and member not in {GoProSyncError, RefusalError, RetryableError}
]


def test_message_names_the_video_and_the_remedy() -> None:
    text = str(SourceMissingError("GoPro offers 2 of 3 chapters", media_id="abc123"))

    assert text.startswith("GoPro offers 2 of 3 chapters (media item abc123). ")
    assert SourceMissingError.remedy in text


@pytest.mark.parametrize("error_class", RAISED)
def test_every_error_tells_the_operator_what_to_do(error_class: type[GoProSyncError]) -> None:
    assert error_class.remedy.endswith(".")
    assert error_class.__doc__


def test_no_error_hides_a_builtin_but_the_one_that_the_specification_names() -> None:
    # Step Functions matches on the bare class name. Python's own TimeoutError leaves no function under its name.
    hidden = [error_class for error_class in RAISED if hasattr(builtins, error_class.__name__)]
    assert hidden == [errors.TimeoutError]


def test_what_takes_too_long_is_handled_wherever_a_network_error_is() -> None:
    assert issubclass(errors.TimeoutError, NetworkError)


def test_retryable_error_carries_what_the_server_asked_for() -> None:
    assert ThrottledError("Too many requests", retry_after_seconds=12).retry_after_seconds == 12
