"""The media item: one row of GoPro's listing, and whether it is this system's to archive.

Nothing here raises: GoPro has added types and states without notice, and strict parsers have broken whole listings of
other clients. Anything odd is reported with the item and counted.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import PurePosixPath

from gopro_sync.values.file_extension import IMAGE_EXTENSIONS, VIDEO_EXTENSIONS
from gopro_sync.values.outside_values import (
    account_id_or_none,
    moment_or_none,
    moment_since_1970_or_none,
    one_line,
    seconds_or_none,
    text_or_none,
    whole_number_or_none,
)

# The requested fields: exactly those that `parse_row` reads.
LISTING_FIELDS = (
    "id",
    "type",
    "filename",
    "file_extension",
    "file_size",
    "captured_at",
    "created_at",
    "ready_to_view",
    "item_count",
    "source_duration",
    "gopro_user_id",
    "composition",
)

# All types and states below were observed by open-source clients between 2020 and 2026.
_VIDEO_TYPES = frozenset(
    {
        "BurstVideo",
        "Chaptered",
        "ExternalVideo",
        "Livestream",
        "Looped",
        "LoopedVideo",
        "Session",
        "TimeLapseVideo",
        "Video",
    }
)
# Of these two, and of all that is no video by its type, `item_count` may count frames instead of chapters (observed by
# open-source clients).
_TYPES_COUNTED_IN_CHAPTERS = _VIDEO_TYPES - {"BurstVideo", "TimeLapseVideo"}
_IMAGE_TYPES = frozenset({"Burst", "NightLapse", "Photo", "TimeLapse"})
_EDIT_TYPES = frozenset({"Edit", "MultiClipEdit"})
# All kinds that can be videos, if their names end like one.
TYPES_OF_VIDEOS = _VIDEO_TYPES | (_IMAGE_TYPES - {"Photo"}) | {"Audio", "Continuous"}
# What GoPro has rendered of a video, with no camera original of its own (observed by an open-source client).
_EXPORT = "export"

# `failure` means that GoPro could not make its proxies: the camera original can still be there, and waiting does not
# help because the state is final. So the item is tried; without an original the video is FAILED and the error says so.
_FINAL_STATES = frozenset({"ready", "failure"})
_PASSING_STATES = frozenset(
    {
        "live",
        "loading",
        "pretranscoding",
        "processing",
        "registered",
        "stabilizing",
        "transcoding",
        "updating",
        "uploading",
    }
)

# The words seen so far in the fields that have a fixed set of them; `drift.py` reports others.
KNOWN_VALUES = {
    "type": _VIDEO_TYPES | _IMAGE_TYPES | _EDIT_TYPES | {"Audio", "Continuous"},
    "ready_to_view": _FINAL_STATES | _PASSING_STATES,
}

# A record with such a name still costs one write; file systems allow 255 bytes.
_LONGEST_FILENAME_BYTES = 512
_LONGEST_ENDING_BYTES = 16
_LONGEST_WORD_BYTES = 64

# GoPro's ids are opaque (two forms were seen), so only what would be dangerous in an address or a log line is refused:
# blanks, control characters, excessive length, and names made of dots, which an address reads as "this folder".
# An id that starts with the mark of the table's own records (`#gopro-account`) would be one of them.
_MEDIA_ID = re.compile(r"(?=[^.#]|\.+[^.])[!-~]{1,128}")

# Bounds of the numbers and dates of a row. Anything beyond counts as unknown, and is no reason to leave the item out.
# A camera counts its chapters with two digits; whoever counts more than this counts frames.
_MOST_CHAPTERS = 1_000
# Three weeks of recording at a camera's highest rate.
_LARGEST_RECORDING_BYTES = 50 * 2**40
# GoPro was founded in 2002. A camera that has lost its clock starts in 1970, a program without a date in the year 1.
_EARLIEST = datetime(2002, 1, 1, tzinfo=UTC)
_LATEST = datetime(2100, 1, 1, tzinfo=UTC)
# No spelling of a time is this long; a longer text could keep the parser busy for ever.
_LONGEST_MOMENT = 100
_ZONE_IN_WORDS = re.compile(r"\s*(?:UTC|GMT)$")
_END_OF_DAY = re.compile(r"(?P<day>\d{4}-\d\d-\d\d)(?P<between>[T ])24(?P<rest>:00(?::00(?:\.0+)?)?(?:Z|\+00:00)?)")


class SkipReason(StrEnum):
    """Why an item of the library is not archived; the values are counted in summaries and must stay as they are."""

    PHOTO = "photo"
    EDIT = "edit"
    AUDIO = "audio"
    NOT_READY = "not_ready"
    UNKNOWN_TYPE = "unknown_type"
    UNKNOWN_STATE = "unknown_state"
    MALFORMED = "malformed"


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaItem:
    """One item of the library.

    Attributes:
        media_id: GoPro's opaque id.
        type: GoPro's word for the kind of item; empty when GoPro sent none.
        ready_to_view: GoPro's word for the state; empty when GoPro sent none.
        uploaded_at: when it reached GoPro Cloud; ``created_at`` in GoPro's listing. Where that cannot be true, when it
            was recorded; None where neither can.
        filename: the camera's name, or what the user renamed it to. Not unique, and only of the first chapter.
        file_extension: as GoPro sends it, in either case; ``json`` for edits.
        size_bytes: all chapters together; can be some kB off, so only an estimate.
        captured_at: the camera's clock, whose zone cannot be relied on.
        item_count: the number of chapters, or of frames, that GoPro states; at least 1.
        duration_seconds: the length of the recording.
        user_id: the account that owns the item.
        composition: GoPro's word for how it was made; empty for what a camera recorded.
        is_upload_stated: False where ``uploaded_at`` is the time of recording, since GoPro states no possible one.
    """

    media_id: str
    type: str
    ready_to_view: str
    uploaded_at: datetime | None = None
    filename: str | None = None
    file_extension: str | None = None
    size_bytes: int | None = None
    captured_at: datetime | None = None
    item_count: int = 1
    duration_seconds: float | None = None
    user_id: str | None = None
    composition: str = ""
    is_upload_stated: bool = True

    @property
    def stated_upload(self) -> datetime | None:
        """When GoPro received the item; None if it does not say, and ``uploaded_at`` is the time of recording."""
        return self.uploaded_at if self.is_upload_stated else None

    @property
    def chapter_count(self) -> int:
        """How many chapters GoPro states at least: 1 where its count is, or may be, one of frames."""
        return self.item_count if self.type in _TYPES_COUNTED_IN_CHAPTERS else 1


@dataclass(frozen=True, slots=True, kw_only=True)
class MalformedRow:
    """A row that is no media item: counted as `SkipReason.MALFORMED`, never fatal.

    Attributes:
        media_id: GoPro's id, if at least that is readable.
        problem: what is wrong with the row, in words for a log line.
    """

    media_id: str | None
    problem: str


def is_media_id(value: object) -> bool:
    """Return whether the value can be a media id and is safe in an address and in a log line."""
    return isinstance(value, str) and _MEDIA_ID.fullmatch(value) is not None


def parse_row(row: object) -> MediaItem | MalformedRow:
    """Read one row of the listing.

    Only the id is indispensable, since it is the tracker's key; any other value that cannot be read, or cannot be true,
    counts as missing.
    """
    if not isinstance(row, dict):
        return MalformedRow(media_id=None, problem="the row is not an object")
    media_id = _media_id(row.get("id"))
    if media_id is None:
        return MalformedRow(media_id=None, problem="the row has no usable id")
    duration_milliseconds = whole_number_or_none(row.get("source_duration"))
    uploaded_at, captured_at = _listed_moment(row.get("created_at")), _listed_moment(row.get("captured_at"))
    return MediaItem(
        media_id=media_id,
        type=_word(row.get("type")),
        ready_to_view=_word(row.get("ready_to_view")),
        uploaded_at=uploaded_at or captured_at,
        is_upload_stated=uploaded_at is not None,
        filename=filename_or_none(row.get("filename")),
        file_extension=_word(_number_as_text(row.get("file_extension"))) or None,
        size_bytes=_up_to(_LARGEST_RECORDING_BYTES, row.get("file_size")),
        captured_at=captured_at,
        item_count=_up_to(_MOST_CHAPTERS, row.get("item_count")) or 1,
        # The downloader's event allows no more, and a video must not fail over a number that nobody needs.
        duration_seconds=None if duration_milliseconds is None else seconds_or_none(duration_milliseconds / 1000),
        user_id=account_id_or_none(row.get("gopro_user_id")),
        composition=_word(row.get("composition")),
    )


def _media_id(value: object) -> str | None:
    # Clients that read ids of any JSON type have met numbers; in an address they are text in any case.
    if isinstance(value, int) and not isinstance(value, bool):
        number = whole_number_or_none(value)
        return None if number is None else str(number)
    return value if isinstance(value, str) and is_media_id(value) else None


def _number_as_text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1_000 else value


def _up_to(most: int, value: object) -> int | None:
    number = whole_number_or_none(value)
    return None if number is None or number > most else number


def _listed_moment(value: object) -> datetime | None:
    """Read a time of the listing, in any spelling seen so far; None if there is none, or none that can be true."""
    if isinstance(value, str):
        value = value.strip() if len(value) <= _LONGEST_MOMENT else None
    moment = moment_or_none(_respelled(value))
    moment = moment_since_1970_or_none(value) if moment is None else moment
    if moment is None or not _EARLIEST <= moment < _LATEST:
        return None
    return moment.replace(microsecond=0)  # a record or an event keeps no more of it


def _respelled(value: object) -> object:
    if not isinstance(value, str):
        return None
    end_of_day = _END_OF_DAY.fullmatch(value)
    if end_of_day is None:
        return _ZONE_IN_WORDS.sub("Z", value)
    start = moment_or_none(f"{end_of_day['day']}{end_of_day['between']}00{end_of_day['rest']}")
    return None if start is None else (start + timedelta(days=1)).isoformat()


def classify(item: MediaItem) -> SkipReason | None:
    """Return why an item is not archived; None means that it is this system's to archive.

    The type is judged before the state: a photo is a photo, ready or not. A video is what has a name that ends like
    one, whatever GoPro calls its kind: time lapses and bursts of many photos become videos in GoPro's cloud (GoPro's
    help, "Expected Auto Upload Behavior"), clients disagree on what ``Continuous`` is, and GoPro adds kinds without
    notice. Photos are photos to all of them, and edits have no camera original.
    """
    return _skip_by_type(item) or _skip_by_state(item)


def _skip_by_type(item: MediaItem) -> SkipReason | None:
    extension = item.file_extension or PurePosixPath(item.filename or "").suffix
    extension = extension.lower().removeprefix(".")
    if item.type in _EDIT_TYPES or item.composition == _EXPORT:
        return SkipReason.EDIT
    if item.type == "Photo":
        return SkipReason.PHOTO
    if item.type in _VIDEO_TYPES or extension in VIDEO_EXTENSIONS:
        return None
    if item.type in _IMAGE_TYPES or extension in IMAGE_EXTENSIONS:
        return SkipReason.PHOTO
    return SkipReason.AUDIO if item.type == "Audio" else SkipReason.UNKNOWN_TYPE


def _skip_by_state(item: MediaItem) -> SkipReason | None:
    state = item.ready_to_view.lower()
    if state in _FINAL_STATES:
        return None
    return SkipReason.NOT_READY if state in _PASSING_STATES else SkipReason.UNKNOWN_STATE


def filename_or_none(value: object) -> str | None:
    """Return the name, fit for tables, messages and logs; a very long one keeps its ending. None if it is none."""
    if not isinstance(value, str):
        return None
    name = one_line(value, longest_bytes=len(value) * 4)
    if len(name.encode()) > _LONGEST_FILENAME_BYTES:
        stem, dot, extension = name.rpartition(".")
        ending = dot + extension if stem and len(extension.encode()) < _LONGEST_ENDING_BYTES else ""
        room = _LONGEST_FILENAME_BYTES - len(ending.encode())
        name = one_line(name.removesuffix(ending), longest_bytes=room) + ending
    return text_or_none(name)


def _word(value: object) -> str:
    # Interned: a library of 100,000 items repeats the same few words.
    return sys.intern(one_line(value, longest_bytes=_LONGEST_WORD_BYTES)) if isinstance(value, str) else ""
