"""What `status`, `runs` and `run` print for people, and for programs."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gopro_sync.gopro.session.credentials import CredentialMode
from gopro_sync_cli.run_records import failed_video_record, run_record
from gopro_sync_cli.runs_screen import failures_of, lines_of, table_of
from gopro_sync_cli.status_command import print_labelled
from gopro_sync_cli.status_facts import Alerts, Login, MonthCost, Schedule
from gopro_sync_cli.status_screen import headline, lines, record
from gopro_sync_cli.status_verdict import judge
from gopro_sync_cli.terminal_output import VerbatimConsole, output_console, print_table
from tests.support.status_facts import DENIED, NOW, STARTED, facts, run, videos

BERLIN = Schedule(is_enabled=True, expression="cron(0 2 * * ? *)", zone_name="Europe/Berlin")
FAILED = {
    "media_id": "abc",
    "error": "SourceMissingError",
    "filename": "GX010456.MP4",
    "reason": "GoPro has no original of it.",
    "attempts": 2,
    "next_attempt_after": "2026-11-29T22:00:00Z",
}


def told(**changes: Any) -> dict[str, str]:
    known = facts(**changes)
    return dict(lines(known, judge(known)))


def first_line(**changes: Any) -> str:
    known = facts(**changes)
    return headline(known, judge(known))


def test_a_stack_with_which_all_is_well_has_no_line_of_what_does_not_exist() -> None:
    assert first_line() == "SAFE  1,845 of 1,845 videos archived"
    assert told() == {
        "last run": "today 01:00, 6 archived, 14 min",
        "next run": "tomorrow 01:00 UTC",
        "login": "e-mail and password, renews itself, good until today 14:00, last used today 01:00",
        "cost": "$4.91 this month (28 runs, estimate, without storage)",
        "as of": "today 12:00, by the count of today 01:14 and the changes since",
    }


def test_what_is_left_is_told_with_its_errors_and_its_age() -> None:
    counted_at = (STARTED + timedelta(minutes=14)).isoformat()
    last = run("PARTIAL_FAILURE", failed=1, deferred=2, counted_at=counted_at, oldest_pending_age_hours=9.0)
    left = replace(videos(failed=3, pending=2, in_progress=1), failed_by_error={"A": 1, "B": 2}, next_due=NOW)
    assert first_line(runs=(last,), videos=left) == "BEHIND  1,845 of 1,851 videos archived"
    lines = told(runs=(last,), videos=left)
    assert lines["last run"] == "today 01:00, 6 archived, 1 failed, 2 left to the next, 14 min"
    assert lines["waiting"] == "3, 1 of them begun"
    assert lines["failed"] == "3 (B 2, A 1), next try in the next run"
    assert lines["oldest"] == "not archived for 20 h"


def test_times_go_by_the_clock_of_the_schedule() -> None:
    lines = told(schedule=BERLIN)
    assert (lines["last run"][:11], lines["next run"]) == ("today 02:00", "tomorrow 02:00 Europe/Berlin")


def test_what_is_not_archived_is_said_also_after_a_run_that_could_not_list() -> None:
    skipped = {"photo": 312, "edit": 14, "audio": 1, "not_ready": 2}
    listed = run(started_at=STARTED - timedelta(days=1), skipped=skipped, filtered=2)
    broken = run("FAILED", stopped_by="SessionRefusedError", message="no", total_found=None)
    for runs in ((listed,), (broken, listed)):
        assert told(runs=runs, videos=videos(gone=1))["not ours"] == (
            "312 photos, 14 edits, 1 audio file, 2 videos outside your filters, 1 video gone at GoPro too early: "
            "NOT archived"
        )


def test_bytes_that_s3_has_measured_are_told_by_class() -> None:
    storage = {"Standard": 21_000_000_000, "Deep Archive": 2_290_000_000_000}
    assert first_line(storage=storage).endswith("archived (2.31 TB)")
    assert told(storage=storage)["storage"] == "Deep Archive 2.29 TB, Standard 21 GB"


@pytest.mark.parametrize(
    ("alerts", "line"),
    [
        (
            Alerts(confirmed=0, unconfirmed=1, has_slack=False),
            "1 address not confirmed: follow the link in AWS's e-mail",
        ),
        (
            Alerts(confirmed=0, unconfirmed=0, has_slack=False),
            "reach nobody: set AlertEmail in samconfig.toml, and deploy again",
        ),
        (Alerts(confirmed=0, unconfirmed=0, has_slack=True), None),
    ],
)
def test_who_is_not_told_of_failures(alerts: Alerts, line: str | None) -> None:
    assert told(alerts=alerts).get("alerts") == line


def test_what_could_not_be_read_says_so_and_the_others_are_told() -> None:
    unread = dict.fromkeys(
        ("executions", "summaries", "videos", "schedule", "login", "alerts", "storage", "cost"), DENIED
    )
    assert first_line(**unread) == "UNKNOWN  how many videos are archived could not be read"
    lines = told(**unread)
    assert all("denied" in text for label, text in lines.items() if label != "last run")
    assert {"runs", "summaries", "videos", "next run", "login", "alerts", "storage"} <= lines.keys()


def test_other_states_of_a_stack() -> None:
    assert "UPDATE_IN_PROGRESS" in told(stack_status="UPDATE_IN_PROGRESS")["stack"]
    disabled = Schedule(is_enabled=False, expression="cron(0 1 * * ? *)")
    assert told(schedule=disabled)["next run"] == "none: the schedule is disabled"
    odd = Schedule(is_enabled=True, expression="cron(0 1 L * ? *)")
    assert told(schedule=odd)["next run"] == "by cron(0 1 L * ? *) UTC"
    assert told(runs=(run("RUNNING", started_at=NOW - timedelta(minutes=3)), run()))["running"].endswith("for 3 min")
    ended = Login(mode=CredentialMode.PASTED_TOKEN, expires_at=NOW - timedelta(hours=1))
    assert "ended today 11:00" in told(login=ended)["login"]
    some = MonthCost(usd=0.001, runs=1, others=2)
    assert (
        told(cost=some)["cost"] == "under $0.01 this month (1 run, estimate, without storage; 2 more runs did not say)"
    )


def test_the_record_has_the_same_and_null_for_what_is_not_known() -> None:
    known = facts(schedule=DENIED, videos=videos(pending=2), executions=DENIED)
    status = json.loads(json.dumps(record(known, judge(known))))
    assert (status["type"], status["verdict"], status["schedule"], status["next_run_at"]) == (
        "status",
        "UNKNOWN",
        None,
        None,
    )
    assert status["videos"]["total"] == 1847
    assert status["last_run"]["archived"] == 6
    assert status["unread"] == {"executions": "aws:Something is denied", "schedule": "aws:Something is denied"}
    nothing = facts(runs=(), videos=DENIED, login=DENIED, cost=DENIED, alerts=DENIED)
    assert record(nothing, judge(nothing)).keys() == status.keys(), "programs find every field"


def terminal(width: int) -> tuple[VerbatimConsole, io.StringIO]:
    file = io.StringIO()
    console = output_console(file, width=width)
    console._force_terminal = True
    console.no_color = True
    return console, file


def test_in_a_terminal_long_lines_are_folded_between_words_and_no_key_is() -> None:
    arn = "arn:aws:states:eu-central-1:123456789012:execution:gopro-sync-orchestrator:34e2c559-610e-4914-a8fc"
    console, file = terminal(80)
    print_labelled(console, [("why", f"the last run failed, and {'so did all that was tried after it, ' * 3}{arn}")])
    printed = file.getvalue().splitlines()
    assert len(printed) > 2
    assert arn in printed[-1]
    assert all(len(line) <= 80 or line.strip() == arn for line in printed)


def test_a_table_of_runs_fits_into_80_columns() -> None:
    runs = [
        run(synced=1000, failed=12, bytes_transferred=512_000_000_000, cost_usd=12.34),
        run("TIMED_OUT", started_at=NOW),
    ]
    console, file = terminal(80)
    print_table(console, table_of(runs))
    printed = [line.rstrip() for line in file.getvalue().splitlines()]
    assert len(printed) == 3
    assert all(len(line) <= 80 for line in printed)
    assert "2026-11-28 01:00" in printed[1]
    assert "timed out" in printed[2]


def test_a_run_is_told_with_its_failures() -> None:
    failed = run(
        "PARTIAL_FAILURE", failed=25, failures={"SourceMissingError": 24, "NetworkError": 1}, failed_videos=[FAILED]
    )
    lines = dict(lines_of(failed, None))
    assert (lines["result"], lines["archived"], lines["failed"]) == ("partial", "6", "25")
    assert failed.summary is not None
    assert failures_of(failed.summary) == [
        "SourceMissingError: 24 videos",
        "NetworkError: 1 video",
        "  GX010456.MP4 abc SourceMissingError, attempt 2, due again from 2026-11-29 22:00 UTC",
        "    GoPro has no original of it.",
        "and 24 videos more, not named here",
    ]
    assert run_record(failed)["failed"] == 25
    assert failed_video_record(failed, failed.summary.failed_videos[0])["reason"] == "GoPro has no original of it."


def test_a_run_without_a_summary_is_told_by_what_step_functions_says() -> None:
    lines = dict(lines_of(run("TIMED_OUT"), "States.Timeout"))
    assert (lines["result"], lines["why"]) == ("timed out", "States.Timeout")
    assert run_record(run("TIMED_OUT"))["archived"] is None


def test_the_page_names_every_field_of_the_records() -> None:
    page = (Path(__file__).parents[3] / "docs" / "cli.md").read_text(encoding="utf-8")
    known, failed = facts(), run(failed_videos=[FAILED])
    assert failed.summary is not None
    records = [
        record(known, judge(known)),
        run_record(failed),
        failed_video_record(failed, failed.summary.failed_videos[0]),
    ]
    for one in records:
        (row,) = [line for line in page.splitlines() if f"| `{one['type']}` |" in line]
        assert [f"`{name}`" for name in one if name != "type"] == [
            word for word in row.split("|")[3].replace(",", "").replace(";", "").split() if word.startswith("`")
        ][: len(one) - 1]
