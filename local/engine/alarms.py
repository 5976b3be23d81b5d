"""Alarms that evaluate their own metrics: the engine as published takes all values of all dimensions, and no periods.

A template's alarm on metric math is refused by the engine as published.

It also sends people and programs the same, in a form of its own; here e-mail gets a text and programs get JSON, as
from CloudWatch.
"""

# ruff: noqa: SLF001  # a patch has to use the engine's private names
from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from ministack.core.responses import new_uuid
from ministack.services import cloudwatch, sns
from ministack.services.cloudformation import provisioners

from local.engine.alarm_notice import AlarmChange
from local.engine.alarm_reason import reason
from local.engine.alarm_rule import AlarmRule, Datapoint, MetricOfAlarm, State
from local.engine.patching import replace

_ACTIONS: Final = {
    State.ALARM: "AlarmActions",
    State.OK: "OKActions",
    State.INSUFFICIENT_DATA: "InsufficientDataActions",
}
_HOUR_SECONDS: Final = 3600
_SEEN: Final = "FirstSeenTimestamp"  # a field of ours
# What an alarm on metric math has none of.
_OF_ONE_METRIC: Final = ("Namespace", "MetricName", "Dimensions", "Statistic", "ExtendedStatistic", "Period", "Unit")


def apply() -> None:
    """Evaluate alarms by CloudWatch's rule, also when somebody asks for their state, since time passes."""
    stock_describe = cloudwatch._describe_alarms

    def describe(*arguments: Any, **named: Any) -> Any:
        cloudwatch._evaluate_all_alarms()
        return stock_describe(*arguments, **named)

    replace(cloudwatch, "_evaluate_alarm", _evaluate)
    replace(provisioners, "_cw_metric_alarm_record", _with_metric_math(provisioners._cw_metric_alarm_record))
    replace(cloudwatch, "_describe_alarms", describe)
    replace(cloudwatch, "_dispatch_alarm_actions", _notifying(cloudwatch._dispatch_alarm_actions))


def _with_metric_math(stock: Callable[[str, dict[str, Any]], dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    def record(name: str, properties: dict[str, Any]) -> dict[str, Any]:
        AlarmRule.from_properties(properties)  # what CloudWatch refuses
        if not properties.get("Metrics"):
            return stock(name, properties)
        alarm = stock(name, {**properties, **dict.fromkeys(("Namespace", "MetricName"), "none"), "Metrics": None})
        queries = [_query(query) for query in properties["Metrics"]]
        return {name: value for name, value in alarm.items() if name not in _OF_ONE_METRIC} | {"Metrics": queries}

    return record


def _query(query: dict[str, Any]) -> dict[str, Any]:
    """Return one of an alarm's Metrics as the API spells it: a template's scalars may arrive as text."""
    typed: dict[str, Any] = {**query, "ReturnData": str(query.get("ReturnData", True)).lower() == "true"}
    if "MetricStat" in query:
        typed["MetricStat"] = {**query["MetricStat"], "Period": int(query["MetricStat"]["Period"])}
    return typed


def _evaluate(alarm: dict[str, Any]) -> None:
    rule = AlarmRule.from_properties(alarm)
    before, now_seconds = State(alarm["StateValue"]), time.time()
    if rule.is_multi_day and now_seconds < _first_look_seconds(alarm, now_seconds):
        return
    points = {name: _datapoints(metric) for name, metric in rule.metrics.items()}
    after = rule.state(points, now_seconds=now_seconds, before=before)
    if after is before:
        return
    why = reason(rule, rule.values_by_period(points, now_seconds=now_seconds), after=after)
    alarm |= {"StateValue": after.value, "StateReason": why, "StateUpdatedTimestamp": int(now_seconds)}
    cloudwatch._record_history(alarm["AlarmName"], before.value, after.value, why)
    cloudwatch._dispatch_alarm_actions(alarm, before.value, after.value, why)
    cloudwatch._evaluate_parent_alarms(alarm)


def _first_look_seconds(alarm: dict[str, Any], now_seconds: float) -> float:
    """Return when an alarm that is evaluated once an hour is looked at for the first time, in seconds since 1970."""
    seen_seconds: float = alarm.setdefault(_SEEN, now_seconds)
    return (seen_seconds // _HOUR_SECONDS + 1) * _HOUR_SECONDS


def _notifying(stock: Callable[..., None]) -> Callable[..., None]:
    def dispatch(alarm: dict[str, Any], before: str, after: str, why: str) -> None:
        if "AlarmRule" in alarm:  # a composite alarm; the template has none
            stock(alarm, before, after, why)
            return
        change = AlarmChange(alarm=alarm, before=before, after=after, reason=why, changed_at=datetime.now(UTC))
        for action in alarm[_ACTIONS[State(after)]] if alarm["ActionsEnabled"] else ():
            if cloudwatch._is_sns_action_arn(action):
                sns._fanout(action, new_uuid(), change.message, change.subject, "json")

    return dispatch


def _datapoints(metric: MetricOfAlarm) -> list[Datapoint]:
    key = (metric.namespace, metric.metric_name, cloudwatch._dims_key(dict(metric.dimensions)))
    return [
        Datapoint(timestamp_seconds=point["Timestamp"], value=point["Value"])
        for point in cloudwatch._metrics.get(key) or []
    ]
