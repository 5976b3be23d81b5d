"""How notices name and count things. Pure."""

from __future__ import annotations

from typing import Final

# The rest is counted: a mail stays far below SNS's limit, whatever a night was like.
MOST_NAMED: Final = 20
_LONGEST_NAME: Final = 100


def shortened(name: str) -> str:
    """Return a name, cut where it is longer than a person reads."""
    return name[:_LONGEST_NAME]


def number_of(count: int, what: str) -> str:
    """Return "1 video", "2 videos" and so on."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
