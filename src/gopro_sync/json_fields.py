"""Typed reads from JSON that someone else wrote: Lambda events and tracker items.

Each reader names the field and what was wrong with it. The value itself is not quoted: it could be a token.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from gopro_sync.errors import InvalidEventError
from gopro_sync.timestamps import parse_iso_utc

type JsonObject = Mapping[str, Any]

_MOST_SECONDS: Final = 1e9


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
        InvalidEventError: the field is not such a number.
    """
    value = event.get(name)
    if value is None:
        return None
    # bool is an int to Python, and never a count to a person.
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise InvalidEventError(f"The event's field {name!r} is not a whole number of zero or more")
    return value


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
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _MOST_SECONDS:
        raise InvalidEventError(f"The event's field {name!r} is not a number of seconds")
    return float(value)


def optional_time(event: JsonObject, name: str) -> datetime | None:
    """Return the ISO 8601 time in field ``name`` as an aware UTC datetime; None when the field is missing or null.

    Raises:
        InvalidEventError: the field is not such a time, or has no zone.
    """
    text = optional_text(event, name)
    if text is None:
        return None
    try:
        return parse_iso_utc(text)
    except ValueError as error:
        raise InvalidEventError(f"The event's field {name!r} is not an ISO 8601 time with a zone") from error


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
