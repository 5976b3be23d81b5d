"""The documents name what is deployed, and nothing else: parameters, outputs, alarms, metrics, queries, log events."""

from __future__ import annotations

import re
from typing import Any, Final

import pytest

from docs.tools.alarm_table import ShownAlarm, alarm_table
from docs.tools.aws_codes import codes_page
from gates.template import ROOT, Stack, resource, resources_of, template
from gopro_sync import errors
from gopro_sync.aws.answers import MEANINGS
from gopro_sync.telemetry.logs import EventType
from gopro_sync.telemetry.metrics import Metric
from local.engine.alarm_rule import AlarmRule

CONFIGURATION: Final = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
TROUBLESHOOTING: Final = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
MONITORING: Final = (ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8")


def row_of(name: str, definition: dict[str, Any]) -> str:
    """Return the parameter's row of the table, written from the template."""
    default = definition.get("Default")
    bounds = ", ".join(f"`{value}`" for value in definition.get("AllowedValues", []))
    if "MinValue" in definition:
        bounds = f"{definition['MinValue']} to {definition['MaxValue']}"
    shown = "(empty)" if default in {"", None} else f"`{default}`"
    return f"| `{name}` | {shown} | {bounds} | {' '.join(definition['Description'].split())} |"


@pytest.mark.parametrize("name", template()["Parameters"])
def test_each_parameter_stands_in_the_table_as_the_template_has_it(name: str) -> None:
    assert row_of(name, template()["Parameters"][name]) in CONFIGURATION.splitlines()


@pytest.mark.parametrize("name", template()["Outputs"])
def test_each_output_stands_in_the_table_as_the_template_has_it(name: str) -> None:
    assert f"| `{name}` | {template()['Outputs'][name]['Description']} |" in CONFIGURATION.splitlines()


def test_no_table_names_a_parameter_or_an_output_that_is_gone() -> None:
    tables = CONFIGURATION.partition("## The secret")[0]
    named = set(re.findall(r"^\| `(\w+)` \|", tables, re.MULTILINE))
    assert named == template()["Parameters"].keys() | template()["Outputs"].keys()


def test_every_error_that_a_person_can_meet_is_explained() -> None:
    bases = {"GoProSyncError", "RefusalError", "RetryableError"}
    names = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)}
    explained = set(re.findall(r"`(\w+Error)`", TROUBLESHOOTING))
    assert explained == names - bases


def test_the_page_of_aws_codes_is_the_one_that_the_table_makes() -> None:
    page = (ROOT / "docs" / "aws-codes.md").read_text(encoding="utf-8")
    assert page == codes_page()
    assert {f"`{code}`" for rows in MEANINGS.values() for code in rows} <= set(re.findall(r"`[^`]+`", page))


def alarm_names() -> set[str]:
    return {Stack().resolve(resource(name))["AlarmName"] for name in resources_of("AWS::CloudWatch::Alarm")}


def shown_alarms() -> list[ShownAlarm]:
    """Return the alarms in the template's order; what only a deployment knows goes by its name."""
    alarms = []
    for definition in template()["Resources"].values():
        if definition["Type"] != "AWS::CloudWatch::Alarm":
            continue
        properties = Stack().resolve(definition["Properties"])
        alarms.append(
            ShownAlarm(
                name=properties["AlarmName"],
                description=properties["AlarmDescription"].replace(
                    "CredentialsSecret.Id", Stack().name_of("CredentialsSecret")
                ),
                counted_from=definition["Metadata"]["CountedFrom"],
                rule=AlarmRule.from_properties(properties),
            )
        )
    return alarms


def test_the_table_of_alarms_is_the_one_that_the_template_makes() -> None:
    section = MONITORING.partition("## Alarms\n")[2].partition("\n## ")[0]
    expected = alarm_table(shown_alarms())
    assert expected in section, f"put this table into docs/monitoring.md:\n{expected}"


def query_names() -> set[str]:
    return {Stack().resolve(resource(name))["Name"] for name in resources_of("AWS::Logs::QueryDefinition")}


def first_cells(heading: str) -> set[str]:
    """Return the names in the first column of the table below a heading."""
    section = MONITORING.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return set(re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE))


@pytest.mark.parametrize(
    ("heading", "names"),
    [
        ("Alarms", alarm_names()),
        ("Metrics", {str(metric) for metric in Metric}),
        ("Saved queries", query_names()),
        ("Log events", {str(event) for event in EventType}),
    ],
)
def test_the_page_on_monitoring_names_all_there_is_and_nothing_else(heading: str, names: set[str]) -> None:
    assert first_cells(heading) == names


ARCHITECTURE: Final = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
PLACES: Final = re.findall(r"^\| [^|]+ \| `([\w./]+)` \| `([^`]+)` \|$", ARCHITECTURE, re.MULTILINE)


@pytest.mark.parametrize(("file", "words"), PLACES)
def test_a_behaviour_lives_where_the_architecture_says(file: str, words: str) -> None:
    assert words in (ROOT / file).read_text(encoding="utf-8")


def test_a_stranger_sees_at_most_thirteen_names() -> None:
    names = {path.stem for path in (ROOT / "src" / "gopro_sync").iterdir()} - {"__init__", "__pycache__"}
    assert len(names) <= 13
    assert all(name in ARCHITECTURE for name in names)
    assert len(PLACES) > 15
