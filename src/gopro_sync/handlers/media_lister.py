"""gopro-media-lister: lists the library and returns which videos are new; at the end of a run, reports the outcome.

Invoked by the state machine (the event has ``execution_id``), it writes the videos to the run's manifest in S3 and
returns the reference; invoked on its own, it returns them as ``new_videos``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, Final

from aws_lambda_powertools.utilities.typing import LambdaContext

from gopro_sync import composition
from gopro_sync.cost.model import cost_of_run, deep_archive_usd_per_month, expected_usage
from gopro_sync.cost.prices import load_prices
from gopro_sync.errors import InvalidEventError, ThrottledError
from gopro_sync.gopro.session.session import Session
from gopro_sync.handlers.entry_point import STATUS_OK, entry_point, execution_id_of
from gopro_sync.handlers.session_source import session_for
from gopro_sync.run.discovery import Discovery, discover
from gopro_sync.run.drift_report import report_drift
from gopro_sync.run.known_names import refuse_unknown_names
from gopro_sync.run.library_owner import admit, owner_shown_by
from gopro_sync.run.never_archived import NOTHING_TO_TELL, LookForThem, NeverArchived
from gopro_sync.run.report import count_run, report
from gopro_sync.run.run_files import write_manifest
from gopro_sync.run.run_input import RunInput, read_run_input
from gopro_sync.run.unrecorded_objects import unrecorded_objects
from gopro_sync.run.video_event import as_event
from gopro_sync.table.video import Video
from gopro_sync.telemetry.logs import EventType, logger
from gopro_sync.values.event_fields import JsonObject, optional_text, optional_time
from gopro_sync.values.outside_values import one_line
from gopro_sync.values.timestamps import iso_utc, now_utc

_REPORT_RUN: Final = "report_run"
_COUNT_RUN: Final = "count_run"
# What an event may have besides a run's input: the session, as gopro-authenticator returns it, and what the state
# machine adds.
_OTHER_FIELDS: Final = frozenset(
    {"action", "auth_token", "user_id", "expires_at", "mode", "statusCode", "execution_id", "run_started_at"}
)
# A listing is many requests in a row: a call to the table for each would cost more than it is worth.
_PAGES_TAKEN_AT_ONCE: Final = 20
# A library of some hundred thousand items needs more than a minute's budget.
_PATIENCE_SECONDS: Final = 150.0
# What is left for the manifest and the answer after waiting for the table.
_RESERVE: Final = timedelta(seconds=30)
_VIDEOS_SHOWN: Final = 20
_LONGEST_REASON_BYTES: Final = 100
_LONGEST_ID_BYTES: Final = 128  # of what was requested, which need not be an id


@entry_point(EventType.LIBRARY_LISTING_FAILED, prepare=composition.prepare_media_lister)
def handler(event: JsonObject, context: LambdaContext) -> dict[str, Any]:
    """Return the counts and either ``manifest`` and ``run_deadline`` or ``new_videos``.

    Event fields, all optional: ``auth_token`` and ``user_id`` (else the secret's), ``execution_id``,
    ``run_started_at``, ``run_input`` (`run_input.py`), whose fields may also stand in the event itself. With ``action``
    ``report_run`` or ``count_run``: see `run/report.py`.

    Raises:
        InvalidEventError: a field of the wrong shape, or one that is not known.
        GoProSyncError: what the session, the GoPro API, the tracker and S3 raise.
    """
    action = optional_text(event, "action")
    if action == _REPORT_RUN:
        return _report(event, context)
    if action == _COUNT_RUN:
        return _count(event, context)
    standing_filters = composition.settings().filters
    asked = read_run_input(_run_input(event), standing_filters)
    max_videos = _max_videos(asked)
    started_at = optional_time(event, "run_started_at") or now_utc()
    gate = composition.gopro_gate(taken_at_once=_PAGES_TAKEN_AT_ONCE, patience_seconds=_PATIENCE_SECONDS)
    try:
        session = session_for(event)
        client = composition.gopro_client(session, gate)
        found = discover(
            client,
            composition.tracker(),
            owner=execution_id_of(event, context),
            max_videos=max_videos,
            now=now_utc(),
            selection=asked.selection,
            records_what_is_new=not asked.is_dry_run,
            admit=lambda listing: admit(
                owner_shown_by(listing, session_user_id=session.user_id),
                composition.owner_record(),
                statement=lambda: composition.credential_store().load().credentials.another_account,
                may_remember=not asked.is_dry_run,
                mending_command=composition.mending_command(),
            ),
            not_ready_after=timedelta(days=composition.settings().not_ready_after_days),
            until=_end_of_work(context),
        )
        never_archived = NOTHING_TO_TELL if asked.is_dry_run else _never_archived(session, found, event, context)
    except ThrottledError as error:
        gate.after_failure(error)
        raise
    report_drift(found.drift, environment=composition.settings().environment)
    answer: dict[str, Any] = {
        "statusCode": STATUS_OK,
        "total_found": found.total_found,
        "new_count": len(found.videos),
        "already_synced": found.already_synced,
        "remaining": found.remaining,
        "held_by_another_run": found.leased,
        "postponed": found.postponed,
        "filtered": found.filtered,
        "skipped": dict(found.skipped),
        "listing_gap": None if found.gap is None else asdict(found.gap),
        "unrecorded": found.unrecorded,
        **_unrecordable(found),
        **_reopened(found),
        **_unrecorded_objects(found),
        **never_archived.in_summary(),
        **_unavailable(found),
    }
    logger.info("Library listed", extra={"event_type": EventType.LIBRARY_LISTED, **answer})
    if found.remaining > found.leased:
        logger.warning(
            "Not every video fits into this run",
            extra={"event_type": EventType.RUN_LIMIT_REACHED, "max_videos": max_videos, "remaining": found.remaining},
        )
    if asked.is_dry_run:
        return answer | {"dry_run": _what_would_happen(found)}
    videos = [as_event(video, download_url=client.download_url(video.media_id)) for video in found.videos]
    return answer | _handed_over(event, videos, started_at)


def _end_of_work(context: LambdaContext) -> datetime:
    return now_utc() + timedelta(milliseconds=context.get_remaining_time_in_millis()) - _RESERVE


def _never_archived(session: Session, found: Discovery, event: JsonObject, context: LambdaContext) -> NeverArchived:
    look = LookForThem(
        # With a gate that does not wait: these questions have time until tomorrow.
        composition.gopro_client(session, composition.gopro_gate()),
        composition.unarchived_videos(),
        run=execution_id_of(event, context),
        clock=now_utc,
        until=_end_of_work(context),
    )
    return look.after(found, waits_at_most=timedelta(days=composition.settings().not_ready_after_days))


def _report(event: JsonObject, context: LambdaContext) -> dict[str, Any]:
    reported = report(
        event,
        execution_id=execution_id_of(event, context),
        tracker=composition.tracker(),
        etags=composition.source_etag_record(),
        listing=composition.listing_record(),
        s3=composition.s3_client(),
        settings=composition.settings(),
        now=now_utc(),
    )
    return {"statusCode": STATUS_OK, **reported}


def _count(event: JsonObject, context: LambdaContext) -> dict[str, Any]:
    environment = composition.settings().environment
    count_run(event, execution_id=execution_id_of(event, context), environment=environment, now=now_utc())
    return {"statusCode": STATUS_OK}


def _what_would_happen(found: Discovery) -> dict[str, Any]:
    """Forecast this run and, where its limit leaves some videos for later, all the runs that it takes."""
    whole = {"backlog": _forecast(found, (*found.videos, *found.later_videos))} if found.later_videos else {}
    first = [{"media_id": video.media_id, "s3_key": video.s3_key} for video in found.videos[:_VIDEOS_SHOWN]]
    return {**_forecast(found, found.videos), **whole, "first_videos": first}


def _forecast(found: Discovery, videos: Sequence[Video]) -> dict[str, Any]:
    sizes = [video.size_bytes for video in videos]
    size_bytes = sum(size for size in sizes if size is not None)
    usage = expected_usage(library_items=found.total_found, videos=len(videos), size_bytes=size_bytes)
    prices = load_prices()
    return {
        "videos": len(videos),
        "bytes": size_bytes,
        "videos_of_unknown_size": sizes.count(None),
        "cost_usd": round(cost_of_run(usage, prices).total_usd, 4),
        "deep_archive_usd_per_month": round(deep_archive_usd_per_month(size_bytes, prices), 4),
    }


def _run_input(event: JsonObject) -> object:
    if event.get("action") is not None:
        raise InvalidEventError(f"The event's field 'action' is none of {_REPORT_RUN!r}, {_COUNT_RUN!r} and nothing")
    asked = {name: value for name, value in event.items() if name not in _OTHER_FIELDS}
    if "run_input" not in asked:
        return asked
    refuse_unknown_names(asked, {"run_input"}, what="fields beside 'run_input'")
    return asked["run_input"]


def _max_videos(asked: RunInput) -> int:
    limit = composition.settings().max_videos_per_run
    return limit if asked.max_videos is None else min(asked.max_videos, limit)


def _unavailable(found: Discovery) -> dict[str, Any]:
    """Name what was requested by its id and cannot be had."""
    first = list(found.unavailable.items())[:_VIDEOS_SHOWN]
    return {
        "unavailable": len(found.unavailable),
        "unavailable_videos": [
            {"media_id": one_line(media_id, longest_bytes=_LONGEST_ID_BYTES), "reason": reason}
            for media_id, reason in first
        ],
    }


def _unrecorded_objects(found: Discovery) -> dict[str, Any]:
    bucket = composition.settings().archive_bucket_name
    return unrecorded_objects(composition.s3_client(), bucket=bucket, videos=found.without_files)


def _unrecordable(found: Discovery) -> dict[str, Any]:
    """Name what has no writable or readable record, and so is not archived."""
    first = list(found.unrecordable.items())[:_VIDEOS_SHOWN]
    return {
        "unrecordable": len(found.unrecordable),
        "unrecordable_videos": [
            {"media_id": media_id, "reason": one_line(reason, longest_bytes=_LONGEST_REASON_BYTES)}
            for media_id, reason in first
        ],
    }


def _reopened(found: Discovery) -> dict[str, Any]:
    """Name what was archived before, and what more GoPro shows of it."""
    first = list(found.reopened.items())[:_VIDEOS_SHOWN]
    return {
        "reopened": len(found.reopened),
        "reopened_videos": [{"media_id": media_id, "reason": reason} for media_id, reason in first],
    }


def _handed_over(event: JsonObject, videos: Sequence[JsonObject], started_at: datetime) -> dict[str, Any]:
    execution_id = optional_text(event, "execution_id")
    if execution_id is None:
        return {"new_videos": videos}
    manifest = None
    if videos:
        manifest = write_manifest(
            composition.s3_client(),
            bucket=composition.settings().archive_bucket_name,
            execution_id=execution_id,
            items=videos,
        )
    run_time = timedelta(seconds=composition.settings().run_time_seconds)
    return {"manifest": manifest, "run_deadline": iso_utc(started_at + run_time)}
