"""Start one execution of the state machine, follow it, stop it, and report its outcome."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local.cloud import Cloud, needed
from local.errors import NotRunningError
from local.interruption import kept_back
from local.progress import Progress, ProgressWatch
from local.verdict import Verdict, verdict_of

# Watching must not slow down what is watched: at most this share of the time goes into looking.
_WATCHING_SHARE = 0.1
_SHORTEST_PAUSE_SECONDS = 0.25
_LONGEST_PAUSE_SECONDS = 2.0
# Far more than follow the start of the next run.
_EVENTS_OF_THE_END = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """How an execution ended.

    Attributes:
        arn: of the execution.
        status: SUCCEEDED, FAILED, TIMED_OUT or ABORTED.
        output: of the state machine: the run's summary; None unless it succeeded.
        error: name of the error that ended it.
        cause: its description.
        duration_seconds: from start to end.
    """

    arn: str
    status: str
    output: dict[str, Any] | None
    error: str | None
    cause: str | None
    duration_seconds: float

    @property
    def every_video_archived(self) -> bool:
        """Whether the run succeeded and left none of the videos behind that it should have archived."""
        if self.status != "SUCCEEDED" or self.output is None:
            return False
        return self.output.get("failed") == 0 and self.output.get("deferred") == 0

    @property
    def verdict(self) -> Verdict:
        """Its outcome, in words and as an exit code."""
        return verdict_of(status=self.status, output=self.output, error=self.error, cause=self.cause)


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedVideo:
    """A video that a run could not archive, in the tracker's words.

    Attributes:
        media_id: its id at GoPro.
        filename: its name; empty if it has none.
        error: the error's name.
        message: what happened.
        due_at: when it is tried again, ISO 8601; empty if it is not.
    """

    media_id: str
    filename: str
    error: str
    message: str
    due_at: str = ""


def run(
    cloud: Cloud,
    run_input: Mapping[str, Any],
    *,
    follow: Callable[[Progress], None] = lambda _progress: None,
    sleep: Callable[[float], None] = time.sleep,
) -> Execution:
    """Start an execution and wait for its end; an interruption (Ctrl-C) stops it first.

    Args:
        cloud: where.
        run_input: the execution's input.
        follow: called with the progress several times a second.
        sleep: waits that many seconds.

    Raises:
        NotRunningError: a part of the cloud has ended meanwhile.
    """
    return next(_run_and_successors(cloud, run_input, follow, sleep))


def run_with_successors(
    cloud: Cloud,
    run_input: Mapping[str, Any],
    *,
    follow: Callable[[Progress], None] = lambda _progress: None,
    sleep: Callable[[float], None] = time.sleep,
) -> list[Execution]:
    """Start an execution, and wait for its end and that of all executions that resume its backlog one after another.

    An interruption (Ctrl-C) stops the one that is under way.

    Args:
        cloud: where.
        run_input: the first execution's input.
        follow: called with the progress of all of them several times a second.
        sleep: waits that many seconds.
    """
    return list(_run_and_successors(cloud, run_input, follow, sleep))


def _run_and_successors(
    cloud: Cloud, run_input: Mapping[str, Any], follow: Callable[[Progress], None], sleep: Callable[[float], None]
) -> Iterator[Execution]:
    client = cloud.client("stepfunctions")
    machine = cloud.outputs["StateMachineArn"]
    with needed(cloud):
        arn: str | None = client.start_execution(stateMachineArn=machine, input=json.dumps(run_input))["executionArn"]
    watch = None
    while arn is not None:
        if watch is None:
            watch = ProgressWatch(cloud, execution_arn=arn)
        else:
            watch.go_on_with(arn)
        ended = _followed_to_its_end(cloud, client, arn, watch, follow=follow, sleep=sleep)
        yield ended
        with needed(cloud):
            arn = _successor(client, ended)


def _followed_to_its_end(
    cloud: Cloud,
    client: Any,
    arn: str,
    watch: ProgressWatch,
    *,
    follow: Callable[[Progress], None],
    sleep: Callable[[float], None],
) -> Execution:
    """Follow an execution to its end; whatever interrupts this stops the execution."""
    try:
        with needed(cloud):
            return _follow(client, arn, watch, follow, sleep)
    except NotRunningError:  # nobody is there to be asked to stop it
        raise
    except BaseException:
        # It may have ended meanwhile; what interrupted us is what matters.
        with kept_back(), suppress(ClientError, BotoCoreError):
            client.stop_execution(executionArn=arn, error="Interrupted", cause="Stopped by `gopro-sync local`")
        raise


def _successor(client: Any, ended: Execution) -> str | None:
    """Return the execution that was started to resume this one's backlog; None if there is none."""
    history = client.get_execution_history(executionArn=ended.arn, reverseOrder=True, maxResults=_EVENTS_OF_THE_END)
    for event in history["events"]:
        details = event.get("taskSucceededEventDetails", {})
        if details.get("resource") == "startExecution":
            # With a capital on AWS (https://docs.aws.amazon.com/step-functions/latest/dg/connect-stepfunctions.html);
            # on the engine, spelt as the API spells it.
            started = {name.lower(): value for name, value in json.loads(details["output"]).items()}
            return str(started["executionarn"])
    return None


def wait(cloud: Cloud, execution_arn: str, *, sleep: Callable[[float], None] = time.sleep) -> Execution:
    """Wait for the end of an execution that somebody else started; leave it alone when interrupted.

    Args:
        cloud: where.
        execution_arn: which; it has started.
        sleep: waits that many seconds.
    """
    watch = ProgressWatch(cloud, execution_arn=execution_arn)
    return _follow(cloud.client("stepfunctions"), execution_arn, watch, lambda _progress: None, sleep)


def failed_videos(cloud: Cloud, execution: Execution) -> Iterator[FailedVideo]:
    """Yield the videos that this execution marked FAILED."""
    pages = (
        cloud.client("dynamodb")
        .get_paginator("scan")
        .paginate(
            TableName=cloud.outputs["TrackerTableName"],
            FilterExpression="#status = :failed AND execution_id = :execution",
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues={":failed": {"S": "FAILED"}, ":execution": {"S": execution.arn}},
        )
    )
    for page in pages:
        for item in page["Items"]:
            texts = {name: value.get("S", "") for name, value in item.items()}
            yield FailedVideo(
                media_id=texts["media_id"],
                filename=texts.get("filename", ""),
                error=texts.get("error_type", ""),
                message=texts.get("error_message", ""),
                due_at=texts.get("next_attempt_after", ""),
            )


def _follow(
    client: Any, arn: str, watch: ProgressWatch, follow: Callable[[Progress], None], sleep: Callable[[float], None]
) -> Execution:
    look_again_at = float("-inf")
    while True:
        began = time.monotonic()
        described = client.describe_execution(executionArn=arn)
        has_ended = described["status"] != "RUNNING"
        if has_ended or time.monotonic() >= look_again_at:
            follow(watch.look())
            now = time.monotonic()
            look_again_at = now + (now - began) / _WATCHING_SHARE
        if has_ended:
            return _execution(described)
        # Whether it has ended is asked more often than how far it is, since that is one small request.
        sleep(min(max(_SHORTEST_PAUSE_SECONDS, look_again_at - time.monotonic()), _LONGEST_PAUSE_SECONDS))


def _execution(described: Mapping[str, Any]) -> Execution:
    succeeded = described["status"] == "SUCCEEDED"
    return Execution(
        arn=described["executionArn"],
        status=described["status"],
        output=json.loads(described["output"]) if succeeded else None,
        error=described.get("error"),
        cause=described.get("cause"),
        duration_seconds=(described["stopDate"] - described["startDate"]).total_seconds(),
    )
