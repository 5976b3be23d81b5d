"""Values out of GoPro's loosely typed JSON.

The API is not documented. Numbers arrive as strings now and then, names may be null or empty, and with a ``fields``
list a null field may be absent (observed by open-source clients). Whatever cannot be read is ``None``: what a missing
value means is decided by the caller, who knows the field.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

_DIGITS = re.compile(r"[0-9]{1,18}")
_LARGEST_NUMBER = 10**18 - 1


def text_or_none(value: object) -> str | None:
    """The text itself, or None for null, blank text and anything that is not text."""
    return value if isinstance(value, str) and value.strip() else None


def whole_number_or_none(value: object) -> int | None:
    """A number from 0 to 18 digits long, given as a number or as text; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and 0 <= value <= _LARGEST_NUMBER else None


def moment_or_none(value: object) -> datetime | None:
    """An ISO-8601 time as an aware UTC time; one without a zone is taken as UTC. None for anything else."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
