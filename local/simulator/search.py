"""How ``GET /media/search`` interprets its query: filters, order, page. No state, no HTTP.

Behaviour as observed by open-source clients: unknown filter values are ignored (a typing mistake returns everything),
page sizes over the cap are capped silently, and a malformed range is answered with 500.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

# All that were seen by open-source clients.
KNOWN_TYPES = frozenset(
    {
        "Audio", "Burst", "BurstVideo", "Chaptered", "Continuous", "Edit", "ExternalVideo", "Livestream", "Looped",
        "LoopedVideo", "MultiClipEdit", "NightLapse", "Photo", "Session", "TimeLapse", "TimeLapseVideo", "Video",
    }
)  # fmt: skip
KNOWN_STATES = frozenset(
    {
        "failure", "live", "loading", "pretranscoding", "processing", "ready", "registered", "rendering", "stabilizing",
        "transcoding", "unknown", "updating", "uploading",
    }
)  # fmt: skip


class MalformedQueryError(ValueError):
    """GoPro cannot make sense of the query.

    Args:
        status: what GoPro answers.
    """

    def __init__(self, message: str, *, status: int) -> None:
        self.status = status
        super().__init__(message)


class Searchable(Protocol):
    """What a filter looks at."""

    @property
    def type(self) -> str:
        """The kind of item."""

    @property
    def ready_to_view(self) -> str:
        """GoPro's state of processing."""

    @property
    def created_at(self) -> str:
        """Upload time."""

    @property
    def captured_at(self) -> str | None:
        """Camera clock, if another."""

    @property
    def updated_at(self) -> str | None:
        """Last change, if later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeRange:
    """A half-open range of time."""

    start: datetime
    end: datetime

    def holds(self, moment: str) -> bool:
        """Return whether an ISO 8601 time lies in it."""
        return self.start <= datetime.fromisoformat(moment) < self.end


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchCriteria:
    """Which items, in which order. None lets everything pass."""

    order_by: str = "created_at"
    types: frozenset[str] | None = None
    states: frozenset[str] | None = None
    created: TimeRange | None = None
    captured: TimeRange | None = None
    updated: TimeRange | None = None

    def fits(self, item: Searchable) -> bool:
        """Return whether `item` matches."""
        return (
            (self.types is None or item.type in self.types)
            and (self.states is None or item.ready_to_view in self.states)
            and (self.created is None or self.created.holds(item.created_at))
            and (self.captured is None or self.captured.holds(item.captured_at or item.created_at))
            and (self.updated is None or self.updated.holds(item.updated_at or item.created_at))
        )

    def sort_key(self, item: Searchable) -> str:
        """Return the time that orders `item`."""
        return (item.captured_at or item.created_at) if self.order_by == "captured_at" else item.created_at


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchQuery:
    """A search as requested: pages count from 1; `fields` None asks for full records."""

    criteria: SearchCriteria
    page: int
    per_page: int
    fields: frozenset[str] | None


def parse_search(query: Mapping[str, str], *, default_page_size: int, max_page_size: int) -> SearchQuery:
    """Parse the query.

    Raises:
        MalformedQueryError: a range is malformed, or the page is not a number from 1.
    """
    page = query.get("page", "1")
    if not page.isdecimal() or int(page) < 1:
        raise MalformedQueryError("page must be a number from 1", status=400)
    per_page = query.get("per_page", "")
    wanted = int(per_page) if per_page.isdecimal() and int(per_page) > 0 else default_page_size
    return SearchQuery(
        criteria=SearchCriteria(
            order_by=query.get("order_by", "created_at"),
            types=_known(query.get("type"), KNOWN_TYPES),
            states=_known(query.get("processing_states"), KNOWN_STATES),
            created=_time_range(query, "created_range"),
            captured=_time_range(query, "captured_range"),
            updated=_time_range(query, "updated_range"),
        ),
        page=int(page),
        per_page=min(wanted, max_page_size),
        fields=frozenset(query["fields"].split(",")) if query.get("fields") else None,
    )


def _known(csv: str | None, known: frozenset[str]) -> frozenset[str] | None:
    return (frozenset((csv or "").split(",")) & known) or None


def _time_range(query: Mapping[str, str], name: str) -> TimeRange | None:
    if name not in query:
        return None
    try:
        start, end = (_moment(text) for text in query[name].split(","))
    except ValueError as error:
        raise MalformedQueryError(f"malformed {name}", status=500) from error
    return TimeRange(start=start, end=end)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
