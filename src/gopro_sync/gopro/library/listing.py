"""The whole library, page by page, and the proof that nothing is missing from it.

GoPro's paging is not reliable: pages of 12 instead of 100 rows were seen with a plausible total, and since the newest
item comes first, an upload during the listing shifts every later page (observed by open-source clients). So pages are
not counted but *positions* are, from the oldest item (position 1): an upload does not move those. Each page says how
many items there are in all, hence which positions it holds, whatever happened between two pages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from gopro_sync.errors import GoProApiChangedError, LibraryIncompleteError
from gopro_sync.gopro.library.drift import DriftFinding, RowsExamined, examine, findings
from gopro_sync.gopro.library.media import KNOWN_VALUES, MalformedRow, MediaItem, parse_row
from gopro_sync.values.outside_values import whole_number_or_none

# What is asked for, one listing after the other until one is complete. 50 was reliable where 100 was not.
_PAGE_SIZES = (100, 50, 50)

# How often one listing goes back for positions that an upload or a deletion moved to another page meanwhile.
_CATCH_UP_ROUNDS = 3

# Far beyond any library seen (below 2,000 items): a total above it is no total, and would exhaust the memory.
_LARGEST_LIBRARY = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of the listing.

    Attributes:
        number: which page was asked for, from 1.
        per_page: the size of a full page according to GoPro, which may cap what was asked for.
        total_items: the size of the library at that moment.
        rows: what the page holds.
        examined: what its rows looked like.
    """

    number: int
    per_page: int
    total_items: int
    rows: tuple[MediaItem | MalformedRow, ...]
    examined: RowsExamined = field(default_factory=RowsExamined)

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
    def _offset(self) -> int:
        return (self.number - 1) * self.per_page


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryListing:
    """A complete listing: everything that was in the library when the listing began.

    Attributes:
        items: the media items, oldest upload first, each id once.
        malformed: the rows that are no media items.
        drift: in what GoPro's answers differ from those that this client was written against.
    """

    items: tuple[MediaItem, ...]
    malformed: tuple[MalformedRow, ...]
    drift: tuple[DriftFinding, ...] = ()

    @property
    def total_items(self) -> int:
        """How many items the library has, malformed rows included."""
        return len(self.items) + len(self.malformed)


FetchPage = Callable[[int, int], Page]
"""Fetches a page; takes its number, from 1, and the page size to ask for. Called from several threads at once."""


def parse_page(payload: object, number: int) -> Page:
    """Reads the JSON answer of ``GET /media/search``.

    Raises:
        GoProApiChangedError: the answer is not of the known shape.
    """
    paging = payload.get("_pages") if isinstance(payload, dict) else None
    embedded = payload.get("_embedded") if isinstance(payload, dict) else None
    if not isinstance(paging, dict) or not isinstance(embedded, dict):
        raise GoProApiChangedError("The listing has no _pages or no _embedded object")
    per_page = whole_number_or_none(paging.get("per_page"))
    total_items = whole_number_or_none(paging.get("total_items"))
    if not per_page or total_items is None or total_items > _LARGEST_LIBRARY:
        raise GoProApiChangedError("The listing's per_page or total_items is not a plausible number")
    rows = embedded.get("media")
    if not isinstance(rows, list):
        raise GoProApiChangedError("The listing's media are not a list")
    return Page(
        number=number,
        per_page=per_page,
        total_items=total_items,
        rows=tuple(parse_row(row) for row in rows),
        examined=examine(rows, KNOWN_VALUES),
    )


def list_library(fetch_page: FetchPage, *, workers: int) -> LibraryListing:
    """Lists the whole library: the first page tells the size, the others are fetched several at once.

    Items that are uploaded while the listing runs may be in it or not; the next run finds them.

    Args:
        fetch_page: see `FetchPage`; its errors pass through.
        workers: how many pages are fetched at the same time.

    Raises:
        LibraryIncompleteError: three listings, and none of them adds up.
    """
    problem = ""
    for page_size in _PAGE_SIZES:
        pages = _read_pages(fetch_page, page_size, workers)
        rows = _distinct_rows(pages)
        problem = _incompleteness(pages, rows)
        if not problem:
            return _listing(rows, findings(page.examined for page in pages))
    raise LibraryIncompleteError(f"GoPro's listing did not add up in {len(_PAGE_SIZES)} tries: {problem}")


def _read_pages(fetch_page: FetchPage, page_size: int, workers: int) -> list[Page]:
    pages = [fetch_page(1, page_size)]
    with ThreadPoolExecutor(max_workers=workers, thread_name_prefix="listing") as pool:
        for _ in range(1 + _CATCH_UP_ROUNDS):
            wanted = _pages_with(_missing_positions(pages), pages[-1])
            if not wanted or _short_page(pages):
                break
            pages += pool.map(lambda number: fetch_page(number, page_size), wanted)
    return pages


def _missing_positions(pages: Sequence[Page]) -> set[int]:
    """What was in the library when the listing began and is on none of the pages."""
    return set(range(1, pages[0].total_items + 1)) - _held_positions(pages)


def _held_positions(pages: Iterable[Page]) -> set[int]:
    return {position for page in pages for position in page.positions}


def _pages_with(positions: Iterable[int], latest: Page) -> list[int]:
    """The pages on which the positions are, going by the latest known size of the library."""
    return sorted({(latest.total_items - at) // latest.per_page + 1 for at in positions if at <= latest.total_items})


def _short_page(pages: Iterable[Page]) -> Page | None:
    return next((page for page in pages if len(page.rows) != page.expected_rows), None)


def _distinct_rows(pages: Iterable[Page]) -> list[MediaItem | MalformedRow]:
    """Every row once, by its id; a row without an id is taken for a row of its own."""
    rows = [row for page in pages for row in page.rows]
    nameless: list[MediaItem | MalformedRow] = [row for row in rows if row.media_id is None]
    return [*{row.media_id: row for row in rows if row.media_id is not None}.values(), *nameless]


def _incompleteness(pages: Sequence[Page], rows: Sequence[MediaItem | MalformedRow]) -> str:
    """Says what is wrong with a listing; empty when it is complete."""
    short = _short_page(pages)
    if short is not None:
        return f"page {short.number} has {len(short.rows)} rows instead of {short.expected_rows}"
    missing = _missing_positions(pages)
    if missing:
        return f"{len(missing)} of {pages[0].total_items} items are missing"
    held = len(_held_positions(pages))
    return "" if len(rows) == held else f"it has {len(rows)} different items instead of {held}"


def _listing(rows: Iterable[MediaItem | MalformedRow], drift: tuple[DriftFinding, ...]) -> LibraryListing:
    items: list[MediaItem] = []
    malformed: list[MalformedRow] = []
    for row in rows:
        if isinstance(row, MediaItem):
            items.append(row)
        else:
            malformed.append(row)
    items.sort(key=lambda item: (item.uploaded_at, item.media_id))
    return LibraryListing(items=tuple(items), malformed=tuple(malformed), drift=drift)
