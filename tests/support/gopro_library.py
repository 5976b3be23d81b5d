"""A GoPro library in memory: rows as GoPro lists them, and pages that can misbehave as GoPro's do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from gopro_sync.errors import NetworkError
from gopro_sync.gopro.library.page import Page, PageRequest, parse_page

_FIRST_UPLOAD = datetime(2026, 1, 1, tzinfo=UTC)


def video_row(number: int, **fields: object) -> dict[str, Any]:
    """A row of a plain video; a higher number was uploaded later."""
    return {
        "id": f"video{number:06}",
        "type": "Video",
        "filename": f"GX01{number % 10_000:04}.MP4",
        "file_extension": "MP4",
        "file_size": 1_000 + number,
        "created_at": (_FIRST_UPLOAD + timedelta(minutes=number)).isoformat(),
        "captured_at": "2025-12-31T09:30:12Z",
        "ready_to_view": "ready",
        "item_count": 1,
        "source_duration": "83375",
        **fields,
    }


class FakeLibrary:
    """Serves pages, newest item first.

    Args:
        rows: the library, newest first.
        largest_page: the cap on the page size, applied silently.
        before_page: is called with this library before each page is cut; it may change ``rows``.
        spoil: may change the rows of a page that was cut; takes the page's number, the asked size and the rows.
        ghosts: how many items the total counts that no page shows.
        deepest_row: pages that reach beyond it are refused, as by a server that fails; None refuses none.
        knows_ranges: whether a range of upload times is a filter; otherwise it is ignored.
    """

    def __init__(
        self,
        rows: Iterable[object],
        *,
        largest_page: int = 200,
        before_page: Callable[[FakeLibrary], None] = lambda _library: None,
        spoil: Callable[[int, int, list[object]], list[object]] = lambda _number, _size, rows: rows,
        ghosts: int = 0,
        deepest_row: int | None = None,
        knows_ranges: bool = True,
    ) -> None:
        self.rows = list(rows)
        self.asked: list[tuple[int, int]] = []
        self._largest_page = largest_page
        self._before_page = before_page
        self._spoil = spoil
        self._ghosts = ghosts
        self._deepest_row = deepest_row
        self._knows_ranges = knows_ranges
        self._lock = threading.Lock()

    @classmethod
    def of_videos(cls, count: int, **behaviour: Any) -> FakeLibrary:
        """A library of ``count`` plain videos."""
        return cls([video_row(number) for number in range(count, 0, -1)], **behaviour)

    def upload(self) -> None:
        """Adds one more, newest, video."""
        self.rows.insert(0, video_row(len(self.rows) + 500_000))

    def payload(self, number: int, asked_size: int, uploaded_before: datetime | None = None) -> dict[str, Any]:
        """The JSON answer for a page."""
        with self._lock:
            self.asked.append((number, asked_size))
            self._before_page(self)
            per_page = min(asked_size, self._largest_page)
            if self._deepest_row is not None and number * per_page > self._deepest_row:
                raise NetworkError("GoPro answered with status 500")
            found = self._found(uploaded_before)
            rows = found[(number - 1) * per_page : number * per_page]
            total = len(found) + self._ghosts
            return {
                "_pages": {
                    "current_page": number,
                    "per_page": per_page,
                    "total_items": total,
                    "total_pages": -(-total // per_page),
                },
                "_embedded": {"errors": [], "media": self._spoil(number, asked_size, rows)},
            }

    def fetch_page(self, asked: PageRequest) -> Page:
        """The page as the client hands it to the listing."""
        return parse_page(self.payload(asked.number, asked.per_page, asked.uploaded_before), asked.number)

    def _found(self, uploaded_before: datetime | None) -> list[object]:
        if uploaded_before is None or not self._knows_ranges:
            return self.rows
        return [
            row
            for row in self.rows
            if isinstance(row, dict) and datetime.fromisoformat(row["created_at"]) < uploaded_before
        ]
