"""Runs as JSON records (docs/cli.md). Pure."""

from __future__ import annotations

from typing import Any

from gopro_sync.values.timestamps import iso_utc
from gopro_sync_cli.run_history import Run
from gopro_sync_cli.run_summary import FailedVideo


def run_record(run: Run) -> dict[str, Any]:
    """Return a run as a record; what is not known is null."""
    summary = run.summary
    return {
        "type": "run",
        "id": run.name,
        "arn": run.execution.arn if run.execution else summary.execution_id if summary else None,
        "state": run.state,
        "started_at": None if run.started_at is None else iso_utc(run.started_at),
        "ended_at": None if run.ended_at is None else iso_utc(run.ended_at),
        "archived": None if summary is None else summary.synced,
        "failed": None if summary is None else summary.failed,
        "left": None if summary is None else summary.deferred,
        "bytes": None if summary is None else summary.bytes_transferred,
        "cost_usd": None if summary is None else summary.cost_usd,
        "error": None if summary is None else summary.stopped_by,
    }


def failed_video_record(run: Run, video: FailedVideo) -> dict[str, Any]:
    """Return a video that failed in a run as a record."""
    return {
        "type": "failed_video",
        "run": run.name,
        "media_id": video.media_id,
        "filename": video.filename,
        "error": video.error,
        "reason": video.reason,
        "attempts": video.attempts,
        "next_attempt_at": None if video.due is None else iso_utc(video.due),
    }
