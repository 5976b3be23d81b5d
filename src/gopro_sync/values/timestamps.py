"""Times as this system writes them: ISO 8601, UTC, whole seconds, ``2025-11-10T14:23:45Z``.

Times from elsewhere are read in `outside_values.py`.
"""

from __future__ import annotations

from datetime import UTC, datetime


def iso_utc(moment: datetime) -> str:
    """Format an aware time; the fixed width makes the strings sort as the times do."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def epoch_seconds(moment: datetime) -> int:
    """Return an aware time as whole seconds since 1970, in which DynamoDB compares and expires it."""
    return int(moment.timestamp())


def now_utc() -> datetime:
    """Return the time; callers take it as an argument, so that tests can set the clock."""
    return datetime.now(UTC)
