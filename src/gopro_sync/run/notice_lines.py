"""How notices name and count what they tell of. Pure."""

from __future__ import annotations

from typing import Final

# What is beyond is counted: a mail stays far below what SNS takes, whatever a night was like.
MOST_NAMED: Final = 20
_LONGEST_NAME: Final = 100


def shortened(name: str) -> str:
    """Return a name, cut where it is none that a person reads."""
    return name[:_LONGEST_NAME]


def number_of(count: int, what: str) -> str:
    """Return "1 video", "2 videos"."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
