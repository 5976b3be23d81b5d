"""CloudWatch's embedded metric format: metrics in lines of a log, which the engine as published only keeps as text.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

# ruff: noqa: SLF001  # a patch has to use the engine's private names
from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ministack.services import cloudwatch, cloudwatch_logs

from local.engine.patching import replace

_MILLISECONDS_PER_SECOND = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedMetric:
    """One metric with one set of dimensions, out of a line."""

    namespace: str
    name: str
    dimensions: Mapping[str, str]
    unit: str
    values: tuple[float, ...]
    timestamp_seconds: float


def apply() -> None:
    """Extract metrics from what the log receives."""
    stock_append = cloudwatch_logs._append_log_events

    def append(stream: dict[str, Any], events: list[dict[str, Any]]) -> None:
        stock_append(stream, events)
        found = [metric for event in events for metric in embedded_metrics(event["message"])]
        for metric in found:
            cloudwatch._store_datum(
                metric.namespace,
                metric.name,
                dict(metric.dimensions),
                metric.timestamp_seconds,
                metric.unit,
                None,
                list(metric.values),
                None,
                None,
            )
        if found:
            cloudwatch._evaluate_all_alarms()

    replace(cloudwatch_logs, "_append_log_events", append)


def embedded_metrics(line: str) -> Iterator[EmbeddedMetric]:
    """Return the metrics in a line of a log; none if it is no such line.

    As on AWS, a metric or a dimension whose value is missing from the line is left out silently.
    """
    if '"_aws"' not in line:
        return
    try:
        document = json.loads(line)
        directives = document["_aws"]["CloudWatchMetrics"]
        timestamp_seconds = document["_aws"]["Timestamp"] / _MILLISECONDS_PER_SECOND
    except (ValueError, KeyError, TypeError):
        return
    for directive in directives:
        for names in directive["Dimensions"]:
            if not all(name in document for name in names):
                continue
            for metric in directive["Metrics"]:
                value = document.get(metric["Name"])
                if value is None:
                    continue
                yield EmbeddedMetric(
                    namespace=directive["Namespace"],
                    name=metric["Name"],
                    dimensions={name: str(document[name]) for name in names},
                    unit=metric.get("Unit", "None"),
                    values=tuple(map(float, value)) if isinstance(value, list) else (float(value),),
                    timestamp_seconds=timestamp_seconds,
                )
