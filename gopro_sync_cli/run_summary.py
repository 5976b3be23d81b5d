"""A run's summary as it is kept in S3, read back: what an older version did not write is None, never 0. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from gopro_sync.run.run_files import run_id
from gopro_sync.table.video_counts import VideoCounts, counts_in
from gopro_sync.values.outside_values import seconds_or_none, text_or_none, whole_number_or_none, zoned_moment_or_none

_FAILED: Final = "FAILED"


class NotASummaryError(Exception):
    """What lies at the address of a summary is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedVideo:
    """A video that failed in a run, as far as the summary knows it.

    Attributes:
        media_id: GoPro's id.
        error: the error's name.
        filename: the camera's name.
        reason: what happened, in words.
        attempts: how often it was tried so far, in all runs.
        due: when it is tried again.
    """

    media_id: str
    error: str
    filename: str | None
    reason: str | None
    attempts: int | None
    due: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """What came of a run; None is what the summary does not say.

    Attributes:
        execution_id: the execution's ARN.
        status: SUCCEEDED, PARTIAL_FAILURE or FAILED.
        started_at: when it began.
        duration_seconds: how long it took.
        stopped_by: the name of the error that ended the whole run.
        stopped_because: that error in words.
        total_found: videos that GoPro listed.
        synced: videos that it archived.
        failed: videos that failed.
        deferred: videos left to the next run.
        postponed: failed videos that were not due yet.
        filtered: videos that the stack, or the run's input, leaves out.
        bytes_transferred: of what it archived.
        cost_usd: what it cost, without storage.
        failures: how many videos failed, by error.
        failed_videos: the first of them.
        skipped: items that are never archived, or not yet, by reason.
        unrecordable: videos that the table does not take.
        lacking: items that GoPro counts and does not show.
        waiting: videos that are not to be archived yet.
        oldest_pending_age_hours: how long the oldest video that is not archived had been waiting.
        counted_at: the moment of `counts`.
        counts: all videos of the table.
        document: the summary as it is kept.
    """

    execution_id: str
    status: str | None
    started_at: datetime | None
    duration_seconds: int | None
    stopped_by: str | None
    stopped_because: str | None
    total_found: int | None
    synced: int | None
    failed: int | None
    deferred: int | None
    postponed: int | None
    filtered: int | None
    bytes_transferred: int | None
    cost_usd: float | None
    failures: Mapping[str, int]
    failed_videos: Sequence[FailedVideo]
    skipped: Mapping[str, int]
    unrecordable: int | None
    lacking: int | None
    waiting: int | None
    oldest_pending_age_hours: float | None
    counted_at: datetime | None
    counts: VideoCounts | None
    document: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The execution's name."""
        return run_id(self.execution_id)

    @property
    def has_failed(self) -> bool:
        """Whether the run failed as a whole."""
        return self.status == _FAILED


def read_summary(text: str | bytes) -> RunSummary:
    """Read what is kept of a run.

    Raises:
        NotASummaryError: it is no JSON object, or names no execution.
    """
    try:
        document = json.loads(text)
    except ValueError as error:
        raise NotASummaryError("no JSON") from error
    execution_id = text_or_none(document.get("execution_id")) if isinstance(document, Mapping) else None
    if execution_id is None:
        raise NotASummaryError("no summary of a run")
    return RunSummary(
        execution_id=execution_id,
        status=text_or_none(document.get("status")),
        started_at=zoned_moment_or_none(document.get("started_at")),
        duration_seconds=whole_number_or_none(document.get("duration_seconds")),
        stopped_by=text_or_none(document.get("stopped_by")),
        stopped_because=text_or_none(document.get("message")) or text_or_none(document.get("stopped_because")),
        total_found=whole_number_or_none(document.get("total_found")),
        synced=whole_number_or_none(document.get("synced")),
        failed=whole_number_or_none(document.get("failed")),
        deferred=whole_number_or_none(document.get("deferred")),
        postponed=whole_number_or_none(document.get("postponed")),
        filtered=whole_number_or_none(document.get("filtered")),
        bytes_transferred=whole_number_or_none(document.get("bytes_transferred")),
        cost_usd=seconds_or_none(document.get("cost_usd")),
        failures=_numbers_in(document.get("failures")),
        failed_videos=_failed_videos(document.get("failed_videos")),
        skipped=_numbers_in(document.get("skipped")),
        unrecordable=whole_number_or_none(document.get("unrecordable")),
        lacking=_lacking(document.get("listing_gap")),
        waiting=whole_number_or_none(document.get("waiting")),
        oldest_pending_age_hours=seconds_or_none(document.get("oldest_pending_age_hours")),
        counted_at=zoned_moment_or_none(document.get("counted_at")),
        counts=counts_in(document.get("videos")),
        document=document,
    )


def _numbers_in(document: object) -> dict[str, int]:
    if not isinstance(document, Mapping):
        return {}
    numbers = {str(name): whole_number_or_none(value) for name, value in document.items()}
    return {name: number for name, number in numbers.items() if number}


def _lacking(gap: object) -> int | None:
    if not isinstance(gap, Mapping):
        return None
    stated, shown = whole_number_or_none(gap.get("stated")), whole_number_or_none(gap.get("shown"))
    nameless = whole_number_or_none(gap.get("nameless")) or 0
    return None if stated is None or shown is None else max(0, stated - shown) + nameless


def _failed_videos(documents: object) -> list[FailedVideo]:
    if not isinstance(documents, list):
        return []
    return [video for document in documents if (video := _failed_video(document)) is not None]


def _failed_video(document: object) -> FailedVideo | None:
    if not isinstance(document, Mapping) or not (media_id := text_or_none(document.get("media_id"))):
        return None
    return FailedVideo(
        media_id=media_id,
        error=text_or_none(document.get("error")) or "unknown",
        filename=text_or_none(document.get("filename")),
        reason=text_or_none(document.get("reason")),
        attempts=whole_number_or_none(document.get("attempts")),
        due=zoned_moment_or_none(document.get("next_attempt_after")),
    )
