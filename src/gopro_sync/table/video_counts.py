"""How many videos the table has, by status, counted record by record: nothing is kept that could drift.

A count is taken as of a moment. What the index by status holds of later videos can be added to it: those that were
counted although they became COMPLETED at that moment or later are known, since `sync_timestamp` has whole seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from gopro_sync.errors import MediaGoneError
from gopro_sync.values.outside_values import whole_number_or_none

_GONE: Final = MediaGoneError.__name__
# The first letter of the keys of records that are no videos, such as #gopro-session.
_NO_VIDEO: Final = "#"
# All but those archived before: of these, `ScannedCount` says how many there are.
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Scan.html#Scan.Counting
NOT_COUNTED_BY_DYNAMODB: Final = "attribute_not_exists(#status) OR #status <> :completed OR sync_timestamp >= :as_of"


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoCounts:
    """The table's videos at one moment.

    Attributes:
        total: all of them.
        completed: those that are archived.
        pending: those that no run has worked on, or that wait for the next.
        in_progress: those that a run works on, or has left.
        failed: those whose last attempt failed, without those that are gone.
        gone: those that GoPro no longer has, and that were never archived in full.
        unreadable: those whose status somebody has made unreadable.
        just_completed: the archived ones that became so at that moment or later.
    """

    total: int = 0
    completed: int = 0
    pending: int = 0
    in_progress: int = 0
    failed: int = 0
    gone: int = 0
    unreadable: int = 0
    just_completed: int = 0

    def __add__(self, other: VideoCounts) -> VideoCounts:
        """Return the counts of two parts of a table together."""
        return VideoCounts(**{name: getattr(self, name) + getattr(other, name) for name in FIELDS})


FIELDS: Final = tuple(VideoCounts.__dataclass_fields__)
_BY_STATUS: Final = {"PENDING": "pending", "IN_PROGRESS": "in_progress", "FAILED": "failed"}


class VideoCounter:
    """Counts what a scan with the filter `NOT_COUNTED_BY_DYNAMODB` yields."""

    def __init__(self) -> None:
        self._counts = dict.fromkeys(FIELDS, 0)
        self._is_complete = True

    def add_page(self, page: Mapping[str, Any]) -> None:
        """Count the records that DynamoDB read for a page and did not send, since they are archived.

        Args:
            page: its answer.
        """
        read, sent = whole_number_or_none(page.get("ScannedCount")), page.get("Items", [])
        if read is None or read < len(sent):
            self._is_complete = False
            return
        self._counts["completed"] += read - len(sent)
        self._counts["total"] += read - len(sent)

    def add_record(self, record: Mapping[str, Any]) -> None:
        """Count a record that DynamoDB sent.

        Args:
            record: with its key, status and error type, as plain values.
        """
        if str(record.get("media_id", "")).startswith(_NO_VIDEO):
            return
        self._counts["total"] += 1
        status = record.get("status")
        if status == "COMPLETED":
            self._counts["completed"] += 1
            self._counts["just_completed"] += 1
            return
        name = _BY_STATUS.get(status, "unreadable") if isinstance(status, str) else "unreadable"
        if name == "failed" and record.get("error_type") == _GONE:
            name = "gone"
        self._counts[name] += 1

    @property
    def counts(self) -> VideoCounts | None:
        """What was counted; None if DynamoDB did not say how many records it had read."""
        return VideoCounts(**self._counts) if self._is_complete else None


def counts_in(document: object) -> VideoCounts | None:
    """Return the counts as a run's summary has them; None if one is missing or is none.

    Args:
        document: the summary's field ``videos``.
    """
    if not isinstance(document, Mapping):
        return None
    counts = {name: whole_number_or_none(document.get(name)) for name in FIELDS}
    known = {name: count for name, count in counts.items() if count is not None}
    return VideoCounts(**known) if len(known) == len(FIELDS) else None
