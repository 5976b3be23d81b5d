"""Failed videos out of the dead letter queue into a run that tries them now.

A message is taken out of the queue only when the run that tries its video has started, so nothing is lost on the way;
a video that fails again comes back as a new message. What is no failed video (a function's asynchronous call, a start
of the schedule that did not come through) is left where it is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import batched
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef
    from mypy_boto3_stepfunctions import SFNClient

# Long enough to look through a full queue; what is left in it shows up again afterwards.
_HIDDEN_SECONDS: Final = 120
_MESSAGES_AT_ONCE: Final = 10  # the most that SQS gives or deletes with one call
# A run takes at most so many videos (MaxVideosPerRun), and their ids fit into its input.
_MOST_VIDEOS: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedVideo:
    """A message of the queue that is a failed video."""

    media_id: str
    filename: str | None
    error: str
    receipt_handle: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetters:
    """What lies in the queue.

    Attributes:
        videos: the failed videos; one that failed several times is there several times.
        others: how many messages are something else.
    """

    videos: tuple[FailedVideo, ...]
    others: int

    @property
    def media_ids(self) -> tuple[str, ...]:
        """The videos, each once, in the order of the messages."""
        return tuple(dict.fromkeys(video.media_id for video in self.videos))


def look_through(sqs: SQSClient, queue_url: str, *, said: Callable[[int], None]) -> DeadLetters:
    """Return what lies in the queue; nothing is taken out of it.

    Args:
        sqs: the client.
        queue_url: the stack's output DeadLetterQueueUrl.
        said: told how many messages have been seen so far.
    """
    videos: list[FailedVideo] = []
    others = 0
    seen: set[str] = set()
    for message in _messages(sqs, queue_url):
        if message["MessageId"] in seen:
            break  # the first ones show up again: the whole queue has been seen
        seen.add(message["MessageId"])
        video = _failed_video(message)
        if video is None:
            others += 1
        else:
            videos.append(video)
        said(len(seen))
        if len({video.media_id for video in videos}) == _MOST_VIDEOS:
            break
    return DeadLetters(videos=tuple(videos), others=others)


def start_run(sfn: SFNClient, state_machine_arn: str, media_ids: Sequence[str]) -> str:
    """Start a run that tries exactly these videos, due or not; return the execution's ARN."""
    run_input = {"redrive": True, "filters": {"media_ids": list(media_ids)}}
    return sfn.start_execution(stateMachineArn=state_machine_arn, input=json.dumps(run_input))["executionArn"]


def take_out(sqs: SQSClient, queue_url: str, videos: Sequence[FailedVideo]) -> int:
    """Delete the messages; return how many SQS did not delete, which come back and are harmless."""
    failed = 0
    for batch in batched(videos, _MESSAGES_AT_ONCE):
        answer = sqs.delete_message_batch(
            QueueUrl=queue_url,
            Entries=[{"Id": str(index), "ReceiptHandle": video.receipt_handle} for index, video in enumerate(batch)],
        )
        failed += len(answer.get("Failed", []))
    return failed


def put_back(sqs: SQSClient, queue_url: str, videos: Sequence[FailedVideo]) -> None:
    """Let the messages be seen again at once."""
    for batch in batched(videos, _MESSAGES_AT_ONCE):
        sqs.change_message_visibility_batch(
            QueueUrl=queue_url,
            Entries=[
                {"Id": str(index), "ReceiptHandle": video.receipt_handle, "VisibilityTimeout": 0}
                for index, video in enumerate(batch)
            ],
        )


def _messages(sqs: SQSClient, queue_url: str) -> Iterator[MessageTypeDef]:
    # A short poll asks some of SQS's servers only, and can come back empty from a queue that is not.
    while received := sqs.receive_message(
        QueueUrl=queue_url,
        MaxNumberOfMessages=_MESSAGES_AT_ONCE,
        WaitTimeSeconds=1,
        VisibilityTimeout=_HIDDEN_SECONDS,
    ).get("Messages"):
        yield from received


def _failed_video(message: MessageTypeDef) -> FailedVideo | None:
    try:
        body: Any = json.loads(message["Body"])
    except ValueError:
        return None
    if (
        not isinstance(body, dict)
        or not isinstance(body.get("media_id"), str)
        or not isinstance(body.get("error"), str)
    ):
        return None
    filename = body.get("filename")
    return FailedVideo(
        media_id=body["media_id"],
        filename=filename if isinstance(filename, str) else None,
        error=body["error"],
        receipt_handle=message["ReceiptHandle"],
    )
