"""Start a run that retries the failed videos of the dead letter queue now.

A message is deleted only once its video is archived, which the next redrive finds in the table: the start of a run does
not mean that its videos succeed. Until then it stays, and whatever else was received on the way is put back. While a
person is asked, nothing is held: they may think for as long as they like, and another redrive can see the same videos.
"""

from __future__ import annotations

import json
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final, NoReturn

import typer
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as BotocoreConnectionError

from gopro_sync.aws.answers import code_of
from gopro_sync.errors import GoProSyncError
from gopro_sync.table.tracker import Status, Tracker
from gopro_sync.values.timestamps import now_utc
from gopro_sync_cli.dead_letters import (
    LOOKING_SECONDS,
    MOST_VIDEOS,
    DeadLetters,
    End,
    FailedVideos,
    NotOurs,
    find_again,
    look_through,
    media_ids_of,
)
from gopro_sync_cli.errors import RedriveError, StartUnknownError
from gopro_sync_cli.exit_codes import ExitCode
from gopro_sync_cli.held_messages import HIDDEN_SECONDS, HeldMessages, Remainder
from gopro_sync_cli.interruption import Interruptions
from gopro_sync_cli.stack import execution_arn
from gopro_sync_cli.terminal_output import VerbatimConsole, working

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_stepfunctions import SFNClient

# Not patient: an interruption waits for the current call, and the messages are only hidden for two minutes.
CLIENT_CONFIG: Final = Config(connect_timeout=5, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 2})
# Far less than the messages are hidden for.
_PATIENCE_WITH_TABLE: Final = timedelta(seconds=20)
_LONGEST_ERROR_SHOWN: Final = 100  # characters
_LEFT_ALONE: Final = {
    NotOurs.NO_FAILED_VIDEO: (
        "message is not about a failed video; it stays in the queue.",
        "messages are not about failed videos; they stay in the queue.",
    ),
    NotOurs.ANOTHER_STACK: (
        "message is about a failed video of another stack; it stays in the queue.",
        "messages are about failed videos of another stack; they stay in the queue.",
    ),
}
_GONE: Final = "SQS did not return them again, probably because another redrive has retried them or is looking at them"
_HARMLESS: Final = "harmless: a video that is in the archive is not copied again"


class Redrive:
    """One call of the command.

    Args:
        sqs: reaches the queue.
        step_functions: reaches the state machine.
        queue_url: the stack's output DeadLetterQueueUrl.
        state_machine_arn: the stack's output StateMachineArn.
        archived: returns those of some videos that are archived by now, by their ids; raises `GoProSyncError`.
        interruptions: signals that may end it between two calls.
        output: where findings and results are printed.
        errors: where errors and progress are printed.
    """

    def __init__(
        self,
        sqs: SQSClient,
        step_functions: SFNClient,
        *,
        queue_url: str,
        state_machine_arn: str,
        archived: Callable[[Sequence[str]], Collection[str]],
        interruptions: Interruptions,
        output: VerbatimConsole,
        errors: VerbatimConsole,
    ) -> None:
        self._sqs = sqs
        self._step_functions = step_functions
        self._queue_url = queue_url
        self._state_machine_arn = state_machine_arn
        self._archived = archived
        self._interruptions = interruptions
        self._output = output
        self._errors = errors

    def ask_and_try(self) -> None:
        """Show what is in the queue, ask, and retry the videos that the person has seen.

        Raises:
            typer.Exit: there is nothing to retry, nobody to ask, or the answer is no.
            RedriveError: see `try_all`.
        """
        with self._holding() as held:
            shown = self._look_through(held)
        if sys.stdin is None or not sys.stdin.isatty():
            self._warn("Nothing was started: no terminal to ask on. With --yes, they are retried without asking.")
            raise typer.Exit(ExitCode.WRONG_USE)
        if not typer.confirm(f"Try {_counted(len(media_ids_of(shown.videos)), 'video', 'videos')} now?"):
            raise typer.Exit(ExitCode.CANNOT_RUN)
        with self._holding() as held:
            self._try(held, self._find_again(held, shown))

    def try_all(self) -> None:
        """Show what is in the queue, and retry it.

        Raises:
            typer.Exit: there is nothing to retry.
            RedriveError: nothing was started.
            StartUnknownError: it is unknown whether a run was started.
        """
        with self._holding() as held:
            self._try(held, self._look_through(held).videos)

    @contextmanager
    def _holding(self) -> Iterator[HeldMessages]:
        with (
            self._interruptions.kept_back(),
            HeldMessages(self._sqs, self._queue_url, not_put_back=self._say_not_put_back) as held,
        ):
            yield held

    def _look_through(self, held: HeldMessages) -> DeadLetters:
        with self._progress() as before_each_call:
            letters = look_through(held, state_machine_arn=self._state_machine_arn, before_each_call=before_each_call)
        for kind, count in letters.not_ours.items():
            self._say(_counted(count, *_LEFT_ALONE[kind]))
        letters = self._without_archived(held, letters)
        if not letters.videos:
            self._end_without_videos(held, letters)
        for error, count in Counter(video.error for video in letters.videos.values()).most_common():
            self._say(f"  {count:5}  {_shortened(error)}")
        if letters.end is End.ENOUGH:
            self._say(f"More than {MOST_VIDEOS:,} videos failed; the rest stays in the queue for the next redrive.")
        if letters.end is End.OUT_OF_TIME:
            self._say(f"Stopped after {LOOKING_SECONDS} seconds; the rest stays in the queue for the next redrive.")
        return letters

    def _without_archived(self, held: HeldMessages, letters: DeadLetters) -> DeadLetters:
        """Delete the messages of those that are archived by now; the outcome of the others is not known yet."""
        if not letters.videos:
            return letters
        try:
            archived = frozenset(self._archived(media_ids_of(letters.videos)))
        except GoProSyncError as error:
            self._warn(f"Which of them are archived by now could not be looked up, so all stay in the queue: {error}")
            return letters
        done = {message: video for message, video in letters.videos.items() if video.media_id in archived}
        if not done:
            return letters
        remainder = held.delete(done)
        whose = _counted(len(media_ids_of(done)), "video is archived by now: its", "videos are archived by now: their")
        self._say(f"{whose} messages are removed from the queue.")
        if remainder.count:
            self._say(
                f"{_counted(remainder.count, 'message', 'messages')} may come back ({remainder.reason}), which is "
                f"{_HARMLESS}."
            )
        left = {message: video for message, video in letters.videos.items() if message not in done}
        if not left and letters.end is End.NO_MORE_CAME:
            self._say("No other video has failed.")
            raise typer.Exit
        return replace(letters, videos=left)

    def _end_without_videos(self, held: HeldMessages, letters: DeadLetters) -> NoReturn:
        if letters.end is End.OUT_OF_TIME:
            self._say(f"No failed video was found in {LOOKING_SECONDS} seconds; there is more in the queue.")
            raise typer.Exit(ExitCode.NOT_CHECKED)
        try:
            others = held.count_of_others()
        except (BotoCoreError, ClientError) as error:
            self._say(
                "No failed video was received. Whether somebody else holds some could not be looked up, which takes "
                f"sqs:GetQueueAttributes: {error}"
            )
            raise typer.Exit(ExitCode.NOT_CHECKED) from error
        if others:
            self._say(
                f"No failed video was received, but SQS counts {_counted(others, 'more message', 'more messages')} "
                "(approximately): another redrive is looking at them, or they were received or deleted a moment ago. "
                f"What a redrive has received becomes visible again within {HIDDEN_SECONDS // 60} minutes."
            )
            raise typer.Exit(ExitCode.NOT_CHECKED)
        self._say(f"The dead letter queue {'holds no failed video of this stack' if letters.not_ours else 'is empty'}.")
        raise typer.Exit

    def _find_again(self, held: HeldMessages, shown: DeadLetters) -> FailedVideos:
        with self._progress() as before_each_call:
            videos = find_again(
                held, shown.videos, state_machine_arn=self._state_machine_arn, before_each_call=before_each_call
            )
        asked, found = len(media_ids_of(shown.videos)), len(media_ids_of(videos))
        if not videos:
            self._say(f"Nothing was started: {_GONE}.")
            raise typer.Exit(ExitCode.NOT_CHECKED)
        if found < asked:
            self._say(f"{asked - found:,} of the {asked:,} videos are left out: {_GONE}.")
        return videos

    def _try(self, held: HeldMessages, videos: FailedVideos) -> None:
        self._interruptions.take_effect()
        if not held.are_held(videos):
            raise RedriveError(
                f"It took longer than {HIDDEN_SECONDS} seconds to look through the queue, so another redrive may have "
                "the same videos: nothing was started. Run it again"
            )
        execution = start_run(self._step_functions, self._state_machine_arn, media_ids_of(videos))
        self._say(f"Started {execution}")
        self._say(
            "The messages stay in the queue until their videos are archived; the next redrive removes those: run it "
            "again when the run is over."
        )

    @contextmanager
    def _progress(self) -> Iterator[Callable[[int], None]]:
        """Yield a function to call before each request: it shows the progress, and takes a pending interruption."""
        with working(self._errors, "Looking through the dead letter queue") as show:

            def before_each_call(count: int) -> None:
                self._interruptions.take_effect()
                show(f"Looking through the dead letter queue: {_counted(count, 'message', 'messages')}")

            yield before_each_call

    def _say(self, line: str) -> None:
        self._output.print_line(line)

    def _warn(self, line: str) -> None:
        self._errors.print_line(line)

    def _say_not_put_back(self, remainder: Remainder, seconds: int) -> None:
        self._warn(
            f"{_counted(remainder.count, 'message', 'messages')} could not be put back into the queue "
            f"({remainder.reason}); what is still hidden becomes visible on its own within {seconds} seconds."
        )


def archived_of(dynamodb: DynamoDBClient, table_name: str, media_ids: Sequence[str]) -> frozenset[str]:
    """Return those of the videos that are archived by now.

    Raises:
        GoProSyncError: the table cannot be read now.
    """
    tracker = Tracker(dynamodb, table_name, clock=now_utc, sleep=time.sleep)
    records = tracker.look_up(media_ids, until=now_utc() + _PATIENCE_WITH_TABLE).records
    return frozenset(media_id for media_id, record in records.items() if record.status is Status.COMPLETED)


def start_run(step_functions: SFNClient, state_machine_arn: str, media_ids: Sequence[str]) -> str:
    """Start a run that retries exactly these videos, due or not; return the execution's ARN.

    Raises:
        StartUnknownError: the answer was lost, so it is unknown whether the run has started.
        ClientError: Step Functions refused; nothing was started.
    """
    # With a name of its own, a request that the SDK repeats after a lost answer starts no second run.
    name = f"redrive-{uuid.uuid4()}"
    arn = execution_arn(state_machine_arn, name)
    # What one run has no room or time for, the next runs of its chain retry, whatever the stack's backlog setting is.
    run_input = json.dumps({"redrive": True, "continue_backlog": True, "filters": {"media_ids": list(media_ids)}})
    try:
        answer = step_functions.start_execution(stateMachineArn=state_machine_arn, name=name, input=run_input)
    except (ClientError, BotocoreConnectionError, HTTPClientError) as error:
        if _is_repetition(error):
            return arn
        if _is_refusal(error):
            raise
        raise StartUnknownError(
            f"Step Functions did not say whether it has started the run ({error}). It may have started as {arn}; aws "
            f"stepfunctions describe-execution --execution-arn {arn} tells. The messages stay in the queue; to retry "
            f"them is {_HARMLESS}"
        ) from error
    return answer["executionArn"]


def _is_repetition(error: Exception) -> bool:
    """Return whether the run of this name started before and is over, since the SDK repeated its request."""
    return isinstance(error, ClientError) and code_of(error) == "ExecutionAlreadyExists"


def _is_refusal(error: Exception) -> bool:
    """Return whether the only request was refused; a repeated one follows another whose answer was lost."""
    if not isinstance(error, ClientError):
        return False
    metadata = error.response["ResponseMetadata"]
    return metadata["HTTPStatusCode"] < 500 and not metadata["RetryAttempts"]


def _counted(count: int, one: str, several: str) -> str:
    return f"{count:,} {one if count == 1 else several}"


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_ERROR_SHOWN else f"{text[:_LONGEST_ERROR_SHOWN]}..."
