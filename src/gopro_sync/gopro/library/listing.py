"""The whole library, page by page, and the proof that nothing is missing from it, or how much is.

GoPro's paging is not reliable. Pages of 12 instead of 100 rows were seen with a plausible total, and since the newest
item comes first, an upload during the listing shifts every later page (observed by open-source clients). So pages are
not counted but *positions* are, from the oldest item (position 1): an upload does not move those. Each page says how
many items there are in all, hence which positions it holds, whatever happened between two pages.

Where that does not add up, the library is read again, in pages of other sizes and in another order, and the readings
are merged: rows of the same second may change places between two requests, repeat, or overlap. Other services' totals
permanently count rows that no page shows, or count rows twice, or their pages end beyond some number of rows. A
lasting difference is no reason to archive nothing: it is reported with the listing (`ListingGap`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from gopro_sync.errors import GoProApiChangedError, LibraryIncompleteError, NetworkError
from gopro_sync.gopro.library.drift import DriftFinding, findings
from gopro_sync.gopro.library.media import MalformedRow, MediaItem
from gopro_sync.gopro.library.page import BY_CAPTURE, BY_UPLOAD, Page, PageRequest

# Readings follow one another until nothing is missing. 50 was reliable where 100 was not; what one order leaves open,
# rows of one second, the other may settle; and the largest pages have the fewest borders to fall between.
_READINGS: Final = (
    (100, BY_UPLOAD),
    (50, BY_UPLOAD),
    (200, BY_CAPTURE),
    *((50, BY_CAPTURE), (200, BY_UPLOAD), (100, BY_CAPTURE)) * 3,
)
# Every listing starts with this reading, and cannot do without it.
FIRST_REQUEST: Final = PageRequest(number=1, per_page=_READINGS[0][0], order_by=_READINGS[0][1])
# After this many readings in a row without anything new, the others would not help either.
_IDLE_READINGS: Final = 3
# No reading is begun that would exceed this many requests, or three times as many as one reading takes, if that is
# more, and none continues by time of upload beyond them: GoPro is not asked endlessly for a row that it may not have.
# Catching up, which only a library needs that changes meanwhile, comes on top.
_REQUESTS: Final = 300
_TIMES_THROUGH: Final = 3
# Requests of a reading besides its pages: those past the last page.
_REQUESTS_BEYOND: Final = 10
# Nor is one begun that would end later than this: the lister needs time to use the result (template.yaml, MediaLister).
_LONGEST_SECONDS: Final = 120.0

# How often one reading returns for positions that an upload or a deletion has moved to another page.
_CATCH_UP_ROUNDS: Final = 3

# How many rows a listing may lack beyond half of the library and still count as whole: the readings of a small library
# have few rows, and a wrong total is one of few.
_FEW_ROWS: Final = 20

# Each holds as many rows as GoPro shows in one part.
_OLDER_PARTS: Final = 100

# A page that GoPro does not answer though it has answered others.
_PAGE_REFUSED: Final = (NetworkError, GoProApiChangedError)
_A_SECOND: Final = timedelta(seconds=1)
_UNDATED: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingGap:
    """What GoPro's listing lacks after all readings.

    Attributes:
        stated: how many items the library has by GoPro's own total.
        shown: how many different items the pages showed.
        nameless: how many of these had no id to request them by.
        refused_from: the row, counted from the newest, from which GoPro refused pages; None if it refused none.
    """

    stated: int
    shown: int
    nameless: int = 0
    refused_from: int | None = None

    @property
    def hidden(self) -> int:
        """How many items were not shown."""
        return self.stated - self.shown

    @property
    def suggests_a_broken_listing(self) -> bool:
        """Whether the listing should not be used at all.

        It should not if it shows nothing, or hides more than it shows, counting rows without an id as hidden: a run
            whose only
        trouble is a gap counts as a success, and an answer that lacks most of the library is an outage, which the next
        request may not meet. Nothing else stops a run. Not fewer rows: what is shown is there, whatever is not. Not a
        library smaller than the table's: people delete at GoPro what they have archived. Not pages refused from some
        row on: that is GoPro's limit, and will still be there tomorrow.
        """
        named, lacking = self.shown - self.nameless, self.hidden + self.nameless
        if self.shown == 0:
            return True
        return lacking > max(named, _FEW_ROWS) and (self.refused_from is None or named == 0)

    def __str__(self) -> str:
        text = f"GoPro counts {self.stated}, showed {self.shown}"
        if self.nameless:
            text += f", {self.nameless} of them without an id"
        return text if self.refused_from is None else f"{text}; it refuses pages from row {self.refused_from} on"


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryListing:
    """What GoPro listed: everything that was in the library when the listing began, except for the gap.

    Attributes:
        items: the media items, oldest upload first, those without any date last, each id once.
        malformed: the rows that are no media items.
        drift: how GoPro's answers differ from those that this client was written against.
        gap: what the listing lacks; None if it is complete.
    """

    items: tuple[MediaItem, ...]
    malformed: tuple[MalformedRow, ...]
    drift: tuple[DriftFinding, ...] = ()
    gap: ListingGap | None = None

    @property
    def total_items(self) -> int:
        """How many items the library has, malformed rows included."""
        return len(self.items) + len(self.malformed)


FetchPage = Callable[[PageRequest], Page]
"""Fetches a page. Called from several threads at once."""


def list_library(fetch_page: FetchPage, *, workers: int, clock: Callable[[], float] = time.monotonic) -> LibraryListing:
    """List the whole library: the first page states the size, the others are fetched several at once.

    Items uploaded while the listing runs may or may not be in it; the next run finds them.

    Args:
        fetch_page: see `FetchPage`; its errors pass unchanged, except those of later pages.
        workers: how many pages are fetched at the same time.
        clock: returns seconds that only grow.

    Raises:
        LibraryIncompleteError: all readings together lack so much that the listing is broken.
    """
    readings: list[_Reading] = []
    ways_to_continue = _WaysToContinue()
    known: dict[str, MediaItem | MalformedRow] = {}
    idle, began = 0, clock()
    for page_size, order_by in _READINGS:
        if idle == _IDLE_READINGS:
            break
        if readings and not _may_read_again(readings, page_size, seconds=clock() - began):
            continue
        # A first reading whose first page is short is given up in favour of smaller pages that are not.
        reading = _Reading(
            fetch_page,
            page_size,
            order_by,
            workers=workers,
            gives_up=not readings,
            ways_to_continue=ways_to_continue,
            requests_before=_requests(readings),
        )
        if not _could_be_read(reading, readings, fetch_page):
            idle += 1
            continue
        readings.append(reading)
        if reading.is_complete:
            known, readings = reading.named, [reading]
            break
        idle = 0 if reading.named.keys() - known.keys() else idle + 1
        _join(known, reading.named.values())
        if len(known) + len(_nameless(readings)) >= _stated(readings):
            break
    gap = _gap(known, readings)
    if gap is not None and gap.suggests_a_broken_listing:
        raise LibraryIncompleteError(f"GoPro's listing did not add up in {len(readings)} tries: {gap}")
    return _listing([*known.values(), *_nameless(readings)], readings, gap)


def _could_be_read(reading: _Reading, earlier: Sequence[_Reading], fetch_page: FetchPage) -> bool:
    """Read; return False if GoPro refuses pages of this size or order but answers those of an earlier reading."""
    try:
        reading.read()
    except _PAGE_REFUSED:
        if not earlier:
            raise
        fetch_page(FIRST_REQUEST)
        return False
    return True


def _may_read_again(readings: Sequence[_Reading], page_size: int, *, seconds: float) -> bool:
    total = readings[-1].total_items
    # GoPro may cap the requested size.
    real_size = min(page_size, max(reading.per_page for reading in readings))
    wanted, asked = max(1, -(-total // real_size)) + _REQUESTS_BEYOND, _requests(readings)
    if asked + wanted > _most_requests(total):
        return False
    # A reading that was given up is no measure, and without another one there is no listing.
    return readings[-1].is_given_up or seconds + seconds / asked * wanted <= _LONGEST_SECONDS


def _join(named: dict[str, MediaItem | MalformedRow], rows: Iterable[MediaItem | MalformedRow]) -> None:
    """Add the rows that have an id; of several with one id, the one that states more stays, whatever their order.

    What it states too much is reported as missing; if another row states too little, nobody would notice.
    """
    for row in rows:
        if row.media_id is not None:
            before = named.setdefault(row.media_id, row)
            if before is not row and _states(row) > _states(before):
                named[row.media_id] = row


def _states(row: MediaItem | MalformedRow) -> tuple[int, int, datetime]:
    if isinstance(row, MalformedRow):
        return 0, 0, datetime.min.replace(tzinfo=UTC)
    return row.chapter_count, row.size_bytes or 0, row.uploaded_at or datetime.min.replace(tzinfo=UTC)


def _requests(readings: Iterable[_Reading]) -> int:
    return sum(reading.requests for reading in readings)


def _most_requests(total_items: int) -> int:
    return max(_REQUESTS, _TIMES_THROUGH * -(-total_items // _READINGS[0][0]))


def _gap(known: dict[str, MediaItem | MalformedRow], readings: Sequence[_Reading]) -> ListingGap | None:
    stated = _stated(readings)
    nameless = len(_nameless(readings))
    shown = len(known) + nameless
    if shown >= stated and not nameless:
        return None
    refused = [reading.refused_from for reading in readings if reading.refused_from is not None]
    # A refusal that the last reading did not meet any more was not permanent.
    refused_from = None if readings[-1].refused_from is None else max(refused)
    return ListingGap(stated=max(stated, shown), shown=shown, nameless=nameless, refused_from=refused_from)


def _stated(readings: Sequence[_Reading]) -> int:
    # The largest total: something deleted meanwhile does not make up for something never shown.
    return max(reading.total_items for reading in readings)


def _nameless(readings: Iterable[_Reading]) -> list[MalformedRow]:
    """Return the rows without an id from the reading that has most of them: nothing shows which are the same."""
    return max((reading.nameless for reading in readings), key=len, default=[])


@dataclass(slots=True)
class _WaysToContinue:
    """How a reading may continue where its pages end early; a way that GoPro has refused once is not tried again.

    Attributes:
        pages_behind_the_last: by pages past the one that is last according to the total.
        older_part: by requesting what was uploaded before the last row.
    """

    pages_behind_the_last: bool = True
    older_part: bool = True


class _Reading:
    """One reading of the library, in pages of one size and in one order.

    Attributes:
        page_size: the requested page size.
        parts: the pages of the library; where GoPro refused to show all of them, also of its older part, and so on.
        refused_from: the first row of the first page that was refused; None if none was.
    """

    def __init__(
        self,
        fetch_page: FetchPage,
        page_size: int,
        order_by: str,
        *,
        workers: int,
        gives_up: bool,
        ways_to_continue: _WaysToContinue,
        requests_before: int,
    ) -> None:
        self.page_size = page_size
        self.parts: list[list[Page]] = []
        self.refused_from: int | None = None
        self._fetch_page = fetch_page
        self._order_by = order_by
        self._workers = workers
        self._gives_up = gives_up
        self._ways_to_continue = ways_to_continue
        self._requests_before = requests_before
        self._empty_from: int | None = None
        self._asked: list[PageRequest] = []

    @property
    def requests(self) -> int:
        """How many pages were requested."""
        return len(self._asked)

    @property
    def per_page(self) -> int:
        """The size of a page that GoPro serves."""
        return self.parts[0][0].per_page

    @property
    def is_given_up(self) -> bool:
        """Whether its first page was too short to continue."""
        first = self.parts[0][0]
        return self._gives_up and len(first.rows) < first.expected_rows

    @property
    def pages(self) -> list[Page]:
        """All pages that arrived."""
        return [page for part in self.parts for page in part]

    @property
    def total_items(self) -> int:
        """The size of the library when the reading began."""
        return self.parts[0][0].total_items

    @property
    def named(self) -> dict[str, MediaItem | MalformedRow]:
        """Every row that has an id, once."""
        named: dict[str, MediaItem | MalformedRow] = {}
        _join(named, (row for page in self.pages for row in page.rows))
        return named

    @property
    def nameless(self) -> list[MalformedRow]:
        """The rows without an id: one for each place in the library, however often its page came."""
        placed = {place: row for page in self.pages for place, row in page.placed_rows}
        return [row for row in placed.values() if isinstance(row, MalformedRow) and row.media_id is None]

    @property
    def is_complete(self) -> bool:
        """Whether every position of the library has a row of its own."""
        pages = self.parts[0]
        if len(self.parts) > 1 or _has_odd_page(pages) or _missing_positions(pages):
            return False
        return len(self.named) + len(self.nameless) == len(_held_positions(pages))

    def read(self) -> None:
        """Fetch the pages. Errors of the first one pass unchanged."""
        with ThreadPoolExecutor(max_workers=self._workers, thread_name_prefix="listing") as pool:
            self._read_part(pool, None)
            for _ in range(0 if self.is_given_up or self._order_by != BY_UPLOAD else _OLDER_PARTS):
                if not (self._lacks_rows and self._ways_to_continue.older_part and self._read_older_part(pool)):
                    break

    @property
    def _lacks_rows(self) -> bool:
        """Whether there is more than was shown; where the total is too small, or missing, nobody knows."""
        if any(not page.has_total or len(page.rows) > page.expected_rows for page in self.pages):
            return True
        return len(self.named) + len(self.nameless) < self.total_items

    def _read_part(self, pool: ThreadPoolExecutor, uploaded_before: datetime | None) -> bool:
        """Read what was uploaded before; return whether GoPro served that as a part of what it showed last."""
        request = PageRequest(
            number=1, per_page=self.page_size, order_by=self._order_by, uploaded_before=uploaded_before
        )
        pages = [self._first_page(request)] if uploaded_before is None else self._first_page_of_older_part(request)
        if not pages:
            return False
        self.parts.append(pages)
        self._empty_from = None
        for round_number in range(1 + _CATCH_UP_ROUNDS):
            wanted = _pages_with(_missing_positions(pages), pages[-1])
            if not wanted or self.is_given_up or (round_number and _has_odd_page(pages)):
                break
            if uploaded_before is not None and not self._has_room_for(len(wanted)):
                self._ways_to_continue.older_part = False
                return False
            requests = [replace(request, number=number) for number in wanted]
            answers = list(pool.map(partial(self._page_or_none, pages[-1].per_page), requests))
            pages += [page for page in answers if page is not None]
            if None in answers:
                return True
        if not self.is_given_up:
            self._read_beyond_the_end(pages, request)
        return True

    def _has_room_for(self, requests: int) -> bool:
        return self._requests_before + self.requests + requests <= _most_requests(self.total_items)

    def _first_page(self, request: PageRequest) -> Page:
        self._asked.append(request)
        return self._fetch_page(request)

    def _first_page_of_older_part(self, request: PageRequest) -> list[Page]:
        """Return the page in a list; an empty one if GoPro does not answer it, or ignores the filter."""
        with suppress(*_PAGE_REFUSED):
            page = self._first_page(request)
            if page.total_items < self.parts[-1][0].total_items:
                return [page]
        self._ways_to_continue.older_part = False
        return []

    def _read_beyond_the_end(self, pages: list[Page], request: PageRequest) -> None:
        """Continue past the last page by the total while rows come: pages that overlap are more pages."""
        last = max(page.number for page in pages)
        while self._lacks_rows and self._empty_from is None and self._ways_to_continue.pages_behind_the_last:
            last += 1
            known = self.named.keys()
            asked = replace(request, number=last)
            self._asked.append(asked)
            try:
                pages.append(self._fetch_page(asked))
            except _PAGE_REFUSED:
                self._ways_to_continue.pages_behind_the_last = False
            if not self.named.keys() - known:
                return

    def _page_or_none(self, per_page: int, request: PageRequest) -> Page | None:
        first_row = (request.number - 1) * per_page + 1
        if self._is_behind_the_end(first_row):
            return None
        self._asked.append(request)
        try:
            page = self._fetch_page(request)
        except _PAGE_REFUSED:
            self.refused_from = min(first_row, self.refused_from or first_row)
            return None
        if not page.rows:
            self._empty_from = min(first_row, self._empty_from or first_row)
        return page

    def _is_behind_the_end(self, first_row: int) -> bool:
        """Return whether a page of this part before that row was refused or empty: a total may be anything."""
        return any(end is not None and first_row >= end for end in (self.refused_from, self._empty_from))

    def _read_older_part(self, pool: ThreadPoolExecutor) -> bool:
        """Continue past the last row shown, by its time of upload; return whether that led on.

        GoPro's ``created_range`` was seen to work (by open-source clients); GoPro ignores filters that it does not
        know. So a part that is no smaller than the one before ends the reading, as do too many rows of one second.
        """
        shown_in_a_row = [
            page for page in self.parts[-1] if not self._is_behind_the_end((page.number - 1) * page.per_page + 1)
        ]
        moments = [
            row.stated_upload
            for page in sorted(shown_in_a_row, key=lambda page: page.number)
            for row in page.rows
            if isinstance(row, MediaItem) and row.stated_upload is not None
        ]
        return bool(moments) and self._read_part(pool, moments[-1] + _A_SECOND)


def _missing_positions(pages: Sequence[Page]) -> set[int]:
    """Return the positions that existed when the listing began and are on none of the pages."""
    return set(range(1, pages[0].total_items + 1)) - _held_positions(pages)


def _held_positions(pages: Iterable[Page]) -> set[int]:
    return {position for page in pages for position in page.positions}


def _pages_with(positions: Iterable[int], latest: Page) -> list[int]:
    """Return the pages that hold these positions, going by the latest known size of the library."""
    return sorted({(latest.total_items - at) // latest.per_page + 1 for at in positions if at <= latest.total_items})


def _has_odd_page(pages: Iterable[Page]) -> bool:
    return any(len(page.rows) != page.expected_rows for page in pages)


def _listing(
    rows: Iterable[MediaItem | MalformedRow], readings: Sequence[_Reading], gap: ListingGap | None = None
) -> LibraryListing:
    items: list[MediaItem] = []
    malformed: list[MalformedRow] = []
    for row in rows:
        if isinstance(row, MediaItem):
            items.append(row)
        else:
            malformed.append(row)
    items.sort(key=lambda item: (item.uploaded_at or _UNDATED, item.media_id))
    drift = findings(page.examined for page in readings[-1].pages)
    return LibraryListing(items=tuple(items), malformed=tuple(malformed), drift=drift, gap=gap)
