"""Runs by what Step Functions and their summaries say, and how a person names one."""

from __future__ import annotations

import json
from datetime import UTC, timedelta

import pytest

from gopro_sync_cli.figures import clock, length, size
from gopro_sync_cli.run_history import RunState, last_ended, matching, merged, short_id, short_ids
from gopro_sync_cli.run_summary import NotASummaryError, read_summary
from tests.support.status_facts import NOW, STARTED, run

UUID = "34e2c559-610e-4914-a8fc-20463364a134"
OTHER = "34e2c559-0000-4914-a8fc-20463364a134"


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("SUCCEEDED", RunState.SUCCEEDED),
        ("PARTIAL_FAILURE", RunState.PARTIAL_FAILURE),
        ("FAILED", RunState.FAILED),
        ("RUNNING", RunState.RUNNING),
        ("TIMED_OUT", RunState.TIMED_OUT),
        ("ABORTED", RunState.ABORTED),
        ("PENDING_REDRIVE", RunState.UNKNOWN),
    ],
)
def test_how_a_run_ended(status: str, state: RunState) -> None:
    assert run(status).state is state


def test_a_run_that_ended_well_without_a_report_is_a_dry_run_and_not_the_last_one() -> None:
    good = run()
    execution = good.execution
    assert execution is not None
    (dry,) = merged([execution], {}, {})
    assert dry.state is RunState.DRY_RUN
    assert last_ended([dry]) is None
    assert last_ended([dry, good]) is good


def test_the_last_run_is_the_one_that_ended_last() -> None:
    long = run(started_at=STARTED)
    later = run("RUNNING", started_at=STARTED + timedelta(minutes=1))
    assert last_ended([later, long]) is long


def test_a_summary_that_was_not_read_is_of_a_run_of_which_little_is_known() -> None:
    good = run()
    (known,) = merged([], {good.name: STARTED}, {})
    assert (known.state, known.started_at, known.ended_at) == (RunState.UNKNOWN, STARTED, None)


def test_short_ids() -> None:
    assert short_id(UUID) == "34e2c559"
    assert short_id(f"{UUID}-12") == "34e2c559-12"
    assert short_id("by-hand-1") == "by-hand-1"
    assert short_ids([UUID, OTHER, f"{UUID}-2"]) == {UUID: UUID, OTHER: OTHER, f"{UUID}-2": "34e2c559-2"}


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        (UUID, [UUID]),
        (f"arn:aws:states:eu-central-1:123456789012:execution:gopro-sync-orchestrator:{UUID}-2", [f"{UUID}-2"]),
        ("34e2c559-2", [f"{UUID}-2"]),
        ("34e2c559", [UUID, OTHER]),
        ("34e2c559-6", [UUID, f"{UUID}-2"]),
        ("34e2c559-0", [OTHER]),
        ("night", ["night-1"]),
        ("nothing", []),
    ],
)
def test_what_a_person_may_mean(typed: str, found: list[str]) -> None:
    assert matching([UUID, OTHER, f"{UUID}-2", "night-1"], typed) == found


def test_a_summary_of_an_older_version_is_read_and_what_it_lacks_is_not_known() -> None:
    old = read_summary(json.dumps({"execution_id": UUID, "status": "SUCCEEDED", "synced": 3}))
    assert (old.synced, old.failed, old.counts, old.counted_at, old.cost_usd) == (3, None, None, None, None)


@pytest.mark.parametrize("videos", [{"total": 3}, {"total": "many"}, [], None, 3])
def test_counts_that_are_not_all_there_are_none(videos: object) -> None:
    assert read_summary(json.dumps({"execution_id": UUID, "videos": videos})).counts is None


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "{}", '{"execution_id": 3}', "\ud800".encode("utf-8", "replace")])
def test_what_is_no_summary(text: str | bytes) -> None:
    with pytest.raises(NotASummaryError):
        read_summary(text)


def test_odd_fields_are_not_known() -> None:
    odd = read_summary(
        json.dumps({"execution_id": UUID, "failures": [1], "failed_videos": [3, {"error": 3}], "listing_gap": "x"})
    )
    assert (odd.failures, list(odd.failed_videos), odd.lacking) == ({}, [], None)


def test_figures() -> None:
    assert [size(number) for number in (0, 999, 21_000_000_000, 2_310_000_000_000)] == [
        "0 B",
        "999 B",
        "21 GB",
        "2.31 TB",
    ]
    assert [length(seconds) for seconds in (14, 840, 9 * 3600, 86_400 * 3)] == ["14 s", "14 min", "9 h", "3 d"]
    assert clock(NOW - timedelta(days=1), NOW, UTC) == "yesterday 12:00"
