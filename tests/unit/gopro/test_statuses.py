from __future__ import annotations

from datetime import UTC, datetime

import httpx
import pytest

from gopro_sync.errors import (
    GoProApiChangedError,
    GoProSyncError,
    MediaGoneError,
    NetworkError,
    RetryableError,
    SessionRefusedError,
    ThrottledError,
)
from gopro_sync.gopro.statuses import Answer, error_for

NOW = datetime(2026, 5, 1, 2, 0, tzinfo=UTC)
BLOCK_PAGE = b"\n<!DOCTYPE HTML><H1>403 ERROR</H1>"


def error_of(
    status: int, body: bytes = b"{}", *, media_id: str | None = None, headers: dict[str, str] | None = None
) -> GoProSyncError | None:
    return error_for(Answer(status=status, headers=httpx.Headers(headers), body=body), now=NOW, media_id=media_id)


def test_only_200_is_no_error() -> None:
    assert error_of(200) is None
    assert all(error_of(status) is not None for status in range(100, 600) if status != 200)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (204, GoProApiChangedError),
        (301, GoProApiChangedError),
        (302, GoProApiChangedError),
        (400, GoProApiChangedError),
        (401, SessionRefusedError),
        (403, SessionRefusedError),
        (404, GoProApiChangedError),
        (406, GoProApiChangedError),
        (408, NetworkError),
        (410, GoProApiChangedError),
        (415, GoProApiChangedError),
        (418, GoProApiChangedError),
        (425, NetworkError),
        (429, ThrottledError),
        (500, NetworkError),
        (502, NetworkError),
        (503, NetworkError),
        (504, NetworkError),
        (509, ThrottledError),
    ],
)
def test_each_status_has_its_meaning(status: int, error: type[GoProSyncError]) -> None:
    assert type(error_of(status)) is error


def test_404_for_a_media_item_means_that_it_is_gone() -> None:
    error = error_of(404, media_id="a1")
    assert isinstance(error, MediaGoneError)
    assert error.media_id == "a1"


def test_a_block_page_asks_for_patience_and_not_for_a_new_credential() -> None:
    assert isinstance(error_of(403, BLOCK_PAGE), ThrottledError)
    assert isinstance(error_of(403, b"", headers={"content-type": "text/html; charset=utf-8"}), ThrottledError)


def test_a_pause_that_the_server_asks_for_is_passed_on() -> None:
    for status in (429, 503):
        error = error_of(status, headers={"Retry-After": "7"})
        assert isinstance(error, RetryableError)
        assert error.retry_after_seconds == 7.0


def test_a_pause_that_cannot_be_read_counts_as_not_asked_for() -> None:
    for status in (429, 503):
        error = error_of(status, headers={"Retry-After": "0\x1f"})
        assert isinstance(error, RetryableError)
        assert error.retry_after_seconds is None
