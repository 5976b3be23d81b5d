"""How a run ended, according to the state machine: with a summary, with an error that it caught, or with both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from gopro_sync.errors import AuthenticationError, InvalidEventError, SessionRefusedError
from gopro_sync.run.lambda_cause import message_of_cause
from gopro_sync.run.notices import FAILED, Backlog, Failure, failure_of, got_nowhere
from gopro_sync.run.platform_faults import explanation_of, is_passing
from gopro_sync.values.event_fields import (
    JsonObject,
    optional_flag,
    optional_text,
    optional_time,
    required_count,
    required_text,
)

_SESSION_IS_LOST: Final = {SessionRefusedError.__name__, AuthenticationError.__name__}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnd:
    """What is known of a run at its end.

    Attributes:
        summary: its counts; or, if it failed before it had any, the error and its message.
        reason: the error of the question why a run was blocked; None if that was not asked, or was answered.
        lost_session: whether the run ended by authentication, its retries and renewals used up.
        backlog: the chain that the run belongs to; None if it ended before that.
    """

    summary: JsonObject
    reason: Failure | None
    lost_session: bool
    backlog: Backlog | None

    @property
    def failure(self) -> Failure | None:
        """Why the run has failed; None if it has not.

        Raises:
            InvalidEventError: the summary lacks a field, or has one of the wrong shape.
        """
        return failure_of(self.summary, self.reason)

    @property
    def made_progress(self) -> bool:
        """Whether the run made progress, or had nothing to do: one in which every attempt failed did not.

        Raises:
            InvalidEventError: the summary lacks a field, or has one of the wrong shape.
        """
        return required_text(self.summary, "status") != FAILED and not got_nowhere(self.summary)


def read_run_end(event: JsonObject, *, execution_id: str, now: datetime) -> RunEnd:
    """Read the event's fields ``summary``, ``backlog``, ``failure`` and ``run_started_at``.

    Args:
        event: ``failure`` is what a state caught: ``Error`` and ``Cause``, as Step Functions hands them on. Without a
            ``summary`` beside it, it ended the run, and ``run_started_at`` is needed. ``authentication_failed`` is
            true where the authenticator was what failed, and ``session_refused`` where GoPro refused a renewed session;
            neither says anything of a session where Lambda did not run the function.
        execution_id: that of the run.
        now: the current time.

    Raises:
        InvalidEventError: a field is missing or of the wrong shape.
    """
    caught = _caught(event)
    lost_session = optional_flag(event, "authentication_failed") or optional_flag(event, "session_refused")
    lost_session = lost_session and not (caught is not None and is_passing(caught.error))
    if caught is None or "summary" in event:
        summary = _summary(event)
        refused = optional_text(summary, "stopped_by") in _SESSION_IS_LOST
        return RunEnd(summary=summary, reason=caught, lost_session=lost_session or refused, backlog=_backlog(event))
    started_at = optional_time(event, "run_started_at")
    if started_at is None:
        raise InvalidEventError("The event has no field 'run_started_at'")
    early_summary = {
        "execution_id": execution_id,
        "status": FAILED,
        "stopped_by": caught.error,
        "message": _explained(caught),
        "started_at": event["run_started_at"],
        "duration_seconds": max(0, round((now - started_at).total_seconds())),
    }
    return RunEnd(summary=early_summary, reason=None, lost_session=lost_session, backlog=None)


def _explained(failure: Failure) -> str:
    explanation = explanation_of(failure.error)
    return failure.message if explanation is None else f"{explanation} AWS said: {failure.message}"


def _caught(event: JsonObject) -> Failure | None:
    caught = event.get("failure")
    if caught is None:
        return None
    if not isinstance(caught, Mapping):
        raise InvalidEventError("The event's field 'failure' is not a JSON object")
    return Failure(error=required_text(caught, "Error"), message=message_of_cause(optional_text(caught, "Cause")))


def _backlog(event: JsonObject) -> Backlog | None:
    backlog = event.get("backlog")
    if backlog is None:
        return None
    if not isinstance(backlog, Mapping):
        raise InvalidEventError("The event's field 'backlog' is not a JSON object")
    return Backlog(
        continues=optional_flag(backlog, "continues"),
        runs_of_day=required_count(backlog, "runs_of_day"),
        most_runs_a_day=required_count(backlog, "most_runs_a_day"),
        redrives=optional_flag(backlog, "redrives"),
    )


def _summary(event: JsonObject) -> JsonObject:
    summary = event.get("summary")
    if not isinstance(summary, Mapping):
        raise InvalidEventError("The event's field 'summary' is not a JSON object")
    return summary
