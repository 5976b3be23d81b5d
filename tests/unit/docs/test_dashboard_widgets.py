"""Of what kind a widget is, and what it shows, out of readings: plain rows, arithmetic, FILL, and SEARCH."""

from __future__ import annotations

from typing import Any

import pytest

from docs.tools.dashboard.widgets import Kind, Series, WidgetError, kind_of, last_value, series_of
from docs.tools.readings import Reading, moved

DAY = 86400


def reported(name: str, at: float, value: float, **dimensions: str) -> Reading:
    return Reading.of_value("Ours", name, {"Environment": "prod", **dimensions}, at, value)


def shown(*metrics: Any, stat: str = "Sum", readings: list[Reading], **properties: Any) -> list[Series]:
    return series_of({"metrics": list(metrics), "stat": stat, "period": DAY, **properties}, readings, now=30 * DAY)


def row(name: str, *options: dict[str, Any]) -> list[Any]:
    return ["Ours", name, "Environment", "prod", *options]


@pytest.mark.parametrize(
    ("stat", "value"), [("Sum", 9), ("Average", 3), ("Minimum", 1), ("Maximum", 6), ("SampleCount", 3)]
)
def test_a_row_has_one_value_for_each_period_with_data(stat: str, value: float) -> None:
    readings = [
        reported("Videos", 5, 1),
        reported("Videos", 6, 2),
        reported("Videos", 7, 6),
        reported("Videos", 3 * DAY, 8),
    ]
    (line,) = shown(row("Videos"), stat=stat, readings=readings)
    assert line.points[0] == value
    assert list(line.points) == [0, 3 * DAY]


def test_a_statistic_of_readings_that_are_put_together_is_that_of_all_their_values() -> None:
    several = Reading(
        namespace="Ours", name="Videos", dimensions={"Environment": "prod"}, at=0, total=9, least=1, most=6, count=3
    )
    (line,) = shown(row("Videos"), stat="Average", readings=[several, reported("Videos", 1, 5)])
    assert line.points == {0: 3.5}


def test_another_name_or_set_of_dimensions_is_another_metric() -> None:
    readings = [reported("Videos", 0, 1), reported("Others", 0, 2), reported("Videos", 0, 4, ErrorType="NetworkError")]
    assert [line.points for line in shown(row("Videos"), readings=readings)] == [{0: 1}]


def test_a_row_may_have_its_own_statistic_label_color_and_axis() -> None:
    readings = [reported("Videos", 0, 1), reported("Videos", 1, 3)]
    own = {"label": "slowest", "stat": "Minimum", "color": "#d62728", "yAxis": "right"}
    (line,) = shown(row("Videos", own), readings=readings)
    assert line == Series(label="slowest", points={0: 1}, color="#d62728", is_on_right=True)


RATE = [
    [{"expression": "100 * FILL(ok, 0) / (FILL(ok, 0) + bad)", "label": "rate", "id": "rate"}],
    row("Ok", {"id": "ok", "visible": False}),
    row("Bad", {"id": "bad", "visible": False}),
]


@pytest.mark.parametrize(
    ("readings", "points"),
    [
        ([reported("Ok", 0, 3), reported("Bad", 0, 1)], {0: 75}),
        ([reported("Bad", 0, 4)], {0: 0}),
        ([reported("Bad", 0, 0)], {}),
        ([reported("Ok", 0, 3)], {}),
        ([], {}),
    ],
    ids=["some of both", "nothing but failures", "an idle day", "no report", "no data"],
)
def test_a_success_rate_is_worked_out_period_by_period(readings: list[Reading], points: dict[float, float]) -> None:
    assert [line.points for line in shown(*RATE, readings=readings)] == [points]


def test_a_search_finds_every_error_and_nothing_with_other_dimensions() -> None:
    search = """SEARCH('{Ours,Environment,ErrorType} MetricName="Failures" Environment="prod"', 'Sum', 86400)"""
    readings = [
        reported("Failures", 0, 3),
        reported("Failures", 0, 2, ErrorType="NetworkError"),
        reported("Failures", 9, 1, ErrorType="NetworkError"),
        reported("Failures", DAY, 1, ErrorType="IntegrityError"),
        reported("Videos", 0, 1, ErrorType="NetworkError"),
        Reading.of_value("Ours", "Failures", {"Environment": "dev", "ErrorType": "NetworkError"}, 0, 5),
    ]
    found = shown([{"expression": search, "id": "errors", "label": ""}], readings=readings)
    assert {line.label: line.points for line in found} == {"NetworkError": {0: 3}, "IntegrityError": {DAY: 1}}


@pytest.mark.parametrize("expression", ["ANOMALY_DETECTION_BAND(ok)", "ok +", "ok ** 2", "unheard_of"])
def test_what_is_not_known_is_not_drawn_as_if_it_were_empty(expression: str) -> None:
    readings = [reported("Ok", 0, 1)]
    with pytest.raises(WidgetError):
        shown([{"expression": expression, "label": ""}], row("Ok", {"id": "ok"}), readings=readings)


def test_a_number_may_be_of_the_whole_time_that_the_widget_looks_back() -> None:
    readings = [reported("Videos", 20 * DAY, 100), reported("Videos", 24 * DAY, 3), reported("Videos", 29 * DAY, 4)]
    (line,) = shown(row("Videos"), readings=readings, start="-P7D", setPeriodToTimeRange=True)
    assert last_value(line.points) == 7
    with pytest.raises(WidgetError):
        shown(row("Videos"), readings=readings, start="-PT3H")


def test_one_number_is_the_latest() -> None:
    assert last_value({0: 1, DAY: 2}) == 2
    assert last_value({}) is None


def test_a_night_is_moved_as_a_whole() -> None:
    assert [r.at for r in moved([reported("Ok", 101, 1), reported("Ok", 105, 1)], began_at=100, to=DAY)] == [
        DAY + 1,
        DAY + 5,
    ]


def test_a_widget_is_of_the_kind_that_its_type_and_its_view_say() -> None:
    assert kind_of({"type": "text", "properties": {"markdown": "# Ours"}}) is Kind.TEXT
    assert kind_of({"type": "metric", "properties": {"view": "singleValue"}}) is Kind.NUMBERS
    assert kind_of({"type": "metric", "properties": {"view": "timeSeries"}}) is Kind.LINES


@pytest.mark.parametrize(
    "widget",
    [
        {"type": "metric", "properties": {"view": "gauge"}},
        {"type": "metric", "properties": {"view": "pie"}},
        {"type": "log", "properties": {"view": "bar"}},
        {"type": "custom", "properties": {"endpoint": "arn"}},
    ],
    ids=["gauge", "pie", "bars out of logs", "of our own"],
)
def test_a_kind_of_widget_that_is_not_known_is_not_taken_for_another(widget: dict[str, Any]) -> None:
    with pytest.raises(WidgetError, match="Not known as a widget"):
        kind_of(widget)
