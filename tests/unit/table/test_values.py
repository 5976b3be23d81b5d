"""DynamoDB's typed values: what the tracker writes comes back as it was, and what others wrote can be read."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gopro_sync.errors import TrackerError
from gopro_sync.table.values import from_attribute_value, to_attribute_value
from tests.support.odd_values import json_values

# DynamoDB keeps 38 digits.
scalars = st.none() | st.booleans() | st.text() | st.integers(min_value=-(10**38) + 1, max_value=10**38 - 1)
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


@given(values)
def test_what_is_written_comes_back_as_it_was(value: Any) -> None:
    assert from_attribute_value(to_attribute_value(value)) == value


@pytest.mark.parametrize(
    ("value", "attribute"),
    [
        (200_000_000_000, {"N": "200000000000"}),
        (True, {"BOOL": True}),
        (None, {"NULL": True}),
        (("a", 1), {"L": [{"S": "a"}, {"N": "1"}]}),
        ({"size_bytes": 5}, {"M": {"size_bytes": {"N": "5"}}}),
    ],
)
def test_values_have_the_types_that_dynamodb_defines(value: Any, attribute: dict[str, Any]) -> None:
    assert to_attribute_value(value) == attribute


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ({"N": "1.5"}, Decimal("1.5")),
        ({"N": "2E+3"}, 2000),
        ({"SS": ["a", "b"]}, {"a", "b"}),
        ({"NS": ["1", "2"]}, {1, 2}),
        ({"B": b"x"}, b"x"),
    ],
)
def test_attributes_that_a_person_added_can_be_read(attribute: dict[str, Any], value: Any) -> None:
    assert from_attribute_value(attribute) == value


def test_a_value_that_cannot_be_kept_is_refused_by_type() -> None:
    with pytest.raises(TypeError, match="float"):
        to_attribute_value({"duration": 1.5})


def test_an_unknown_type_is_named() -> None:
    with pytest.raises(TrackerError, match="unknown type XX"):
        from_attribute_value({"XX": "1"})


@pytest.mark.parametrize("digits", ["", "NaN", "Infinity", "abc", "1_0", "\u0663", " 1", "1E+999999", "9" * 5_000])
def test_a_number_that_no_table_can_hold_is_named(digits: str) -> None:
    for attribute in ({"N": digits}, {"NS": ["1", digits]}, {"L": [{"N": digits}]}, {"M": {"paused": {"N": digits}}}):
        with pytest.raises(TrackerError, match="a number that cannot be read"):
            from_attribute_value(attribute)


# botocore takes care that there is one type, and that a list is a list; what is in a number is left to the reader.
odd_numbers = st.fixed_dictionaries({"N": json_values}) | st.fixed_dictionaries({"NS": st.lists(json_values)})
odd_attributes = st.recursive(
    odd_numbers | st.just({"SDK_UNKNOWN_MEMBER": {"name": "X"}}),
    lambda inner: (
        st.fixed_dictionaries({"L": st.lists(inner)}) | st.fixed_dictionaries({"M": st.dictionaries(st.text(), inner)})
    ),
    max_leaves=5,
)


@given(odd_attributes)
def test_no_number_raises_anything_but_the_trackers_error(attribute: dict[str, Any]) -> None:
    with suppress(TrackerError):
        from_attribute_value(attribute)
