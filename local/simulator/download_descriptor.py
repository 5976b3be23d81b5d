"""The JSON of ``GET /media/{id}/download``, and the files that its URLs lead to.

It sets the traps of the real one: for videos ``files[]`` is a proxy, the join of all chapters precedes the chapters,
 and nothing states a size or a checksum.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Protocol
from urllib.parse import quote, unquote

from local.simulator.faults import FaultName
from local.simulator.library import SimulatedItem, SourceFile
from local.simulator.media_record import IMAGE_TYPES

_PROXY_SHARE = 20  # a proxy has about this fraction of the original's bytes
_SMALLEST_PROXY_BYTES = 65536
_PROXY_SIZE = (1920, 1080)
# The source may be there by now; the proxies are what GoPro is making.
_BEFORE_PROXIES = frozenset(
    {"registered", "uploading", "loading", "processing", "pretranscoding", "transcoding", "stabilizing"}
)
_SMALL_PROXY_SIZE = (426, 240)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileAddress:
    """Which file of which item a CDN path leads to; `item_number` counts from 1."""

    media_id: str
    label: str
    item_number: int
    extension: str

    @property
    def path(self) -> str:
        """The path on the CDN."""
        return (
            f"/{quote(self.media_id, safe='')}/{self.label}/default/{self.item_number}.{quote(self.extension, safe='')}"
        )

    @classmethod
    def from_path(cls, path: str) -> FileAddress | None:
        """Return what a CDN path leads to, or None if it has another form."""
        match path.split("/"):
            case ["", media_id, label, "default", name]:
                number, _, extension = name.partition(".")
                if number.isascii() and number.isdecimal():
                    return cls(
                        media_id=unquote(media_id), label=label, item_number=int(number), extension=unquote(extension)
                    )
        return None


class SignFile(Protocol):
    """Sign the address of a file for one HTTP method, to be served under a name."""

    def __call__(self, address: FileAddress, *, method: str, filename: str) -> str:
        """Return the signed URL."""


def file_at(item: SimulatedItem, label: str, item_number: int) -> SourceFile | None:
    """Return the file of `item` with that label and number, or None if there is none."""
    if label == "source":
        return item.chapters[item_number - 1] if 1 <= item_number <= len(item.chapters) else None
    if label == "baked_source":
        return item.baked_source
    # Derived files are unlike every original in content, so that using one by mistake is detected.
    size_bytes = item.size_bytes if label == "concat" else max(item.size_bytes // _PROXY_SHARE, _SMALLEST_PROXY_BYTES)
    return SourceFile(size_bytes=size_bytes, seed=f"{item.media_id}/{label}", etag_part_size_bytes=None)


def chapter_filename(filename: str, item_number: int) -> str:
    """Return the camera's name of a chapter: chapter 2 of ``GX010456.MP4`` is ``GX020456.MP4``.

    HERO5 and older start with ``GOPR0456.MP4`` and continue with ``GP010456.MP4``.
    """
    if item_number == 1:
        return filename
    if filename.startswith("GOPR"):
        return f"GP{item_number - 1:02d}{filename[4:]}"
    is_camera_name = filename[:2] in {"GX", "GH", "GS"} and filename[2:8].isdecimal()
    return f"{filename[:2]}{item_number:02d}{filename[4:]}" if is_camera_name else filename


class DescriptorBuilder:
    """Build the download descriptor of one item.

    Args:
        item: whose.
        sign: makes the signed URLs.
        defects: what is wrong with the descriptor on purpose.
        foreign_url: where the sources lead if one of the defects is `FaultName.FOREIGN_URL`.
        odd_variation: the JSON of an extra first variation if one of the defects is `FaultName.ODD_VARIATION`.
    """

    def __init__(
        self,
        item: SimulatedItem,
        sign: SignFile,
        defects: Collection[FaultName] = (),
        *,
        foreign_url: str | None = None,
        odd_variation: str = "null",
    ) -> None:
        self._item = item
        self._sign = sign
        self._defects = defects
        self._foreign_url = foreign_url
        self._odd_variation = odd_variation

    def build(self) -> dict[str, object]:
        """Return the descriptor as JSON."""
        is_image = self._item.type in IMAGE_TYPES
        return {
            "filename": "" if FaultName.EMPTY_FILENAME in self._defects else self._item.filename or "",
            "_embedded": {
                "files": self._image_files() if is_image else self._proxy_files(),
                "variations": self._image_variations() if is_image else self._video_variations(),
                "sidecar_files": [] if is_image else [self._sidecar()],
                "sprites": [],
            },
        }

    def _video_variations(self) -> list[object]:
        variations: list[object] = [*self._sound_variations()]
        return (
            [json.loads(self._odd_variation), *variations] if FaultName.ODD_VARIATION in self._defects else variations
        )

    def _sound_variations(self) -> list[dict[str, object]]:
        originals = self._originals()
        if not self._has_proxies():
            return originals
        derived = [
            self._variation("high_res_proxy_mp4", quality="1080p", pixels=self._proxy_pixels()),
            self._variation("mp4_low", quality="240p", pixels=_SMALL_PROXY_SIZE),
        ]
        is_chaptered = len(self._item.chapters) > 1
        joined = [self._variation("concat", quality=self._quality(), pixels=self._pixels())] if is_chaptered else []
        if FaultName.DERIVED_FIRST in self._defects:
            edit_proxy = self._variation("edit_proxy", quality="720p", pixels=self._proxy_pixels())
            return [edit_proxy, *joined, *derived, *originals]
        return [*joined, *originals, *derived]

    def _originals(self) -> list[dict[str, object]]:
        if FaultName.MISSING_SOURCE in self._defects:
            return []
        count = len(self._item.chapters)
        kept = count - 1 if FaultName.FEWER_SOURCES in self._defects else count
        is_numbered = count > 1 and FaultName.NUMBERS_ABSENT not in self._defects
        sources = [self._source(number, is_numbered=is_numbered) for number in range(1, kept + 1)]
        if FaultName.SOURCE_LISTED_TWICE in self._defects:
            sources += [self._source(number, is_numbered=is_numbered) for number in range(1, kept + 1)]
        if self._item.baked_source:
            sources.append(self._variation("baked_source", quality=self._quality(), pixels=self._pixels()))
        return sources

    def _source(self, number: int, *, is_numbered: bool) -> dict[str, object]:
        source = self._variation("source", quality=self._quality(), pixels=self._pixels(), number=number)
        if lenses := self._item.lenses:
            chapter, lens = divmod(number - 1, len(lenses))
            source |= {"camera_position": lenses[lens], "item_number": chapter + 1}
        elif is_numbered:
            first = 0 if FaultName.NUMBERS_FROM_ZERO in self._defects else 1
            source |= {"camera_position": "default", "item_number": number - 1 + first}
        if FaultName.LABELS_RESPELT in self._defects:
            source["label"] = "SOURCE"
        if FaultName.UNAVAILABLE_SOURCE in self._defects:
            source["available"] = False
        if FaultName.EMPTY_SOURCE_URL in self._defects:
            source |= {"url": "", "head": ""}
        if FaultName.FOREIGN_URL in self._defects:
            source |= {"url": self._foreign_url, "head": self._foreign_url}
        return source

    def _variation(
        self, label: str, *, quality: str, pixels: tuple[int | None, int | None], number: int = 1
    ) -> dict[str, object]:
        return {
            "label": label,
            "type": self._file_type(label),
            "quality": quality,
            "width": pixels[0],
            "height": pixels[1],
            **self._links(label, number),
        }

    def _proxy_files(self) -> list[dict[str, object]]:
        return [self._file_entry("high_res_proxy_mp4", 1, self._proxy_pixels())] if self._has_proxies() else []

    def _image_files(self) -> list[dict[str, object]]:
        return [self._file_entry("source", number, self._pixels()) for number in range(1, len(self._item.chapters) + 1)]

    def _image_variations(self) -> list[dict[str, object]]:
        cover = (
            [self._variation("source", quality=self._quality(), pixels=self._pixels())]
            if len(self._item.chapters) > 1
            else []
        )
        return [*cover, self._variation("large", quality="1080p", pixels=_PROXY_SIZE)]

    def _file_entry(self, label: str, number: int, pixels: tuple[int | None, int | None]) -> dict[str, object]:
        place = {"camera_position": "default", "item_number": number, "orientation": 1}
        return {**place, "width": pixels[0], "height": pixels[1], **self._links(label, number)}

    def _sidecar(self) -> dict[str, object]:
        return {"label": "gpmf", "type": "1.mp4", "fps": 59.94006, **self._links("gpmf", 1)}

    def _links(self, label: str, number: int) -> dict[str, object]:
        address = FileAddress(
            media_id=self._item.media_id, label=label, item_number=number, extension=self._file_type(label)
        )
        filename = chapter_filename(self._item.filename or self._item.media_id, number)
        links: dict[str, object] = {
            "url": self._sign(address, method="GET", filename=filename),
            "head": self._sign(address, method="HEAD", filename=filename),
            "available": True,
            "transforms": None,
            "urls": [],
            "heads": [],
        }
        if FaultName.AVAILABLE_ABSENT in self._defects:
            del links["available"]
        return links

    def _has_proxies(self) -> bool:
        return self._item.ready_to_view not in _BEFORE_PROXIES

    def _file_type(self, label: str) -> str:
        extension = PurePosixPath(self._item.filename or "").suffix.lstrip(".").lower()
        # Edits are listed as ``json`` and served as MP4.
        return extension if label in {"source", "large"} and extension else "mp4"

    def _quality(self) -> str:
        return f"{self._item.height}p" if self._item.height else ""

    def _pixels(self) -> tuple[int | None, int | None]:
        return self._item.width, self._item.height

    def _proxy_pixels(self) -> tuple[int | None, int | None]:
        return self._pixels() if FaultName.SAME_SIZE_PROXY in self._defects else _PROXY_SIZE
