"""What a run is asked for is understood as it was meant, or refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gopro_sync.errors import InvalidEventError
from gopro_sync.run.run_input import RUN_FIELDS, read_run_input
from gopro_sync.run.selection import FILTER_FIELDS


@pytest.mark.parametrize(
    ("run_input", "meant"),
    [
        ({"dryrun": True}, "did you mean 'dry_run'?"),
        ({"dryRun": True}, "did you mean 'dry_run'?"),
        ({"dry-run": True}, "did you mean 'dry_run'?"),
        ({"filter": {"media_ids": ["a"]}}, "did you mean 'filters'?"),
        ({"maxVideos": 5}, "did you mean 'max_videos'?"),
        ({"max_video": 5}, "did you mean 'max_videos'?"),
        ({"re_drive": True}, "did you mean 'redrive'?"),
        ({"continue_backlogs": False}, "did you mean 'continue_backlog'?"),
        ({"media_ids": ["a"]}, "did you mean 'media_ids' inside of 'filters'?"),
        ({"uploaded_from": "2026-01-01T00:00:00Z"}, "'uploaded_from'"),
        ({"filters": {"mediaIds": ["a"]}}, "did you mean 'media_ids'?"),
        ({"filters": {"uploaded_since": "2026-01-01T00:00:00Z", "type": "Video"}}, "'type'"),
    ],
)
def test_a_misspelt_name_is_refused_and_the_one_that_was_meant_is_reported(
    run_input: dict[str, Any], meant: str
) -> None:
    with pytest.raises(InvalidEventError) as refused:
        read_run_input(run_input, {})
    assert meant in refused.value.message
    assert "The known ones are " in refused.value.message


@pytest.mark.parametrize(
    ("run_input", "reported"),
    [
        (None, "null"),
        ([], "a list"),
        ([{"dry_run": True}], "a list"),
        ("dry_run", "a text"),
        (5, "a number"),
        (True, "true or false"),
    ],
)
def test_an_input_that_is_no_object_is_refused(run_input: Any, reported: str) -> None:
    with pytest.raises(InvalidEventError) as refused:
        read_run_input(run_input, {})
    assert refused.value.message == f"The run's input is not a JSON object, such as {{}}, but {reported}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("dry_run", "true"),
        ("dry_run", 1),
        ("redrive", "yes"),
        ("continue_backlog", "false"),
        ("max_videos", "10"),
        ("max_videos", 0),
        ("max_videos", True),
        ("filters", ["media_ids"]),
        ("filters", "media_ids"),
        ("chain", 5),
        ("link", "2"),
        ("day_began_at", "yesterday"),
        ("runs_of_day", "2"),
        ("redrive_began_at", "yesterday"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_by_its_name(name: str, value: Any) -> None:
    with pytest.raises(InvalidEventError, match=name):
        read_run_input({name: value}, {})


@pytest.mark.parametrize(
    "run_input",
    [
        {},
        dict.fromkeys(sorted(RUN_FIELDS)),
        {"Comment": "started by hand"},
        {"AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID": "arn:aws:states:eu-central-1:123456789012:execution:other:1"},
        {"chain": "first", "link": 2, "continue_backlog": True},
        {"chain": "first", "link": 2, "day_began_at": "2026-03-01T02:00:00.000Z", "runs_of_day": 2},
    ],
)
def test_what_asks_for_nothing_special_is_a_run_of_everything(run_input: dict[str, Any]) -> None:
    asked = read_run_input(run_input, {})
    assert (asked.max_videos, asked.is_dry_run, asked.selection.media_ids, asked.selection.redrive) == (
        None,
        False,
        None,
        False,
    )


def test_what_was_asked_for_is_what_is_read() -> None:
    asked = read_run_input({"max_videos": 7, "dry_run": True, "redrive": True, "filters": {"media_ids": ["a"]}}, {})
    assert (asked.max_videos, asked.is_dry_run) == (7, True)
    assert (asked.selection.redrive, asked.selection.media_ids) == (True, frozenset({"a"}))


def test_a_later_run_of_a_redrive_takes_no_video_a_second_time() -> None:
    began_at = datetime(2026, 6, 1, 2, 0, 0, 500_000, tzinfo=UTC)
    first = read_run_input({"redrive": True}, {}).selection
    later = read_run_input({"redrive": True, "redrive_began_at": "2026-06-01T02:00:00.500Z"}, {}).selection
    before, since = began_at - timedelta(seconds=1), began_at + timedelta(minutes=5)

    assert [first.redrives(failed_at) for failed_at in (None, before, since)] == [True, True, True]
    assert [later.redrives(failed_at) for failed_at in (None, before, since)] == [True, True, False]


@given(name=st.text(max_size=30))
def test_no_name_is_passed_over(name: str) -> None:
    known = {*RUN_FIELDS, "Comment", "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID"}
    known |= {"chain", "link", "day_began_at", "runs_of_day"}
    if name not in known:
        with pytest.raises(InvalidEventError, match="unknown fields"):
            read_run_input({name: None}, {})
    if name not in FILTER_FIELDS:
        with pytest.raises(InvalidEventError, match="unknown filters"):
            read_run_input({"filters": {name: None}}, {})
