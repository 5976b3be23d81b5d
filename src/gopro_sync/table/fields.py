"""Strict reads of those fields of a record in which a mistake would do harm."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from gopro_sync.values.outside_values import whole_number_or_none, zoned_moment_or_none


def text_field(item: Mapping[str, Any], name: str) -> str | None:
    """Return the text; None where there is none.

    Raises:
        ValueError: it is something other than text.
    """
    value = item.get(name)
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{name} is not text")
    return value


def whole_number_field(item: Mapping[str, Any], name: str) -> int:
    """Return the number.

    Raises:
        KeyError: there is none.
        ValueError: it is something other than a whole number.
    """
    number = whole_number_or_none(item[name])
    if number is None:
        raise ValueError(f"{name} is not a whole number of up to 18 digits")
    return number


def moment_field(item: Mapping[str, Any], name: str) -> datetime | None:
    """Return the time, aware; None where there is none.

    Raises:
        ValueError: it is something other than a time with a zone.
    """
    if item.get(name) is None:
        return None
    moment = zoned_moment_or_none(item[name])
    if moment is None:
        raise ValueError(f"{name} is not a time with a zone")
    return moment
