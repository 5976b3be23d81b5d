"""Write the alarms as a table for people, from the template's own words and numbers. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from local.engine.alarm_rule import AlarmRule

_TO_DO: Final = " What to do: "
_MINUTE_SECONDS: Final = 60
_HOUR_SECONDS: Final = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownAlarm:
    """An alarm of the template.

    Attributes:
        name: the alarm's.
        description: what it means and, after ``What to do:``, what to do.
        counted_from: the start of the time within which it fires.
        rule: its numbers.
    """

    name: str
    description: str
    counted_from: str
    rule: AlarmRule


def alarm_table(alarms: Iterable[ShownAlarm]) -> str:
    """Write the table, in Markdown.

    Args:
        alarms: in the order of the rows.
    """
    head = ["| alarm | what it means | at the latest | what to do |", "|---|---|---|---|"]
    return "\n".join([*head, *map(_row, alarms)]) + "\n"


def _row(alarm: ShownAlarm) -> str:
    meaning, _, to_do = alarm.description.partition(_TO_DO)
    latest = f"{_duration(alarm.rule.fires_within_seconds)} after {alarm.counted_from}"
    return f"| `{alarm.name}` | {meaning} | {latest} | {to_do[:1].upper()}{to_do[1:]} |"


def _duration(seconds: int) -> str:
    if seconds % _HOUR_SECONDS:
        return f"{seconds // _MINUTE_SECONDS} minutes"
    return f"{seconds // _HOUR_SECONDS} hours"
