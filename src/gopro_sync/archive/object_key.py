"""Where each chapter of each video goes in the bucket. Pure: names in, keys out.

GoPro's file names repeat (cameras wrap at 9999, and a second camera uses the same numbers), can be renamed by the user,
and may hold anything. So the oldest of a group gets the plain key, and the others carry their media id.

Every new key can be restored to a Windows or Mac disk: no name is one that such a disk refuses, and no two names are
the same to it. To such a disk "a.MP4" and "A.MP4" are one name, as are an "é" of one and of two characters.
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

from gopro_sync.values.file_extension import IMAGE_EXTENSIONS, is_video_extension

PREFIX_ROOT = "gopro-videos"
UNDATED_FOLDER = "undated"
_UNDATED = datetime.max.replace(tzinfo=UTC)

# Room is left below the 255 bytes that file systems allow, so that the media id (64), a counter and "_chapter99" can be
# appended without cutting a name: a cut could make two names equal, and a restored file has to fit on a disk.
MAX_CLEAN_NAME_BYTES = 160
MAX_MEDIA_ID_BYTES = 64
MAX_EXTENSION_BYTES = 16

# Ten times what a camera's two digits can count. A larger number does not count chapters, and its keys would fill the
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

# Characters that Windows forbids in names, besides control characters; and names that it forbids with any extension:
# https://learn.microsoft.com/en-us/windows/win32/fileio/naming-a-file#naming-conventions
_NOT_IN_A_NAME = re.compile(r'[/\\<>:"|?*]')
_DEVICE = re.compile(
    r"(?:CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(?:COM|LPT)[0-9\u00b9\u00b2\u00b3]) *(?:\.|$)", re.IGNORECASE
)

# Extensions that no video has, although GoPro states them for some: for edits, and for what it takes for a set of
# images.
_EXTENSIONS_OF_NO_VIDEO: Final = IMAGE_EXTENSIONS | {"json", "zip"}
# How `lens_key` ends a name, as `_folded` returns it.
_OF_A_LENS = re.compile(r"_(?:front|back|default)(?=\.[^.]*$|$)")
# For the copies of a file that GoPro has replaced.
_NEXT_NUMBERS: Final[Mapping[str | None, str | None]] = {None: "2", "2": "3", "3": None}


class NamedItem(Protocol):
    """What the key of a media item depends on."""

    @property
    def media_id(self) -> str:
        """GoPro's id of the media item."""

    @property
    def filename(self) -> str | None:
        """Name that GoPro states, if any; not trusted."""

    @property
    def file_extension(self) -> str | None:
        """Extension that GoPro states, used if the filename has no video extension."""

    @property
    def uploaded_at(self) -> datetime | None:
        """When the item reached GoPro Cloud, aware; None if no date is known."""

    @property
    def item_count(self) -> int:
        """How many chapters the recording has."""


def clean_filename(name: str) -> str:
    """Return the name as one harmless path component of at most ``MAX_CLEAN_NAME_BYTES`` bytes of UTF-8.

    Raises:
        ValueError: nothing is left of the name, or only an extension.
    """
    one_component = _NOT_IN_A_NAME.sub("_", unicodedata.normalize("NFC", name))
    visible = "".join(c for c in one_component if unicodedata.category(c)[0] != "C" and c not in "\u2028\u2029").strip()
    bare = visible.lstrip(". ")
    if visible.startswith(".") and is_video_extension(bare.rstrip(". ")):
        raise ValueError("the file name is an extension only")
    stem, extension = _split_extension(bare.rstrip(". "))
    if not stem:
        raise ValueError("nothing is left of the file name")
    return _joined(stem, extension)


def chapter_filename(filename: str, item_number: int) -> str:
    """Return the name that the camera would give to a chapter, from the name of chapter 1.

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
    """Return ``{stem}_{media_id}{extension}``, with the media id made harmless; two ids never become one."""
    stem, extension = _split_extension(filename)
    return f"{stem}_{_harmless_id(media_id)}{extension}"


def object_key(*, uploaded_on: date | None, filename: str) -> str:
    """Return ``{PREFIX_ROOT}/{year}/{month}/{filename}``; the filename must be clean already.

    Where there is no date, ``UNDATED_FOLDER`` takes the place of year and month.
    """
    # Not strftime: its %Y for the year 1 is "1" with the C library of Linux.
    folder = UNDATED_FOLDER if uploaded_on is None else f"{uploaded_on.year:04}/{uploaded_on.month:02}"
    return f"{PREFIX_ROOT}/{folder}/{filename}"


def chapter_key(first_key: str, item_number: int) -> str:
    """Return the key of a chapter, from the key of chapter 1."""
    folder, slash, filename = first_key.rpartition("/")
    return f"{folder}{slash}{chapter_filename(filename, item_number)}"


def lens_key(key: str, lens: str | None, *, keeps_name: bool) -> str:
    """Return the key of one lens's file, for a recording with several lenses; no two lenses share a key.

    ``GPFR0123.MP4`` -> ``GPBK0123.MP4``, as a Fusion names its back lens; ``holiday.MP4`` -> ``holiday_back.MP4``.

    Args:
        key: that of the chapter.
        lens: its name; None for the usual one.
        keeps_name: whether this is the one lens whose files carry the chapters' own names; irrelevant for a Fusion.
    """
    folder, slash, filename = key.rpartition("/")
    stem, extension = _split_extension(filename)
    fusion, code = _FUSION.fullmatch(stem), _FUSION_CODES.get(lens or "")
    if fusion and code:
        return f"{folder}{slash}{fusion['family']}{code}{fusion['rest']}{extension}"
    if keeps_name and not fusion:
        return key
    return f"{folder}{slash}{stem}_{_harmless_id(lens or 'default')}{extension}"


def key_without_lens(key: str, lens: str | None) -> str:
    """Return the key of a chapter, from that of one lens's file; the same key if it does not name the lens."""
    folder, slash, filename = key.rpartition("/")
    stem, extension = _split_extension(filename)
    return f"{folder}{slash}{stem.removesuffix(f'_{_harmless_id(lens)}')}{extension}" if lens else key


def fallback_key(key: str, media_id: str) -> str:
    """Return the key to use when another object holds ``key``; the same key if it carries the media id already."""
    folder, slash, filename = key.rpartition("/")
    stem, _ = _split_extension(filename)
    if stem.endswith(f"_{_harmless_id(media_id)}"):
        return key
    return f"{folder}{slash}{disambiguated_filename(filename, media_id)}"


def next_edition_key(key: str, media_id: str) -> str | None:
    """Return the key for a file that has replaced the one under ``key`` at GoPro; None after the last edition.

    ``GX010456.MP4`` -> ``GX010456_ab01.MP4`` -> ``GX010456_ab01-2.MP4`` -> ``GX010456_ab01-3.MP4``. There is a limit,
    or a source that sends other bytes each time would fill the bucket.
    """
    folder, slash, filename = key.rpartition("/")
    stem, extension = _split_extension(filename)
    harmless_id = _harmless_id(media_id)
    before = re.fullmatch(rf"(?P<with_id>.*_{re.escape(harmless_id)})(?:-(?P<number>[23]))?", stem, re.DOTALL)
    if before is None:
        return fallback_key(key, media_id)
    number = _NEXT_NUMBERS[before["number"]]
    return None if number is None else f"{folder}{slash}{before['with_id']}-{number}{extension}"


def assign_keys(
    items: Iterable[NamedItem], recorded: Mapping[str, str], *, taken: Iterable[str] = ()
) -> dict[str, str]:
    """Assign every media item of a library the key of its first chapter.

    Args:
        items: the whole library, in any order; the result does not depend on it.
        recorded: media id -> key that the tracker holds already; these never change and come first.
        taken: the keys of the recorded items' archived files: there may be more of them than the listing counts.

    Returns:
        media id -> key of chapter 1, for all items and all recorded ones. No two files of the library share a key, or a
        name on a Windows or Mac disk, unless what is recorded already does.
    """
    by_id = {item.media_id: item for item in items}
    assigned = dict(recorded)
    claimed = {_folded(key) for key in taken}
    for media_id, key in recorded.items():
        claimed |= _claims(key, media_id, by_id[media_id].item_count if media_id in by_id else 1)

    new_items = (item for item in by_id.values() if item.media_id not in recorded)
    for item in sorted(new_items, key=lambda item: (item.uploaded_at or _UNDATED, item.media_id)):
        # The candidates never end and all differ, so one of them is free.
        for key in _candidate_keys(item):
            claims = _claims(key, item.media_id, item.item_count)
            if claimed.isdisjoint(claims):
                break
        assigned[item.media_id] = key
        claimed |= claims
    return assigned


def _candidate_keys(item: NamedItem) -> Iterator[str]:
    filename = _filename_of(item)
    uploaded_on = None if item.uploaded_at is None else item.uploaded_at.astimezone(UTC).date()
    yield object_key(uploaded_on=uploaded_on, filename=filename)
    yield object_key(uploaded_on=uploaded_on, filename=disambiguated_filename(filename, item.media_id))
    # Reached only if somebody gave a file the disambiguated name of another one.
    for counter in itertools.count(2):
        name = disambiguated_filename(filename, f"{item.media_id}-{counter}")
        yield object_key(uploaded_on=uploaded_on, filename=name)


def _claims(first_key: str, media_id: str, item_count: int) -> set[str]:
    """Return what no other item's files may be called: the keys of all chapters, and their fallback keys."""
    last = min(max(item_count, 1), _MOST_CLAIMED_CHAPTERS)
    keys = [chapter_key(first_key, item_number) for item_number in range(1, last + 1)]
    return {_folded(key) for key in keys} | {_folded(fallback_key(key, media_id)) for key in keys}


def _folded(key: str) -> str:
    """Return the same text for all keys that some disk takes for one name, and for the lenses of one chapter.

    Disks differ in which letters they take for equal, and by their age; this folds more than any of them. The lens is
    left out, since it is known only once the video is fetched. A Fusion's two files stay apart: they may be two items,
    and the camera writes their names in one case only.
    """
    if key.isascii():
        folded = key.lower()
    else:
        folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", key).upper().casefold())
    return _OF_A_LENS.sub("", folded)


def _filename_of(item: NamedItem) -> str:
    extension = _video_extension(item.file_extension)
    try:
        filename = clean_filename(item.filename or "")
    except ValueError:
        return _no_device(_harmless_id(item.media_id) + extension)
    # "Dr. Smith", "v1.2" and "2024.05.01 dive" have dots, but no extension.
    own = _split_extension(filename)[1].removeprefix(".")
    is_complete = is_video_extension(own) or own.casefold() == extension.removeprefix(".").casefold()
    return filename if is_complete else _joined(filename, extension)


def _video_extension(file_extension: str | None) -> str:
    extension = (file_extension or "").upper().removeprefix(".")
    is_of_a_video = re.fullmatch(r"[A-Z0-9]{1,8}", extension) and extension.lower() not in _EXTENSIONS_OF_NO_VIDEO
    return f".{extension}" if is_of_a_video else ".MP4"


def _joined(stem: str, extension: str) -> str:
    room = MAX_CLEAN_NAME_BYTES - len(extension.encode())
    return _no_device(stem.encode()[:room].decode(errors="ignore").rstrip(" " if extension else ". ") + extension)


def _no_device(filename: str) -> str:
    return f"_{filename}" if _DEVICE.match(filename) else filename


def _split_extension(filename: str) -> tuple[str, str]:
    stem, dot, extension = filename.rpartition(".")
    if not stem or not extension or len(extension.encode(errors="replace")) >= MAX_EXTENSION_BYTES:
        return filename, ""
    return stem, dot + extension


def _harmless_id(media_id: str) -> str:
    """Return the id percent-encoded: different ids stay different, which replacing characters would not ensure."""
    if not media_id:
        raise ValueError("a media item without an id has no key")
    encoded = quote(media_id, safe="", errors="surrogatepass").replace(".", "%2E")
    if len(encoded) <= MAX_MEDIA_ID_BYTES:
        return encoded
    return hashlib.sha256(media_id.encode(errors="surrogatepass")).hexdigest()
