"""What the template's dashboard asks for is known to what draws it. Drawing is tried in dashboard_picture.py."""

from __future__ import annotations

from typing import Any, Final

import pytest

from docs.tools.dashboard.widgets import Kind, kind_of, last_value, series_of
from docs.tools.logs_insights import run_query
from docs.tools.readings import Reading
from gates.template import dashboard_body
from gopro_sync.telemetry.metrics import NAMESPACE, Metric

NOW: Final = 1_790_000_000.0
WIDGETS: Final[list[dict[str, Any]]] = dashboard_body()["widgets"]
READINGS: Final = [
    Reading.of_value(NAMESPACE, metric, {"Environment": "prod"}, NOW - days * 86400, days + 1)
    for metric in Metric
    for days in range(3)
]


def titled(*kinds: Kind) -> list[Any]:
    return [pytest.param(w["properties"], id=w["properties"]["title"]) for w in WIDGETS if kind_of(w) in kinds]


def test_the_dashboard_has_widgets_of_every_kind_that_is_known() -> None:
    assert {kind_of(widget) for widget in WIDGETS} == set(Kind)


@pytest.mark.parametrize("properties", titled(Kind.NUMBERS, Kind.LINES))
def test_what_a_widget_of_metrics_asks_for_can_be_worked_out(properties: dict[str, Any]) -> None:
    series = series_of(properties, READINGS, now=NOW)
    ours = [row[1] for row in properties["metrics"] if row[0] == NAMESPACE]
    assert any(last_value(line.points) for line in series) == bool(ours)


@pytest.mark.parametrize("properties", titled(Kind.TABLE))
def test_what_a_widget_of_logs_asks_for_is_answered(properties: dict[str, Any]) -> None:
    source, _, query = properties["query"].partition("|")
    assert source.startswith("SOURCE '")
    failed = '{"level": "ERROR", "event_type": "video_download_failed", "media_id": "m1"}'
    lines = [{"@timestamp": "2026-11-26 01:00:00.000", "@message": text} for text in (failed, "{}")]
    (row,) = run_query(query, lines)
    assert (row["@timestamp"], row["media_id"]) == ("2026-11-26 01:00:00.000", "m1")
