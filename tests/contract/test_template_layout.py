"""template.yaml and the state machine can be read: from top to bottom, and without lines that no screen shows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from gates.template import ROOT, template

LONGEST: Final = 150
TEMPLATE: Final = (ROOT / "template.yaml").read_text(encoding="utf-8")
# JSON cannot break a text: a member of an object that is nothing but one may be longer.
ONE_TEXT: Final = re.compile(r'\s*"[^"]+": "(?:[^"\\]|\\.)*",?')

# By the first two words of a resource's type: what it may be nowhere else. Roles, log groups and policies stand beside
# what they are for.
PLACES: Final = {
    "AWS::KMS": "Storage",
    "AWS::DynamoDB": "Storage",
    "AWS::Serverless": "Functions",
    "AWS::SQS": "Orchestration",
    "AWS::Scheduler": "Orchestration",
    "AWS::SNS": "Monitoring",
    "AWS::CloudWatch": "Monitoring",
    "AWS::Chatbot": "Monitoring",
    "AWS::CloudTrail": "Audit",
}


def files() -> list[Path]:
    return sorted({*ROOT.glob("*.yaml"), *ROOT.glob("*.yml"), *(ROOT / "statemachine").iterdir()})


@pytest.mark.parametrize("file", files(), ids=[file.name for file in files()])
def test_no_line_is_longer_than_a_screen_shows(file: Path) -> None:
    lines = enumerate(file.read_text(encoding="utf-8").splitlines(), start=1)
    long = {number: line for number, line in lines if len(line) > LONGEST}
    unbroken = {number for number, line in long.items() if file.suffix == ".json" and ONE_TEXT.fullmatch(line)}
    assert long.keys() - unbroken == set()


def sections() -> dict[str, list[str]]:
    """Return the resources of each section, in the order of the template."""
    resources = TEMPLATE.partition("\nResources:\n")[2].partition("\nOutputs:\n")[0]
    _, *parts = re.split(r"^  # === (\w+) =+$", resources, flags=re.MULTILINE)
    return {
        title: re.findall(r"^  (\w+):$", text, flags=re.MULTILINE)
        for title, text in zip(parts[::2], parts[1::2], strict=True)
    }


def test_the_template_reads_from_what_is_kept_to_who_looks_at_it() -> None:
    assert list(sections()) == ["Storage", "Functions", "Orchestration", "Monitoring", "Audit"]
    assert [name for names in sections().values() for name in names] == list(template()["Resources"])


def test_each_resource_stands_in_the_section_of_its_kind() -> None:
    found = {name: section for section, names in sections().items() for name in names}
    expected = {
        name: "Orchestration" if kind.endswith("StateMachine") else PLACES[service]
        for name, resource in template()["Resources"].items()
        if (service := "::".join((kind := resource["Type"]).split("::")[:2])) in PLACES
    }
    assert {name: found[name] for name in expected} == expected


def test_a_comment_stands_right_before_what_it_is_about() -> None:
    """No comment is left alone between two resources, where nobody knows which of them it means."""
    alone = re.findall(r"^ {2,}#(?! [=-]{3}).*\n\s*\n", TEMPLATE, flags=re.MULTILINE)
    assert alone == []
