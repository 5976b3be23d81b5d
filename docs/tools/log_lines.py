"""Read the lines of log groups, with the fields that Logs Insights adds to each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from local.cloud import Cloud


def read_lines(cloud: Cloud, log_group_names: Sequence[str], *, since: float) -> list[dict[str, Any]]:
    """Return what was logged since then, the oldest line first.

    Args:
        cloud: where the logs are.
        log_group_names: the groups to read.
        since: seconds since the epoch; the whole second counts.

    Returns:
        For each line, the fields ``@timestamp``, ``@message``, ``@logStream`` and ``@log``.
    """
    events = [event for name in log_group_names for event in _events(cloud, name, since)]
    return [line for _, line in sorted(events, key=lambda event: event[0])]


def _events(cloud: Cloud, log_group_name: str, since: float) -> Iterator[tuple[int, dict[str, Any]]]:
    pages = cloud.client("logs").get_paginator("filter_log_events")
    for page in pages.paginate(logGroupName=log_group_name, startTime=int(since) * 1000):
        for event in page["events"]:
            yield event["timestamp"], _line(event, log_group_name)


def _line(event: Mapping[str, Any], log_group_name: str) -> dict[str, Any]:
    moment = datetime.fromtimestamp(event["timestamp"] / 1000, tz=UTC)
    return {
        "@timestamp": moment.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3],
        "@message": event["message"],
        "@logStream": event["logStreamName"],
        "@log": log_group_name,
    }
