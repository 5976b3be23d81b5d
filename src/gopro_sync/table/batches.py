"""Many items in few calls, at the rate that DynamoDB accepts them, until a deadline rather than for a number of tries.

A new on-demand table takes 4,000 writes a second, one partition of it 1,000, and a transaction counts double
(https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html). What is above that it
refuses until it has grown, and nothing shows when: so the calls become fewer and smaller, and the waits longer. Where
the rates are different, it only takes more time, or less.

An item that DynamoDB does not accept affects no other: it is found by halving its batch, and left out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from gopro_sync.errors import TrackerError
from gopro_sync.telemetry.retries import log_retry

_MOST_AT_ONCE: Final = 4
_MOST_ITEMS: Final = 100  # of TransactWriteItems and of BatchGetItem
_FIRST_WAIT_SECONDS: Final = 0.1
_LONGEST_WAIT_SECONDS: Final = 10.0
# More than these, and more than were accepted, are no single item's trouble: the table itself is the wrong one.
_MOST_REFUSED: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer[Item: Hashable]:
    """What one call has not done.

    Attributes:
        again: the items to retry, together with whatever else there is.
        apart: groups of items to retry separately: one item of each may spoil the others' call, permanently or for as
            long as its own trouble lasts.
        refused: the items that DynamoDB does not accept, each with the reason.
        trouble: why some are to be retried later; None if there is no need to wait for DynamoDB.
    """

    again: Sequence[Item] = ()
    apart: Sequence[Sequence[Item]] = ()
    refused: Mapping[Item, str] = field(default_factory=dict)
    trouble: TrackerError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome[Item: Hashable]:
    """The outcome of all items.

    Attributes:
        left: those not accepted when the time was over.
        refused: those that DynamoDB does not accept, each with the reason.
        trouble: what delayed those that are left; None if none are.
    """

    left: Collection[Item]
    refused: Mapping[Item, str]
    trouble: TrackerError | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a piece of work may go on.

    Attributes:
        until: when it has to be over, aware.
        clock: returns the time, aware.
        sleep: waits that many seconds.
        jitter: returns a number from 0 to 1, another one at each call.
    """

    until: datetime
    clock: Callable[[], datetime]
    sleep: Callable[[float], None]
    jitter: Callable[[], float]


def halves[Item: Hashable](group: Sequence[Item], reason: str) -> Answer[Item]:
    """Return the answer of a call that was refused because of one unknown item."""
    if len(group) == 1:
        return Answer(refused={group[0]: reason})
    middle = len(group) // 2
    return Answer(apart=(group[:middle], group[middle:]))


def in_batches[Item: Hashable](
    what: str, items: Sequence[Item], send: Callable[[Sequence[Item]], Answer[Item]], patience: Patience
) -> Outcome[Item]:
    """Send all items, the first ones first, and resend what is left, until all are done or the time is over.

    Args:
        what: the piece of work, in a few words, for the log.
        items: each once.
        send: makes one call; called from several threads at once.
        patience: how long it may take.

    Raises:
        TrackerError: DynamoDB accepts none of them.
        GoProSyncError: what ``send`` raises.
    """
    ready, apart = deque(items), deque[Sequence[Item]]()
    refused: dict[Item, str] = {}
    trouble: TrackerError | None = None
    pace = _Pace(what, patience)
    is_apart_next = False
    with ThreadPoolExecutor(max_workers=_MOST_AT_ONCE) as pool:
        while (ready or apart) and not pace.is_over:
            # Alternately: neither group may keep the other from being sent, even where there is one call at a time.
            is_apart_next = not is_apart_next
            room = (pace.calls + is_apart_next) // 2 if ready else pace.calls
            were_apart = [apart.popleft() for _ in range(min(room, len(apart)))]
            groups = [*were_apart, *_taken(ready, calls=pace.calls - len(were_apart), size=pace.size)]
            answers = list(pool.map(send, groups))
            for place, answer in reversed(list(enumerate(answers))):
                apart.extend(answer.apart)
                refused |= answer.refused
                if place < len(were_apart):
                    apart.extend([answer.again] if answer.again else [])
                elif len(groups[place]) == 1:
                    ready.extend(answer.again)
                else:
                    ready.extendleft(reversed(answer.again))
            troubles = [answer.trouble for answer in answers if answer.trouble is not None]
            _refuse_another_table(
                list(refused.values()), done=len(items) - len(ready) - sum(map(len, apart)) - len(refused)
            )
            trouble = troubles[-1] if troubles else None
            pace.adjust(trouble)
    left = frozenset([*ready, *(item for group in apart for item in group)])
    return Outcome(left=left, refused=refused, trouble=(trouble or _time_is_over(what)) if left else None)


def _taken[Item](ready: deque[Item], *, calls: int, size: int) -> list[Sequence[Item]]:
    groups: list[Sequence[Item]] = []
    while ready and len(groups) < calls:
        groups.append([ready.popleft() for _ in range(min(size, len(ready)))])
    return groups


def _time_is_over(what: str) -> TrackerError:
    return TrackerError(f"There was not enough time to {what}")


def _refuse_another_table(reasons: Sequence[str], *, done: int) -> None:
    if len(reasons) > max(_MOST_REFUSED, done):
        raise TrackerError(f"DynamoDB refuses all records: {reasons[-1]}")


class _Pace:
    """How many calls at once, with how many items: halved after each refusal by DynamoDB, with a wait."""

    def __init__(self, what: str, patience: Patience) -> None:
        self._what = what
        self._patience = patience
        self._until = patience.until
        self._slept_until = patience.clock()
        self._attempts = 1
        self._has_begun = False
        self.calls = _MOST_AT_ONCE
        self.size = _MOST_ITEMS

    @property
    def is_over(self) -> bool:
        """Whether the time is over; never before the first calls."""
        return self._has_begun and self._seconds_left() <= 0

    def _seconds_left(self) -> float:
        # By the time slept too, whatever the clock does meanwhile.
        return (self._until - max(self._patience.clock(), self._slept_until)).total_seconds()

    def adjust(self, trouble: TrackerError | None) -> None:
        """Wait if there is trouble, and set the pace of the next calls."""
        self._has_begun = True
        if trouble is None:
            self._attempts = 1
            if self.size < _MOST_ITEMS:
                self.size = min(_MOST_ITEMS, self.size * 2)
            else:
                self.calls = min(_MOST_AT_ONCE, self.calls + 1)
            return
        if self.calls > 1:
            self.calls //= 2
        else:
            self.size = max(1, self.size // 2)
        self._attempts += 1
        self._wait(trouble)

    def _wait(self, trouble: TrackerError) -> None:
        longest = min(_LONGEST_WAIT_SECONDS, _FIRST_WAIT_SECONDS * 2.0 ** min(self._attempts - 1, 10))
        wait = max(longest * (1 + self._patience.jitter()) / 2, trouble.retry_after_seconds or 0.0)
        wait = min(wait, self._seconds_left())
        if wait <= 0:
            return
        log_retry(
            self._what,
            attempt=self._attempts,
            wait_seconds=round(wait, 3),
            error_type=type(trouble).__name__,
            error_message=trouble.message,
        )
        self._slept_until = max(self._patience.clock(), self._slept_until) + timedelta(seconds=wait)
        self._patience.sleep(wait)
