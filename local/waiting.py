"""Why an execution waits, from its history: a Wait state, or the pause before the next try of a task that failed.

The history has no event for such a pause: its last event is the failure, until the next try is scheduled
(https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html). How long it lasts follows from
the Retry of the state (https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html).
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gopro_sync import errors
from gopro_sync.run.lambda_cause import message_of_cause
from gopro_sync.values.outside_values import one_line

Event = Mapping[str, Any]
States = Mapping[str, Mapping[str, Any]]

_FAILED = re.compile(
    r"(?P<name>(Task|LambdaFunction|Activity)(Failed|TimedOut|StartFailed|SubmitFailed|ScheduleFailed))"
)
_SUBJECT = re.compile(r" \(media item [^)]*\)$")
# How the transfer engine words the answers of the server that the bytes come from (src/gopro_sync/archive/source.py).
_CDN_ANSWERED = re.compile(r"(?P<host>[^ ]+) (answered|refused a fresh URL with) (?P<status>\d{3})(?P<more>, .+)?")
_REFUSED = frozenset({"401", "403", "407", "429", "503"})
_LONGEST_MESSAGE_BYTES = 120

# AWS's names; one that is not here is shown as it is. Errors of ours come with a message.
_IN_WORDS: Mapping[str, str] = {
    "Lambda.TooManyRequestsException": "AWS Lambda has no free capacity (throttled)",
    "Lambda.Unknown": "AWS Lambda does not know how the call ended",
    "Runtime.OutOfMemory": "the function ran out of memory",
    "Runtime.ExitError": "the function's process ended",
    "Sandbox.Timedout": "the function ran out of time",
    "States.Timeout": "no answer within the time limit",
    "States.HeartbeatTimeout": "no answer within the time limit",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """That an execution waits.

    Attributes:
        reason: in a few words; without secrets, since the functions' errors and answers have none.
        until: when it continues, at the latest; None if the history does not say.
        is_exact: whether it continues at that very moment, not earlier.
        attempt: which attempt failed, from 1; None if it is not a retry.
        attempts: how many there are.
    """

    reason: str
    until: dt.datetime | None
    is_exact: bool = True
    attempt: int | None = None
    attempts: int | None = None

    def words(self, now: dt.datetime) -> str:
        """Return it as one line.

        Args:
            now: the time, aware.
        """
        attempt = "" if self.attempt is None else f", attempt {self.attempt} of {self.attempts}"
        return f"{self.reason}{attempt}{self._next(now)}"

    def _next(self, now: dt.datetime) -> str:
        if self.until is None:
            return ""
        seconds = round((self.until - now).total_seconds())
        if seconds <= 0:
            return ", next now"
        return f", next {'in' if self.is_exact else 'within'} {seconds} s"


def waiting_of(events: Sequence[Event], states: States) -> Waiting | None:
    """Return what an execution waits for; None if it is at work, or has ended.

    Args:
        events: the last events of its history, the oldest first, as GetExecutionHistory gives them.
        states: its definition's states, by name.
    """
    if not events:
        return None
    last = events[-1]
    if last["type"] == "WaitStateEntered":
        return _wait_state(events, states)
    if _FAILED.fullmatch(last["type"]):
        return _pause_before_retry(events, states)
    return None


# --- a Wait state ----------------------------------------------------------------------------------------------------


def _wait_state(events: Sequence[Event], states: States) -> Waiting:
    entered = events[-1]
    name = entered["stateEnteredEventDetails"]["name"]
    reason, asked_seconds = f"in {name}", None
    for event in reversed(events[:-1]):
        if _FAILED.fullmatch(event["type"]):
            reason = _reason_of(event)
            break
        if event["type"] in {"TaskSucceeded", "LambdaFunctionSucceeded"}:
            answer = _payload(event)
            reason, asked_seconds = _of_answer(answer, otherwise=reason)
            break
    seconds = states.get(name, {}).get("Seconds")
    lasts = seconds if _is_number(seconds) else asked_seconds
    return Waiting(reason=reason, until=None if lasts is None else entered["timestamp"] + dt.timedelta(seconds=lasts))


def _payload(event: Event) -> Mapping[str, Any]:
    details: Any = next((value for key, value in event.items() if key.endswith("SucceededEventDetails")), {})
    try:
        output = json.loads(details.get("output", "null"))
    except ValueError:  # cut off
        return {}
    payload = output.get("Payload", output) if isinstance(output, dict) else None
    return payload if isinstance(payload, dict) else {}


def _of_answer(answer: Mapping[str, Any], *, otherwise: str) -> tuple[str, float | None]:
    reason, seconds = answer.get("reason"), answer.get("wait_seconds")
    words = _in_short(reason) if isinstance(reason, str) and reason else otherwise
    return words, seconds if _is_number(seconds) else None


# --- a Retry ---------------------------------------------------------------------------------------------------------


def _pause_before_retry(events: Sequence[Event], states: States) -> Waiting | None:
    failure = events[-1]
    name = next(
        (e["stateEnteredEventDetails"]["name"] for e in reversed(events) if "stateEnteredEventDetails" in e), None
    )
    retriers = states.get(name, {}).get("Retry", []) if name is not None else []
    position = _retrier_of(_error(failure), retriers)
    if position is None:
        return None
    retrier = retriers[position]
    most = int(retrier.get("MaxAttempts", 3))
    failures = sum(_retrier_of(error, retriers) == position for error in _errors_since_entered(events))
    if failures > most:
        return None  # the next event is a Catch's
    longest = float(retrier.get("IntervalSeconds", 1)) * float(retrier.get("BackoffRate", 2.0)) ** (failures - 1)
    longest = min(longest, float(retrier.get("MaxDelaySeconds", longest)))
    return Waiting(
        reason=_reason_of(failure),
        until=failure["timestamp"] + dt.timedelta(seconds=longest),
        is_exact=retrier.get("JitterStrategy", "NONE") == "NONE",
        attempt=failures,
        attempts=most + 1,
    )


def _errors_since_entered(events: Sequence[Event]) -> list[str]:
    errors_seen: list[str] = []
    for event in reversed(events):
        if "stateEnteredEventDetails" in event:
            break
        if _FAILED.fullmatch(event["type"]):
            errors_seen.append(_error(event))
    return errors_seen


def _retrier_of(error: str, retriers: Sequence[Mapping[str, Any]]) -> int | None:
    for position, retrier in enumerate(retriers):
        if any(_matches(error, name) for name in retrier["ErrorEquals"]):
            return position
    return None


def _matches(error: str, name: str) -> bool:
    if name == "States.ALL":
        return error not in {"States.DataLimitExceeded", "States.Runtime"}
    if name == "States.TaskFailed":
        return error != "States.Timeout"
    return error == name


# --- words -----------------------------------------------------------------------------------------------------------


def _details(event: Event) -> Mapping[str, Any]:
    return next((value for key, value in event.items() if key.endswith("EventDetails")), {})


def _error(event: Event) -> str:
    return str(_details(event).get("error") or "States.TaskFailed")


def _reason_of(event: Event) -> str:
    error = _error(event)
    known = getattr(errors, error, None)
    if not (isinstance(known, type) and issubclass(known, errors.GoProSyncError)):
        return _IN_WORDS.get(error, error)
    cause = _details(event).get("cause")
    if not cause:
        return error
    return _in_short(message_of_cause(cause).removesuffix(known.remedy).strip().removesuffix("."))


def _in_short(message: str) -> str:
    line = one_line(" ".join(_SUBJECT.sub("", message).split()), longest_bytes=_LONGEST_MESSAGE_BYTES)
    answered = _CDN_ANSWERED.fullmatch(line)
    if answered and answered["host"] != "GoPro":
        verb = "refused by the CDN" if answered["status"] in _REFUSED else "the CDN failed"
        return f"{verb} ({answered['status']}){answered['more'] or ''}"
    return line


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
