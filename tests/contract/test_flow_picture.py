"""docs/flow.svg: no text can leave its box, whatever font a reader has, and what it names is deployed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from xml.etree import ElementTree as ET

import pytest

from docs.tools.flow_picture import flow_picture
from gates.template import ROOT, Stack, resource, states

SVG: Final = flow_picture()
_NAMESPACE: Final = "{http://www.w3.org/2000/svg}"
# Letters of DejaVu Sans Bold, Verdana Bold and the like are this wide on the average, in parts of the font's size.
_WIDE_LETTER: Final = 0.7


@dataclass(frozen=True)
class Box:
    left: float
    top: float
    right: float
    bottom: float

    def holds(self, other: Box) -> bool:
        return (
            self.left <= other.left
            and self.top <= other.top
            and other.right <= self.right
            and other.bottom <= self.bottom
        )


@dataclass(frozen=True)
class Text:
    words: str
    x: float
    y: float
    size: float
    length: float

    def box(self, width: float) -> Box:
        return Box(self.x - width / 2, self.y - self.size, self.x + width / 2, self.y)


def drawn() -> tuple[list[Box], list[Text]]:
    """Return the boxes, but for the page itself, and the texts."""
    root = ET.fromstring(SVG)
    boxes = [
        Box(
            x := float(r.get("x", 0)),
            y := float(r.get("y", 0)),
            x + float(r.attrib["width"]),
            y + float(r.attrib["height"]),
        )
        for r in root.iter(f"{_NAMESPACE}rect")
        if r.get("class") != "page"
    ]
    texts = [
        Text(t.text or "", *(float(t.attrib[name]) for name in ("x", "y", "font-size", "textLength")))
        for t in root.iter(f"{_NAMESPACE}text")
    ]
    return boxes, texts


BOXES, TEXTS = drawn()


def box_of(text: Text) -> Box:
    """Return the smallest box around the middle of a text."""
    around = [box for box in BOXES if box.holds(text.box(0))]
    return min(around, key=lambda box: box.right - box.left)


def test_the_picture_is_the_one_that_the_script_draws() -> None:
    assert (ROOT / "docs" / "flow.svg").read_text(encoding="utf-8") == SVG


@pytest.mark.parametrize("text", TEXTS, ids=[text.words for text in TEXTS])
def test_no_text_can_leave_its_box(text: Text) -> None:
    wide = len(text.words) * text.size * _WIDE_LETTER
    assert box_of(text).holds(text.box(max(wide, text.length)))


def test_every_text_is_fitted_to_its_length_and_none_is_set_otherwise() -> None:
    assert SVG.count("<text ") == SVG.count('lengthAdjust="spacingAndGlyphs"') == len(TEXTS) > 30
    assert "<tspan" not in SVG


def test_boxes_stand_beside_each_other_or_inside_one_another() -> None:
    def overlap(one: Box, other: Box) -> bool:
        return one.left < other.right and other.left < one.right and one.top < other.bottom and other.top < one.bottom

    crossing = [
        (one, other)
        for one in BOXES
        for other in BOXES
        if one != other and overlap(one, other) and not one.holds(other) and not other.holds(one)
    ]
    assert crossing == []


def test_it_loads_nothing_and_describes_itself() -> None:
    """Nothing that GitHub would strip or a browser refuse in an image: https://www.w3.org/TR/svg-integration/."""
    assert not re.search(r"<script|<foreignObject|href=|@import|@font-face|url\((?!#)", SVG)
    assert "<title>" in SVG
    assert "<desc>" in SVG


def test_each_state_and_each_resource_that_it_names_is_there() -> None:
    words = {text.words.rstrip(":") for text in TEXTS}
    named = {word for word in words if re.fullmatch(r"(?:[A-Z][a-z]+){2,}[A-Za-z]*", word)} - {"EventBridge"}
    assert "AuthenticateGoPro" in words
    assert named <= {name for name, _ in states()}
    stack = Stack()
    for label, logical_id, name in (
        ("Step Functions", "SyncStateMachine", "Name"),
        ("DynamoDB", "TrackerTable", "TableName"),
        ("SQS", "DeadLetterQueue", "QueueName"),
        ("SNS", "AlertsTopic", "TopicName"),
    ):
        assert f"{label}: {stack.resolve(resource(logical_id))[name]}" in words
