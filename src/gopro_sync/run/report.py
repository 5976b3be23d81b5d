"""The end of a run: its summary is completed, kept in S3 and counted as metrics, and the notice is written.

The state machine requests it by ``{"action": "report_run", ...}`` to gopro-media-lister, and ``count_run``, with the
same fields, where that has failed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from gopro_sync.cost.model import RunUsage, cost_of_run
from gopro_sync.cost.prices import load_prices
from gopro_sync.errors import GoProSyncError, RetryableError
from gopro_sync.run.failed_videos import describe_failed_videos
from gopro_sync.run.listing_gap import remember_gap
from gopro_sync.run.notice_lines import MOST_NAMED
from gopro_sync.run.notices import PARTIAL_FAILURE, notice_of
from gopro_sync.run.run_end import RunEnd, read_run_end
from gopro_sync.run.run_files import write_summary
from gopro_sync.settings import NOBODY, Settings
from gopro_sync.table.tracker import PendingVideos
from gopro_sync.telemetry.logs import EventType, logger
from gopro_sync.telemetry.metrics import Metric, emit, emit_failures
from gopro_sync.values.event_fields import (
    JsonObject,
    optional_count,
    optional_seconds,
    required_count,
    required_text,
)
from gopro_sync.values.outside_values import zoned_moment_or_none
from gopro_sync.values.timestamps import iso_utc

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from gopro_sync.table.listing_record import ListingRecord
    from gopro_sync.table.source_etags import SourceEtagRecord
    from gopro_sync.table.tracker import Tracker

_SECONDS_PER_HOUR: Final = 3600
_BYTES_PER_MEGABYTE: Final = 1e6
_NO_ALERTS_NOTE: Final = (
    "This stack tells nobody when something fails. Put AlertEmail=you@example.com into parameter_overrides in "
    "samconfig.toml, then run: sam deploy"
)


def report(
    event: JsonObject,
    *,
    execution_id: str,
    tracker: Tracker,
    etags: SourceEtagRecord,
    listing: ListingRecord,
    s3: S3Client,
    settings: Settings,
    now: datetime,
) -> dict[str, Any]:
    """Keep, count and return the outcome of a run.

    Args:
        event: how the run ended (`run_end.py`).
        execution_id: the run's.
        tracker: knows how many videos are pending.
        etags: knows whether this run has decided that the library's ETags prove nothing.
        listing: remembers by how much GoPro's listing was short when people last heard of it.
        s3: where the summary is kept.
        settings: those of this stack.
        now: the current time.

    Returns:
        ``summary``, from the event or of a failed run, with ``videos_pending``, ``oldest_pending_age_hours``, the
        ``waiting_videos`` if there are any, ``videos`` (all of the table, by status, as of ``counted_at``), and what is
        known about the ``failed_videos`` (all unless the run failed and the table cannot be read),
        ``source_etags_decided`` if this run has decided that the library's ETags are no longer compared,
        ``alerts_go_to`` (with ``alerts_note`` where that is nobody) and, for a run that reached its transfers,
        ``megabytes_per_second`` and ``cost_usd``; ``notice`` with ``subject`` and ``text``, None where there is nothing
        to report; ``failure`` with ``error`` and ``message``, None unless the run has failed.

    Raises:
        InvalidEventError: a field is missing or of the wrong shape.
        GoProSyncError: what the tracker and S3 raise; for a failed run, only what time may mend.
    """
    end = read_run_end(event, execution_id=execution_id, now=now)
    counts, failure = end.summary, end.failure
    pending: PendingVideos | None = None
    with _what_a_failure_may_take(end):
        pending = tracker.pending()
    summary = {
        **counts,
        **_etags(end, etags, execution_id),
        **_failed_videos(end, tracker),
        # A failed run reports nothing else.
        **(remember_gap(counts, listing, run=execution_id) if failure is None else {}),
        **_speed(counts),
        **_cost(counts),
        **_pending(pending, now),
        **_alert_channel(settings.alerts_go_to),
    }
    notice = notice_of(
        summary,
        failure,
        environment=settings.environment,
        tracker_table_name=settings.tracker_table_name,
        backlog=end.backlog,
    )
    with _what_a_failure_may_take(end):
        write_summary(
            s3,
            bucket=settings.archive_bucket_name,
            execution_id=execution_id,
            started_at=zoned_moment_or_none(summary.get("started_at")) or now,
            summary=summary,
        )
    environment = settings.environment
    _count_outcome(end, environment=environment)
    if pending is not None:
        emit(Metric.VIDEOS_PENDING, pending.count, environment=environment)
        emit(Metric.OLDEST_PENDING_AGE_HOURS, _age_hours(pending, now), environment=environment)
    if "cost_usd" in summary:
        emit(Metric.RUN_COST, summary["cost_usd"], environment=environment)
    logger.info("Run reported", extra={"event_type": EventType.RUN_REPORTED, **_for_the_log(summary)})
    return {
        "summary": summary,
        "notice": None if notice is None else asdict(notice),
        "failure": None if failure is None else asdict(failure),
    }


def count_run(event: JsonObject, *, execution_id: str, environment: str, now: datetime) -> None:
    """Count a run whose report could not be made: its outcome is known without the table and S3.

    Args:
        event: how the run ended (`run_end.py`).
        execution_id: the run's.
        environment: that of the stack.
        now: the current time.

    Raises:
        InvalidEventError: a field is missing or of the wrong shape.
    """
    _count_outcome(read_run_end(event, execution_id=execution_id, now=now), environment=environment)


def _count_outcome(end: RunEnd, *, environment: str) -> None:
    """Count the run's outcome: only here, so that each cause counts once, however often it was met and retried."""
    failures = _failures(end)  # first: no count is emitted for an event that is refused
    emit(Metric.RUN_COMPLETED, 1 if end.made_progress else 0, environment=environment)
    # A run that lacks only what GoPro does not show is no trouble that a person could end.
    is_partial = required_text(end.summary, "status") == PARTIAL_FAILURE and bool(optional_count(end.summary, "failed"))
    emit(Metric.RUN_PARTIAL, 1 if is_partial else 0, environment=environment)
    emit_failures(failures, environment=environment)
    if end.lost_session:
        emit(Metric.AUTHENTICATION_FAILURE, 1, environment=environment)


def _failures(end: RunEnd) -> dict[str, int]:
    """Return by error how many videos failed; for a failed run in which none did, the run's own error."""
    counts = end.summary.get("failures")
    failures = {name: required_count(counts, name) for name in counts} if isinstance(counts, Mapping) else {}
    return failures or ({} if end.failure is None else {end.failure.error: 1})


@contextmanager
def _what_a_failure_may_take(end: RunEnd) -> Iterator[None]:
    """Continue without the table or S3 if the run has failed, perhaps for want of them.

    People have to learn why, with or without them. A run that went well is not reported that way.

    Raises:
        GoProSyncError: the run has not failed, or time may mend the error.
    """
    try:
        yield
    except RetryableError:
        raise
    except GoProSyncError as error:
        if end.failure is None:
            raise
        logger.warning(
            "The report of a failed run continues without the table or S3",
            extra={"event_type": EventType.REPORT_INCOMPLETE, "error_message": error.message},
        )


def _failed_videos(end: RunEnd, tracker: Tracker) -> dict[str, Any]:
    if not end.summary.get("failed_videos"):
        return {}
    videos = end.summary["failed_videos"]
    with _what_a_failure_may_take(end):
        videos = describe_failed_videos(end.summary, tracker)
    return {"failed_videos": videos}


def _etags(end: RunEnd, etags: SourceEtagRecord, execution_id: str) -> dict[str, bool]:
    """Return whether this run gave up hashing; only one that had videos can have."""
    if not optional_count(end.summary, "new_count"):
        return {}
    decided_by: str | None = None
    with _what_a_failure_may_take(end):
        decided_by = etags.known().decided_by
    return {"source_etags_decided": True} if decided_by == execution_id else {}


def _pending(pending: PendingVideos | None, now: datetime) -> dict[str, Any]:
    if pending is None:
        return {}
    return {
        "videos_pending": pending.count,
        "oldest_pending_age_hours": round(_age_hours(pending, now), 1),
        **_waiting(pending.waiting),
        **_counts(pending),
    }


def _counts(pending: PendingVideos) -> dict[str, Any]:
    if pending.counts is None or pending.counted_at is None:
        return {}
    return {"counted_at": iso_utc(pending.counted_at), "videos": asdict(pending.counts)}


def _waiting(reasons: Mapping[str, str]) -> dict[str, Any]:
    if not reasons:
        return {}
    named = [{"media_id": media_id, "reason": reason} for media_id, reason in sorted(reasons.items())[:MOST_NAMED]]
    return {"waiting": len(reasons), "waiting_videos": named}


def _age_hours(pending: PendingVideos, now: datetime) -> float:
    return pending.oldest_age_seconds(now) / _SECONDS_PER_HOUR


def _speed(summary: JsonObject) -> dict[str, float]:
    size_bytes, seconds = optional_count(summary, "bytes_transferred"), optional_count(summary, "duration_seconds")
    if size_bytes is None or not seconds:
        return {}
    return {"megabytes_per_second": round(size_bytes / _BYTES_PER_MEGABYTE / seconds, 2)}


def _cost(summary: JsonObject) -> dict[str, float]:
    """Return what the run cost, without the storage that it fills; only a run that reached its transfers has counts."""
    if "downloader_seconds" not in summary:
        return {}
    synced, failed = required_count(summary, "synced"), required_count(summary, "failed")
    usage = RunUsage(
        library_items=required_count(summary, "total_found"),
        videos_archived=synced,
        videos_failed=failed,
        videos_deferred=max(0, required_count(summary, "new_count") - synced - failed),
        bytes_transferred=required_count(summary, "bytes_transferred"),
        downloader_seconds=optional_seconds(summary, "downloader_seconds") or 0.0,
        duration_seconds=required_count(summary, "duration_seconds"),
    )
    return {"cost_usd": round(cost_of_run(usage, load_prices()).total_usd, 4)}


def _alert_channel(alerts_go_to: str) -> dict[str, str]:
    return {"alerts_go_to": alerts_go_to} | ({"alerts_note": _NO_ALERTS_NOTE} if alerts_go_to == NOBODY else {})


def _for_the_log(summary: Mapping[str, Any]) -> dict[str, Any]:
    numbers = {name: value for name, value in summary.items() if isinstance(value, int | float)}
    # A line has a message of its own, and the standard library lets nothing else take its name.
    texts = {
        "status": summary["status"],
        "stopped_by": summary.get("stopped_by"),
        "error_message": summary.get("message"),
    }
    return numbers | texts
