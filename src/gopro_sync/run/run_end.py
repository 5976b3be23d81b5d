"""How a run ended, as the state machine tells it: with a summary, with an error that it caught, or with both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from gopro_sync.errors import InvalidEventError
from gopro_sync.run.lambda_cause import message_of_cause
from gopro_sync.run.notices import FAILED, Failure
from gopro_sync.values.event_fields import JsonObject, optional_text, optional_time, required_text


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnd:
    """What is known of a run at its end.

    Attributes:
        summary: its counts; or, if it failed before it had any, the error and its message.
        reason: what asking for the reason of a blocked run failed with; None if that was not asked, or went well.
    """

    summary: JsonObject
    reason: Failure | None


def read_run_end(event: JsonObject, *, execution_id: str, now: datetime) -> RunEnd:
    """Read the event's fields ``summary``, ``failure`` and ``run_started_at``.

    Args:
        event: ``failure`` is what a state caught: ``Error`` and ``Cause``, as Step Functions hands them on. Without a
            ``summary`` beside it, it ended the run, and ``run_started_at`` is needed.
        execution_id: of the run.
        now: the current time.

    Raises:
        InvalidEventError: a field is missing or of the wrong shape.
    """
    caught = _caught(event)
    if caught is None or "summary" in event:
        return RunEnd(summary=_summary(event), reason=caught)
    started_at = optional_time(event, "run_started_at")
    if started_at is None:
        raise InvalidEventError("The event has no field 'run_started_at'")
    summary = {
        "execution_id": execution_id,
        "status": FAILED,
        "stopped_by": caught.error,
        "message": caught.message,
        "started_at": event["run_started_at"],
        "duration_seconds": max(0, round((now - started_at).total_seconds())),
    }
    return RunEnd(summary=summary, reason=None)


def _caught(event: JsonObject) -> Failure | None:
    told = event.get("failure")
    if told is None:
        return None
    if not isinstance(told, Mapping):
        raise InvalidEventError("The event's field 'failure' is not a JSON object")
    return Failure(error=required_text(told, "Error"), message=message_of_cause(optional_text(told, "Cause")))


def _summary(event: JsonObject) -> JsonObject:
    told = event.get("summary")
    if not isinstance(told, Mapping):
        raise InvalidEventError("The event's field 'summary' is not a JSON object")
    return told
