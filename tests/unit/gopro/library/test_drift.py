"""What is told of a change of GoPro's API, and that nothing of the user's is told with it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gopro_sync.gopro.library.drift import DriftFinding, DriftKind, examine, findings, shape_of
from gopro_sync.gopro.library.media import KNOWN_VALUES

ROW = {
    "id": "a1b2c3",
    "type": "Video",
    "filename": "GX010456.MP4",
    "file_extension": "MP4",
    "file_size": "524288000",
    "captured_at": "2026-05-01T18:02:44Z",
    "created_at": "2026-05-02T18:02:44Z",
    "ready_to_view": "ready",
    "item_count": 1,
    "source_duration": 180000,
}


def found_in(*rows: Any) -> tuple[DriftFinding, ...]:
    return findings([examine(list(rows), KNOWN_VALUES)])


def test_an_api_that_is_as_it_was_is_not_worth_a_word() -> None:
    nameless = {**ROW, "filename": None, "file_size": 7, "captured_at": None}
    assert found_in(*[ROW] * 15, *[nameless] * 15) == ()


@pytest.mark.parametrize(
    ("field", "value", "kind", "sample"),
    [
        ("file_size", "half a gigabyte", DriftKind.TYPE_CHANGED, "text(15)"),
        ("file_size", {"bytes": 7}, DriftKind.TYPE_CHANGED, "object(1)"),
        ("item_count", True, DriftKind.TYPE_CHANGED, "boolean"),
        ("filename", 456, DriftKind.TYPE_CHANGED, "number"),
        ("captured_at", 1777658564, DriftKind.TYPE_CHANGED, "number"),
        ("id", ["a1b2c3"], DriftKind.TYPE_CHANGED, "list(1)"),
        ("type", "HoloVideo", DriftKind.UNKNOWN_VALUE, "HoloVideo"),
        ("ready_to_view", "quantum", DriftKind.UNKNOWN_VALUE, "quantum"),
        ("type", "my holiday in Spain!", DriftKind.UNKNOWN_VALUE, "text(20)"),
    ],
)
def test_each_change_is_reported_with_its_place_and_the_shape_of_what_was_found(
    field: str, value: Any, kind: DriftKind, sample: str
) -> None:
    changed = {**ROW, field: value}
    assert found_in(ROW, changed, changed) == (
        DriftFinding(path=f"_embedded.media[].{field}", kind=kind, sample=sample, count=2),
    )


def test_a_row_that_is_no_object_is_reported() -> None:
    (finding,) = found_in("row")
    assert (finding.path, finding.kind) == ("_embedded.media[]", DriftKind.TYPE_CHANGED)


def test_a_field_that_no_row_of_a_library_has_is_reported_and_a_small_library_proves_nothing() -> None:
    without = {name: value for name, value in ROW.items() if name != "item_count"}

    assert found_in(*[without] * 19) == ()
    assert found_in(*[without] * 20) == (
        DriftFinding(path="_embedded.media[].item_count", kind=DriftKind.FIELD_VANISHED, sample="absent", count=20),
    )
    assert found_in(*[without] * 500, ROW) == ()


def test_pages_are_joined_and_a_place_is_reported_once_with_what_was_seen_most() -> None:
    pages = [
        examine([{**ROW, "type": word}] * times, KNOWN_VALUES) for word, times in (("A1", 2), ("B2", 5), ("A1", 1))
    ]
    assert findings(pages) == (
        DriftFinding(path="_embedded.media[].type", kind=DriftKind.UNKNOWN_VALUE, sample="B2", count=8),
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(min_size=4),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(min_size=4), inner),
    max_leaves=5,
)


@given(JSON)
def test_a_shape_says_nothing_of_the_content(value: Any) -> None:
    shape = shape_of(value)
    assert len(shape) < 40
    texts = [value] if isinstance(value, str) else []
    texts += list(value) if isinstance(value, dict) else []
    assert not [
        text for text in texts if text in shape and not text.isdigit() and text not in "text(number)object(list("
    ]


@given(st.dictionaries(st.sampled_from(sorted(ROW)), JSON))
def test_no_row_is_too_odd_to_be_looked_at(row: dict[str, Any]) -> None:
    json.dumps([finding.sample for finding in found_in(row)])
