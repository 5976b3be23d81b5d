"""The speed of a line, in megabits a second, and how long it takes for a number of bytes."""

from __future__ import annotations

from typing import Final

_BITS_PER_BYTE: Final = 8
_BITS_PER_MEGABIT: Final = 1e6


def megabits_per_second(size_bytes: int, seconds: float) -> float:
    """Return the rate of this many bytes in that time; 0 if no time has passed."""
    return size_bytes * _BITS_PER_BYTE / _BITS_PER_MEGABIT / seconds if seconds > 0 else 0.0


def seconds_on_the_line(size_bytes: int, rate_megabits_per_second: float) -> float:
    """Return how long this many bytes take at that rate, which must be more than 0."""
    return size_bytes * _BITS_PER_BYTE / _BITS_PER_MEGABIT / rate_megabits_per_second
