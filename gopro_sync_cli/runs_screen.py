"""What `runs` and `run ID` print for people. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC

from rich.table import Table

from gopro_sync_cli.figures import counted, dollars, length, size
from gopro_sync_cli.run_history import Run, RunState, short_ids
from gopro_sync_cli.run_summary import FailedVideo, RunSummary
from gopro_sync_cli.status_screen import Line

_WORDS = {
    RunState.RUNNING: "running",
    RunState.SUCCEEDED: "good",
    RunState.PARTIAL_FAILURE: "partial",
    RunState.FAILED: "failed",
    RunState.TIMED_OUT: "timed out",
    RunState.ABORTED: "stopped",
    RunState.DRY_RUN: "dry run",
    RunState.UNKNOWN: "unknown",
}
_STYLES = {RunState.FAILED: "red", RunState.TIMED_OUT: "red", RunState.PARTIAL_FAILURE: "yellow"}


def table_of(runs: Sequence[Run]) -> Table:
    """Return a table with a row for each run; what is not known is a dash."""
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    for heading in ("id", "started (UTC)", "result"):
        table.add_column(heading)
    for heading in ("archived", "failed", "size", "time", "cost"):
        table.add_column(heading, justify="right")
    ids = short_ids([run.name for run in runs])
    for run in runs:
        table.add_row(ids[run.name], *_cells(run), style=_STYLES.get(run.state))
    return table


def _cells(run: Run) -> Iterator[str]:
    summary = run.summary
    yield "-" if run.started_at is None else f"{run.started_at.astimezone(UTC):%Y-%m-%d %H:%M}"
    yield _WORDS[run.state]
    yield "-" if summary is None or summary.synced is None else f"{summary.synced:,}"
    yield "-" if summary is None or summary.failed is None else f"{summary.failed:,}"
    yield "-" if summary is None or summary.bytes_transferred is None else size(summary.bytes_transferred)
    yield (
        "-"
        if run.started_at is None or run.ended_at is None
        else length((run.ended_at - run.started_at).total_seconds())
    )
    yield "-" if summary is None or summary.cost_usd is None else _brief(summary.cost_usd)


def _brief(usd: float) -> str:
    return f"${usd:,.2f}" if usd >= 0.005 else "<$0.01"


def lines_of(run: Run, why: str | None) -> list[Line]:
    """Return one run in lines with labels.

    Args:
        run: with its summary, if there is one.
        why: what Step Functions says of its end, if there is none.
    """
    rows = [("run", run.name), ("result", _WORDS[run.state])]
    if run.is_notice_lost:
        rows.append(("notice", "could not be sent"))
    if run.started_at is not None:
        rows.append(("started", f"{run.started_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"))
    if run.started_at is not None and run.ended_at is not None:
        rows.append(("took", length((run.ended_at - run.started_at).total_seconds())))
    if why is not None:
        rows.append(("why", why))
    if run.summary is not None:
        rows += _of_summary(run.summary)
    arn = run.execution.arn if run.execution else run.summary.execution_id if run.summary else None
    return [*rows, *([("execution", arn)] if arn else [])]


def _of_summary(summary: RunSummary) -> Iterator[Line]:
    if summary.stopped_by is not None:
        yield "why", ": ".join(part for part in (summary.stopped_by, summary.stopped_because) if part)
    numbers = [
        ("found", summary.total_found),
        ("archived", summary.synced),
        ("failed", summary.failed),
        ("left", summary.deferred),
        ("postponed", summary.postponed),
        ("filtered", summary.filtered),
        ("waiting", summary.waiting),
        ("left out", summary.unrecordable),
        ("hidden", summary.lacking),
    ]
    always = {"found", "archived", "failed"}
    for label, number in numbers:
        if number or (number is not None and label in always):
            yield label, f"{number:,}"
    if summary.bytes_transferred is not None:
        yield "bytes", size(summary.bytes_transferred)
    if summary.cost_usd is not None:
        yield "cost", f"{dollars(summary.cost_usd)} (estimate, without storage)"
    if summary.skipped:
        kinds = ", ".join(f"{name.replace('_', ' ')} {number:,}" for name, number in summary.skipped.items())
        yield "not ours", f"{kinds}: NOT archived in it"


def failures_of(summary: RunSummary) -> list[str]:
    """Return the lines that name what failed in a run: by error, then the videos that the summary knows."""
    by_error = sorted(summary.failures.items(), key=lambda pair: (-pair[1], pair[0]))
    errors = [f"{error}: {counted(number, 'video')}" for error, number in by_error]
    named = [line for video in summary.failed_videos for line in _failed(video)]
    more = (summary.failed or 0) - len(summary.failed_videos)
    return [*errors, *named, *([f"and {counted(more, 'video')} more, not named here"] if named and more > 0 else [])]


def _failed(video: FailedVideo) -> Iterator[str]:
    due = "" if video.due is None else f", due again from {video.due.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    tries = "" if not video.attempts else f", attempt {video.attempts}"
    yield f"  {video.filename or '(no name)'} {video.media_id} {video.error}{tries}{due}"
    if video.reason is not None:
        yield f"    {video.reason}"
