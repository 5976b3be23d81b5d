"""Where each chapter of each video lies in the bucket. Pure: names in, keys out.

GoPro's file names repeat (cameras wrap at 9999, a second camera counts the same), can be renamed by the user, and may
hold anything. So the oldest of a group gets the plain key and the others carry their media id.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Final, Protocol
from urllib.parse import quote

PREFIX_ROOT = "gopro-videos"

# Room is left below the 255 bytes that file systems allow, so that the media id (64), a counter and "_chapter99" can be
# appended without cutting a name: a cut could make two names equal, and a restored file must fit on a disk.
MAX_CLEAN_NAME_BYTES = 160
MAX_MEDIA_ID_BYTES = 64
MAX_EXTENSION_BYTES = 16

# Ten times what a camera's two digits can count. A larger number of chapters is none, and its keys would fill the
# memory.
_MOST_CLAIMED_CHAPTERS = 1_000

# Camera families (documented by GoPro's "File naming convention"): H.264, HEVC, spherical, low resolution, generic.
_NUMBERED_CHAPTER = re.compile(
    r"(?P<family>G[HXSLG])(?P<chapter>\d{2})(?P<rest>\d{4}(?:_.*)?)", re.IGNORECASE | re.ASCII
)
# HERO5 and older: the first chapter is GOPRnnnn, the second GP01nnnn.
_FIRST_OF_OLD_FAMILY = re.compile(r"(?P<g>G)O(?P<p>P)R(?P<rest>\d{4}(?:_.*)?)", re.IGNORECASE | re.ASCII)

# A Fusion writes one file for each lens (github.com/trek-view/gopro-metadata, fusion/README.md).
_FUSION = re.compile(r"(?P<family>GP)(?:FR|BK)(?P<rest>\d{4}(?:_.*)?)", re.IGNORECASE | re.ASCII)
_FUSION_CODES: Final[Mapping[str, str]] = {"front": "FR", "back": "BK"}


class NamedItem(Protocol):
    """What the key of a media item depends on."""

    @property
    def media_id(self) -> str:
        """GoPro's id of the media item."""

    @property
    def filename(self) -> str | None:
        """Name that GoPro gives, if any; not trusted."""

    @property
    def file_extension(self) -> str | None:
        """Extension that GoPro gives without a dot, used if there is no filename."""

    @property
    def uploaded_at(self) -> datetime:
        """When the item reached GoPro Cloud; aware."""

    @property
    def item_count(self) -> int:
        """How many chapters the recording has."""


def clean_filename(name: str) -> str:
    """Returns the name as one harmless path component of at most ``MAX_CLEAN_NAME_BYTES`` bytes of UTF-8.

    Raises:
        ValueError: nothing is left of the name.
    """
    one_component = re.sub(r"[/\\]", "_", unicodedata.normalize("NFC", name))
    visible = "".join(c for c in one_component if unicodedata.category(c)[0] != "C" and c not in "\u2028\u2029")
    stem, extension = _split_extension(visible.strip().lstrip(". ").rstrip(". "))
    room = MAX_CLEAN_NAME_BYTES - len(extension.encode())
    cleaned = stem.encode()[:room].decode(errors="ignore").rstrip() + extension
    if not cleaned:
        raise ValueError("nothing is left of the file name")
    return cleaned


def chapter_filename(filename: str, item_number: int) -> str:
    """Returns the name that the camera gives to a chapter, from the name of chapter 1.

    ``GX010456.MP4`` -> ``GX020456.MP4``; ``GOPR0456.MP4`` -> ``GP010456.MP4``; any other name gets ``_chapter02``. A
    name that carries a media id keeps it: ``GX010456_ab01.MP4`` -> ``GX020456_ab01.MP4``.

    Raises:
        ValueError: item_number is less than 1.
    """
    if item_number < 1:
        raise ValueError(f"item_number counts from 1, not {item_number}")
    if item_number == 1:
        return filename
    stem, extension = _split_extension(filename)
    if (match := _NUMBERED_CHAPTER.fullmatch(stem)) and (number := int(match["chapter"]) + item_number - 1) <= 99:
        return f"{match['family']}{number:02}{match['rest']}{extension}"
    if (match := _FIRST_OF_OLD_FAMILY.fullmatch(stem)) and item_number - 1 <= 99:
        return f"{match['g']}{match['p']}{item_number - 1:02}{match['rest']}{extension}"
    return f"{stem}_chapter{item_number:02}{extension}"


def disambiguated_filename(filename: str, media_id: str) -> str:
    """Returns ``{stem}_{media_id}{extension}``, with the media id made harmless; two ids never become one."""
    stem, extension = _split_extension(filename)
    return f"{stem}_{_harmless_id(media_id)}{extension}"


def object_key(*, uploaded_on: date, filename: str) -> str:
    """Returns ``{PREFIX_ROOT}/{year}/{month}/{filename}``; the filename must be clean already."""
    return f"{PREFIX_ROOT}/{uploaded_on:%Y}/{uploaded_on:%m}/{filename}"


def chapter_key(first_key: str, item_number: int) -> str:
    """Returns the key of a chapter, from the key of chapter 1."""
    folder, slash, filename = first_key.rpartition("/")
    return f"{folder}{slash}{chapter_filename(filename, item_number)}"


def lens_key(key: str, lens: str | None, *, keeps_name: bool) -> str:
    """Returns the key of one lens's file, of a recording that has several: two lenses never give one key.

    ``GPFR0123.MP4`` -> ``GPBK0123.MP4``, as a Fusion names its back lens; ``holiday.MP4`` -> ``holiday_back.MP4``.

    Args:
        key: of the chapter.
        lens: its name; None for the usual one.
        keeps_name: whether it is the one lens whose files have the chapters' own names; not so with a Fusion's.
    """
    folder, slash, filename = key.rpartition("/")
    stem, extension = _split_extension(filename)
    fusion, code = _FUSION.fullmatch(stem), _FUSION_CODES.get(lens or "")
    if fusion and code:
        return f"{folder}{slash}{fusion['family']}{code}{fusion['rest']}{extension}"
    if keeps_name and not fusion:
        return key
    return f"{folder}{slash}{stem}_{_harmless_id(lens or 'default')}{extension}"


def fallback_key(key: str, media_id: str) -> str:
    """Returns the key to take when another object holds ``key``; the same key if it carries the media id already."""
    folder, slash, filename = key.rpartition("/")
    stem, _ = _split_extension(filename)
    if stem.endswith(f"_{_harmless_id(media_id)}"):
        return key
    return f"{folder}{slash}{disambiguated_filename(filename, media_id)}"


def assign_keys(items: Iterable[NamedItem], recorded: Mapping[str, str]) -> dict[str, str]:
    """Gives every media item of a library the key of its first chapter.

    Args:
        items: the whole library, in any order; the result does not depend on it.
        recorded: media id -> key that the tracker holds already; these never change and come first.

    Returns:
        media id -> key of chapter 1, for all items and all recorded ones. No two chapters of the library share a key.
    """
    by_id = {item.media_id: item for item in items}
    assigned = dict(recorded)
    claimed = set[str]()
    for media_id, key in recorded.items():
        claimed.update(_chapter_keys(key, by_id[media_id].item_count if media_id in by_id else 1))

    new_items = (item for item in by_id.values() if item.media_id not in recorded)
    for item in sorted(new_items, key=lambda item: (item.uploaded_at, item.media_id)):
        # The candidates never end, and each one differs, so one is free.
        assigned[item.media_id] = next(
            key for key in _candidate_keys(item) if claimed.isdisjoint(_chapter_keys(key, item.item_count))
        )
        claimed.update(_chapter_keys(assigned[item.media_id], item.item_count))
    return assigned


def _candidate_keys(item: NamedItem) -> Iterator[str]:
    filename = _filename_of(item)
    uploaded_on = item.uploaded_at.astimezone(UTC).date()
    yield object_key(uploaded_on=uploaded_on, filename=filename)
    yield object_key(uploaded_on=uploaded_on, filename=disambiguated_filename(filename, item.media_id))
    # Only if somebody named a file like another one's disambiguated name.
    for counter in itertools.count(2):
        name = disambiguated_filename(filename, f"{item.media_id}-{counter}")
        yield object_key(uploaded_on=uploaded_on, filename=name)


def _chapter_keys(first_key: str, item_count: int) -> list[str]:
    last = min(max(item_count, 1), _MOST_CLAIMED_CHAPTERS)
    return [chapter_key(first_key, item_number) for item_number in range(1, last + 1)]


def _filename_of(item: NamedItem) -> str:
    try:
        return clean_filename(item.filename or "")
    except ValueError:
        return _harmless_id(item.media_id) + _video_extension(item.file_extension)


def _video_extension(file_extension: str | None) -> str:
    """GoPro says 'json' for its edits, although their file is a video."""
    extension = (file_extension or "").upper()
    return f".{extension}" if re.fullmatch(r"[A-Z0-9]{1,8}", extension) and extension != "JSON" else ".MP4"


def _split_extension(filename: str) -> tuple[str, str]:
    stem, dot, extension = filename.rpartition(".")
    if not stem or not extension or len(extension.encode(errors="replace")) >= MAX_EXTENSION_BYTES:
        return filename, ""
    return stem, dot + extension


def _harmless_id(media_id: str) -> str:
    """Percent-encoding keeps different ids different, which replacing characters would not."""
    if not media_id:
        raise ValueError("a media item without an id has no key")
    encoded = quote(media_id, safe="", errors="surrogatepass").replace(".", "%2E")
    if len(encoded) <= MAX_MEDIA_ID_BYTES:
        return encoded
    return hashlib.sha256(media_id.encode(errors="surrogatepass")).hexdigest()
