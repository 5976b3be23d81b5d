"""Answers that users of GoPro's cloud have seen, each played for whole nights: ``tests/cases/field.json``.

``field_more.json`` has more of the same kinds, thought out. Whatever is wrong of a case is told at once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest

from gates.template import ROOT
from tests.support.aws_cases.judgement import differences
from tests.support.field_cases.reading import nights_of
from tests.support.field_cases.world import FieldWorld, field_world


def cases_of(name: str) -> list[dict[str, Any]]:
    """Read a file of cases."""
    found: list[dict[str, Any]] = json.loads((ROOT / "tests" / "cases" / name).read_text(encoding="utf-8"))
    return found


SEEN: Final = cases_of("field.json")
MORE: Final = cases_of("field_more.json")
WORDS: Final = (
    "name",
    "source",
    "severity",
    "listing_items",
    "descriptor",
    "cdn",
    "listing_behaviour",
    "nights",
    "expected",
)


@pytest.fixture(scope="module")
def world() -> Iterator[FieldWorld]:
    with field_world() as made:
        yield made


def marked(case: Mapping[str, Any]) -> Any:
    # The gravest of those that were seen are enough for every change: some seconds.
    is_slow = case in MORE or case["severity"] != "high"
    # On a busy machine, four nights of a library of 250 items take minutes.
    return pytest.param(case, id=case["name"], marks=[pytest.mark.slow, pytest.mark.timeout(400)] if is_slow else [])


@pytest.mark.parametrize("case", [marked(case) for case in [*SEEN, *MORE]])
def test_a_case_is_right(world: FieldWorld, case: Mapping[str, Any]) -> None:
    """Every ``given`` of the case comes to its ``then``; all that is wrong is told at once."""
    given, then = case["given"], case["then"]
    assert given, "a case without a given"
    assert len(given) == len(then), "each given has its then"
    wrong = []
    for number, (reported, wanted) in enumerate(zip(given, then, strict=True), start=1):
        assert wanted, "a then that says nothing"
        seen = world.play(case, reported)
        found = differences(wanted, seen)
        # Where a night goes wrong, it may end before it comes to them.
        assert found or not seen["unused"], f"given {number}: switches without effect: {', '.join(seen['unused'])}"
        wrong += [f"given {number} ({reported.get('what', '')}): {stated}" for stated in found]
    assert not wrong, "\n".join(wrong)


def test_the_cases_are_whole() -> None:
    assert len({case["name"] for case in [*SEEN, *MORE]}) == len(SEEN) + len(MORE)
    assert len(SEEN) == 32
    assert all({*WORDS, "given", "then"} <= case.keys() for case in [*SEEN, *MORE])


@pytest.mark.parametrize(
    "given",
    [
        {"lsting": {}},
        {"listing": {"adds": 1}},
        {"downloads": {"m1": {"stat": 500}}},
        {"cdn_answers": {"m1-1": {"etags": None}}},
        {"nights": [{"listings": {}}]},
    ],
)
def test_a_switch_that_nobody_knows_is_refused(given: Mapping[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"has no (field|switch)"):
        nights_of(SEEN[0], given)


def test_a_switch_without_effect_is_reported(world: FieldWorld) -> None:
    given = {"downloads": {"nobody": {"status": 500}}, "listing": {"adds_to_total": 0, "lacks": []}}
    assert world.play({**SEEN[0], "listing_items": []}, given)["unused"] == ["downloads.nobody.status"]
