"""Times as this system writes them: ISO 8601, UTC, whole seconds, ``2025-11-10T14:23:45Z``."""

from __future__ import annotations

from datetime import UTC, datetime


def iso_utc(moment: datetime) -> str:
    """Format an aware time; the fixed width makes the strings sort as the times do."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def parse_iso_utc(text: str) -> datetime:
    """Read an ISO 8601 time into an aware UTC datetime.

    Raises:
        ValueError: the text is no such time, or names no zone.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("no time zone")
    return moment.astimezone(UTC)


def now_utc() -> datetime:
    """Return the time; callers take it as an argument, so that tests can set the clock."""
    return datetime.now(UTC)
