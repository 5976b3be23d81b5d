"""The dashboard of the template can be drawn: `make docs-check`.

Not among the tests that pytest finds by itself, which do without matplotlib; one of those, on the same dashboard, is
test_dashboard_definition.py.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest

from docs.tools.dashboard.picture import draw
from docs.tools.dashboard.widgets import WidgetError
from docs.tools.readings import Reading
from gates.template import dashboard_body
from gopro_sync.telemetry.metrics import NAMESPACE, Metric

NOW = 1_790_000_000.0


def drawn(dashboard: dict[str, Any], file: Path) -> tuple[int, int]:
    """Draw it; return width and height of the picture."""
    readings = [
        Reading.of_value(NAMESPACE, metric, {"Environment": "prod"}, NOW - days * 86400, days)
        for metric in Metric
        for days in range(3)
    ]
    draw(
        dashboard,
        readings=readings,
        rows_of_query={
            widget["properties"]["query"]: [{"media_id": "m1", "error_type": "NetworkError"}, {"media_id": "m2"}]
            for widget in dashboard["widgets"]
            if widget["type"] == "log"
        },
        alarm_states={
            arn.rsplit(":", 1)[-1]: "ALARM"
            for widget in dashboard["widgets"]
            if widget["type"] == "alarm"
            for arn in widget["properties"]["alarms"]
        },
        now=NOW,
        file=file,
    )
    picture = file.read_bytes()
    assert picture.startswith(b"\x89PNG\r\n")
    width, height = struct.unpack(">II", picture[16:24])
    return width, height


def test_every_widget_can_be_drawn(tmp_path: Path) -> None:
    dashboard = dashboard_body()
    rows = max(widget["y"] + widget["height"] for widget in dashboard["widgets"])
    width, height = drawn(dashboard, tmp_path / "dashboard.png")
    assert height / width == pytest.approx(rows * 0.40 / (24 * 0.58), rel=0.01)


def test_a_widget_of_an_unknown_kind_is_an_error_and_no_picture(tmp_path: Path) -> None:
    dashboard = dashboard_body()
    (lines, *_) = [w for w in dashboard["widgets"] if w["properties"].get("view") == "timeSeries"]
    lines["properties"]["view"] = "gauge"
    with pytest.raises(WidgetError):
        drawn(dashboard, tmp_path / "dashboard.png")
    assert not (tmp_path / "dashboard.png").exists()


def test_a_widget_with_something_unknown_is_an_error_and_no_picture(tmp_path: Path) -> None:
    dashboard = dashboard_body()
    (numbers, *_) = [w for w in dashboard["widgets"] if w["properties"].get("view") == "singleValue"]
    numbers["properties"]["metrics"] = [[{"expression": "ANOMALY_DETECTION_BAND(ok)", "label": "", "id": "x"}]]
    with pytest.raises(WidgetError):
        drawn(dashboard, tmp_path / "dashboard.png")
    assert not (tmp_path / "dashboard.png").exists()
