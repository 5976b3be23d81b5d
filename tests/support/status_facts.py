"""A stack with which all is well, for tests to change one thing of."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from gopro_sync.gopro.session.credentials import CredentialMode
from gopro_sync.table.video_counts import VideoCounts
from gopro_sync_cli.run_history import Execution, Run
from gopro_sync_cli.run_summary import read_summary
from gopro_sync_cli.status_facts import Alerts, CountedVideos, Facts, Login, MonthCost, Schedule, Unread

NOW: Final = datetime(2026, 11, 28, 12, tzinfo=UTC)
STARTED: Final = datetime(2026, 11, 28, 1, tzinfo=UTC)
STATE_MACHINE: Final = "arn:aws:states:eu-central-1:123456789012:stateMachine:gopro-sync-orchestrator"
NAME: Final = "34e2c559-610e-4914-a8fc-20463364a134"
DENIED: Final = Unread(permission="aws:Something", why="aws:Something is denied", is_denied=True)


def run(
    status: str = "SUCCEEDED", *, execution: str | None = None, started_at: datetime = STARTED, **summary: Any
) -> Run:
    """Return a run that took 14 minutes.

    Args:
        status: of its summary; of the execution where that has none: RUNNING, TIMED_OUT or ABORTED.
        execution: of the execution, where it is another than follows from that.
        started_at: when it began.
        summary: more of its summary, or what differs.
    """
    name = f"{started_at:%m%d%H%M}{NAME[8:]}"
    arn = f"{STATE_MACHINE.replace('stateMachine', 'execution')}:{name}"
    has_summary = status in {"SUCCEEDED", "PARTIAL_FAILURE", "FAILED"}
    document = {"execution_id": arn, "status": status, "started_at": started_at.isoformat(), "duration_seconds": 840}
    counts = {"total_found": 1845, "synced": 6, "failed": 0, "deferred": 0}
    return Run(
        name=name,
        execution=Execution(
            name=name,
            arn=arn,
            status=execution or {"PARTIAL_FAILURE": "SUCCEEDED"}.get(status, status),
            started_at=started_at,
            stopped_at=None if status == "RUNNING" else started_at + timedelta(minutes=14),
        ),
        kept_since=started_at if has_summary else None,
        summary=read_summary(json.dumps(document | counts | summary)) if has_summary else None,
    )


def videos(**counts: int) -> CountedVideos:
    """Return a table of 1,845 archived videos, and of others."""
    known = VideoCounts(completed=1845, total=1845 + sum(counts.values()))
    return CountedVideos(
        counts=replace(known, **counts),
        as_of=STARTED + timedelta(minutes=14),
        is_recount=False,
        failed_by_error={"SourceMissingError": counts["failed"]} if counts.get("failed") else {},
        next_due=None,
    )


def facts(**changes: Any) -> Facts:
    """Return the facts of a stack with which all is well, but for the changes."""
    good = Facts(
        now=NOW,
        stack_name="gopro-s3-sync",
        stack_status="UPDATE_COMPLETE",
        state_machine_arn=STATE_MACHINE,
        program="gopro-sync",
        stack_option="",
        runs=(run(),),
        executions=None,
        summaries=None,
        videos=videos(),
        schedule=Schedule(is_enabled=True, expression="cron(0 1 * * ? *)"),
        login=Login(mode=CredentialMode.PASSWORD, expires_at=NOW + timedelta(hours=2), stored_at=STARTED),
        alerts=Alerts(confirmed=1, unconfirmed=0, has_slack=False),
        storage=None,
        cost=MonthCost(usd=4.91, runs=28, others=0),
    )
    return replace(good, **changes)
