"""The end of a run: its summary is kept in S3, counted as metrics, and completed by what only the table knows.

A part of gopro-media-lister, which is invoked by the state machine with ``{"action": "report_run", "summary": {...}}``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aws_lambda_powertools.utilities.typing import LambdaContext

from gopro_sync import composition
from gopro_sync.cost.model import RunUsage, cost_of_run
from gopro_sync.cost.prices import load_prices
from gopro_sync.errors import InvalidEventError
from gopro_sync.event_fields import JsonObject, optional_count, optional_seconds, required_count, required_text
from gopro_sync.handlers.entry_point import STATUS_OK, execution_id_of
from gopro_sync.run.run_files import write_summary
from gopro_sync.settings import NOBODY
from gopro_sync.telemetry.logs import EventType, logger
from gopro_sync.telemetry.metrics import Metric, emit, emit_failures
from gopro_sync.timestamps import now_utc

_FAILED: Final = "FAILED"
_SECONDS_PER_HOUR: Final = 3600
_BYTES_PER_MEGABYTE: Final = 1e6
_NOBODY_IS_TOLD: Final = (
    "This stack tells nobody when something fails. Put AlertEmail=you@example.com into parameter_overrides in "
    "samconfig.toml, then run: sam deploy"
)


def report(event: JsonObject, context: LambdaContext) -> dict[str, Any]:
    """Return ``statusCode`` and ``summary``, the event's, with what was added to it.

    Added are ``videos_pending``, ``oldest_pending_age_hours``, ``alerts_go_to`` (with ``alerts_note`` where that is
    nobody) and, for a run that came as far as its transfers, ``megabytes_per_second`` and ``cost_usd``.

    Raises:
        InvalidEventError: a field is missing or of the wrong shape.
        GoProSyncError: what the tracker and S3 raise.
    """
    told = event.get("summary")
    if not isinstance(told, Mapping):
        raise InvalidEventError("The event's field 'summary' is not a JSON object")
    status = required_text(told, "status")
    pending = composition.tracker().pending()
    age_hours = pending.oldest_age_seconds(now_utc()) / _SECONDS_PER_HOUR
    summary = {
        **told,
        **_speed(told),
        **_cost(told),
        "videos_pending": pending.count,
        "oldest_pending_age_hours": round(age_hours, 1),
        **_who_is_told(composition.settings().alerts_go_to),
    }
    write_summary(
        composition.s3_client(),
        bucket=composition.settings().archive_bucket_name,
        execution_id=execution_id_of(event, context),
        summary=summary,
    )
    environment = composition.settings().environment
    emit(Metric.RUN_COMPLETED, 0 if status == _FAILED else 1, environment=environment)
    emit(Metric.VIDEOS_PENDING, pending.count, environment=environment)
    emit(Metric.OLDEST_PENDING_AGE_HOURS, age_hours, environment=environment)
    if "cost_usd" in summary:
        emit(Metric.RUN_COST, summary["cost_usd"], environment=environment)
    failures = told.get("failures")
    if isinstance(failures, Mapping):
        emit_failures({name: required_count(failures, name) for name in failures}, environment=environment)
    logger.info("Run reported", extra={"event_type": EventType.RUN_REPORTED, **_for_the_log(summary)})
    return {"statusCode": STATUS_OK, "summary": summary}


def _speed(summary: JsonObject) -> dict[str, float]:
    size_bytes, seconds = optional_count(summary, "bytes_transferred"), optional_count(summary, "duration_seconds")
    if size_bytes is None or not seconds:
        return {}
    return {"megabytes_per_second": round(size_bytes / _BYTES_PER_MEGABYTE / seconds, 2)}


def _cost(summary: JsonObject) -> dict[str, float]:
    """What the run itself cost, without the storage that it fills; only a run that came to its transfers has counts."""
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


def _who_is_told(alerts_go_to: str) -> dict[str, str]:
    return {"alerts_go_to": alerts_go_to} | ({"alerts_note": _NOBODY_IS_TOLD} if alerts_go_to == NOBODY else {})


def _for_the_log(summary: Mapping[str, Any]) -> dict[str, Any]:
    numbers = {name: value for name, value in summary.items() if isinstance(value, int | float)}
    # A line has a message of its own, and the standard library lets nothing else take its name.
    texts = {
        "status": summary["status"],
        "stopped_by": summary.get("stopped_by"),
        "error_message": summary.get("message"),
    }
    return numbers | texts
