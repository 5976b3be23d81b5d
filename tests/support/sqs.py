"""One standard queue of SQS in memory, as strict as its documentation, with the calls that the redrive makes.

Facts from the API reference: a message that was received is hidden for its visibility timeout; each reception outdates
the earlier receipt handles; a deletion with an outdated handle is answered with success and deletes nothing; the
visibility of a message that is not in flight cannot be changed; a batch has one to ten entries with distinct ids, and
each fails or succeeds by itself.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol
from uuid import UUID

from botocore.exceptions import ClientError

Moment = Literal["asked", "acted"]  # before the call has an effect, and before its answer is there
Watch = Callable[[str, Moment], None]

LATENCY_SECONDS: Final = 0.05


class Clock(Protocol):
    """The module ``time``, or what looks like it."""

    def time(self) -> float:
        """Return the time, in seconds."""

    def sleep(self, seconds: float, /) -> None:
        """Let the time pass."""


class VirtualClock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def time(self) -> float:
        return self.now

    def sleep(self, seconds: float, /) -> None:
        self.now += seconds


def refusal(operation: str, code: str, message: str = "", *, status: int = 400, retries: int = 0) -> ClientError:
    """Return what boto3 raises when the service refuses."""
    reported: Any = {"HTTPStatusCode": status, "RetryAttempts": retries}
    return ClientError({"Error": {"Code": code, "Message": message}, "ResponseMetadata": reported}, operation)


@dataclass(slots=True, eq=False)
class _Message:
    message_id: str
    body: str
    handles: list[str] = field(default_factory=list)
    shows_up_at: float = 0.0


class Call:
    """The moments of one call to a service; use as a context manager around what it does."""

    def __init__(self, operation: str, clock: Clock, watch: Watch) -> None:
        self._operation = operation
        self._clock = clock
        self._watch = watch

    def __enter__(self) -> None:
        self._clock.sleep(LATENCY_SECONDS / 2)
        self._watch(self._operation, "asked")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._clock.sleep(LATENCY_SECONDS / 2)
        if kind is None:
            self._watch(self._operation, "acted")


class FakeSqs:
    """The queue, with the methods of boto3's client.

    Args:
        clock: what visibility timeouts go by; each call takes `LATENCY_SECONDS` of it.
        url: the queue's address.
        watch: told of each call's moments; what it raises comes out of the call.

    Attributes:
        failing_entries: by operation, how many entries of its next batches fail for a moment.
        delivers_twice: a reception also gives a message again that is hidden, as SQS may.
    """

    def __init__(self, clock: Clock, *, url: str, watch: Watch) -> None:
        self._clock = clock
        self._url = url
        self._watch = watch
        self._random = random.Random(1)
        self._messages: list[_Message] = []
        self._handles: dict[str, _Message] = {}
        self.failing_entries: dict[str, int] = {}
        self.delivers_twice = False

    def send(self, *bodies: str) -> None:
        """Put messages into the queue."""
        for body in bodies:
            self._messages.append(_Message(str(UUID(int=self._random.getrandbits(128))), body))

    def bodies(self) -> list[str]:
        """Return what has not been deleted, hidden or not."""
        return [message.body for message in self._messages]

    def hidden(self) -> list[str]:
        """Return what has not been deleted and cannot be received now."""
        return [message.body for message in self._messages if message.shows_up_at > self._clock.time()]

    def take_away(self, count: int, *, seconds: float) -> list[str]:
        """Receive messages as somebody else does; return their bodies."""
        taken = self._visible()[:count]
        for message in taken:
            self._hand_out(message, seconds)
        return [message.body for message in taken]

    def receive_message(self, **asked: Any) -> dict[str, Any]:
        with self._call("ReceiveMessage", asked, {"MaxNumberOfMessages", "WaitTimeSeconds", "VisibilityTimeout"}):
            most = asked["MaxNumberOfMessages"]
            assert 1 <= most <= 10
            visible = self._visible()
            again = [message for message in self._messages if self.delivers_twice and message not in visible]
            # In no order, and often fewer than there are; a long poll is empty only if there is none.
            given = self._random.sample(visible, min(len(visible), self._random.randint(1, most)))
            if not given:
                self._clock.sleep(asked["WaitTimeSeconds"])
            elif len(given) < most:
                given += again[:1]
            received = [self._hand_out(message, asked["VisibilityTimeout"]) for message in given]
        return {"Messages": received} if received else {}

    def delete_message_batch(self, **asked: Any) -> dict[str, Any]:
        return self._batch("DeleteMessageBatch", asked, self._delete)

    def change_message_visibility_batch(self, **asked: Any) -> dict[str, Any]:
        return self._batch("ChangeMessageVisibilityBatch", asked, self._change_visibility)

    def get_queue_attributes(self, **asked: Any) -> dict[str, Any]:
        with self._call("GetQueueAttributes", asked, {"AttributeNames"}):
            counts = {
                "ApproximateNumberOfMessages": len(self._visible()),
                "ApproximateNumberOfMessagesNotVisible": len(self.hidden()),
                "ApproximateNumberOfMessagesDelayed": 0,
            }
        return {"Attributes": {name: str(counts[name]) for name in asked["AttributeNames"]}}

    def _call(self, operation: str, asked: dict[str, Any], fields: set[str]) -> Call:
        assert asked.keys() == {"QueueUrl"} | fields
        assert asked["QueueUrl"] == self._url
        return Call(operation, self._clock, self._watch)

    def _visible(self) -> list[_Message]:
        return [message for message in self._messages if message.shows_up_at <= self._clock.time()]

    def _hand_out(self, message: _Message, seconds: float) -> dict[str, str]:
        handle = f"{message.message_id}#{len(message.handles)}"
        message.handles.append(handle)
        message.shows_up_at = self._clock.time() + seconds
        self._handles[handle] = message
        return {"MessageId": message.message_id, "Body": message.body, "ReceiptHandle": handle}

    def _batch(
        self, operation: str, asked: dict[str, Any], act: Callable[[dict[str, Any]], str | None]
    ) -> dict[str, Any]:
        with self._call(operation, asked, {"Entries"}):
            entries: Sequence[dict[str, Any]] = asked["Entries"]
            if not 1 <= len(entries) <= 10 or len({entry["Id"] for entry in entries}) < len(entries):
                raise refusal(operation, "AWS.SimpleQueueService.InvalidBatch")
            codes = {entry["Id"]: self._failure(operation) or act(entry) for entry in entries}
        return {
            "Successful": [{"Id": number} for number, code in codes.items() if code is None],
            "Failed": [
                {"Id": number, "Code": code, "SenderFault": code != "InternalError", "Message": f"{code} happened"}
                for number, code in codes.items()
                if code is not None
            ],
        }

    def _failure(self, operation: str) -> str | None:
        left = self.failing_entries.get(operation, 0)
        self.failing_entries[operation] = max(left - 1, 0)
        return "InternalError" if left else None

    def _delete(self, entry: dict[str, Any]) -> str | None:
        message = self._handles.get(entry["ReceiptHandle"])
        if message is None:
            return "ReceiptHandleIsInvalid"
        if message.handles[-1] == entry["ReceiptHandle"] and message in self._messages:
            self._messages.remove(message)
        return None

    def _change_visibility(self, entry: dict[str, Any]) -> str | None:
        message = self._handles.get(entry["ReceiptHandle"])
        if message is None:
            return "ReceiptHandleIsInvalid"
        if message not in self._messages or message.shows_up_at <= self._clock.time():
            return "InvalidParameterValue"
        # What AWS does here is not documented; at worst, whoever received it later loses it without knowing.
        assert message.handles[-1] == entry["ReceiptHandle"], "somebody else's message was put back"
        message.shows_up_at = self._clock.time() + entry["VisibilityTimeout"]
        return None
