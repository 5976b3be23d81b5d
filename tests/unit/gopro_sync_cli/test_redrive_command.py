"""``./gopro-sync redrive``: whatever ends it, no message stays hidden, and none is lost."""

from __future__ import annotations

import json
import re
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any, Final, TextIO

import boto3
import pytest
import typer
from botocore.exceptions import EndpointConnectionError, NoCredentialsError, ReadTimeoutError
from typer import testing
from typer.testing import CliRunner, Result

from gopro_sync_cli import __main__ as command_line
from tests.support.redrive_stack import QUEUE_URL, STACK_NAME, Blow, RedriveStack, failed_video
from tests.support.sqs import FakeSqs, Moment, VirtualClock, refusal

OTHERS: Final = ('{"action": "ensure_session"}', "{}", "no JSON")
OF_ANOTHER_STACK: Final = tuple(failed_video(f"theirs{n}", state_machine="gopro-sync-dev") for n in range(2))
NOT_OURS: Final = sorted([*OTHERS, *OF_ANOTHER_STACK])
WAYS: Final = {
    "--yes": (["--yes"], ""),
    "yes": ([], "y\n"),
    "no": ([], "n\n"),
    "end of input": ([], ""),
}
ALL: Final = {f"video{number}" for number in range(13)}
SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
ERRORS: Final = {
    "no network": EndpointConnectionError(endpoint_url=QUEUE_URL),
    "expired credentials": refusal("Any", "ExpiredTokenException", "The security token included is expired"),
}
CONFIRM: Final = typer.confirm


class Setting:
    """The command, the stack that it is for, and a person at a terminal."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = VirtualClock()
        self.stack = RedriveStack(self.clock)
        self.at_the_question: Callable[[], object] = lambda: None
        self.has_terminal = True
        monkeypatch.setattr(boto3, "client", self.stack.client)
        monkeypatch.setattr(time, "time", self.clock.time)
        monkeypatch.setattr(time, "sleep", self.clock.sleep)
        monkeypatch.setattr(typer, "confirm", self._confirm)

        def is_terminal(stream: TextIO) -> bool:
            return stream.name == "<stdin>" and self.has_terminal

        monkeypatch.setattr(testing._NamedTextIOWrapper, "isatty", is_terminal)

    @property
    def queue(self) -> FakeSqs:
        return self.stack.sqs

    def run(self, *arguments: str, answer: str = "") -> Result:
        result = CliRunner().invoke(command_line.app, ["redrive", *arguments], input=answer)
        if isinstance(result.exception, AssertionError):
            raise result.exception
        return result

    def fill(self, videos: int = 13) -> None:
        """Put failed videos into the queue, the first of them twice, and what is none of this stack's."""
        self.queue.send(*(failed_video(f"video{number}") for number in (0, *range(videos))), *OTHERS, *OF_ANOTHER_STACK)

    def _confirm(self, text: str) -> bool:
        self.at_the_question()
        return CONFIRM(text)


@pytest.fixture
def setting(monkeypatch: pytest.MonkeyPatch) -> Iterator[Setting]:
    """A signal that the command does not handle fails the test instead of ending the tests."""

    def unhandled(number: int, _frame: object) -> None:
        raise AssertionError(f"the command did not handle signal {number}")

    # SIGINT as in a terminal, too: it is ignored where the tests run in the background of a shell.
    handlers = {
        signal.SIGINT: signal.default_int_handler,
        signal.SIGTERM: unhandled,
        signal.SIGHUP: unhandled,
    }
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    yield Setting(monkeypatch)
    left = {number: signal.signal(number, handler) for number, handler in before.items()}
    assert left == handlers, "the command leaves a handler behind"


def stated(result: Result) -> str:
    """Return what stands on the screen, with the words of an error that ends the program in one line."""
    return f"{result.output}\n{getattr(result.exception, 'message', result.exception)}"


def at(operation: str, moment: Moment, act: Callable[[], object]) -> Blow:
    def blow(_number: int, called: str, now: Moment) -> None:
        if (called, now) == (operation, moment):
            act()

    return blow


def at_call(number: int, moment: Moment, act: Callable[[], object]) -> Blow:
    def blow(called: int, _operation: str, now: Moment) -> None:
        if (called, now) == (number, moment):
            act()

    return blow


def raising(error: Exception) -> Callable[[], None]:
    def act() -> None:
        raise error

    return act


# --- what it is for --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["--yes", "yes"])
def test_one_run_tries_each_failed_video_once_and_what_is_not_archived_yet_stays(setting: Setting, way: str) -> None:
    setting.fill()
    before = setting.queue.bodies()

    arguments, answer = WAYS[way]
    result = setting.run(*arguments, answer=answer)

    assert result.exit_code == 0, stated(result)
    (tried,) = setting.stack.tried()
    assert sorted(tried) == sorted(f"video{number}" for number in range(13))
    assert setting.queue.bodies() == before
    assert setting.queue.hidden() == []
    assert re.search(r"14 +SourceMissingError", result.output)
    assert "3 messages are not about failed videos; they stay in the queue" in result.output
    assert "2 messages are about failed videos of another stack; they stay in the queue" in result.output
    assert f"Started {next(iter(setting.stack.step_functions.executions))}" in result.output


@pytest.mark.parametrize("way", ["--yes", "yes"])
def test_the_messages_of_what_is_archived_are_taken_out_and_the_others_are_tried(setting: Setting, way: str) -> None:
    setting.fill()
    setting.stack.table.archived = {"video0", "video5"}

    arguments, answer = WAYS[way]
    result = setting.run(*arguments, answer=answer)

    assert result.exit_code == 0, stated(result)
    assert "2 videos are archived by now: their messages are removed from the queue." in result.output
    (tried,) = setting.stack.tried()
    rest = sorted(ALL - {"video0", "video5"})
    assert sorted(tried) == rest
    assert sorted(setting.queue.bodies()) == sorted([*map(failed_video, rest), *NOT_OURS])
    assert setting.queue.hidden() == []


def test_where_all_are_archived_nobody_is_asked_and_nothing_is_started(setting: Setting) -> None:
    setting.fill()
    setting.stack.table.archived = ALL

    result = setting.run()

    assert result.exit_code == 0, stated(result)
    assert "No other video has failed." in result.output
    assert setting.stack.tried() == []
    assert sorted(setting.queue.bodies()) == NOT_OURS
    assert setting.queue.hidden() == []


def test_where_the_table_may_not_be_read_all_messages_stay_and_the_videos_are_tried(setting: Setting) -> None:
    setting.fill()
    setting.stack.table.archived = {"video0"}
    denied = refusal("BatchGetItem", "AccessDeniedException", "not authorized to perform: dynamodb:BatchGetItem")
    setting.stack.blow = at("BatchGetItem", "asked", raising(denied))
    before = setting.queue.bodies()

    result = setting.run("--yes")

    assert result.exit_code == 0, stated(result)
    assert "could not be looked up, so all stay in the queue" in result.stderr
    assert "dynamodb:BatchGetItem" in result.stderr
    assert len(setting.stack.tried()[0]) == 13
    assert setting.queue.bodies() == before


def test_the_question_says_how_many_videos(setting: Setting) -> None:
    setting.fill()
    assert "Try 13 videos now?" in setting.run(answer="y\n").output


def test_no_changes_nothing_and_is_no_success(setting: Setting) -> None:
    setting.fill()
    before = setting.queue.bodies()

    assert setting.run(answer="n\n").exit_code == 1
    assert setting.queue.bodies() == before
    assert setting.queue.hidden() == []
    assert setting.stack.tried() == []


def test_a_message_that_is_delivered_twice_is_one_message(setting: Setting) -> None:
    setting.fill()
    setting.queue.delivers_twice = True

    result = setting.run("--yes")

    assert (result.exit_code, len(setting.stack.tried()[0])) == (0, 13), stated(result)
    assert re.search(r"14 +SourceMissingError", result.output)
    assert len(setting.queue.bodies()) == 19
    assert setting.queue.hidden() == []


@pytest.mark.parametrize("way", ["--yes", "yes"])
def test_a_thousand_videos_are_tried_and_the_rest_is_reported_to_wait_for_the_next_redrive(
    setting: Setting, way: str
) -> None:
    setting.fill(1_203)

    arguments, answer = WAYS[way]
    result = setting.run(*arguments, answer=answer)

    assert result.exit_code == 0, stated(result)
    assert "More than 1,000 videos" in result.output
    assert "next redrive" in result.output
    (tried,) = setting.stack.tried()
    assert len(set(tried)) == len(tried) == 1_000
    assert setting.queue.hidden() == []
    left = {json.loads(body)["media_id"] for body in setting.queue.bodies() if '"video' in body}
    assert len(left) >= 203

    for _ in range(2):
        setting.stack.table.archived = set().union(*setting.stack.tried())
        assert setting.run("--yes").exit_code == 0
    assert len(set().union(*setting.stack.tried())) == 1_203


def test_exactly_a_thousand_videos_are_not_said_to_be_more(setting: Setting) -> None:
    setting.fill(1_000)
    result = setting.run("--yes")
    assert result.exit_code == 0
    assert "More than" not in result.output
    assert len(setting.stack.tried()[0]) == 1_000


def test_of_a_queue_that_takes_too_long_to_look_through_is_tried_what_was_seen(setting: Setting) -> None:
    setting.fill(300)
    setting.stack.blow = at("ReceiveMessage", "asked", lambda: setting.clock.sleep(4))

    result = setting.run("--yes")

    assert result.exit_code == 0, stated(result)
    assert "60 seconds" in result.output
    assert "next redrive" in result.output
    assert 0 < len(setting.stack.tried()[0]) < 300
    assert setting.queue.hidden() == []
    assert "may come back" not in result.output


def test_a_slow_queue_in_which_no_failed_video_was_seen_yet_is_not_said_to_hold_none(setting: Setting) -> None:
    setting.queue.send(*(OTHERS * 100))
    setting.stack.blow = at("ReceiveMessage", "asked", lambda: setting.clock.sleep(4))

    result = setting.run("--yes")

    assert result.exit_code == 4, stated(result)
    assert "holds no failed video" not in result.output
    assert "60 seconds" in result.output
    assert setting.queue.hidden() == []


# --- an end at any moment --------------------------------------------------------------------------------------------


def calls_of(way: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    undisturbed = Setting(monkeypatch)
    undisturbed.fill()
    arguments, answer = WAYS[way]
    undisturbed.run(*arguments, answer=answer)
    assert undisturbed.stack.calls.count("ReceiveMessage") > 3
    assert "ChangeMessageVisibilityBatch" in undisturbed.stack.calls
    return undisturbed.stack.calls


@pytest.mark.slow
@pytest.mark.usefixtures("setting")
@pytest.mark.parametrize("moment", ["asked", "acted"])
@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("way", WAYS)
def test_a_signal_during_any_call_leaves_no_message_hidden(
    monkeypatch: pytest.MonkeyPatch, way: str, number: signal.Signals, moment: Moment
) -> None:
    calls = calls_of(way, monkeypatch)
    for index, name in enumerate(calls):
        interrupted = Setting(monkeypatch)
        interrupted.fill()
        before = interrupted.queue.bodies()
        interrupted.stack.blow = at_call(index, moment, lambda: signal.raise_signal(number))

        arguments, answer = WAYS[way]
        result = interrupted.run(*arguments, answer=answer)

        where = f"call {index}, {name}: {stated(result)}"
        assert result.exit_code == 128 + number, where
        assert interrupted.queue.hidden() == [], where
        has_started = "StartExecution" in calls[: index + 1]
        assert len(interrupted.stack.tried()) == has_started, where
        assert has_started or interrupted.queue.bodies() == before, where


@pytest.mark.slow
@pytest.mark.usefixtures("setting")
@pytest.mark.parametrize("moment", ["asked", "acted"])
@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("way", WAYS)
def test_an_error_of_any_call_leaves_no_message_hidden(
    monkeypatch: pytest.MonkeyPatch, way: str, error: str, moment: Moment
) -> None:
    for index, name in enumerate(calls_of(way, monkeypatch)):
        disturbed = Setting(monkeypatch)
        disturbed.fill()
        before = disturbed.queue.bodies()
        disturbed.stack.blow = at_call(index, moment, raising(ERRORS[error]))

        arguments, answer = WAYS[way]
        result = disturbed.run(*arguments, answer=answer)

        where = f"call {index}, {name}: {stated(result)}"
        # The receipts of an answer that was lost on the way are nobody's: these show up by themselves.
        lost = 10 if (name, moment) == ("ReceiveMessage", "acted") else 0
        assert len(disturbed.queue.hidden()) <= lost, where
        assert len(disturbed.stack.tried()) <= 1, where
        assert disturbed.queue.bodies() == before or len(disturbed.stack.tried()) == 1, where


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_at_the_question_ends_it_with_the_signals_exit_code(setting: Setting, number: signal.Signals) -> None:
    setting.fill()
    setting.at_the_question = lambda: signal.raise_signal(number)

    assert setting.run(answer="y\n").exit_code == 128 + number
    assert setting.queue.hidden() == []
    assert setting.stack.tried() == []


def test_a_second_signal_does_not_keep_the_messages_from_being_put_back(setting: Setting) -> None:
    setting.fill()

    def closing_terminal(_number: int, operation: str, _moment: Moment) -> None:
        if operation in {"ReceiveMessage", "ChangeMessageVisibilityBatch"}:
            signal.raise_signal(signal.SIGHUP)
            signal.raise_signal(signal.SIGTERM)

    setting.stack.blow = closing_terminal
    assert setting.run("--yes").exit_code == 128 + signal.SIGHUP
    assert setting.queue.hidden() == []


def test_a_signal_that_nohup_ignores_stays_ignored(setting: Setting) -> None:
    setting.fill()
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        setting.stack.blow = at("ReceiveMessage", "asked", lambda: signal.raise_signal(signal.SIGHUP))
        assert setting.run("--yes").exit_code == 0
    finally:
        signal.signal(signal.SIGHUP, before)
    assert len(setting.stack.tried()) == 1


def test_once_a_run_has_started_an_interruption_waits_until_that_is_reported_and_the_messages_are_back(
    setting: Setting,
) -> None:
    setting.fill()
    setting.stack.blow = at("StartExecution", "acted", lambda: signal.raise_signal(signal.SIGINT))

    result = setting.run("--yes")

    assert result.exit_code == 130
    assert "Started " in result.output
    assert len(setting.queue.bodies()) == 19
    assert setting.queue.hidden() == []


def test_end_of_input_at_the_question_changes_nothing(setting: Setting) -> None:
    setting.fill()
    assert setting.run(answer="").exit_code == 1
    assert setting.queue.hidden() == []
    assert setting.stack.tried() == []


def test_without_a_terminal_it_shows_what_is_there_and_asks_for_yes(setting: Setting) -> None:
    setting.fill()
    setting.has_terminal = False

    result = setting.run(answer="y\n")

    assert result.exit_code == 2
    assert "--yes" in result.output
    assert re.search(r"14 +SourceMissingError", result.output)
    assert setting.queue.hidden() == []
    assert setting.stack.tried() == []


def test_nothing_is_hidden_while_the_question_stands(setting: Setting) -> None:
    setting.fill()
    hidden: list[list[str]] = []
    setting.at_the_question = lambda: hidden.append(setting.queue.hidden())
    setting.run(answer="n\n")
    assert hidden == [[]]


# --- what cannot be put back -----------------------------------------------------------------------------------------


def test_messages_that_sqs_does_not_put_back_at_once_are_tried_again(setting: Setting) -> None:
    setting.fill()
    setting.queue.failing_entries["ChangeMessageVisibilityBatch"] = 4
    result = setting.run(answer="n\n")
    assert setting.queue.hidden() == []
    assert "put back" not in result.output


def test_messages_that_cannot_be_put_back_are_reported_with_the_time_until_they_show_up(setting: Setting) -> None:
    setting.fill()

    def expired(number: int, operation: str, moment: Moment) -> None:
        if number > 3 and moment == "asked":
            raise refusal(operation, "ExpiredTokenException", "The security token included is expired")

    setting.stack.blow = expired
    result = setting.run("--yes")

    hidden = len(setting.queue.hidden())
    assert hidden > 0
    assert result.exit_code == 1
    reported = re.search(r"(\d+) messages could not be put back .*ExpiredToken.* within (\d+) seconds", result.stderr)
    assert reported, stated(result)
    assert int(reported[1]) == hidden
    setting.clock.sleep(int(reported[2]))
    assert setting.queue.hidden() == []


# --- a queue that shows nothing --------------------------------------------------------------------------------------


def test_an_empty_queue_is_reported_to_be_empty(setting: Setting) -> None:
    result = setting.run()
    assert (result.exit_code, result.stdout) == (0, "The dead letter queue is empty.\n")


def test_a_queue_with_other_messages_alone_is_not_said_to_be_empty(setting: Setting) -> None:
    setting.queue.send(*OTHERS, *OF_ANOTHER_STACK)
    result = setting.run("--yes")
    assert result.exit_code == 0, stated(result)
    assert "holds no failed video of this stack" in result.output
    assert "empty" not in result.output
    assert len(setting.queue.bodies()) == 5
    assert setting.queue.hidden() == []


def test_messages_that_another_redrive_looks_at_are_reported_and_are_no_success(setting: Setting) -> None:
    setting.fill()
    setting.queue.take_away(19, seconds=120)

    result = setting.run("--yes")

    assert result.exit_code == 4
    assert "19 more messages" in result.output
    assert "within 2 minutes" in result.output
    assert "approximately" in result.output
    assert "holds no failed video" not in result.output
    assert "empty" not in result.output
    setting.clock.sleep(120)
    assert setting.run("--yes").exit_code == 0


def test_what_the_command_holds_itself_is_not_counted_as_anothers(setting: Setting) -> None:
    setting.queue.send(*OTHERS)
    setting.queue.take_away(1, seconds=120)
    assert "1 more message " in setting.run("--yes").output


def test_a_redrive_right_after_one_whose_network_broke_does_not_call_the_queue_empty(setting: Setting) -> None:
    setting.queue.send(failed_video("lost"))
    setting.stack.blow = at("ReceiveMessage", "acted", raising(ERRORS["no network"]))
    setting.run("--yes")
    assert setting.queue.hidden() == setting.queue.bodies()

    setting.stack.blow = lambda *_: None
    result = setting.run("--yes")

    assert result.exit_code == 4
    assert "1 more message " in result.output


@pytest.mark.parametrize("error", ["AccessDenied", "no network"])
def test_when_the_messages_cannot_be_counted_it_says_so(setting: Setting, error: str) -> None:
    denied = refusal("GetQueueAttributes", "AccessDenied", "not authorized to perform: sqs:getqueueattributes")
    setting.stack.blow = at("GetQueueAttributes", "asked", raising(ERRORS.get(error, denied)))

    result = setting.run("--yes")

    assert result.exit_code == 4
    assert "could not be looked up" in result.output
    assert "sqs:GetQueueAttributes" in result.output
    assert "empty" not in result.output


# --- messages that are none of ours ----------------------------------------------------------------------------------

VALID: Final = json.loads(failed_video("fine"))
GARBAGE: Final = {
    "a list": "[]",
    "a string": '"media_id"',
    "a number": "7",
    "a number without end": "1" * 5_000,
    "null": "null",
    "no JSON": "\x80\udcff PK\x03\x04",
    "nothing": "",
    "nested too deeply": "[" * 100_000,
    "as long as SQS takes": json.dumps(VALID | {"media_id": "x" * 262_000}),
    "no media_id": json.dumps({name: value for name, value in VALID.items() if name != "media_id"}),
    "an empty media_id": json.dumps(VALID | {"media_id": ""}),
    "a media_id that is a list": json.dumps(VALID | {"media_id": ["fine"]}),
    "no error": json.dumps(VALID | {"error": None}),
    "no execution": json.dumps({name: value for name, value in VALID.items() if name != "execution_id"}),
    "an execution that is a number": json.dumps(VALID | {"execution_id": 7}),
}


@pytest.mark.parametrize("body", GARBAGE.values(), ids=GARBAGE)
def test_a_message_that_is_no_failed_video_starts_nothing_and_is_put_back(setting: Setting, body: str) -> None:
    setting.queue.send(body)
    result = setting.run("--yes")
    assert result.exit_code == 0, stated(result)
    assert "1 message is not about a failed video" in result.output
    assert setting.queue.bodies() == [body]
    assert setting.queue.hidden() == []
    assert setting.stack.tried() == []


@pytest.mark.parametrize("theirs", ["gopro-sync-orchestrator-dev", "gopro-sync"])
def test_a_stack_whose_name_looks_like_ours_is_another(setting: Setting, theirs: str) -> None:
    setting.queue.send(failed_video("theirs", state_machine=theirs))
    result = setting.run("--yes")
    assert "1 message is about a failed video of another stack" in result.output
    assert setting.stack.tried() == []
    assert setting.queue.hidden() == []


def test_the_name_of_an_error_cannot_write_on_the_terminal(setting: Setting) -> None:
    setting.queue.send(failed_video("odd", "[/red]\x1b[2J\ud800" + "x" * 10_000))
    result = setting.run("--yes")
    assert result.exit_code == 0, stated(result)
    assert "[/red]" in result.output
    assert "\x1b" not in result.output
    assert len(result.output) < 1_000


# --- a person who thinks for long ------------------------------------------------------------------------------------


def test_however_long_a_person_thinks_the_videos_are_tried(setting: Setting) -> None:
    setting.fill()
    setting.at_the_question = lambda: setting.clock.sleep(36_000)
    assert setting.run(answer="y\n").exit_code == 0
    assert len(setting.stack.tried()[0]) == 13
    assert setting.queue.hidden() == []


def test_videos_that_another_redrive_took_meanwhile_are_left_out_and_said(setting: Setting) -> None:
    setting.queue.send(*(failed_video(f"video{number}") for number in range(10)))
    taken: list[str] = []
    setting.at_the_question = lambda: taken.extend(setting.queue.take_away(4, seconds=120))

    result = setting.run(answer="y\n")

    assert result.exit_code == 0, stated(result)
    assert "4 of the 10 videos" in result.output
    assert len(setting.stack.tried()[0]) == 6
    assert sorted(setting.queue.hidden()) == sorted(taken), "those of the other redrive stay its own"


def test_when_another_redrive_took_all_meanwhile_nothing_is_started(setting: Setting) -> None:
    setting.fill()
    setting.at_the_question = lambda: setting.queue.take_away(100, seconds=120)

    result = setting.run(answer="y\n")

    assert result.exit_code == 4, stated(result)
    assert "Nothing was started" in result.output
    assert setting.stack.tried() == []


def test_a_video_that_failed_while_the_person_thought_is_not_tried_unasked(setting: Setting) -> None:
    setting.queue.send(failed_video("asked"))
    setting.at_the_question = lambda: setting.queue.send(*(failed_video(f"new{number}") for number in range(9)))

    assert setting.run(answer="y\n").exit_code == 0
    assert setting.stack.tried() == [["asked"]]
    assert setting.queue.hidden() == []
    waiting = sorted(json.loads(body)["media_id"] for body in setting.queue.bodies())
    assert waiting == ["asked", *(f"new{n}" for n in range(9))]


def test_a_computer_that_slept_over_the_messages_starts_nothing(setting: Setting) -> None:
    """They were visible meanwhile, and another redrive may have them."""
    setting.fill()
    slept: list[int] = []

    def sleeping(number: int, operation: str, moment: Moment) -> None:
        if operation == "ReceiveMessage" and moment == "asked" and len(setting.queue.hidden()) > 10 and not slept:
            slept.append(number)
            setting.clock.sleep(3_600)
            setting.queue.take_away(100, seconds=120)

    setting.stack.blow = sleeping
    result = setting.run("--yes")

    assert result.exit_code == 1
    assert "nothing was started" in stated(result)
    assert setting.stack.tried() == []
    assert len(setting.queue.hidden()) == 19, "those of the other redrive stay its own"


# --- a start whose end is not known, and what cannot be taken out ----------------------------------------------------


@pytest.mark.parametrize(
    "lost",
    [
        ReadTimeoutError(endpoint_url="https://states.eu-west-1.amazonaws.com"),
        EndpointConnectionError(endpoint_url="https://states.eu-west-1.amazonaws.com"),
        refusal("StartExecution", "InternalFailure", status=500),
        refusal("StartExecution", "ThrottlingException", retries=1),
    ],
    ids=["timeout", "no network when asked again", "server error", "refused when asked again"],
)
def test_a_start_whose_answer_is_lost_is_reported_by_the_name_of_its_run(setting: Setting, lost: Exception) -> None:
    setting.fill()
    setting.stack.blow = at("StartExecution", "acted", raising(lost))

    result = setting.run("--yes")

    (execution,) = setting.stack.step_functions.executions
    assert result.exit_code == 1
    assert execution in stated(result)
    assert "may have started" in stated(result)
    assert len(setting.queue.bodies()) == 19
    assert setting.queue.hidden() == []


@pytest.mark.parametrize(
    "refused",
    [refusal("StartExecution", "AccessDeniedException"), NoCredentialsError()],
    ids=["access denied", "no credentials"],
)
def test_a_start_that_is_refused_is_reported_as_it_is(setting: Setting, refused: Exception) -> None:
    setting.fill()
    setting.stack.blow = at("StartExecution", "asked", raising(refused))
    result = setting.run("--yes")
    assert result.exception is refused
    assert setting.queue.hidden() == []


def test_a_start_that_was_asked_for_twice_has_started_once(setting: Setting) -> None:
    """The SDK asks again when an answer is lost; by then the run may be over."""
    setting.fill()
    again = refusal("StartExecution", "ExecutionAlreadyExists", retries=1)
    setting.stack.blow = at("StartExecution", "acted", raising(again))

    result = setting.run("--yes")

    (execution,) = setting.stack.step_functions.executions
    assert result.exit_code == 0, stated(result)
    assert f"Started {execution}" in result.output


def test_each_confirmed_redrive_names_its_own_run(setting: Setting) -> None:
    for _ in range(2):
        setting.queue.send(failed_video("stubborn"))
        setting.run("--yes")
    assert setting.stack.tried() == [["stubborn"], ["stubborn"]]
    assert not any("generated" in execution for execution in setting.stack.step_functions.executions)


def test_messages_that_sqs_does_not_delete_at_once_are_tried_again(setting: Setting) -> None:
    setting.fill()
    setting.stack.table.archived = ALL
    setting.queue.failing_entries["DeleteMessageBatch"] = 4
    result = setting.run("--yes")
    assert sorted(setting.queue.bodies()) == NOT_OURS
    assert "may come back" not in result.output


def test_messages_that_cannot_be_deleted_are_reported_to_come_back_and_are_put_back(setting: Setting) -> None:
    setting.fill()
    setting.stack.table.archived = ALL
    denied = refusal("DeleteMessageBatch", "AccessDenied", "not authorized to perform: sqs:deletemessage")
    setting.stack.blow = at("DeleteMessageBatch", "asked", raising(denied))

    result = setting.run("--yes")

    assert result.exit_code == 0, stated(result)
    assert re.search(r"14 messages may come back .*AccessDenied", result.output)
    assert "harmless" in result.output
    assert len(setting.queue.bodies()) == 19
    assert setting.queue.hidden() == []


def test_messages_of_which_sqs_deletes_some_are_reported_by_their_number(setting: Setting) -> None:
    setting.fill()
    setting.stack.table.archived = ALL
    setting.queue.failing_entries["DeleteMessageBatch"] = 14 + 14 + 3

    result = setting.run("--yes")

    assert len(setting.queue.bodies()) == len(NOT_OURS) + 3
    assert re.search(r"\b3 messages may come back .*InternalError", result.output), stated(result)
    assert setting.queue.hidden() == []


def test_messages_that_were_deleted_without_an_answer_are_not_said_to_be_hidden(setting: Setting) -> None:
    setting.fill()
    setting.stack.table.archived = ALL
    setting.stack.blow = at("DeleteMessageBatch", "acted", raising(ERRORS["no network"]))

    result = setting.run("--yes")

    assert result.exit_code == 0, stated(result)
    assert "messages may come back" in result.output
    assert "put back" not in result.output
    assert setting.queue.hidden() == []


# --- stacks ----------------------------------------------------------------------------------------------------------


def test_a_stack_that_does_not_exist_is_named(setting: Setting) -> None:
    result = setting.run("--stack-name", "elsewhere")
    assert result.exit_code == 1
    assert "There is no stack 'elsewhere' in eu-west-1 (account 123456789012)" in stated(result)


def test_the_stack_is_also_named_by_the_environment(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOPRO_SYNC_STACK", "elsewhere")
    assert "There is no stack 'elsewhere'" in stated(setting.run())


@pytest.mark.parametrize("missing", ["DeadLetterQueueUrl", "StateMachineArn", "TrackerTableName"])
def test_a_stack_without_the_outputs_is_named_with_what_to_do(setting: Setting, missing: str) -> None:
    del setting.stack.outputs[STACK_NAME][missing]
    setting.fill()

    result = setting.run("--yes")

    assert result.exit_code == 1
    assert STACK_NAME in stated(result)
    assert missing in stated(result)
    assert "deploy" in stated(result)
    assert setting.queue.hidden() == []


def test_the_help_text_says_what_each_exit_code_means() -> None:
    text = CliRunner().invoke(command_line.app, ["redrive", "--help"]).output
    exit_codes: Any = re.search(r"Exit codes:(.*)", text, re.DOTALL)
    assert exit_codes
    for code in ("0", "1", "2", "4", "129", "130", "143"):
        assert re.search(rf"\b{code}\b", exit_codes[1]), code
