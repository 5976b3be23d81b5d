"""One execution of the state machine: start it, follow it, stop it, say what came of it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from local.cloud import Cloud
from local.progress import Progress, ProgressWatch
from local.verdict import Verdict, verdict_of

# Watching must not slow down what is watched: at most this share of the time goes into looking.
_WATCHING_SHARE = 0.1
_SHORTEST_PAUSE_SECONDS = 0.25
_LONGEST_PAUSE_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """How an execution ended.

    Attributes:
        arn: of the execution.
        status: SUCCEEDED, FAILED, TIMED_OUT or ABORTED.
        output: what the state machine answered with: the run's summary; None unless it succeeded.
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
        """What came of it, in words and as an exit code."""
        return verdict_of(status=self.status, output=self.output, error=self.error, cause=self.cause)


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedVideo:
    """A video that a run could not archive, in the tracker's words."""

    media_id: str
    filename: str
    error: str
    message: str


def run(
    cloud: Cloud,
    run_input: Mapping[str, Any],
    *,
    follow: Callable[[Progress], None] = lambda _progress: None,
    sleep: Callable[[float], None] = time.sleep,
) -> Execution:
    """Starts an execution and returns when it has ended; an interruption (Ctrl-C) stops it first.

    Args:
        cloud: where.
        run_input: the execution's input.
        follow: told how far it is, several times a second.
        sleep: waits that many seconds.
    """
    client = cloud.client("stepfunctions")
    machine = cloud.outputs["StateMachineArn"]
    arn: str = client.start_execution(stateMachineArn=machine, input=json.dumps(run_input))["executionArn"]
    try:
        return _follow(cloud, client, arn, follow, sleep)
    except BaseException:
        with suppress(ClientError):  # it may have ended meanwhile; what interrupted us is what matters
            client.stop_execution(executionArn=arn, error="Interrupted", cause="Stopped by `python -m local`")
        raise


def wait(cloud: Cloud, execution_arn: str, *, sleep: Callable[[float], None] = time.sleep) -> Execution:
    """Returns when an execution has ended that somebody else started; leaves it alone when interrupted.

    Args:
        cloud: where.
        execution_arn: which; it has started.
        sleep: waits that many seconds.
    """
    return _follow(cloud, cloud.client("stepfunctions"), execution_arn, lambda _progress: None, sleep)


def failed_videos(cloud: Cloud, execution: Execution) -> Iterator[FailedVideo]:
    """The videos that this execution marked FAILED."""
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
            )


def _follow(
    cloud: Cloud, client: Any, arn: str, follow: Callable[[Progress], None], sleep: Callable[[float], None]
) -> Execution:
    watch = ProgressWatch(cloud, execution_arn=arn)
    while True:
        looked_at = time.monotonic()
        described = client.describe_execution(executionArn=arn)
        follow(watch.look())
        if described["status"] != "RUNNING":
            return _execution(described)
        pause_seconds = (time.monotonic() - looked_at) / _WATCHING_SHARE
        sleep(min(max(_SHORTEST_PAUSE_SECONDS, pause_seconds), _LONGEST_PAUSE_SECONDS))


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
