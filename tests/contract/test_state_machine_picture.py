"""docs/state-machine.md shows the state machine that is deployed, every state and every way of it."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from typing import Any, Final

import pytest

from docs.tools.state_machine_picture import PictureError, state_machine_page
from gates.template import ROOT, state_machine_text, states

MACHINE: Final[dict[str, Any]] = json.loads(state_machine_text())
PAGE: Final = state_machine_page(MACHINE)
# What a box of a state begins with, whatever its form: the state's name, in quotation marks.
BOX: Final = r'^    \w+(?P<form>[\[({]+)"(?P<name>[\w?]+)'


def arrows(page: str) -> set[tuple[str, str]]:
    return set(re.findall(r'^    (\w+) -\.?->(?:\|"[^"|]+"\|)? (\w+)$', page, re.MULTILINE))


def test_the_page_is_the_one_that_the_state_machine_makes() -> None:
    assert (ROOT / "docs" / "state-machine.md").read_text(encoding="utf-8") == PAGE


def test_each_state_is_drawn_in_one_picture_and_each_way_has_its_arrow() -> None:
    own = [line for line in PAGE.splitlines() if not line.endswith(":::elsewhere")]
    boxes = [box["name"] for line in own if (box := re.match(BOX, line))]
    assert sorted(boxes) == sorted(name for name, _ in states(MACHINE))
    ways = {
        (name.replace("?", "_"), branch[key].replace("?", "_"))
        for name, state in states(MACHINE)
        for branch in (state, *state.get("Choices", []), *state.get("Catch", []))
        for key in ("Next", "Default")
        if key in branch
    }
    assert arrows(PAGE) == ways


def test_no_name_is_one_of_mermaids_own_words() -> None:
    """A state called End, or a class called call, is a syntax error instead of a picture.

    https://mermaid.js.org/syntax/flowchart.html has the first; the others are its grammar's.
    """
    words = {"end", "call", "click", "default", "graph", "flowchart", "style", "subgraph", "class", "href"}
    names = re.findall(r"^    (?:classDef )?(\w+)|:::(\w+)$", PAGE, re.MULTILINE)
    assert not {name.lower() for found in names for name in found} & words


def test_a_change_of_the_state_machine_is_a_change_of_the_page() -> None:
    changed = deepcopy(MACHINE)
    changed["States"]["WaitToReport"]["Seconds"] = 21
    assert state_machine_page(changed) == PAGE.replace('"WaitToReport<br/>20 s"', '"WaitToReport<br/>21 s"') != PAGE


def test_a_rule_without_words_is_an_error_that_names_it() -> None:
    changed = deepcopy(MACHINE)
    del changed["States"]["CheckNewVideos"]["Choices"][0]["Comment"]
    with pytest.raises(PictureError, match=r"CheckNewVideos.*DryRunComplete"):
        state_machine_page(changed)


def test_a_picture_whose_first_state_is_gone_is_an_error_that_names_it() -> None:
    changed = json.loads(state_machine_text().replace("GenerateSummary", "SumUp"))
    with pytest.raises(PictureError, match="GenerateSummary"):
        state_machine_page(changed)


def test_a_state_of_a_type_that_is_not_known_is_an_error_that_names_it() -> None:
    changed = deepcopy(MACHINE)
    changed["States"]["NoNewVideos"]["Type"] = "Parallel"
    with pytest.raises(PictureError, match="NoNewVideos is a Parallel"):
        state_machine_page(changed)


def test_no_word_of_a_comment_ends_its_text() -> None:
    changed = deepcopy(MACHINE)
    changed["States"]["CheckNewVideos"]["Choices"][0]["Comment"] = 'a "dry" run, #1 < 2'
    assert '-->|"a #34;dry#34; run, #35;1 #60; 2"| DryRunComplete' in state_machine_page(changed)
