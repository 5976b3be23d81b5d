"""Typed reads from JSON that someone else wrote: Lambda events and tracker items.

Each reader names the field and what was wrong with it. The value itself is not quoted: it could be a token.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from gopro_sync.errors import InvalidEventError
from gopro_sync.values.outside_values import seconds_or_none, whole_number_or_none, zoned_moment_or_none

type JsonObject = Mapping[str, Any]

# A day before the end of the calendar: whatever a run adds to a time that an event states stays in the calendar.
_LATEST_TIME: Final = datetime(9999, 12, 30, 23, 59, 59, tzinfo=UTC)


def required_text(event: JsonObject, name: str) -> str:
    """Return the non-empty string in field ``name``.

    Raises:
        InvalidEventError: the field is missing, empty or not a string.
    """
    value = optional_text(event, name)
    if value is None:
        raise InvalidEventError(f"The event has no field {name!r}")
    return value


def optional_text(event: JsonObject, name: str) -> str | None:
    """Return the string in field ``name``, or None when the field is missing, null or empty.

    Raises:
        InvalidEventError: the field is not a string.
    """
    value = event.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise InvalidEventError(f"The event's field {name!r} is not a string but {type(value).__name__}")
    return value


def optional_count(event: JsonObject, name: str) -> int | None:
    """Return the whole number, zero or more, in field ``name``; None when the field is missing or null.

    Raises:
        InvalidEventError: the field is not such a number, or has more than 18 digits.
    """
    value = event.get(name)
    if value is None:
        return None
    number = whole_number_or_none(value) if isinstance(value, int) else None
    if number is None:
        raise InvalidEventError(f"The event's field {name!r} is not a whole number of zero or more, up to 18 digits")
    return number


def required_count(event: JsonObject, name: str) -> int:
    """Return the whole number, zero or more, in field ``name``.

    Raises:
        InvalidEventError: the field is missing, null or not such a number.
    """
    value = optional_count(event, name)
    if value is None:
        raise InvalidEventError(f"The event has no field {name!r}")
    return value


def optional_seconds(event: JsonObject, name: str) -> float | None:
    """Return the number of seconds in field ``name``; None when the field is missing or null.

    Raises:
        InvalidEventError: the field is not such a number.
    """
    value = event.get(name)
    if value is None:
        return None
    seconds = seconds_or_none(value)
    if seconds is None:
        raise InvalidEventError(f"The event's field {name!r} is not a number of seconds")
    return seconds


def optional_time(event: JsonObject, name: str) -> datetime | None:
    """Return the ISO 8601 time in field ``name`` as an aware UTC datetime; None when the field is missing or null.

    A time of the calendar's last day, 9999-12-31, which stands for "never ends", is moved to the day before.

    Raises:
        InvalidEventError: the field is not such a time, or has no zone.
    """
    text = optional_text(event, name)
    if text is None:
        return None
    moment = zoned_moment_or_none(text)
    if moment is None:
        raise InvalidEventError(f"The event's field {name!r} is not an ISO 8601 time with a zone")
    return min(moment, _LATEST_TIME)


def optional_flag(event: JsonObject, name: str) -> bool:
    """Return field ``name``; False when it is missing or null.

    Raises:
        InvalidEventError: the field is neither true nor false.
    """
    value = event.get(name)
    if value is not None and not isinstance(value, bool):
        raise InvalidEventError(f"The event's field {name!r} is neither true nor false")
    return bool(value)


def optional_texts(event: JsonObject, name: str) -> frozenset[str] | None:
    """Return the strings in field ``name``; None when the field is missing or null.

    Raises:
        InvalidEventError: the field is not a list of strings, or an empty one.
    """
    value = event.get(name)
    if value is None:
        return None
    if not isinstance(value, list) or not value or not all(isinstance(text, str) and text for text in value):
        raise InvalidEventError(f"The event's field {name!r} is not a list of strings")
    return frozenset(value)


def required_objects(event: JsonObject, name: str) -> Sequence[JsonObject]:
    """Return the list of JSON objects in field ``name``.

    Raises:
        InvalidEventError: the field is missing, or not such a list.
    """
    objects = event.get(name)
    if not isinstance(objects, list) or not all(isinstance(one, Mapping) for one in objects):
        raise InvalidEventError(f"The event's field {name!r} is not a list of JSON objects")
    return objects
