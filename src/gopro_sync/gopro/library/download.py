"""The download descriptor of a media item, and which of its files are the camera originals.

For a video GoPro lists proxies beside the original: ``files`` holds a proxy, the first variation can be a server-made
join (``concat``), and a proxy can have the original's pixel size (observed by open-source clients). Only the label
``source`` tells the original, and nothing else is ever taken instead.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Final
from urllib.parse import urlsplit

from gopro_sync.errors import GoProApiChangedError, SourceMissingError
from gopro_sync.values.file_id import FileId, files_of_recording, lens_or_none
from gopro_sync.values.outside_values import text_or_none, whole_number_or_none

_ORIGINAL_LABEL = "source"
_LONGEST_LABEL = 40
# GoPro's addresses end in the lens and the chapter's position: .../source/default/2.mp4 (observed by open-source
# clients). Only a word that is a lens is taken for one: whatever else may stand there could differ at each request.
_POSITION_IN_PATH: Final = re.compile(r"/(?P<position>[1-9][0-9]{0,3})\.[A-Za-z0-9]+\Z")
_LENS_IN_PATH: Final = re.compile(r"/source/(?P<lens>front|back)/[^/]*\Z", re.IGNORECASE)

# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-creating-signed-url-custom-policy.html
# https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
_OF_A_SIGNATURE: Final = re.compile(
    r"(?:Expires|Policy|Signature|Key-Pair-Id|AWSAccessKeyId|X-Amz-[^=]*)=", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Variation:
    """One rendition of a media item.

    Attributes:
        label: what it is: ``source`` is the camera original.
        available: False when GoPro says that it is not there.
        url: signed for GET, valid for an hour; a secret while it lives. Empty when GoPro gives none.
        item_number: the chapter, from 1; None where GoPro does not number (single files).
        lens: which of the camera's lenses; None for the usual single one.
    """

    label: str
    available: bool
    url: str = field(repr=False)
    item_number: int | None = None
    lens: str | None = None

    @property
    def is_original(self) -> bool:
        """Whether it is a camera original: clients that upload have written the label in either case."""
        return self.label.casefold() == _ORIGINAL_LABEL


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadDescriptor:
    """What GoPro offers for one media item, at one moment; the URLs in it live for an hour.

    Attributes:
        media_id: the media item.
        variations: everything offered, in GoPro's order, which means nothing.
    """

    media_id: str
    variations: tuple[Variation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginalFile:
    """One camera original.

    Attributes:
        item_number: the chapter, from 1.
        url: signed for GET, valid for an hour; a secret while it lives.
        lens: which of the camera's lenses; None for the usual single one.
    """

    item_number: int
    url: str = field(repr=False)
    lens: str | None = None

    @property
    def file_id(self) -> FileId:
        """Which file of the recording it is."""
        return FileId(item_number=self.item_number, lens=self.lens)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """The camera originals of a recording that can be had now.

    Attributes:
        originals: at least one, the first chapter first; there may be gaps.
        listed: all files that GoPro names, there or not.
        doubtful: those of which GoPro offers several different ones, with what a person is told; none of them is taken.
    """

    originals: tuple[OriginalFile, ...]
    listed: frozenset[FileId]
    doubtful: Mapping[FileId, SourceMissingError] = field(default_factory=dict)

    def urls(self) -> dict[FileId, str]:
        """Return the signed URL of each original."""
        return {original.file_id: original.url for original in self.originals}


def parse_descriptor(payload: object, media_id: str) -> DownloadDescriptor:
    """Reads the JSON answer of ``GET /media/{id}/download``.

    Raises:
        GoProApiChangedError: the answer is not of the known shape.
    """
    embedded = payload.get("_embedded") if isinstance(payload, dict) else None
    if not isinstance(embedded, dict):
        raise GoProApiChangedError("The download descriptor has no _embedded object", media_id=media_id)
    rows = embedded.get("variations")
    if rows is not None and not isinstance(rows, list):
        raise GoProApiChangedError("The download descriptor's variations are not a list", media_id=media_id)
    return DownloadDescriptor(
        media_id=media_id,
        variations=tuple(_parse_variation(row, media_id) for row in rows or ()),
    )


def choose_originals(descriptor: DownloadDescriptor, item_count: int) -> Offer:
    """Chooses the camera originals of a video: all chapters that can be had, in order.

    A file is known by its chapter's number and its lens; where GoPro gives no number, by the position that its address
    holds. One address that is listed twice is one file. Of two different originals of one chapter and one lens neither
    is taken: the record of a video knows a file by these two, so one of them would be lost.

    Args:
        descriptor: what GoPro offers now.
        item_count: the number of chapters according to the listing.

    Returns:
        What can be had, and what there should be: what is listed without being there counts.

    Raises:
        SourceMissingError: there is no original, or it cannot be told which is which.
    """
    media_id = descriptor.media_id
    sources = [variation for variation in descriptor.variations if variation.is_original]
    if not sources:
        raise SourceMissingError(f"GoPro offers no camera original, only: {_labels(descriptor)}", media_id=media_id)
    listed = _by_file(sources, item_count, media_id)
    offered = {file_id: _addresses(found) for file_id, found in listed.items()}
    doubtful = {
        file_id: SourceMissingError(
            f"GoPro offers {len(addresses)} different camera originals of {file_id}, and nothing says which is the "
            "right one: none of them is taken",
            media_id=media_id,
        )
        for file_id, addresses in offered.items()
        if len(addresses) > 1
    }
    originals = tuple(
        OriginalFile(item_number=file_id.item_number, lens=file_id.lens, url=next(iter(offered[file_id].values())))
        for file_id in sorted(offered, key=attrgetter("place"))
        if len(offered[file_id]) == 1
    )
    if not originals:
        for trouble in doubtful.values():
            raise trouble
        count = files_of_recording(listed.keys(), item_count)
        raise SourceMissingError(f"GoPro offers 0 of {count} camera originals", media_id=media_id)
    return Offer(originals=originals, listed=frozenset(listed), doubtful=doubtful)


def _by_file(sources: Sequence[Variation], item_count: int, media_id: str) -> dict[FileId, list[Variation]]:
    of_lens: dict[str | None, set[str]] = defaultdict(set)
    for source in sources:
        of_lens[source.lens].add(_address(source))
    files: dict[FileId, list[Variation]] = defaultdict(list)
    for source in sources:
        chapter = _chapter(source, alone=len(of_lens[source.lens]) == 1, most=item_count, media_id=media_id)
        files[FileId(item_number=chapter, lens=source.lens)].append(source)
    return files


def _addresses(found: Iterable[Variation]) -> dict[str, str]:
    """Returns one URL for each different address."""
    return {_address(source): source.url for source in found if source.available and source.url}


def _address(source: Variation) -> str:
    """Returns the URL without its signature: any other parameter may be what tells two files apart."""
    address, _, query = source.url.partition("?")
    return "&".join([address, *(field for field in query.split("&") if not _OF_A_SIGNATURE.match(field))])


def _parse_variation(row: object, media_id: str) -> Variation:
    # A variation that cannot be read might be a chapter: leaving it out would shorten the recording unnoticed.
    if not isinstance(row, dict):
        raise GoProApiChangedError("A variation of the download descriptor is not an object", media_id=media_id)
    return Variation(
        label=text_or_none(row.get("label")) or "",
        available=row.get("available") is not False,  # older answers lack it: absent means there
        url=text_or_none(row.get("url")) or "",
        item_number=_item_number(row, media_id),
        lens=lens_or_none(row.get("camera_position")) or _lens_in_address(text_or_none(row.get("url")) or ""),
    )


def _item_number(row: dict[str, Any], media_id: str) -> int | None:
    value = row.get("item_number")
    number = whole_number_or_none(value)
    if number is None and value is not None and (text_or_none(row.get("label")) or "").casefold() == _ORIGINAL_LABEL:
        raise GoProApiChangedError("A camera original's item_number is not a whole number", media_id=media_id)
    return number or None  # 0 is GoPro's other way of saying "not numbered", as with item_count


def _chapter(source: Variation, *, alone: bool, most: int, media_id: str) -> int:
    if source.item_number is not None:
        return source.item_number
    position = _position_in_address(source.url)
    if alone:
        # A name of the file may end like a position: one that the listing does not reckon with is none.
        return position if position is not None and position <= most else 1
    if position is None:
        raise SourceMissingError(
            "GoPro offers several camera originals, and neither their numbers nor their addresses say which is which",
            media_id=media_id,
        )
    return position


def _position_in_address(url: str) -> int | None:
    match = _POSITION_IN_PATH.search(_path_of(url))
    return None if match is None else whole_number_or_none(match["position"])


def _lens_in_address(url: str) -> str | None:
    match = _LENS_IN_PATH.search(_path_of(url))
    return None if match is None else lens_or_none(match["lens"])


def _path_of(url: str) -> str:
    try:
        return urlsplit(url).path
    except ValueError:
        return ""


def _labels(descriptor: DownloadDescriptor) -> str:
    labels = sorted({repr(variation.label[:_LONGEST_LABEL]) for variation in descriptor.variations})
    return ", ".join(labels) or "nothing"
