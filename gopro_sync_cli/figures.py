"""Times, lengths and sizes as people read them."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Final

_KILO: Final = 1000
_MINUTE: Final = 60
_HOUR: Final = 3600
_DAY: Final = 86_400
_TWO_DAYS_OF_HOURS: Final = 48 * _HOUR
_NAMES_OF_DAYS: Final = {-1: "yesterday", 0: "today", 1: "tomorrow"}


def clock(moment: datetime, now: datetime, zone: tzinfo) -> str:
    """Return a time by the clock of a zone: ``today 02:00``, ``2026-11-20 02:00``."""
    there, here = moment.astimezone(zone), now.astimezone(zone)
    day = _NAMES_OF_DAYS.get((there.date() - here.date()).days, f"{there:%Y-%m-%d}")
    return f"{day} {there:%H:%M}"


def length(seconds: float) -> str:
    """Return a length of time: ``14 s``, ``14 min``, ``9 h``, ``3 d``."""
    if seconds < 2 * _MINUTE:
        return f"{seconds:.0f} s"
    if seconds < 2 * _HOUR:
        return f"{seconds / _MINUTE:.0f} min"
    return f"{seconds / _HOUR:.0f} h" if seconds < _TWO_DAYS_OF_HOURS else f"{seconds / _DAY:.0f} d"


def size(number: int) -> str:
    """Return a number of bytes: ``21 GB``, ``2.31 TB``."""
    amount, units = float(number), ["B", "kB", "MB", "GB", "TB", "PB"]
    while amount >= _KILO and len(units) > 1:
        amount, units = amount / _KILO, units[1:]
    digits = 0 if units[0] == "B" else max(0, 3 - len(str(int(amount))))
    text = f"{amount:.{digits}f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} {units[0]}"


def dollars(usd: float) -> str:
    """Return an amount of money: ``$4.91``, and ``under $0.01`` for what is less."""
    return "under $0.01" if 0 < usd < 0.005 else f"${usd:,.2f}"


def counted(number: int, thing: str) -> str:
    """Return a number of things: ``1 video``, ``1,842 videos``."""
    return f"{number:,} {thing}" + ("" if number == 1 else "s")
