"""One request budget towards GoPro, and one circuit breaker, for all workers of all runs.

Forty downloaders know nothing of one another. They share one record of the tracker's table, under a key that no video
has:

* The budget: the requests of the current minute. Whoever finds it used up returns in the next minute.
* The circuit: when GoPro asks for fewer requests, or leaves several videos in a row and one unrelated question
  unanswered, all pause; likewise when five different videos in a row get no answer, whatever else is answered. When the
  pause is over, one worker alone tries (the probe); if GoPro answers, or delivers the file where it was the CDN that
  did not, all continue, otherwise the pause is doubled.
* The odd ones: videos that failed while GoPro answered for others. Their failing again says nothing about GoPro: they
  stop nobody, and none of them is the probe as long as there are others.
* A stopped run: when something that all videos need is refused or missing, the other videos of that run are no longer
  requested. It is recorded under the run's name, so that the next run starts afresh.

The record has no ``status``, so it is in no index.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal

from gopro_sync.errors import (
    AccessDeniedError,
    ConfigurationError,
    GoProUnavailableError,
    NetworkError,
    RetryableError,
    ThrottledError,
    TrackerError,
)
from gopro_sync.table.record_update import update_record
from gopro_sync.telemetry.logs import EventType, logger
from gopro_sync.values.outside_values import text_or_none, whole_number_or_none
from gopro_sync.values.timestamps import epoch_seconds

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

GATE_KEY: Final = "#gopro-requests"
_LISTING: Final = "listing"
# The attributes with the videos that failed in a row: those that GoPro did not answer for, and those whose address it
# returned, but whose file the CDN did not deliver.
_UNANSWERED: Final = "failed_items"
_WITHOUT_FILE: Final = "failed_files"

_FIRST_PAUSE_SECONDS: Final = 60
_LONGEST_PAUSE_SECONDS: Final = 600
# No server may stop a whole night with one header.
_LONGEST_ASKED_PAUSE_SECONDS: Final = 3600
# A probe that has not returned by then has died: the next worker tries. Longer than the tries of one call to the API.
_PROBE_SECONDS: Final = 120
# This many different videos in a row without an answer, each within this time of the one before, are an outage. Fewer
# are one only if GoPro does not answer an unrelated question either; one alone never is.
_OUTAGE_WINDOW_SECONDS: Final = 120
_OUTAGE_ITEMS: Final = 5
# The record is written with every request: it stays small.
_MOST_ODD_ITEMS: Final = 40
# Those who wait for the same moment do not all return at once.
_SPREAD_SECONDS: Final = 10
# For this long after a pause another video may try first; if there is none, a video that failed before tries.
_FIRST_CALL_SECONDS: Final = 2 * _SPREAD_SECONDS
_SECONDS_PER_MINUTE: Final = 60
# Errors that affect every video, under the names in the record.
_STOPPING_ERRORS: Final = {error.__name__: error for error in (AccessDeniedError, ConfigurationError)}


class SharedGate:
    """The gate of one worker; satisfies `gopro_sync.gopro.gate.RequestGate`.

    All methods raise AccessDeniedError, ConfigurationError (no such table) or TrackerError.

    Args:
        client: a DynamoDB client.
        table_name: the tracker's table.
        requests_per_minute: the budget of all workers together.
        clock: returns the time, aware.
        jitter: returns a number from 0 to 1.
        run: the run whose videos this worker archives; None for a worker that no stopped run concerns.
        taken_at_once: how many requests to take out of the budget with one call; requests that are taken but not needed
            are lost for that minute.
        patience_seconds: how long to wait here, in total, for the gate to open; 0 leaves all waiting to the caller.
        sleep: waits for a number of seconds.
    """

    def __init__(
        self,
        client: DynamoDBClient,
        table_name: str,
        *,
        requests_per_minute: int,
        clock: Callable[[], datetime],
        jitter: Callable[[], float],
        run: str | None = None,
        taken_at_once: int = 1,
        patience_seconds: float = 0.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._table_name = table_name
        self._budget = requests_per_minute
        self._clock = clock
        self._jitter = jitter
        self._run = run
        self._taken_at_once = min(taken_at_once, requests_per_minute)
        self._patience_seconds = patience_seconds
        self._sleep = sleep
        self._lock = threading.Lock()
        self._in_hand = 0
        self._is_probe = False
        self._is_run_stopped = False
        self._is_answered = False
        self._waits_for_file = False
        self._seen_failing: Sequence[str] = ()
        self._media_id = _LISTING
        self._has_failed_before = False

    def speaks_for(self, media_id: str, *, has_failed_before: bool) -> None:
        """Set which video this worker archives.

        Args:
            media_id: GoPro's id of the video.
            has_failed_before: whether it failed in an earlier run.
        """
        self._media_id = media_id
        self._has_failed_before = has_failed_before

    def before_request(self) -> None:
        """Let a request pass if one may be sent now.

        Raises:
            GoProUnavailableError: all workers pause, or the minute's budget is used up.
            AccessDeniedError, ConfigurationError: another worker stopped this run with it.
        """
        with self._lock:
            self._is_answered = False
            if self._is_probe:
                return  # it tries until it knows: letting it pass keeps the others waiting
            if self._in_hand == 0:
                self._take_patiently()
                self._in_hand = self._taken_at_once
            self._in_hand -= 1

    def after_answer(self) -> None:
        """Open the gate for all, if this worker was the probe.

        Where it was the CDN that failed, an answer from GoPro proves nothing: then a file has to be copied.
        """
        with self._lock:
            self._is_answered = True
            if not self._is_probe or self._waits_for_file:
                return
            self._is_probe = False
        self._note_odd(_texts(self._open().get(_UNANSWERED)), _UNANSWERED)

    def after_success(self) -> None:
        """Record that this worker's video made progress: others that failed before have trouble of their own.

        This only saves pauses: where it cannot be recorded, the video has made progress all the same.
        """
        with self._lock:
            was_probe, self._is_probe = self._is_probe, False
        with suppress(AccessDeniedError, ConfigurationError, TrackerError):
            if was_probe:
                self._open()
            self._note_odd(self._seen_failing, _UNANSWERED, _WITHOUT_FILE)

    def after_failure(
        self, error: RetryableError, media_id: str | None = None, *, is_answering: Callable[[], bool] = lambda: False
    ) -> bool:
        """Record that something could not be fetched, after all tries; close the gate for all if GoPro is the reason.

        A server that asks for fewer requests may mean only this file, like any other that gets no answer: one video
            stands for
        all only if GoPro does not answer anything else either.

        Args:
            error: the error of the last try.
            media_id: which video; None for the listing.
            is_answering: whether GoPro answers a question that has nothing to do with any video; called where it
                matters.

        Returns:
            Whether the trouble is everybody's, so that all pause.
        """
        if not isinstance(error, ThrottledError | NetworkError):
            return False
        subject = media_id or _LISTING
        last = self._update("SET failed_at = :now", {":now": self._now()}, returns="ALL_OLD")
        is_odd = subject in self._odd(last)
        row = _WITHOUT_FILE if self._is_answered and media_id is not None else _UNANSWERED
        failing = self._failing(last, row)
        if not is_odd:
            failing = [*(item for item in failing if item != subject), subject][-_MOST_ODD_ITEMS:]
            self._update(f"SET {row} = :failing", {":failing": failing}, returns="ALL_NEW")
        if is_odd or self._has_failed_before:
            is_of_all = not is_answering()
        else:
            is_suspicious = self._is_probe or len(failing) > 1 or isinstance(error, ThrottledError)
            is_of_all = is_suspicious and (len(failing) >= _OUTAGE_ITEMS or not is_answering())
        if is_of_all:
            self._pause(error.retry_after_seconds, row)
        else:
            self._let_another_try()
        return is_of_all

    def stop_run(self, error: AccessDeniedError | ConfigurationError) -> None:
        """Let the other workers of this run meet ``error`` instead of requesting videos from GoPro.

        This only saves work: where it cannot be recorded, each worker finds out for itself.
        """
        if self._run is None or self._is_run_stopped:
            return
        self._is_run_stopped = True
        values = {":run": self._run, ":error": type(error).__name__, ":message": error.message}
        with suppress(AccessDeniedError, ConfigurationError, TrackerError):
            self._update(
                "SET stopped_run = :run, stopped_by = :error, stopped_because = :message", values, returns="ALL_OLD"
            )

    def _take_patiently(self) -> None:
        while True:
            try:
                self._take()
            except GoProUnavailableError as error:
                wait = error.retry_after_seconds or 0.0
                if wait > self._patience_seconds:
                    raise
                self._patience_seconds -= wait
                self._sleep(wait)
            else:
                return

    def _take(self) -> None:
        minute = self._now() // _SECONDS_PER_MINUTE
        taken = {":count": self._taken_at_once, ":minute": minute}
        condition = "attribute_not_exists(pause_seconds) AND budget_minute = :minute AND requests_used <= :left"
        values: dict[str, Any] = taken | {":left": self._budget - self._taken_at_once}
        if self._run is not None:
            condition += " AND (attribute_not_exists(stopped_run) OR stopped_run <> :run)"
            values[":run"] = self._run
        outcome = update_record(
            self._client,
            self._table_name,
            GATE_KEY,
            "SET requests_used = requests_used + :count",
            values,
            condition=condition,
            returns="ALL_NEW",
        )
        old = outcome.record
        self._seen_failing = [*self._failing(old, _UNANSWERED), *self._failing(old, _WITHOUT_FILE)]
        if outcome.is_done:
            return
        self._refuse_stopped_run(old)
        if "pause_seconds" in old:
            self._probe_or_wait(old)
            return
        if "budget_minute" in old:
            self._refuse_within(_number(old, "budget_minute"), minute)
        is_lost_to_another = self._update_if(
            "SET budget_minute = :minute, requests_used = :count",
            "attribute_not_exists(pause_seconds) AND (attribute_not_exists(budget_minute) OR budget_minute < :minute)",
            taken,
        )
        if is_lost_to_another is not None:
            self._take()  # the minute has begun, or the gate has been closed, just now

    def _refuse_stopped_run(self, record: Mapping[str, Any]) -> None:
        if self._run is None or record.get("stopped_run") != self._run:
            return
        self._is_run_stopped = True
        error = _STOPPING_ERRORS.get(str(record.get("stopped_by")), ConfigurationError)
        raise error(text_or_none(record.get("stopped_because")) or "Another video of this run was refused")

    def _refuse_within(self, budget_minute: int, minute: int) -> None:
        if budget_minute == minute:
            raise self._unavailable("The budget of requests to GoPro is used up for this minute", self._next_minute())
        if budget_minute == minute + 1:
            # The clock of another worker is ahead of this one's, by less than a second as a rule.
            raise self._unavailable("The budget of requests to GoPro is the next minute's already", self._next_minute())
        if budget_minute > minute:
            raise _changed_by_hand("budget_minute")

    def _probe_or_wait(self, record: Mapping[str, Any]) -> None:
        now, paused_until = self._now(), _number(record, "paused_until")
        if paused_until > now:
            raise self._unavailable("All requests to GoPro pause", paused_until)
        if self._comes_last(record) and paused_until + _FIRST_CALL_SECONDS > now:
            raise self._unavailable("Another video tries first", paused_until + _FIRST_CALL_SECONDS)
        taken_by_another = self._update_if(
            "SET paused_until = :until",
            "paused_until = :seen",
            {":until": now + _PROBE_SECONDS, ":seen": paused_until},
        )
        if taken_by_another is not None:
            raise self._unavailable("Another worker tries whether GoPro answers again", now + _SPREAD_SECONDS)
        self._is_probe, self._waits_for_file = True, record.get("paused_for") == _WITHOUT_FILE
        logger.info("Trying whether GoPro answers again", extra={"event_type": EventType.GOPRO_PROBED})

    def _pause(self, asked_seconds: float | None, row: str) -> None:
        now = self._now()
        last = self._update("SET failed_at = :now", {":now": now}, returns="ALL_NEW")
        paused_until = _number(last, "paused_until") if "paused_until" in last else 0
        asked = math.ceil(min(asked_seconds or 0, _LONGEST_ASKED_PAUSE_SECONDS))
        if paused_until > now and not self._is_probe:
            # Several workers run into the same trouble at the same moment: that is one reason to pause, not several.
            pause = asked
        elif "pause_seconds" in last:
            pause = max(asked, min(_number(last, "pause_seconds") * 2, _LONGEST_PAUSE_SECONDS))
        else:
            pause = max(asked, _FIRST_PAUSE_SECONDS)
        is_longer = now + pause > paused_until or self._is_probe
        self._is_probe, self._in_hand = False, 0
        if is_longer and self._close(pause, now, paused_until, row):
            logger.warning(
                "GoPro is left alone: all workers pause",
                extra={"event_type": EventType.GOPRO_PAUSED, "pause_seconds": pause},
            )

    def _close(self, pause_seconds: int, now: int, paused_until: int, row: str) -> bool:
        refused = self._update_if(
            "SET pause_seconds = :pause, paused_until = :until, paused_for = :row",
            "attribute_not_exists(paused_until) OR paused_until = :seen",
            {":pause": pause_seconds, ":until": now + pause_seconds, ":seen": paused_until, ":row": row},
        )
        return refused is None

    def _let_another_try(self) -> None:
        """Release the probe, if this worker has it: its failure says nothing about GoPro."""
        with self._lock:
            if not self._is_probe:
                return
            self._is_probe = False
        self._update_if("SET paused_until = :now", "attribute_exists(pause_seconds)", {":now": self._now()})

    def _open(self) -> Mapping[str, Any]:
        """Let all continue; return the record as it was."""
        last = self._update("REMOVE paused_until, pause_seconds, paused_for", {}, returns="ALL_OLD")
        logger.info("GoPro answers again: all workers resume", extra={"event_type": EventType.GOPRO_RESUMED})
        return last

    def _note_odd(self, failing: Sequence[str], *rows: str) -> None:
        """Record that these failed while GoPro answered for this one; a lost record costs a pause."""
        others = [item for item in failing if item not in {self._media_id, _LISTING}]
        if not others:
            return
        last = self._update(f"REMOVE {', '.join(rows)}", {}, returns="ALL_OLD")
        odd = [*(item for item in self._odd(last) if item not in others), *others]
        self._update(
            "SET odd_items = :odd, odd_run = :run",
            {":odd": odd[-_MOST_ODD_ITEMS:], ":run": self._run or ""},
            returns="ALL_NEW",
        )

    def _comes_last(self, record: Mapping[str, Any]) -> bool:
        failing = _texts(record.get(_UNANSWERED)) + _texts(record.get(_WITHOUT_FILE))
        return self._has_failed_before or self._media_id in self._odd(record) + failing

    def _odd(self, record: Mapping[str, Any]) -> list[str]:
        return _texts(record.get("odd_items")) if record.get("odd_run") == (self._run or "") else []

    def _failing(self, record: Mapping[str, Any], row: str) -> list[str]:
        """Return the videos that have failed in a row; a pause does not break the row."""
        if "pause_seconds" in record:
            return _texts(record.get(row))
        failed_at = whole_number_or_none(record.get("failed_at")) or 0
        return _texts(record.get(row)) if self._now() - failed_at <= _OUTAGE_WINDOW_SECONDS else []

    def _unavailable(self, message: str, until: int) -> GoProUnavailableError:
        wait = max(1, until - self._now()) + self._jitter() * _SPREAD_SECONDS
        return GoProUnavailableError(message, retry_after_seconds=wait)

    def _now(self) -> int:
        return epoch_seconds(self._clock())

    def _next_minute(self) -> int:
        return (self._now() // _SECONDS_PER_MINUTE + 1) * _SECONDS_PER_MINUTE

    def _update_if(self, expression: str, condition: str, values: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return None if the condition held, otherwise the record as it is."""
        outcome = update_record(self._client, self._table_name, GATE_KEY, expression, values, condition=condition)
        return None if outcome.is_done else outcome.record

    def _update(
        self, expression: str, values: Mapping[str, Any], *, returns: Literal["ALL_OLD", "ALL_NEW"]
    ) -> Mapping[str, Any]:
        return update_record(self._client, self._table_name, GATE_KEY, expression, values, returns=returns).record


def _texts(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _number(record: Mapping[str, Any], name: str) -> int:
    number = whole_number_or_none(record.get(name))
    if number is None:
        raise _changed_by_hand(name)
    return number


def _changed_by_hand(name: str) -> TrackerError:
    return TrackerError(
        f"The tracker's record {GATE_KEY} has been changed by hand and its {name} cannot be used: "
        "delete it, and it is created again"
    )
