"""What others may write where a number or a date is expected, for Hypothesis to choose from."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import strategies as st

# Each made some reader of Python's fail, or accept what is no number to anybody else.
NO_NUMBERS = ("", " ", "1_0", "٣", "²", "0\x1f", "1\n", " 1", "+1", "-1", "1.5", "1e3", "0x10", "nan", "Infinity")

_ANY_CHARACTER = st.characters(codec=None)  # control characters and lone surrogates too
_NUMBER_CHARACTERS = "0123456789٣²_+-.,:eEnNaAiIfFtTyYxXzZ \t\n\r\x00\x1c\x1f\x85\ud800"

texts = st.one_of(
    st.text(_ANY_CHARACTER),
    st.text(st.sampled_from(_NUMBER_CHARACTERS)),
    st.sampled_from(NO_NUMBERS),
    st.builds(lambda digit, length: digit * length, st.sampled_from("0123456789٣²"), st.integers(1, 6000)),
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.just(10**400) | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)

zones = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))

_FIRST, _LAST = datetime.min, datetime.max  # noqa: DTZ901 - Hypothesis adds the zone

calendar_ends = st.one_of(
    st.datetimes(_FIRST, _FIRST + timedelta(days=2), timezones=zones),
    st.datetimes(_LAST - timedelta(days=2), _LAST, timezones=zones),
    st.datetimes(timezones=zones),
)


def has_a_moment_in_utc(moment: datetime) -> bool:
    """Whether the calendar still holds the moment once its zone is taken away."""
    try:
        moment.astimezone(UTC)
    except OverflowError:
        return False
    return True
