"""When a schedule of EventBridge Scheduler starts a run: the last time before a moment, and the next one. Pure.

Read are ``cron(minutes hours day-of-month month day-of-week year)`` of numbers, names, lists, ranges and steps, and
``rate(value unit)``; of what else AWS allows (L, W, #) no time is said rather than a wrong one.
https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

_CRON: Final = re.compile(r"cron\(\s*(\S+)\s+(\S+)\s+(\S+)\s+(\S+)\s+(\S+)\s+(\S+)\s*\)")
_RATE: Final = re.compile(r"rate\(\s*([0-9]{1,6})\s+(minute|hour|day)s?\s*\)")
_PART: Final = re.compile(r"(?P<first>\*|[0-9A-Z]+)(?:-(?P<last>[0-9A-Z]+))?(?:/(?P<step>[0-9]+))?")
_ANY: Final = frozenset({"*", "?"})
_MONTHS: Final = {
    name: n
    for n, name in enumerate(["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"], 1)
}
_WEEKDAYS: Final = {name: n for n, name in enumerate(["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"], 1)}
# A 29 February that is a Monday comes every 28 years; nobody archives videos so rarely.
_DAYS_LOOKED_AT: Final = 366 * 5


class NotReadableError(Exception):
    """The expression is none, or one whose times are not known here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CronSchedule:
    """A cron expression, in a time zone.

    Attributes:
        minutes, hours, days, months, weekdays, years: the numbers that match; Sunday is 1.
        zone: whose clock it goes by.
    """

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    years: frozenset[int]
    zone: ZoneInfo

    def after(self, moment: datetime) -> datetime | None:
        """Return the first time after a moment; None if there is none within years."""
        times = (time for day in self._days_from(moment, 1) for time in self._times_of(day))
        return next((time for time in times if time > moment), None)

    def before(self, moment: datetime) -> datetime | None:
        """Return the last time that is not after a moment; None if there was none within years."""
        times = (time for day in self._days_from(moment, -1) for time in reversed(self._times_of(day)))
        return next((time for time in times if time <= moment), None)

    def _days_from(self, moment: datetime, step: int) -> Iterator[date]:
        first = moment.astimezone(self.zone).date() - timedelta(days=step)  # the clocks may change in between
        days = (first + timedelta(days=step * number) for number in range(_DAYS_LOOKED_AT))
        return (day for day in days if self._matches(day))

    def _matches(self, day: date) -> bool:
        weekday = day.isoweekday() % 7 + 1
        is_month = day.month in self.months and day.year in self.years
        return is_month and day.day in self.days and weekday in self.weekdays

    def _times_of(self, day: date) -> list[datetime]:
        clock = (
            datetime(day.year, day.month, day.day, hour, minute, tzinfo=self.zone)
            for hour in sorted(self.hours)
            for minute in sorted(self.minutes)
        )
        # A time that is skipped when the clocks go forward starts no run.
        times = ((local, local.astimezone(UTC)) for local in clock)
        return [
            utc for local, utc in times if utc.astimezone(self.zone).replace(tzinfo=None) == local.replace(tzinfo=None)
        ]


def read_cron(expression: str, zone_name: str) -> CronSchedule:
    """Read a cron expression.

    Args:
        expression: as the schedule has it.
        zone_name: of IANA.

    Raises:
        NotReadableError: it is none of those that are read here, or there is no such zone.
    """
    found = _CRON.fullmatch(expression)
    if found is None:
        raise NotReadableError(expression)
    minutes, hours, days, months, weekdays, years = found.groups()
    try:
        zone = ZoneInfo(zone_name)
    except (KeyError, ValueError, OSError) as error:
        raise NotReadableError(zone_name) from error
    return CronSchedule(
        minutes=_numbers(minutes, 0, 59, {}),
        hours=_numbers(hours, 0, 23, {}),
        days=_numbers(days, 1, 31, {}),
        months=_numbers(months, 1, 12, _MONTHS),
        weekdays=_numbers(weekdays, 1, 7, _WEEKDAYS),
        years=_numbers(years, 1970, 2199, {}),
        zone=zone,
    )


def read_rate(expression: str) -> timedelta:
    """Return the time between two starts of a rate expression.

    Raises:
        NotReadableError: it is none.
    """
    found = _RATE.fullmatch(expression)
    if found is None or not int(found[1]):
        raise NotReadableError(expression)
    return timedelta(**{f"{found[2]}s": int(found[1])})


def _numbers(field: str, least: int, most: int, names: Mapping[str, int]) -> frozenset[int]:
    if field in _ANY:
        return frozenset(range(least, most + 1))
    numbers = frozenset(number for part in field.upper().split(",") for number in _of_part(part, least, most, names))
    if not numbers or min(numbers) < least or max(numbers) > most:
        raise NotReadableError(field)
    return numbers


def _of_part(part: str, least: int, most: int, names: Mapping[str, int]) -> range:
    found = _PART.fullmatch(part)
    if found is None:
        raise NotReadableError(part)
    step = int(found["step"] or 1)
    first = least if found["first"] == "*" else _number(found["first"], names)
    if found["last"] is not None:
        last = _number(found["last"], names)
    else:
        last = most if found["first"] == "*" or found["step"] else first
    if step < 1 or first > last:
        raise NotReadableError(part)
    return range(first, last + 1, step)


def _number(text: str, names: Mapping[str, int]) -> int:
    if text in names:
        return names[text]
    if not text.isdecimal() or len(text) > 4:
        raise NotReadableError(text)
    return int(text)
