"""Bring a cloud up, live through some nights, draw the deployed dashboard, and take the cloud down."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from docs.tools.dashboard.nights import NIGHTS, live_through
from docs.tools.dashboard.picture import Rows, draw
from docs.tools.log_lines import read_lines
from docs.tools.logs_insights import run_query
from local import cloud
from local.cloud import Cloud

_SOURCE: Final = "SOURCE '"
_LOOKED_BACK_SECONDS: Final = 3600


def show(*, state_directory: Path, file: Path, report: Callable[[str], None]) -> None:
    """Write the picture.

    Args:
        state_directory: that of the cloud.
        file: the PNG to write.
        report: called with each line about what happens.

    Raises:
        LocalCloudError: the cloud did not come up.
        WidgetError: the dashboard has something that the picture does not know.
        QueryError: a log widget asks for something that is not understood.
    """
    with cloud.running(state_directory=state_directory, owner="make docs", report=report) as here:
        readings = live_through(here, NIGHTS, report=report)
        body = _dashboard(here)
        queries = [widget["properties"]["query"] for widget in body["widgets"] if widget["type"] == "log"]
        draw(
            body,
            readings=readings,
            rows_of_query={query: _rows(here, query) for query in queries},
            alarm_states=_alarm_states(here),
            now=time.time(),
            file=file,
        )
    report(f"Drawn: {file}")


def _dashboard(here: Cloud) -> dict[str, Any]:
    answer = here.client("cloudwatch").get_dashboard(DashboardName=here.outputs["DashboardName"])
    body: dict[str, Any] = json.loads(answer["DashboardBody"])
    return body


def _rows(here: Cloud, query: str) -> Rows:
    source, _, text = query.partition("|")
    group = source.removeprefix(_SOURCE).strip().rstrip("'")
    return run_query(text, read_lines(here, [group], since=time.time() - _LOOKED_BACK_SECONDS))


def _alarm_states(here: Cloud) -> dict[str, str]:
    alarms = here.client("cloudwatch").describe_alarms()["MetricAlarms"]
    return {alarm["AlarmName"]: alarm["StateValue"] for alarm in alarms}
