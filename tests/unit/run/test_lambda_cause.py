"""The sentence that a failed function tells, whatever Step Functions makes of it."""

from __future__ import annotations

import json

import pytest

from gopro_sync.run.lambda_cause import message_of_cause


@pytest.mark.parametrize(
    "message",
    [
        "No original. Look.",
        'It said "no".',
        "C:\\GoPro\\x",
        "one line\nand another\tone",
        "Łódź, 東京 and 🎥",
        "a control character: \x07",
    ],
)
@pytest.mark.parametrize("is_ascii", [True, False])
def test_a_function_s_message_is_read_as_it_was_raised(message: str, is_ascii: bool) -> None:
    cause = {
        "errorMessage": message,
        "errorType": "X",
        "stackTrace": ['  File "x.py", line 1\n    "errorMessage": "no"'],
    }
    assert message_of_cause(json.dumps(cause, ensure_ascii=is_ascii)) == message
    assert message_of_cause(json.dumps(cause, ensure_ascii=is_ascii, separators=(",", ":"))) == message


def test_a_message_that_stands_behind_the_stack_trace_is_found() -> None:
    cause = {"stackTrace": ['raise Error("errorMessage")'], "errorType": "X", "errorMessage": "Look."}
    assert message_of_cause(json.dumps(cause)) == "Look."


@pytest.mark.parametrize("length", range(len('{"errorMessage": "I'), 70))
def test_a_cause_that_is_cut_off_anywhere_tells_what_is_left_of_the_message(length: int) -> None:
    message = 'It said "no", ąę. Look.'
    reported = message_of_cause(json.dumps({"errorMessage": message, "errorType": "X"})[:length])
    assert reported
    assert message.startswith(reported)


def test_a_message_that_is_no_json_after_all_is_reported_as_it_is() -> None:
    assert message_of_cause('{"errorMessage": "C:\\GoPro", "errorType": "X"}') == "C:\\GoPro"


@pytest.mark.parametrize(
    "cause",
    [
        "The Lambda function is throttled (Service: Lambda; Status Code: 429)",
        '{"errorType": "X"}',
        '{"errorMessage": null}',
        '{"errorMessage": ""}',
        '{"errorMessage": 7}',
        "[" * 900,
    ],
)
def test_a_cause_without_a_message_is_reported_as_it_is(cause: str) -> None:
    assert message_of_cause(cause) == cause


@pytest.mark.parametrize("cause", [None, ""])
def test_no_cause_is_reported_as_such(cause: str | None) -> None:
    assert message_of_cause(cause) == "No cause was given."


@pytest.mark.parametrize(
    "cause", ["x" * 30_000, json.dumps({"errorMessage": "x" * 30_000}), '"errorMessage":"' + "\\" * 30_000]
)
def test_a_message_is_short_enough_for_a_notice(cause: str) -> None:
    assert len(message_of_cause(cause)) == 1000


def test_half_a_character_does_not_keep_the_notice_from_being_sent() -> None:
    message_of_cause('{"errorMessage": "camera \\ud83c"}').encode()
