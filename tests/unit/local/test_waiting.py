"""What a run waits for is read from its history, in plain words, with nothing that the history does not say."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from gopro_sync.errors import GoProSyncError, ItemRefusedError, NetworkError, SourceUrlExpiredError, ThrottledError
from local.state import REPOSITORY
from local.waiting import States, waiting_of

NOW = dt.datetime(2026, 5, 1, 2, 0, tzinfo=dt.UTC)
MACHINE: dict[str, Any] = json.loads(Path(REPOSITORY, "statemachine/sync.asl.json").read_text(encoding="utf-8"))[
    "States"
]
OF_A_VIDEO: States = MACHINE["DownloadVideos"]["ItemProcessor"]["States"]

Event = dict[str, Any]


def _entered(name: str, kind: str = "Task", *, seconds_ago: float = 0) -> Event:
    return {
        "type": f"{kind}StateEntered",
        "timestamp": NOW - dt.timedelta(seconds=seconds_ago),
        "stateEnteredEventDetails": {"name": name},
    }


def _failed(error: GoProSyncError | str, *, seconds_ago: float = 0, kind: str = "TaskFailed") -> Event:
    name = error if isinstance(error, str) else type(error).__name__
    cause = "no JSON" if isinstance(error, str) else json.dumps({"errorMessage": str(error), "errorType": name})
    key = f"{kind[0].lower()}{kind[1:]}EventDetails"
    return {
        "type": kind,
        "timestamp": NOW - dt.timedelta(seconds=seconds_ago),
        key: {"error": name, "cause": cause, "resourceType": "lambda"},
    }


def _answered(**payload: Any) -> Event:
    output = json.dumps({"Payload": payload})
    return {"type": "TaskSucceeded", "timestamp": NOW, "taskSucceededEventDetails": {"output": output}}


def _other(kind: str) -> Event:
    return {"type": kind, "timestamp": NOW}


def _words(*events: Event, states: States = OF_A_VIDEO) -> str | None:
    waiting = waiting_of(events, states)
    return None if waiting is None else waiting.words(NOW)


def test_the_pause_before_the_next_try_says_why_which_try_it_was_and_how_long_it_lasts() -> None:
    refused = SourceUrlExpiredError("media.gopro.com refused a fresh URL with 403", media_id="m1")
    words = _words(
        _entered("DownloadVideo"), _failed(refused), _other("TaskScheduled"), _failed(refused, seconds_ago=20)
    )

    assert words == "refused by the CDN (403), attempt 2 of 4, next in 40 s"


def test_a_refusal_that_persists_is_still_the_cdns() -> None:
    refused = ItemRefusedError("media.gopro.com answered 429, again after each wait", media_id="m1")

    words = _words(_entered("DownloadVideo"), _failed(refused))

    assert words is not None
    assert words.startswith("refused by the CDN (429), again after each wait, attempt 1")


def test_a_wait_of_random_length_is_stated_by_its_longest() -> None:
    throttled = ThrottledError("media.gopro.com answered 429", media_id="m1")

    assert _words(_entered("DownloadVideo"), _failed(throttled)) == (
        "refused by the CDN (429), attempt 1 of 6, next within 60 s"
    )
    assert _words(_entered("DownloadVideo"), *[_failed(throttled)] * 4) == (
        "refused by the CDN (429), attempt 4 of 6, next within 120 s"
    )


def test_each_kind_of_error_has_tries_of_its_own() -> None:
    words = _words(
        _entered("DownloadVideo"),
        _failed("Lambda.TooManyRequestsException"),
        _failed(NetworkError("media.gopro.com answered 502", media_id="m1")),
    )

    assert words == "the CDN failed (502), attempt 1 of 4, next in 30 s"


def test_an_error_of_ours_is_shown_in_its_own_words_without_its_advice_and_the_item() -> None:
    error = NetworkError("GoPro answered with status 502", media_id="m1")

    assert str(_words(_entered("DownloadVideo"), _failed(error))).startswith(
        "GoPro answered with status 502, attempt 1"
    )


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            "Lambda.TooManyRequestsException",
            "AWS Lambda has no free capacity (throttled), attempt 1 of 7, next within 2 s",
        ),
        ("Lambda.ENINotReadyException", "Lambda.ENINotReadyException, attempt 1 of 7, next within 2 s"),
    ],
)
def test_an_error_of_awss_is_shown_in_words_or_by_its_name(error: str, words: str) -> None:
    assert _words(_entered("DownloadVideo"), _failed(error)) == words


def test_a_wait_that_a_function_asked_for_says_what_the_function_said() -> None:
    words = _words(
        _entered("DownloadVideo"),
        _answered(status="WAITING", reason="media.gopro.com answered 429", wait_seconds=240),
        _entered("WaitForGoPro", "Wait", seconds_ago=10),
    )

    assert words == "refused by the CDN (429), next in 230 s"


def test_a_wait_for_lambda_says_so() -> None:
    events = _failed("Lambda.TooManyRequestsException"), _entered("WaitForLambda", "Wait")

    assert _words(*events) == "AWS Lambda has no free capacity (throttled), next in 30 s"
    assert _words(_failed("Lambda.ServiceException"), _entered("WaitToList", "Wait"), states=MACHINE) == (
        "Lambda.ServiceException, next in 30 s"
    )


def test_a_wait_whose_reason_the_history_does_not_show_is_named_by_its_state() -> None:
    assert _words(_entered("WaitForGoPro", "Wait")) == "in WaitForGoPro"


def test_a_pause_that_is_over_is_not_counted_below_zero() -> None:
    error = NetworkError("GoPro answered with status 502")

    assert str(_words(_entered("DownloadVideo"), _failed(error, seconds_ago=31))).endswith(", next now")


@pytest.mark.parametrize(
    "events",
    [
        [],
        [_entered("DownloadVideo"), _other("TaskScheduled"), _other("TaskStarted")],
        [_entered("DownloadVideo"), _failed(NetworkError("GoPro answered with status 502")), _other("TaskScheduled")],
        [_entered("DownloadVideo"), *[_failed(NetworkError("GoPro answered with status 502"))] * 4],
        [_entered("DownloadVideo"), _failed("SourceMissingError")],
        [_entered("AStateOfAnotherVersion"), _failed("NetworkError")],
        [_other("ExecutionSucceeded")],
    ],
    ids=["nothing", "at work", "the next try", "all tries used up", "never tried again", "unknown state", "ended"],
)
def test_what_does_not_wait_is_not_said_to_wait(events: list[Event]) -> None:
    assert _words(*events) is None


def test_an_error_without_a_cause_or_with_half_of_one_is_named() -> None:
    bare: Event = {"type": "TaskFailed", "timestamp": NOW, "taskFailedEventDetails": {"error": "StorageError"}}
    cut = _failed("StorageError")
    cut["taskFailedEventDetails"]["cause"] = '{"errorMessage": "S3 broke off PutObje'

    assert _words(_entered("DownloadVideo"), bare) == "StorageError, attempt 1 of 4, next in 30 s"
    assert _words(_entered("DownloadVideo"), cut) == "S3 broke off PutObje, attempt 1 of 4, next in 30 s"
