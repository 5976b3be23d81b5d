"""Errors: what happened, to which video, and what to do."""

from __future__ import annotations

import inspect

import pytest

from gopro_sync import errors
from gopro_sync.errors import GoProSyncError, RetryableError, SourceMissingError, ThrottledError

RAISED = [
    member
    for _, member in inspect.getmembers(errors, inspect.isclass)
    if issubclass(member, GoProSyncError) and member not in {GoProSyncError, RetryableError}
]


def test_message_names_the_video_and_the_remedy() -> None:
    text = str(SourceMissingError("GoPro offers 2 of 3 chapters", media_id="abc123"))

    assert text.startswith("GoPro offers 2 of 3 chapters (media item abc123). ")
    assert SourceMissingError.remedy in text


@pytest.mark.parametrize("error_class", RAISED)
def test_every_error_tells_the_operator_what_to_do(error_class: type[GoProSyncError]) -> None:
    assert error_class.remedy.endswith(".")
    assert error_class.__doc__


def test_no_error_hides_a_builtin() -> None:
    # Step Functions matches on the bare class name; a `TimeoutError` of ours could not be told from Python's.
    assert not [error_class.__name__ for error_class in RAISED if error_class.__name__ in dir(__builtins__)]


def test_retryable_error_carries_what_the_server_asked_for() -> None:
    assert ThrottledError("Too many requests", retry_after_seconds=12).retry_after_seconds == 12
