"""What came of a run: the code, the colour and the words, for every way in which the state machine can end."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

import pytest

from gopro_sync_cli.exit_codes import ExitCode
from local.verdict import Verdict, code_of_chain, verdict_of

ROOT: Final = Path(__file__).parents[3]
# As README shows it.
_README: Final = (ROOT / "README.md").read_text(encoding="utf-8")
_SUMMARY: Final[dict[str, Any]] = json.loads(
    re.search(r"```json\n(\{\n  \"execution_id\".*?\n\})\n```", _README, re.DOTALL)[1]  # type: ignore[index]
)
_GAP: Final = {"stated": 9, "shown": 7, "nameless": 0, "refused_from": None, "is_news": True}
_NAMED: Final = [{"media_id": "m1", "reason": "ValidationException", "filename": "GX.MP4", "type": "Hologram"}]


def _of(**changes: Any) -> Verdict:
    return verdict_of(status="SUCCEEDED", output={**_SUMMARY, **changes}, error=None, cause=None)


def _ended(status: str, error: str | None = None) -> Verdict:
    return verdict_of(status=status, output=None, error=error, cause="the cause")


def test_the_run_that_readme_shows_has_archived_everything() -> None:
    verdict = _of()

    assert (verdict.code, verdict.colour) == (ExitCode.DONE, "green")
    assert verdict.headline == "Everything that is due is archived: 7 videos, 7 of them in this run."


def test_where_nothing_waits_everything_is_archived() -> None:
    assert _of(skipped={"photo": 1}).headline == "Everything is archived: 7 videos, 7 of them in this run."


def test_a_run_with_nothing_to_do_has_archived_everything_too() -> None:
    verdict = _of(new_count=0, synced=0, already_synced=7)

    assert (verdict.code, verdict.colour) == (ExitCode.DONE, "green")


def test_an_empty_library_is_no_failure() -> None:
    verdict = _of(total_found=0, new_count=0, synced=0, skipped={})

    assert (verdict.code, verdict.colour) == (ExitCode.DONE, "green")
    assert verdict.headline == "The library holds no video to archive."


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"synced": 4, "deferred": 3}, "3 videos are left for the next run"),
        ({"synced": 4, "deferred": 3, "held_by_another_run": 3}, "3 videos are held by another run"),
        ({"synced": 6, "deferred": 1, "held_by_another_run": 1}, "1 video is held by another run"),
        ({"total_found": 8, "postponed": 1}, "1 video is postponed"),
        ({"waiting_in_vain": 1, "waiting_in_vain_videos": _NAMED}, "m1 (Hologram)"),
        ({"found_without_record": 2}, "./gopro-sync rebuild"),
    ],
)
def test_what_waits_is_named_and_is_no_failure(changes: dict[str, Any], says: str) -> None:
    verdict = _of(**changes)

    assert (verdict.code, verdict.colour) == (ExitCode.DONE, "yellow")
    assert says in "\n".join(verdict.lines)


def test_what_another_run_has_is_not_said_to_be_left_for_the_next() -> None:
    verdict = _of(synced=0, new_count=0, deferred=5, held_by_another_run=3)

    assert [line for line in verdict.lines if "another run" in line] != []
    assert next(line for line in verdict.lines if "next run" in line).startswith("2 videos")


@pytest.mark.parametrize("reason", ["not_ready", "unknown_type", "unknown_state"])
def test_an_item_that_gopro_does_not_offer_yet_is_named(reason: str) -> None:
    verdict = _of(skipped={reason: 2, "photo": 3})

    assert verdict.code is ExitCode.DONE
    assert f"2 items ({reason})" in "\n".join(verdict.lines)
    assert "3 photo" in "\n".join(verdict.lines)


def test_what_waits_is_named_by_its_id() -> None:
    waiting = [{"media_id": "m1", "reason": "not_ready"}, {"media_id": "m2", "reason": "unknown_type"}]

    verdict = _of(skipped={"not_ready": 3, "unknown_type": 1}, waiting_videos=waiting)

    assert verdict.headline.startswith("Everything that is due is archived")
    assert [line.partition("Each run looks again")[2] for line in verdict.lines] == [": m1 and 2 more", ": m2"]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"listing_gap": _GAP, "status": "PARTIAL_FAILURE"}, "GoPro counts 9 items and shows 7"),
        ({"unrecordable": 1, "unrecordable_videos": _NAMED}, "m1 (ValidationException)"),
        ({"skipped": {"malformed": 1}}, "1 item of the listing cannot be read"),
        ({"listing_gap": _GAP, "deferred": 2}, "GoPro counts 9 items and shows 7"),
        ({"listing_gap": {"stated": 9, "shown": 9, "nameless": 1}}, "1 item of the listing cannot be asked for"),
    ],
)
def test_what_could_not_be_checked_is_neither_archived_nor_failed(changes: dict[str, Any], says: str) -> None:
    verdict = _of(**changes)

    assert (verdict.code, verdict.colour) == (ExitCode.NOT_CHECKED, "yellow")
    assert says in "\n".join(verdict.lines)


def test_a_listing_that_shows_all_that_it_counts_is_not_said_to_hide_some() -> None:
    verdict = _of(listing_gap={"stated": 9, "shown": 9, "nameless": 1})

    assert "GoPro counts" not in "\n".join(verdict.lines)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"failed": 1, "synced": 6, "failures": {"IntegrityError": 1}}, "1 video failed (IntegrityError: 1)"),
        (
            {"failed": 2, "failures": {"A": 1, "B": 1}, "listing_gap": _GAP, "deferred": 3},
            "2 videos failed (A: 1, B: 1)",
        ),
        ({"gone": 1, "gone_videos": _NAMED}, "m1 (GX.MP4)"),
        (
            {"unavailable": 1, "unavailable_videos": [{"media_id": "m9", "reason": "not_in_library"}]},
            "m9 (not_in_library)",
        ),
    ],
)
def test_a_failure_is_one_whatever_else_is_true(changes: dict[str, Any], says: str) -> None:
    verdict = _of(**changes)

    assert (verdict.code, verdict.colour) == (ExitCode.FAILED, "bold red")
    assert says in "\n".join(verdict.lines)


def test_what_was_asked_for_and_is_not_ready_yet_has_not_failed() -> None:
    verdict = _of(unavailable=1, unavailable_videos=[{"media_id": "m9", "reason": "not_ready"}])

    assert verdict.code is ExitCode.DONE


def test_a_run_that_was_asked_for_some_videos_says_that_it_has_these() -> None:
    verdict = _of(total_found=7, synced=2, new_count=2, filtered=5)

    assert (verdict.code, verdict.colour) == (ExitCode.DONE, "green")
    assert verdict.headline == (
        "All that this run was asked for is archived. 2 of 7 videos archived, 2 of them in this run."
    )
    assert "Left to runs without this filter: 5 videos." in verdict.lines


def test_what_was_archived_before_is_not_said_to_have_been_asked_for() -> None:
    verdict = _of(total_found=12, already_synced=7, synced=0, new_count=0, filtered=5)

    assert verdict.headline.endswith("7 of 12 videos archived, 0 of them in this run.")


def test_a_dry_run_does_not_say_that_it_had_no_time() -> None:
    output = {"status": "DRY_RUN", "videos": 2, "bytes": 1, "remaining": 3, "total_found": 5}

    verdict = verdict_of(status="SUCCEEDED", output=output, error=None, cause=None)

    assert verdict.lines == ("3 videos would be left for the next run.",)


@pytest.mark.parametrize(
    ("changes", "code", "colour"),
    [
        ({}, ExitCode.DONE, "green"),
        ({"remaining": 5, "postponed": 1}, ExitCode.DONE, "green"),
        ({"listing_gap": _GAP}, ExitCode.NOT_CHECKED, "yellow"),
    ],
)
def test_a_dry_run_that_worked_says_what_it_would_do(changes: dict[str, Any], code: ExitCode, colour: str) -> None:
    output = {"status": "DRY_RUN", "videos": 2, "bytes": 3_000_000, "total_found": 2, "already_synced": 0, **changes}

    verdict = verdict_of(status="SUCCEEDED", output=output, error=None, cause=None)

    assert (verdict.code, verdict.colour) == (code, colour)
    assert verdict.headline == "Dry run, nothing was changed: a run would archive 2 videos, 3.0 MB."


@pytest.mark.parametrize(
    ("status", "error", "code"),
    [
        ("FAILED", "AuthenticationError", ExitCode.CANNOT_RUN),
        ("FAILED", "AccessDeniedError", ExitCode.CANNOT_RUN),
        ("FAILED", "GoProUnavailableError", ExitCode.CANNOT_RUN),
        ("FAILED", "Lambda.TooManyRequestsException", ExitCode.CANNOT_RUN),
        ("FAILED", "InvalidEventError", ExitCode.WRONG_USE),
        ("FAILED", "NoticeNotSent", ExitCode.FAILED),
        ("FAILED", "States.ExceedToleratedFailureThreshold", ExitCode.FAILED),
        ("FAILED", None, ExitCode.CANNOT_RUN),
        ("TIMED_OUT", "States.Timeout", ExitCode.FAILED),
        ("ABORTED", None, ExitCode.INTERRUPTED),
    ],
)
def test_a_run_that_did_not_come_to_its_end_says_why(status: str, error: str | None, code: ExitCode) -> None:
    verdict = _ended(status, error)

    assert (verdict.code, verdict.colour) == (code, "bold red")
    assert "\n".join(verdict.lines) == ("" if error is None else f"{error}: the cause")


@pytest.mark.parametrize("output", [{}, {"failed": None, "deferred": 0}, {"synced": 2}, {"failed": "0", "deferred": 0}])
def test_an_output_that_does_not_say_is_not_taken_for_a_good_one(output: dict[str, Any]) -> None:
    verdict = verdict_of(status="SUCCEEDED", output=output, error=None, cause=None)

    assert verdict.code is ExitCode.NOT_CHECKED


_LEFT, _FAILED, _GAP_FOUND = {"synced": 4, "deferred": 3}, {"failed": 1, "deferred": 3}, {"listing_gap": _GAP}


@pytest.mark.parametrize(
    ("runs", "code"),
    [
        ([_LEFT, {}], ExitCode.DONE),
        ([_FAILED, {}], ExitCode.FAILED),
        ([_FAILED, _GAP_FOUND], ExitCode.FAILED),
        ([{**_LEFT, **_GAP_FOUND}, {}], ExitCode.DONE),
        ([_LEFT, _GAP_FOUND], ExitCode.NOT_CHECKED),
    ],
)
def test_of_runs_that_resume_a_backlog_the_last_one_knows_best_but_of_failures(
    runs: list[dict[str, Any]], code: ExitCode
) -> None:
    assert code_of_chain([_of(**changes) for changes in runs]) is code


def test_runs_the_last_of_which_cannot_work_end_as_it_does() -> None:
    assert code_of_chain([_of(**_FAILED), _ended("FAILED", "AuthenticationError")]) is ExitCode.CANNOT_RUN
