"""Hold messages received from an SQS queue: what is not deleted is put back, however the process ends.

Facts from the API reference of SQS: a message that was received is hidden until its visibility timeout has passed; only
the newest receipt of a message deletes it, although a deletion by an older one is answered with success; a batch has
ten entries at most, and each of them fails or succeeds by itself.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import batched
from typing import TYPE_CHECKING, Final, Self

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

# Long enough to look through a full queue, to start a run and to take its messages out; short enough to wait for, when
# this process is killed (SIGKILL) and cannot put back what it holds.
HIDDEN_SECONDS: Final = 120
_MESSAGES_AT_ONCE: Final = 10
_ROUNDS: Final = 3
_PAUSE_SECONDS: Final = 0.5
# Codes for a message that is visible already, or deleted.
_NOT_IN_FLIGHT: Final = frozenset({"MessageNotInflight", "InvalidParameterValue", "ReceiptHandleIsInvalid"})


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldMessage:
    """A message that nobody else can receive for now.

    Attributes:
        message_id: stays the same whenever it is received.
        body: what was sent.
        receipt_handle: identifies this reception of it.
        held_until: until when it is this process's own for certain, in seconds since the epoch.
        hidden_until: when it is certain to be visible again, in seconds since the epoch.
    """

    message_id: str
    body: str
    receipt_handle: str
    held_until: float
    hidden_until: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Remainder:
    """Messages that a call failed for: how many, and the last reason."""

    count: int
    reason: str


# Takes a batch; returns the messages that it failed for, and why.
type _Act = Callable[[Sequence[HeldMessage]], Mapping[HeldMessage, str]]


class HeldMessages:
    """Receive messages; use as a context manager, at whose end those that were not deleted are put back.

    Times are those of the wall clock: like SQS's, it keeps running while the computer sleeps.

    Args:
        sqs: the client.
        queue_url: the queue.
        not_put_back: called at the end if messages could not be put back, with them and the seconds after which they
            become visible on their own.
    """

    def __init__(self, sqs: SQSClient, queue_url: str, *, not_put_back: Callable[[Remainder, int], None]) -> None:
        self._sqs = sqs
        self._queue_url = queue_url
        self._not_put_back = not_put_back
        self._held: dict[str, HeldMessage] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        hidden = [message for message in self._held.values() if message.hidden_until > time.time()]
        left, reason = _in_batches(hidden, self._put_back)
        if left:
            seconds = max(message.hidden_until for message in left) - time.time()
            self._not_put_back(Remainder(count=len(left), reason=reason), max(0, math.ceil(seconds)))

    def receive(self) -> Sequence[HeldMessage]:
        """Return up to ten more messages; none if the queue gave none within a second.

        One that comes a second time, which SQS does not rule out, takes the place of the first.
        """
        asked_at = time.time()
        # A short poll asks some of SQS's servers only, and can come back empty from a queue that is not.
        answer = self._sqs.receive_message(
            QueueUrl=self._queue_url,
            MaxNumberOfMessages=_MESSAGES_AT_ONCE,
            WaitTimeSeconds=1,
            VisibilityTimeout=HIDDEN_SECONDS,
        )
        received = [
            HeldMessage(
                message_id=message["MessageId"],
                body=message["Body"],
                receipt_handle=message["ReceiptHandle"],
                held_until=asked_at + HIDDEN_SECONDS,
                hidden_until=time.time() + HIDDEN_SECONDS,
            )
            for message in answer.get("Messages", [])
        ]
        self._held.update((message.message_id, message) for message in received)
        return received

    def are_held(self, message_ids: Iterable[str]) -> bool:
        """Return whether nobody else can have received any of these messages by now."""
        return all(self._held[message_id].held_until > time.time() for message_id in message_ids)

    def delete(self, message_ids: Iterable[str]) -> Remainder:
        """Take messages out of the queue; return those that may come back.

        These are the ones that SQS did not delete, and those that somebody else may have received in the meantime.
        """
        messages = [self._held[message_id] for message_id in message_ids]
        left, reason = _in_batches(messages, self._delete)
        late = {message for message in messages if message.held_until <= time.time()}
        return Remainder(
            count=len(late.union(left)), reason=reason or f"they were held for longer than {HIDDEN_SECONDS} seconds"
        )

    def count_of_others(self) -> int:
        """Return how many messages SQS counts in the queue, hidden or not, besides those that are held here.

        The numbers are approximate, and can be a minute old.

        Raises:
            ClientError: SQS refused to answer.
            BotoCoreError: SQS did not answer.
        """
        answer = self._sqs.get_queue_attributes(
            QueueUrl=self._queue_url,
            AttributeNames=[
                "ApproximateNumberOfMessages",
                "ApproximateNumberOfMessagesNotVisible",
                "ApproximateNumberOfMessagesDelayed",
            ],
        )
        # Together, since a message that was received just now may still be counted as visible.
        return max(0, sum(int(count) for count in answer["Attributes"].values()) - len(self._held))

    def _delete(self, batch: Sequence[HeldMessage]) -> Mapping[HeldMessage, str]:
        answer = self._sqs.delete_message_batch(
            QueueUrl=self._queue_url,
            Entries=[{"Id": str(index), "ReceiptHandle": held.receipt_handle} for index, held in enumerate(batch)],
        )
        failed = {batch[int(entry["Id"])]: entry["Code"] for entry in answer.get("Failed", [])}
        for message in set(batch) - failed.keys():
            del self._held[message.message_id]
        return failed

    def _put_back(self, batch: Sequence[HeldMessage]) -> Mapping[HeldMessage, str]:
        answer = self._sqs.change_message_visibility_batch(
            QueueUrl=self._queue_url,
            Entries=[
                {"Id": str(index), "ReceiptHandle": held.receipt_handle, "VisibilityTimeout": 0}
                for index, held in enumerate(batch)
            ],
        )
        return {
            batch[int(entry["Id"])]: entry["Code"]
            for entry in answer.get("Failed", [])
            # A code may have a prefix: AWS.SimpleQueueService.MessageNotInflight.
            if entry["Code"].rpartition(".")[2] not in _NOT_IN_FLIGHT
        }


def _in_batches(messages: Sequence[HeldMessage], act: _Act) -> tuple[Sequence[HeldMessage], str]:
    """Return the messages that the call failed for in every round, and the last reason."""
    left, reason = messages, ""
    for number in range(_ROUNDS):
        if number and left:
            time.sleep(_PAUSE_SECONDS)
        left, reason = _one_round(left, act)
    return left, reason


def _one_round(messages: Sequence[HeldMessage], act: _Act) -> tuple[Sequence[HeldMessage], str]:
    """End the round at the first call that fails, since the next usually fails too; its batch goes last next time."""
    failed: dict[HeldMessage, str] = {}
    done = 0
    for batch in batched(messages, _MESSAGES_AT_ONCE):
        done += len(batch)
        try:
            failed |= act(batch)
        except (BotoCoreError, ClientError) as error:
            return [*failed, *messages[done:], *batch], str(error)
    return list(failed), next(reversed(failed.values()), "")
