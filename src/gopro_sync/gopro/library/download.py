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
from decimal import Decimal
from operator import attrgetter
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import urlsplit

from gopro_sync.errors import GoProApiChangedError, SourceMissingError
from gopro_sync.gopro.library.chapter_numbers import Stated, first_free, number_chapters
from gopro_sync.values.file_extension import IMAGE_EXTENSIONS, VIDEO_EXTENSIONS
from gopro_sync.values.file_id import FileId, files_of_recording, lens_or_none
from gopro_sync.values.outside_values import table_number_or_none, text_or_none, whole_number_or_none

_ORIGINAL_LABEL = "source"
_LONGEST_LABEL = 40
# Marks a rendition as not available, besides `false`: GoPro was seen to send other values as text, too.
_NOT_THERE: Final = frozenset({"false", "no", "0"})
_BLANKS: Final = " \t\r\n"
# What accompanies videos: covers, thumbnails, sounds, and metadata. Anything else is unknown.
_EXTENSIONS_OF_NO_VIDEO: Final = IMAGE_EXTENSIONS | {
    *("aac", "bmp", "csv", "dng", "gif", "gpx", "html", "json", "m3u8", "m4a", "mp3", "pdf", "srt", "svg", "thm"),
    *("tif", "tiff", "txt", "vtt", "wav", "webp", "xml", "zip"),
}
# The camera's own proxy: https://github.com/trek-view/gopro-metadata (fusion/README.md).
_EXTENSION_OF_PROXIES: Final = "lrv"
# GoPro's addresses end in the lens and the chapter's position: .../source/default/2.mp4 (observed by open-source
# clients). Only a word that is a lens is taken for one: anything else could differ at each request.
_POSITION_IN_PATH: Final = re.compile(r"/(?P<position>0|[1-9][0-9]{0,3})\.[A-Za-z0-9]+\Z")
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
        label: what it is; ``source`` is the camera original.
        available: False when GoPro says that it is not available.
        url: signed for GET, valid for an hour; a secret while it is valid. Empty when GoPro sends none.
        type: GoPro's word for the kind of file, such as ``mp4``; empty when GoPro sent none.
        item_number: GoPro's number of the chapter; None where it does not number (single files), or not with a number.
        lens: which of the camera's lenses; None for the usual single one.
    """

    label: str
    available: bool
    url: str = field(repr=False)
    type: str = ""
    item_number: int | Decimal | None = None
    lens: str | None = None

    @property
    def is_original(self) -> bool:
        """Whether it is a camera original; uploading clients have written the label in either case."""
        return self.label.strip().casefold() == _ORIGINAL_LABEL

    @property
    def extensions(self) -> frozenset[str]:
        """What type and address say about the kind of file, in lower case and without dots."""
        of_type = re.split(r"[./]", self.type.strip().casefold())[-1]
        of_address = PurePosixPath(_path_of(self.url)).suffix.casefold().removeprefix(".")
        return frozenset({of_type, of_address} - {""})

    @property
    def is_no_video(self) -> bool:
        """Whether it is known not to be a video: a cover that bears the label of an original."""
        return bool(self.extensions & _EXTENSIONS_OF_NO_VIDEO) and not self.extensions & VIDEO_EXTENSIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadDescriptor:
    """What GoPro offers for one media item at one moment; its URLs are valid for an hour.

    Attributes:
        media_id: the media item.
        variations: everything offered, in GoPro's order, which means nothing.
        unreadable: how many entries have not even a readable label.
    """

    media_id: str
    variations: tuple[Variation, ...]
    unreadable: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginalFile:
    """One camera original.

    Attributes:
        item_number: the chapter, from 1.
        url: signed for GET, valid for an hour; a secret while it is valid.
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
    """The camera originals of a recording that are available now.

    Attributes:
        originals: at least one, the first chapter first; there may be gaps.
        listed: all files that GoPro names, available or not.
        doubtful: files whose right original cannot be determined, each with the error for a person; none of them is
            taken.
        unclear: how many entries may be further files, though nothing identifies them.
    """

    originals: tuple[OriginalFile, ...]
    listed: frozenset[FileId]
    doubtful: Mapping[FileId, SourceMissingError] = field(default_factory=dict)
    unclear: int = 0

    def urls(self) -> dict[FileId, str]:
        """Return the signed URL of each original."""
        return {original.file_id: original.url for original in self.originals}


def parse_descriptor(payload: object, media_id: str) -> DownloadDescriptor:
    """Read the JSON answer of ``GET /media/{id}/download``.

    Raises:
        GoProApiChangedError: the answer is not of the known shape, and nothing in it can be read.
    """
    embedded = payload.get("_embedded") if isinstance(payload, dict) else None
    if not isinstance(embedded, dict):
        raise GoProApiChangedError("The download descriptor has no _embedded object", media_id=media_id)
    rows = embedded.get("variations")
    if rows is not None and not isinstance(rows, list):
        raise GoProApiChangedError("The download descriptor's variations are not a list", media_id=media_id)
    if rows and not any(isinstance(row, dict) for row in rows):
        raise GoProApiChangedError("No variation of the download descriptor is an object", media_id=media_id)
    found = [_parse_variation(row) for row in rows or ()]
    return DownloadDescriptor(
        media_id=media_id,
        variations=tuple(variation for variation in found if variation is not None),
        unreadable=found.count(None),
    )


def choose_originals(descriptor: DownloadDescriptor, item_count: int) -> Offer:
    """Choose the camera originals of a video: all available chapters, in order.

    What counts is that GoPro calls a file an original, and that it is not known to be something other than a video,
    such as a cover. A file is identified by its chapter and its lens; where GoPro sends no number, by the position in
    its address. An address that is listed twice is one file. Of two different originals for one chapter and one lens
    neither is taken: a video's record identifies a file by these two, so one of them would be lost.

    Args:
        descriptor: what GoPro offers now.
        item_count: the number of chapters according to the listing.

    Returns:
        What is available, and what there should be: what is listed without being available counts.

    Raises:
        SourceMissingError: there is no original, or it cannot be determined which is which.
    """
    media_id = descriptor.media_id
    sources = _of_videos([variation for variation in descriptor.variations if variation.is_original])
    if not sources:
        raise SourceMissingError(f"GoPro offers no camera original, only: {_labels(descriptor)}", media_id=media_id)
    listed, unidentified = _by_file(sources, item_count)
    offered = {file_id: _addresses(found) for file_id, found in listed.items()}
    doubtful = {
        **_claimed_twice(offered, media_id),
        **_of_several_files(offered, media_id),
        **_without_a_place(unidentified, listed, media_id),
    }
    originals = tuple(
        OriginalFile(item_number=file_id.item_number, lens=file_id.lens, url=next(iter(offered[file_id].values())))
        for file_id in sorted(offered, key=attrgetter("place"))
        if file_id not in doubtful and offered[file_id]
    )
    known = frozenset(listed) | doubtful.keys()
    if not originals:
        for trouble in doubtful.values():
            raise trouble
        count = files_of_recording(known, item_count)
        raise SourceMissingError(f"GoPro offers 0 of {count} camera originals", media_id=media_id)
    nowhere = sum(not source.url for source in unidentified)
    return Offer(originals=originals, listed=known, doubtful=doubtful, unclear=descriptor.unreadable + nowhere)


def _of_videos(sources: Sequence[Variation]) -> list[Variation]:
    """Return the originals that are videos; the camera's own proxies only where there is nothing else."""
    videos = [source for source in sources if not source.is_no_video]
    return [source for source in videos if _EXTENSION_OF_PROXIES not in source.extensions] or videos


def _by_file(sources: Sequence[Variation], item_count: int) -> tuple[dict[FileId, list[Variation]], list[Variation]]:
    """Return what is listed for each file, and the originals that nothing identifies."""
    of_lens: dict[str | None, list[Variation]] = defaultdict(list)
    for source in sources:
        of_lens[source.lens].append(source)
    files: dict[FileId, list[Variation]] = defaultdict(list)
    unidentified = list[Variation]()
    for lens, found in of_lens.items():
        stated = [
            Stated(number=source.item_number, position=_position_in_address(source.url), address=_address(source))
            for source in found
        ]
        for source, chapter in zip(found, number_chapters(stated, item_count), strict=True):
            if chapter is None:
                unidentified.append(source)
            else:
                files[FileId(item_number=chapter, lens=lens)].append(source)
    return files, unidentified


def _addresses(found: Iterable[Variation]) -> dict[str, str]:
    """Return one URL for each different address."""
    return {_address(source): source.url for source in found if source.available and source.url}


def _claimed_twice(offered: Mapping[FileId, dict[str, str]], media_id: str) -> dict[FileId, SourceMissingError]:
    """Return the files for which GoPro offers another file's address; only one of the two can be right.

    Two equal copies would pass for the bytes of two chapters.
    """
    claims: dict[str, list[FileId]] = defaultdict(list)
    for file_id in sorted(offered, key=attrgetter("place")):
        for address in offered[file_id]:
            claims[address].append(file_id)
    doubtful: dict[FileId, SourceMissingError] = {}
    for address, file_ids in claims.items():
        position = _position_in_address(offered[file_ids[0]][address])
        owner = next((one for one in file_ids if one.item_number == position), file_ids[0])
        for other in file_ids:
            if other != owner:
                doubtful[other] = SourceMissingError(
                    f"GoPro offers one and the same file for {owner} and for {other}", media_id=media_id
                )
    return doubtful


def _of_several_files(offered: Mapping[FileId, dict[str, str]], media_id: str) -> dict[FileId, SourceMissingError]:
    return {
        file_id: SourceMissingError(
            f"GoPro offers {len(addresses)} different camera originals of {file_id}, and nothing says which is the "
            "right one: none of them is taken",
            media_id=media_id,
        )
        for file_id, addresses in offered.items()
        if len(addresses) > 1
    }


def _without_a_place(
    unidentified: Iterable[Variation], listed: Iterable[FileId], media_id: str
) -> dict[FileId, SourceMissingError]:
    """Assign each unidentified address to a file that is not listed otherwise."""
    doubtful: dict[FileId, SourceMissingError] = {}
    taken: dict[str | None, set[int]] = defaultdict(set)
    for file_id in listed:
        taken[file_id.lens].add(file_id.item_number)
    for lens, _ in dict.fromkeys((source.lens, _address(source)) for source in unidentified if source.url):
        chapter = first_free(taken[lens])
        taken[lens].add(chapter)
        doubtful[FileId(item_number=chapter, lens=lens)] = SourceMissingError(
            "GoPro offers several camera originals, and neither their numbers nor their addresses say which is which",
            media_id=media_id,
        )
    return doubtful


def _address(source: Variation) -> str:
    """Return the URL without its signature: any other parameter may distinguish two files."""
    address, _, query = source.url.partition("?")
    return "&".join([address, *(field for field in query.split("&") if not _OF_A_SIGNATURE.match(field))])


def _parse_variation(row: object) -> Variation | None:
    label = text_or_none(row.get("label")) if isinstance(row, dict) else None
    if not isinstance(row, dict) or label is None:
        return None
    url = (text_or_none(row.get("url")) or "").strip(_BLANKS)
    return Variation(
        label=label,
        available=_is_there(row.get("available")),
        url=url,
        type=text_or_none(_as_text(row.get("type"))) or "",
        item_number=_number_or_none(row.get("item_number")),
        lens=lens_or_none(row.get("camera_position")) or _lens_in_address(url),
    )


def _is_there(available: object) -> bool:
    # Older answers lack it: absent means available.
    if isinstance(available, str):
        return available.strip().casefold() not in _NOT_THERE
    return available is None or available != 0


def _as_text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1_000 else value


def _number_or_none(value: object) -> int | Decimal | None:
    """Return a number of whatever size, given as a number or as text; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    text = repr(value) if isinstance(value, float) else value.strip() if isinstance(value, str) else None
    return table_number_or_none(text)


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
    labels = {_named(variation) for variation in descriptor.variations}
    unreadable = [f"entries that cannot be read: {descriptor.unreadable}"] if descriptor.unreadable else []
    return ", ".join([*sorted(labels), *unreadable]) or "nothing"


def _named(variation: Variation) -> str:
    label = repr(variation.label[:_LONGEST_LABEL])
    # An original is among them only if it is no video.
    kind = ", ".join(sorted(variation.extensions))[:_LONGEST_LABEL]
    return f"{label} ({kind})" if variation.is_original else label
