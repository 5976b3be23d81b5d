"""The media library that the simulator pretends to have: items, their chapters, and the order they are listed in."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath

from local.simulator.content import DEFAULT_ETAG_PART_BYTES, Content, FileContent, GeneratedContent
from local.simulator.json_shape import from_json, to_json
from local.simulator.search import SearchCriteria

DEFAULT_CREATED_AT = "2026-05-01T18:02:44Z"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """One file at GoPro: generated from `seed`, or a real one at `path`.

    Args:
        size_bytes: the length of a generated file; a real one has its own.
        seed: which generated file; another seed is another content.
        path: a real file on this machine, instead of `size_bytes` and `seed`.
        etag_part_size_bytes: the part size of the S3 upload behind the ETag. None gives an opaque ETag, which
            costs nothing, for files so large that their MD5 would take minutes.

    Raises:
        ValueError: neither or both of `seed` and `path`, no file at `path`, or a negative size.
    """

    size_bytes: int = 0
    seed: str | None = None
    path: Path | None = None
    etag_part_size_bytes: int | None = DEFAULT_ETAG_PART_BYTES

    def __post_init__(self) -> None:
        if (self.seed is None) == (self.path is None):
            raise ValueError("a source file has either a seed or a path")
        if self.path is not None and not self.path.is_file():
            raise ValueError(f"there is no file {self.path}")
        if self.size_bytes < 0:
            raise ValueError("a source file cannot have a negative size")
        if self.etag_part_size_bytes is not None and self.etag_part_size_bytes <= 0:
            raise ValueError("the part size of an ETag must be positive")

    def open(self) -> Content:
        """Return the bytes of the file. Raise OSError if a real file cannot be read."""
        if self.path is not None:
            return FileContent(self.path)
        return GeneratedContent(seed=str(self.seed), size_bytes=self.size_bytes)

    def stated_bytes(self) -> int:
        """Return the size that the listing states: 0 of a real file that was taken away meanwhile."""
        try:
            return self.open().size_bytes
        except OSError:
            return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedItem:
    """One media item, with what its listing row and its download descriptor are made from.

    Args:
        media_id: opaque at GoPro: any text.
        filename: the name of chapter 1; may be empty or None, and may repeat.
        type: any text; see `local.simulator.search.KNOWN_TYPES` for those that were seen.
        file_extension: by default what `filename` ends with.
        created_at: upload time, ISO 8601 in UTC (``...Z``).
        captured_at: camera clock; by default `created_at`.
        updated_at: by default `created_at`.
        ready_to_view: any text; see `local.simulator.search.KNOWN_STATES`.
        chapters: the camera originals, in order; for image sets the frames.
        lenses: where a camera has several, what GoPro calls them; `chapters` then holds one file for each lens, chapter
            after chapter.
        baked_source: the full-quality render of an edit, if there is one.
        width: in pixels.
        height: in pixels.
        duration_milliseconds: that of the whole recording.
        row_overrides: laid over the listing row: null sizes, numbers as text, and whatever else may come.

    Raises:
        ValueError: a time is not ISO 8601 in UTC.
    """

    media_id: str
    filename: str | None = "GX010001.MP4"
    type: str = "Video"
    file_extension: str | None = None
    created_at: str = DEFAULT_CREATED_AT
    captured_at: str | None = None
    updated_at: str | None = None
    ready_to_view: str = "ready"
    chapters: tuple[SourceFile, ...] = ()
    lenses: tuple[str, ...] = ()
    baked_source: SourceFile | None = None
    camera_model: str | None = "HERO11 Black"
    width: int | None = 3840
    height: int | None = 2160
    duration_milliseconds: int | None = 83375
    row_overrides: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for moment in (self.created_at, self.captured_at, self.updated_at):
            # Text order is time order only if all are in the same zone and form.
            if moment is not None and not (moment.endswith("Z") and datetime.fromisoformat(moment)):
                raise ValueError(
                    f"{self.media_id}: {moment!r} is no ISO 8601 time in UTC; odd values go to row_overrides"
                )

    @property
    def size_bytes(self) -> int:
        """The sum over all chapters, as the listing states it."""
        return sum(chapter.stated_bytes() for chapter in self.chapters)

    @property
    def extension(self) -> str | None:
        """What the listing gives as ``file_extension``."""
        return self.file_extension or PurePosixPath(self.filename or "").suffix.lstrip(".") or None


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemSeries:
    """Any number of small videos that are computed when they are asked for, so that 100,000 of them cost nothing.

    Args:
        count: how many.
        size_bytes: that of each.
        first_created_at: upload time of the first, ISO 8601 in UTC.
        interval_seconds: between the uploads of one and the next.
    """

    count: int
    size_bytes: int = 65536
    first_created_at: str = "2026-01-01T00:00:00Z"
    interval_seconds: int = 60

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> SimulatedItem:
        if not 0 <= index < self.count:
            raise IndexError(index)
        created = datetime.fromisoformat(self.first_created_at) + timedelta(seconds=index * self.interval_seconds)
        media_id = f"series{index:06d}"
        return SimulatedItem(
            media_id=media_id,
            filename=f"GX01{index % 9999 + 1:04d}.MP4",
            created_at=created.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            chapters=(SourceFile(size_bytes=self.size_bytes, seed=media_id),),
        )

    def position_of(self, media_id: str) -> int | None:
        """Return where the item with this id stands, if it belongs to the series."""
        digits = media_id.removeprefix("series")
        if digits == media_id or not digits.isascii() or not digits.isdecimal():
            return None
        return int(digits) if int(digits) < self.count and media_id == f"series{int(digits):06d}" else None


class Library:
    """All items, listed newest first; safe to change while it is read.

    Args:
        items: stated one by one.
        series: many computed ones beside them.

    Raises:
        ValueError: a media id occurs twice.
    """

    def __init__(self, items: Iterable[SimulatedItem] = (), series: ItemSeries | None = None) -> None:
        self._lock = threading.RLock()
        self._series = series or ItemSeries(count=0)
        self._stated: dict[str, SimulatedItem] = {}
        self._gone_from_series: set[int] = set()
        self._orders: dict[SearchCriteria, list[str | int]] = {}
        for item in items:
            self.add(item)

    @classmethod
    def from_json(cls, document: object) -> Library:
        """Return the library that a library file states. Raise ValueError, which says where it is malformed."""
        content = from_json(_LibraryDocument, document, "library")
        return cls(content.items, content.series)

    def to_json(self) -> dict[str, object]:
        """Return what `from_json` takes."""
        with self._lock:
            series = self._series if self._series.count else None
            return {"items": [to_json(item) for item in self._stated.values()], "series": series and to_json(series)}

    def stated_items(self) -> list[SimulatedItem]:
        """Return the items that were stated one by one, not those of the series."""
        with self._lock:
            return list(self._stated.values())

    @property
    def series_count(self) -> int:
        """How many items of the series there are."""
        with self._lock:
            return len(self._series) - len(self._gone_from_series)

    def stored_bytes(self) -> int:
        """Return the size of all camera originals together."""
        with self._lock:
            return sum(item.size_bytes for item in self._stated.values()) + self.series_count * self._series.size_bytes

    def get(self, media_id: str) -> SimulatedItem | None:
        """Return an item, or None when there is none (any more)."""
        with self._lock:
            position = self._series_position(media_id)
            return self._stated.get(media_id) if position is None else self._series[position]

    def add(self, item: SimulatedItem) -> None:
        """Add an item. Raise ValueError if its id is taken."""
        with self._lock:
            if self.get(item.media_id) is not None:
                raise ValueError(f"there is already an item {item.media_id!r}")
            self._stated[item.media_id] = item
            self._orders.clear()

    def delete(self, media_id: str) -> bool:
        """Remove an item as if it were deleted on gopro.com; return whether there was one."""
        with self._lock:
            position = self._series_position(media_id)
            if position is not None:
                self._gone_from_series.add(position)
            elif self._stated.pop(media_id, None) is None:
                return False
            self._orders.clear()
            return True

    def count(self, criteria: SearchCriteria) -> int:
        """Return how many items fit."""
        with self._lock:
            return len(self._order(criteria))

    def page(self, criteria: SearchCriteria, *, offset: int, count: int) -> list[SimulatedItem]:
        """Return up to `count` fitting items, newest first, beginning with number `offset` (from 0)."""
        with self._lock:
            return [self._item(entry) for entry in self._order(criteria)[offset : offset + count]]

    def _series_position(self, media_id: str) -> int | None:
        position = self._series.position_of(media_id)
        return None if position in self._gone_from_series else position

    def _item(self, entry: str | int) -> SimulatedItem:
        return self._stated[entry] if isinstance(entry, str) else self._series[entry]

    def _order(self, criteria: SearchCriteria) -> list[str | int]:
        """Return the matching items as ids and series positions; cached, since clients fetch a search page by page."""
        if criteria not in self._orders:
            entries: list[str | int] = [
                *self._stated,
                *(i for i in range(len(self._series)) if i not in self._gone_from_series),
            ]
            keyed = [
                (criteria.sort_key(item), entry)
                for entry, item in ((entry, self._item(entry)) for entry in entries)
                if criteria.fits(item)
            ]
            keyed.sort(key=lambda pair: pair[0], reverse=True)
            self._orders[criteria] = [entry for _, entry in keyed]
        return self._orders[criteria]


@dataclass(frozen=True, slots=True, kw_only=True)
class _LibraryDocument:
    items: tuple[SimulatedItem, ...] = ()
    series: ItemSeries | None = None
