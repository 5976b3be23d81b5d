"""Texts, numbers, dates and lengths that others wrote, parsed in one place.

They come from headers, JSON, table items, events, environment variables and addresses, and may be anything. Python's
own parsers are not up to that: ``int`` accepts "1_0", "٣" and blanks and fails at 5,000 digits, and a date at either
end of the calendar overflows once its zone is removed. Nothing here raises: whatever cannot be read is ``None``, and
the caller, who knows the field, decides what a missing value means.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from email.utils import parsedate_to_datetime
from typing import Final

# Eighteen digits fit into 64 bits, and no size, count or time of a library comes near them.
LARGEST_WHOLE_NUMBER: Final = 10**18 - 1
# Thirty years: no recording, run or wait lasts that long, and added to any date of today it stays in the calendar.
SECONDS_LIMIT: Final = 1e9
# A year, the longest Wait of Step Functions; a server that asks for more is treated as if it asked for this.
# https://docs.aws.amazon.com/step-functions/latest/dg/state-wait.html
LONGEST_RETRY_AFTER_SECONDS: Final = 365 * 86_400.0

# The seconds of the year 5138, and the milliseconds of 1973.
_MILLISECONDS_FROM: Final = 10**11

_WHOLE_NUMBER = re.compile(r"[0-9]{1,18}")
_SECONDS = re.compile(r"[0-9]+")
_CONTENT_RANGE = re.compile(
    r"bytes (?P<first>[0-9]{1,18})-(?P<last>[0-9]{1,18})/(?P<total>[0-9]{1,18}|\*)", re.IGNORECASE
)
# A little more than DynamoDB holds, which is 38 digits from 1E-130 to 9.99E+125: larger ones could fill the memory.
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
_DECIMAL = re.compile(r"[-+.0-9eE]{1,150}")
_LARGEST_EXPONENT: Final = 130


# Lone surrogates, which no encoding has, and what neither SQS nor XML accepts: in a text of many lines, and in one.
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
_NOT_SENDABLE = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NOT_IN_A_LINE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")


def sendable_text(text: str, *, longest_bytes: int) -> str:
    """Return the text without what messages, tables and streams do not accept, cut to this many bytes of UTF-8."""
    return _cut(_NOT_SENDABLE.sub("", text), longest_bytes)


def one_line(text: str, *, longest_bytes: int) -> str:
    """Return the same, but without control characters and line ends too: for a name, a word, an id."""
    return _cut(_NOT_IN_A_LINE.sub("", text), longest_bytes)


def _cut(text: str, longest_bytes: int) -> str:
    if len(text) * 4 <= longest_bytes:  # nearly all; no character has more bytes
        return text
    return text.encode()[:longest_bytes].decode(errors="ignore")


def text_or_none(value: object) -> str | None:
    """Return the text itself; None for null, blank text and anything that is not text."""
    return value if isinstance(value, str) and value.strip() else None


def whole_number_or_none(value: object) -> int | None:
    """Return a number of up to 18 digits, whether a number or text of ASCII digits; None for anything else.

    GoPro, whose API is not documented, was seen to send numbers as text now and then (by open-source clients).
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and 0 <= value <= LARGEST_WHOLE_NUMBER else None


def seconds_or_none(value: object) -> float | None:
    """Return a number of seconds from 0 to below ``SECONDS_LIMIT``, if it is a number; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < SECONDS_LIMIT:
        return None
    return float(value)


def table_number_or_none(value: object) -> int | Decimal | None:
    """Return a number in DynamoDB's spelling, whole ones as int; None for what DynamoDB cannot hold."""
    if not isinstance(value, str) or not _DECIMAL.fullmatch(value):
        return None
    if _WHOLE_NUMBER.fullmatch(value):
        return int(value)  # nearly all; a library's listing reads a hundred thousand
    try:
        number = Decimal(value)
    except InvalidOperation:
        return None
    if not number.is_finite() or abs(number.adjusted()) > _LARGEST_EXPONENT:
        return None
    whole = int(number)
    return whole if whole == number else number


def moment_or_none(value: object) -> datetime | None:
    """Return an ISO 8601 time as an aware UTC time; one without a zone is taken as UTC. None for anything else."""
    moment = _iso_time_or_none(value)
    return moment if moment is None else _in_utc(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def zoned_moment_or_none(value: object) -> datetime | None:
    """Return an ISO 8601 time that names its zone as an aware UTC time; None for anything else."""
    moment = _iso_time_or_none(value)
    return None if moment is None or moment.tzinfo is None else _in_utc(moment)


def moment_since_1970_or_none(value: object) -> datetime | None:
    """Convert seconds since 1970, or milliseconds from 1e11 on, to an aware UTC time; None for anything else."""
    number = whole_number_or_none(value)
    if number is None:
        return None
    try:
        return datetime.fromtimestamp(number / 1000 if number >= _MILLISECONDS_FROM else number, UTC)
    except (ValueError, OverflowError, OSError):  # beyond the calendar; which one depends on the platform
        return None


def retry_after_seconds(header: str | None, now: datetime) -> float | None:
    """Return the pause that a ``Retry-After`` header requests, in seconds or as an HTTP date; None if there is none.

    Args:
        header: the header's value.
        now: the current time, aware: the header can be a date.

    Returns:
        From 0 to ``LONGEST_RETRY_AFTER_SECONDS``.
    """
    text = (header or "").strip(" \t")
    if _SECONDS.fullmatch(text):
        return min(float(text), LONGEST_RETRY_AFTER_SECONDS)
    moment = _http_date_or_none(text)
    return None if moment is None else min(max(0.0, (moment - now).total_seconds()), LONGEST_RETRY_AFTER_SECONDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentRange:
    """The range of bytes in an answer, counted from 0 and including ``last``; None is a total left open."""

    first: int
    last: int
    total: int | None


def content_range_or_none(header: str | None) -> ContentRange | None:
    """Return the range that a ``Content-Range`` header states; None if it is missing or impossible (RFC 9110, 14.4)."""
    match = _CONTENT_RANGE.fullmatch(header or "")
    if match is None:
        return None
    first, last = int(match["first"]), int(match["last"])
    total = None if match["total"] == "*" else int(match["total"])
    is_possible = first <= last and (total is None or last < total)
    return ContentRange(first=first, last=last, total=total) if is_possible else None


def _iso_time_or_none(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return None


def _in_utc(moment: datetime) -> datetime | None:
    try:
        return moment.astimezone(UTC)
    except OverflowError:  # the zone leads out of the calendar
        return None


def _http_date_or_none(text: str) -> datetime | None:
    if not text.isascii():
        return None  # the standard library's parser accepts digits of any script
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError, TypeError, LookupError):  # which one depends on the text and on Python's release
        return None
    # An HTTP date is always GMT, even where the zone is omitted.
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def account_id_or_none(value: object) -> str | None:
    """Return the id of a GoPro account, which may arrive as text or as a number; None if it cannot be an id.

    So far it is a UUID; only what would be dangerous in a header or a record is refused.
    """
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**40 else value
    return text if isinstance(text, str) and _ACCOUNT_ID.fullmatch(text) else None


_ACCOUNT_ID = re.compile(r"[0-9A-Za-z._:@|-]{1,128}")
