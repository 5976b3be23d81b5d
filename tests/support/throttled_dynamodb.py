"""A new on-demand DynamoDB table at the rates that AWS documents, in virtual time: a fake, with nothing but rates.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html: 4,000 writes and 12,000
reads a second at first. https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html:
1,000 writes and 3,000 reads a second for each partition, and for each key of an index. A transaction counts double.
Growth is by doubling, and slow here; what a partition has not used is lost, although AWS lends some of it.
"""

from __future__ import annotations

import threading
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from botocore.exceptions import ClientError

_WRITES_A_SECOND: Final = 1_000.0
_READS_A_SECOND: Final = 3_000.0
_PARTITIONS: Final = 4
_SECONDS_TO_DOUBLE: Final = 600.0
_ITEM_LIMIT: Final = 400 * 1024


class VirtualTime:
    """A clock that only waiting moves."""

    def __init__(self) -> None:
        self.begun = datetime(2026, 5, 1, 1, 0, tzinfo=UTC)
        self.seconds = 0.0

    def now(self) -> datetime:
        """Return the time."""
        return self.begun + timedelta(seconds=self.seconds)

    def sleep(self, seconds: float) -> None:
        """Let time go by."""
        self.seconds += seconds


@dataclass(slots=True)
class _Bucket:
    rate: float
    tokens: float = 0.0
    filled_at: float = 0.0

    def takes(self, units: float, now: float) -> bool:
        growth = 2.0 ** int(now / _SECONDS_TO_DOUBLE)
        self.tokens = min(self.rate * growth, self.tokens + (now - self.filled_at) * self.rate * growth)
        self.filled_at = now
        return units <= self.tokens

    def spend(self, units: float) -> None:
        self.tokens -= units


class ThrottledDynamoDB:
    """The client of such a table, as far as many records are read and written.

    Args:
        time: the clock that its answers take time by.
        call_seconds: how long a call keeps the others waiting: a quarter of 50 ms, since four are made at once.
        slower: by how much the table is slower than the documented rates.
    """

    def __init__(self, time: VirtualTime, *, call_seconds: float = 0.0125, slower: float = 1.0) -> None:
        self.items: dict[str, Mapping[str, Any]] = {}
        self.calls: Counter[str] = Counter()
        self.throttled = 0
        self._time = time
        self._call_seconds = call_seconds
        self._writes = [_Bucket(_WRITES_A_SECOND / slower) for _ in range(_PARTITIONS)]
        self._reads = [_Bucket(_READS_A_SECOND / slower) for _ in range(_PARTITIONS)]
        self._index: dict[str, _Bucket] = {}
        self._slower = slower
        self._lock = threading.Lock()

    def transact_write_items(self, *, TransactItems: Sequence[Mapping[str, Any]]) -> dict[str, Any]:  # noqa: N803
        """Put all items or none, each if it is not there."""
        with self._lock:
            self._begin("TransactWriteItems")
            puts = [write["Put"]["Item"] for write in TransactItems]
            refusals = self._refusals(puts)
            if set(refusals) == {"None"}:
                self.items |= {item["media_id"]["S"]: item for item in puts}
                return {}
            self.throttled += "ThrottlingError" in refusals
            raise _refusal(
                "TransactionCanceledException", {"CancellationReasons": [{"Code": code} for code in refusals]}
            )

    def batch_get_item(self, *, RequestItems: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N803
        """Return the items that are there, and leave the keys for whose partition there were too many."""
        with self._lock:
            self._begin("BatchGetItem")
            ((table, asked),) = RequestItems.items()
            read, left = [], []
            for key in asked["Keys"]:
                bucket = self._reads[_place(key["media_id"]["S"])]
                if bucket.takes(1, self._time.seconds):
                    bucket.spend(1)
                    read.append(key["media_id"]["S"])
                else:
                    left.append(key)
            self.throttled += bool(left)
            found = [self.items[media_id] for media_id in read if media_id in self.items]
            return {"Responses": {table: found}, "UnprocessedKeys": {table: {**asked, "Keys": left}} if left else {}}

    def _begin(self, operation: str) -> None:
        self.calls[operation] += 1
        self._time.sleep(self._call_seconds)

    def _refusals(self, puts: Sequence[Mapping[str, Any]]) -> list[str]:
        media_ids = [item["media_id"]["S"] for item in puts]
        places = [_place(media_id) for media_id in media_ids]
        sizes = [len(repr(item)) for item in puts]  # a little more than they are, and quickly told
        units: Counter[int] = Counter()
        for place, size in zip(places, sizes, strict=True):
            units[place] += 2 * -(-size // 1024)
        short = {place for place, wanted in units.items() if not self._writes[place].takes(wanted, self._time.seconds)}
        indexed = Counter(item["status"]["S"] for item in puts if "sync_timestamp" in item)
        for key, wanted in indexed.items():
            bucket = self._index.setdefault(key, _Bucket(_WRITES_A_SECOND / self._slower))
            if not bucket.takes(2 * wanted, self._time.seconds):
                short |= set(range(_PARTITIONS))
        if not short:
            for place, wanted in units.items():
                self._writes[place].spend(wanted)
            for key, wanted in indexed.items():
                self._index[key].spend(2 * wanted)
        return [
            self._refusal_of(media_id, size, is_short=place in short)
            for media_id, size, place in zip(media_ids, sizes, places, strict=True)
        ]

    def _refusal_of(self, media_id: str, size: int, *, is_short: bool) -> str:
        if size > _ITEM_LIMIT or not media_id:
            return "ValidationError"
        if media_id in self.items:
            return "ConditionalCheckFailed"
        return "ThrottlingError" if is_short else "None"


def _place(media_id: str) -> int:
    return zlib.crc32(media_id.encode()) % _PARTITIONS


def _refusal(code: str, fields: Mapping[str, Any]) -> ClientError:
    answer: Any = {"Error": {"Code": code, "Message": "refused"}, **fields}
    return ClientError(answer, "TransactWriteItems")
