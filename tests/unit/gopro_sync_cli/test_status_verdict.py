"""The one word of `status`: what makes it which, and what a person is told to type."""

from __future__ import annotations

from datetime import timedelta
from itertools import combinations
from typing import Any

import pytest

from gopro_sync.gopro.session.credentials import CredentialMode
from gopro_sync_cli.exit_codes import ExitCode
from gopro_sync_cli.status_facts import Login, Schedule
from gopro_sync_cli.status_verdict import Verdict, Word, judge
from tests.support.status_facts import DENIED, NOW, STARTED, STATE_MACHINE, facts, run, videos

DAY = timedelta(days=1)
DISABLED = Schedule(is_enabled=False, expression="cron(0 1 * * ? *)")
START = f"aws stepfunctions start-execution --state-machine-arn {STATE_MACHINE}"
SET = "gopro-sync credentials set"
SHOW = f"gopro-sync run {run().name[:8]}"
REFUSED: dict[str, Any] = {"stopped_by": "SessionRefusedError", "message": "GoPro refuses the session."}


def judged(**changes: Any) -> Verdict:
    return judge(facts(**changes))


def pasted(ended: timedelta) -> Login:
    return Login(mode=CredentialMode.PASTED_TOKEN, expires_at=NOW - ended, stored_at=STARTED - DAY)


def test_a_stack_with_which_all_is_well_is_safe() -> None:
    verdict = judged()
    assert (verdict.word, verdict.findings, verdict.exit_code) == (Word.SAFE, (), ExitCode.DONE)
    assert verdict.command == "gopro-sync runs"


@pytest.mark.parametrize(
    "changes",
    [
        {"runs": (run("RUNNING", started_at=NOW - timedelta(minutes=3)), run())},
        {"runs": (run("SUCCEEDED", started_at=NOW), run())},
        {"runs": (run("PARTIAL_FAILURE", started_at=STARTED - DAY), run())[::-1]},
        {"runs": (run(), run("FAILED", started_at=STARTED - DAY))},
        {"videos": videos(gone=3)},
        {"schedule": DISABLED},
        {"schedule": Schedule(is_enabled=True, expression="cron(0 1 ? * MON *)", changed_at=NOW - DAY)},
        {"schedule": Schedule(is_enabled=True, expression="cron(0 1 L * ? *)")},
        {"login": pasted(timedelta(hours=-5))},
        {"login": pasted(timedelta(hours=20))},  # GoPro has accepted it since
        {"storage": DENIED},
        {"cost": DENIED},
        {"alerts": DENIED},
        {"stack_status": "UPDATE_IN_PROGRESS"},
        {"stack_status": "UPDATE_ROLLBACK_COMPLETE"},
    ],
)
def test_what_leaves_it_safe(changes: dict[str, Any]) -> None:
    assert judged(**changes).word is Word.SAFE


@pytest.mark.parametrize(
    ("changes", "exit_code", "command"),
    [
        ({"videos": videos(pending=1)}, ExitCode.DONE, "gopro-sync runs"),
        ({"videos": videos(in_progress=1)}, ExitCode.DONE, "gopro-sync runs"),
        ({"videos": videos(unreadable=1)}, ExitCode.DONE, "gopro-sync runs"),
        ({"videos": videos(failed=1)}, ExitCode.FAILED, SHOW),
        ({"videos": videos(failed=1, pending=2)}, ExitCode.FAILED, SHOW),
        ({"runs": (run(unrecordable=1),)}, ExitCode.DONE, SHOW),
        ({"runs": (run(listing_gap={"stated": 9, "shown": 8}),)}, ExitCode.DONE, SHOW),
        ({"runs": (run("ABORTED"),)}, ExitCode.DONE, START),
        ({"runs": (run(started_at=STARTED - DAY),), "schedule": DISABLED}, ExitCode.DONE, START),
    ],
)
def test_what_makes_it_behind(changes: dict[str, Any], exit_code: ExitCode, command: str) -> None:
    verdict = judged(**changes)
    assert (verdict.word, verdict.exit_code, verdict.command) == (Word.BEHIND, exit_code, command)


@pytest.mark.parametrize(
    ("changes", "command"),
    [
        ({"runs": (run("FAILED", stopped_by="NetworkError"),)}, SHOW),
        ({"runs": (run("FAILED", **REFUSED),)}, SET),
        ({"runs": (run("FAILED", **REFUSED),), "login": Login(mode=CredentialMode.PASSWORD, stored_at=NOW)}, START),
        ({"runs": (run("FAILED", **REFUSED),), "login": DENIED}, SET),
        ({"runs": (run("TIMED_OUT"),)}, SHOW),
        ({"runs": (run(execution="FAILED"),)}, SHOW),  # its notice could not be sent
        ({"runs": (run("RUNNING", started_at=NOW), run("FAILED", stopped_by="NetworkError"))}, SHOW),
        ({"login": Login(mode=None)}, SET),
        ({"login": Login(mode=None, fault="no JSON")}, SET),
        ({"login": pasted(timedelta(hours=5))}, SET),
        ({"runs": (run(started_at=STARTED - DAY),)}, START),
        (
            {"runs": (run(started_at=STARTED - DAY),), "schedule": Schedule(is_enabled=True, expression="rate(1 day)")},
            START,
        ),
        ({"stack_status": "UPDATE_ROLLBACK_FAILED"}, None),
        ({"stack_status": "DELETE_IN_PROGRESS"}, None),
    ],
)
def test_what_makes_it_broken(changes: dict[str, Any], command: str | None) -> None:
    verdict = judged(**changes)
    assert (verdict.word, verdict.exit_code) == (Word.BROKEN, ExitCode.FAILED)
    assert verdict.command == command or command is None


@pytest.mark.parametrize(
    "changes",
    [
        {"executions": DENIED, "runs": (run(),)},
        {"summaries": DENIED, "runs": ()},
        {"videos": DENIED},
        {"schedule": DENIED},
        {"login": DENIED},
        {"runs": ()},
        {"runs": (run("RUNNING", started_at=NOW),)},
        {
            "runs": (run(started_at=STARTED - 9 * DAY),),
            "schedule": Schedule(is_enabled=True, expression="cron(0 1 L * ? *)"),
        },
    ],
)
def test_what_could_not_be_read_never_counts_as_good(changes: dict[str, Any]) -> None:
    verdict = judged(**({"schedule": DISABLED} | changes))
    assert (verdict.word, verdict.exit_code) == (Word.UNKNOWN, ExitCode.NOT_CHECKED)
    assert verdict.findings


def test_a_permission_that_is_missing_is_named_in_what_to_do() -> None:
    assert judged(login=DENIED).command == "allow aws:Something to these AWS credentials, then gopro-sync status"


BAD: list[dict[str, Any]] = [
    {"videos": DENIED},
    {"login": Login(mode=None)},
    {"schedule": DENIED},
    {"executions": DENIED},
    {"stack_status": "UPDATE_ROLLBACK_FAILED"},
    {"runs": (run("FAILED", stopped_by="NetworkError"),)},
]


@pytest.mark.parametrize("one", BAD)
def test_what_is_wrong_stays_wrong_with_whatever_else_is_wrong_too(one: dict[str, Any]) -> None:
    order = list(Word)
    alone = judged(**one).word
    for others in combinations(BAD, 2):
        together: dict[str, Any] = {}
        for change in (*others, one):
            together |= change
        assert order.index(judged(**together).word) >= order.index(alone)


def test_another_stack_is_named_in_what_to_type() -> None:
    assert judged(stack_option=" --stack-name dev").command == "gopro-sync runs --stack-name dev"


def test_of_a_schedule_that_is_new_no_run_is_expected_yet() -> None:
    old = (run(started_at=STARTED - DAY),)
    new = Schedule(is_enabled=True, expression="cron(0 1 * * ? *)", changed_at=NOW - timedelta(hours=1))
    assert judged(runs=old, schedule=new).word is Word.SAFE


def test_a_run_that_begins_late_since_the_schedule_tries_again_is_not_missed() -> None:
    night = STARTED + timedelta(minutes=50)
    assert judged(now=night, runs=(run(started_at=STARTED - DAY),)).word is Word.SAFE
    assert judged(now=night + timedelta(hours=1), runs=(run(started_at=STARTED - DAY),)).word is Word.BROKEN
