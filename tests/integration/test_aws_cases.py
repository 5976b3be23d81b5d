"""Shapes of AWS's answers that users have reported, each played on this system: ``tests/cases/aws.json``.

Beside its words each case says what is given and what is to come of it, for a machine. What no test can try, such as
the names that Step Functions gives to errors, is an assumption: it has a source, and what is played is the case in
which it is wrong. ``docs/assumptions.md`` lists them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import pytest

from docs.tools.assumptions import assumptions_page
from gates.template import ROOT
from tests.support.aws_cases.facts import describe_objects, emit_metrics, read_template, trace
from tests.support.aws_cases.judgement import differences
from tests.support.aws_cases.nights import play_night
from tests.support.aws_cases.rotations import play_secret
from tests.support.aws_cases.tables import play_backfill, play_table
from tests.support.aws_cases.transfers import TransferWorld, play_names, play_transfer, play_two_runs, transfer_world

pytestmark = pytest.mark.slow  # 180 answers, each a transfer, a night or a rotation of its own

CASES: Final[list[dict[str, Any]]] = json.loads((ROOT / "tests" / "cases" / "aws.json").read_text(encoding="utf-8"))
WORDS: Final = ("id", "source", "situation", "input", "happened", "expected", "verdict", "how")
# What is still wrong. An entry that is right by now fails.
NOT_YET: Final = frozenset[str]()

type Driver = Callable[[TransferWorld, Mapping[str, Any]], dict[str, Any]]
DRIVERS: Final[Mapping[str, Driver]] = {
    "transfer": play_transfer,
    "names": play_names,
    "two runs": play_two_runs,
    "table": play_table,
    "secret": play_secret,
    "backfill": lambda _world, given: play_backfill(given),
    "night": lambda _world, given: play_night(given),
    "template": lambda _world, given: read_template(given),
    "metadata": lambda _world, given: describe_objects(given),
    "metrics": lambda _world, given: emit_metrics(given),
    "trace": lambda _world, given: trace(given),
}


@pytest.fixture(scope="module")
def world() -> Iterator[TransferWorld]:
    with pytest.MonkeyPatch.context() as patch, transfer_world() as made:
        patch.setattr("botocore.endpoint.time.sleep", lambda _: None)
        yield made


def marked(case: Mapping[str, Any]) -> Any:
    marks = [pytest.mark.xfail(strict=True, reason="still wrong")] if case["id"] in NOT_YET else []
    return pytest.param(case, id=case["id"], marks=marks)


@pytest.mark.parametrize("case", [marked(case) for case in CASES])
def test_a_case_is_right(world: TransferWorld, case: Mapping[str, Any]) -> None:
    """Every ``given`` of the case comes to its ``then``; all that is wrong is told at once."""
    given, then = case["given"], case["then"]
    assert given, "a case without a given"
    assert len(given) == len(then), "each given has its then"
    wrong = []
    for number, (reported, wanted) in enumerate(zip(given, then, strict=True), start=1):
        assert wanted, "a then that says nothing"
        seen = DRIVERS[reported["kind"]](world, reported)
        wrong += [
            f"given {number} ({reported.get('what', reported['kind'])}): {stated}"
            for stated in differences(wanted, seen)
        ]
    assert not wrong, "\n".join(wrong)


def test_the_cases_are_whole() -> None:
    assert len({case["id"] for case in CASES}) == len(CASES) == 54
    assert all(set(WORDS) <= case.keys() and all(case[word] for word in WORDS) for case in CASES)
    assert {case["id"] for case in CASES} >= NOT_YET


def test_an_assumption_has_a_source_and_a_case_in_which_it_is_wrong() -> None:
    for case in CASES:
        for assumption in case.get("assumptions", []):
            assert assumption.keys() == {"says", "source", "if_wrong", "check"}, case["id"]
            assert all(assumption.values()), case["id"]


def test_the_page_of_assumptions_is_the_one_that_the_cases_make() -> None:
    assert (ROOT / "docs" / "assumptions.md").read_text(encoding="utf-8") == assumptions_page(CASES)
