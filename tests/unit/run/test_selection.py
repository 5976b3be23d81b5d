from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gopro_sync.errors import InvalidEventError
from gopro_sync.gopro.library.media import MediaItem
from gopro_sync.run.selection import read_selection

MAY = datetime(2026, 5, 1, tzinfo=UTC)


def item(**fields: Any) -> MediaItem:
    return MediaItem(
        **{
            "media_id": "m1",
            "type": "Video",
            "ready_to_view": "ready",
            "uploaded_at": MAY,
            "captured_at": MAY,
            **fields,
        }
    )


def takes(media: MediaItem, **filters: Any) -> bool:
    return read_selection({"filters": filters}).takes(media)


@pytest.mark.parametrize("event", [{}, {"filters": None}, {"filters": {}}, {"redrive": False}])
def test_without_filters_everything_is_taken(event: dict[str, Any]) -> None:
    selection = read_selection(event)
    assert selection.takes(item(type="anything", captured_at=None))
    assert not selection.redrive


@pytest.mark.parametrize(
    ("filters", "is_taken"),
    [
        ({"media_ids": ["m1", "m2"]}, True),
        ({"media_ids": ["m2"]}, False),
        ({"media_types": ["Video"]}, True),
        ({"media_types": ["TimeLapseVideo"]}, False),
        ({"uploaded_since": "2026-05-01T00:00:00Z"}, True),
        ({"uploaded_since": "2026-05-01T00:00:01Z"}, False),
        ({"uploaded_until": "2026-05-01T00:00:00Z"}, False),
        ({"uploaded_until": "2026-05-01T00:00:01Z"}, True),
        ({"captured_since": "2026-05-01T02:00:00+02:00"}, True),
        ({"captured_until": "2026-05-01T00:00:00Z"}, False),
        ({"media_ids": ["m1"], "media_types": ["Looped"]}, False),
    ],
)
def test_each_filter_takes_what_it_names(filters: dict[str, Any], is_taken: bool) -> None:
    assert takes(item(), **filters) is is_taken


def test_a_video_whose_capture_time_is_unknown_passes_no_filter_on_it() -> None:
    assert not takes(item(captured_at=None), captured_since="2000-01-01T00:00:00Z")
    assert takes(item(captured_at=None), uploaded_since="2000-01-01T00:00:00Z")


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - the bounds
def test_two_runs_that_share_a_border_take_each_video_once(border: datetime) -> None:
    text = border.isoformat()
    assert takes(item(), uploaded_until=text) is not takes(item(), uploaded_since=text)


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({"filters": []}, "'filters' is not a JSON object"),
        (
            {"filters": {"uploaded_sinse": "2026-05-01T00:00:00Z"}},
            "unknown filters: 'uploaded_sinse' .did you mean 'uploaded_since'",
        ),
        (
            {"filters": {"media_types": ["Vidoe"]}},
            "No video is of the type Vidoe; the types are Audio, Burst, BurstVideo",
        ),
        ({"filters": {"media_types": ["Photo"]}}, "No video is of the type Photo"),
        ({"filters": {"media_ids": []}}, "'media_ids' is not a list of strings"),
        ({"filters": {"media_ids": "m1"}}, "'media_ids' is not a list of strings"),
        ({"filters": {"media_ids": [1]}}, "'media_ids' is not a list of strings"),
        ({"filters": {"uploaded_since": "yesterday"}}, "'uploaded_since' is not an ISO 8601 time"),
        ({"redrive": "yes"}, "'redrive' is neither true nor false"),
    ],
)
def test_a_typo_is_named_instead_of_taking_everything_or_nothing(event: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidEventError, match=message):
        read_selection(event)


STANDING: Final = {"media_types": ["Video"], "uploaded_since": "2026-01-01T00:00:00Z"}


def test_the_stacks_filters_hold_for_a_run_that_names_none() -> None:
    selection = read_selection({}, STANDING)

    assert selection.media_types == {"Video"}
    assert selection.uploaded_since == datetime(2026, 1, 1, tzinfo=UTC)


def test_a_runs_filter_takes_the_place_of_the_stacks_and_null_lifts_it() -> None:
    asked = {"filters": {"uploaded_since": "2020-01-01T00:00:00Z", "media_types": None}}

    selection = read_selection(asked, STANDING)

    assert selection.uploaded_since == datetime(2020, 1, 1, tzinfo=UTC)
    assert selection.media_types is None
