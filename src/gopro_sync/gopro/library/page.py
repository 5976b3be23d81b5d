"""One page of GoPro's listing: what is requested, and what arrives."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from gopro_sync.errors import GoProApiChangedError
from gopro_sync.gopro.library.drift import RowsExamined, examine
from gopro_sync.gopro.library.media import KNOWN_VALUES, MalformedRow, MediaItem, parse_row
from gopro_sync.values.outside_values import whole_number_or_none

BY_UPLOAD = "created_at"
BY_CAPTURE = "captured_at"

# Far beyond any library seen (below 2,000 items): a larger total cannot be true, and would exhaust the memory.
_LARGEST_LIBRARY = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRequest:
    """The request for a page.

    Attributes:
        number: which page, from 1.
        per_page: how many rows a full page should have; GoPro may cap it.
        order_by: ``BY_UPLOAD`` or ``BY_CAPTURE``; the newest comes first.
        uploaded_before: only what was uploaded earlier, aware; everything if None.
    """

    number: int
    per_page: int
    order_by: str = BY_UPLOAD
    uploaded_before: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of the listing.

    Attributes:
        number: which page was asked for, from 1.
        per_page: the size of a full page according to GoPro, which may cap the requested size.
        total_items: how many items matched at that moment; a lower bound where GoPro does not state it.
        has_total: whether GoPro states the total.
        rows: the rows of the page.
        examined: what its rows looked like.
    """

    number: int
    per_page: int
    total_items: int
    rows: tuple[MediaItem | MalformedRow, ...]
    examined: RowsExamined = field(default_factory=RowsExamined)
    has_total: bool = True

    @property
    def expected_rows(self) -> int:
        """How many rows this page must have, by its own total."""
        return min(self.per_page, max(0, self.total_items - self._offset))

    @property
    def positions(self) -> range:
        """The positions of its rows, counted from the oldest item of the library, which is 1."""
        newest = self.total_items - self._offset
        return range(newest - len(self.rows) + 1, newest + 1)

    @property
    def placed_rows(self) -> Iterable[tuple[object, MediaItem | MalformedRow]]:
        """Its rows, each with its place in the library: its position or, if that is unknown, page and row."""
        places = reversed(self.positions) if self.has_total else [(self.number, at) for at in range(len(self.rows))]
        return zip(places, self.rows, strict=True)

    @property
    def _offset(self) -> int:
        return (self.number - 1) * self.per_page


def parse_page(payload: object, number: int, *, asked_size: int = 100) -> Page:
    """Read the JSON answer of ``GET /media/search``.

    Args:
        payload: the answer.
        number: which page was asked for, from 1.
        asked_size: how many rows were requested: the size of a page where GoPro does not state it.

    Raises:
        GoProApiChangedError: the answer is not of the known shape.
    """
    paging = payload.get("_pages") if isinstance(payload, dict) else None
    embedded = payload.get("_embedded") if isinstance(payload, dict) else None
    if not isinstance(paging, dict):
        raise GoProApiChangedError("The listing has no _pages object")
    per_page = whole_number_or_none(paging["per_page"]) if paging.get("per_page") else asked_size
    stated_total = paging.get("total_items")
    total_items = None if stated_total is None else whole_number_or_none(stated_total)
    is_readable = stated_total is None or (total_items is not None and total_items <= _LARGEST_LIBRARY)
    if not per_page or not is_readable:
        raise GoProApiChangedError("The listing's per_page or total_items is not a plausible number")
    rows = _rows(embedded, is_empty=total_items == 0)
    shown = (number - 1) * per_page + len(rows) if rows else 0
    return Page(
        number=number,
        per_page=per_page,
        total_items=shown if total_items is None else total_items,
        has_total=total_items is not None,
        rows=tuple(parse_row(row) for row in rows),
        examined=examine(rows, KNOWN_VALUES),
    )


def _rows(embedded: object, *, is_empty: bool) -> list[object]:
    rows = embedded.get("media") if isinstance(embedded, dict) else None
    # A search that finds nothing may come without a list (observed by an open-source client).
    if is_empty and (rows is None or rows == {}):
        return []
    if not isinstance(rows, list):
        raise GoProApiChangedError("The listing's media are not a list")
    return rows
