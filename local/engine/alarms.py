"""Alarms that look at their own metric: the engine as published takes all values of all dimensions, and no periods."""

# ruff: noqa: SLF001  # a patch has to use the engine's private names
from __future__ import annotations

import time
from typing import Any

from ministack.services import cloudwatch

from local.engine.alarm_rule import AlarmRule, Datapoint, State
from local.engine.patching import replace


def apply() -> None:
    """Evaluates alarms by CloudWatch's rule, also when somebody asks for their state, since time passes."""
    stock_describe = cloudwatch._describe_alarms

    def describe(*arguments: Any, **named: Any) -> Any:
        cloudwatch._evaluate_all_alarms()
        return stock_describe(*arguments, **named)

    replace(cloudwatch, "_evaluate_alarm", _evaluate)
    replace(cloudwatch, "_describe_alarms", describe)


def _evaluate(alarm: dict[str, Any]) -> None:
    rule = AlarmRule.from_properties(alarm)
    before = State(alarm["StateValue"])
    after = rule.state(_datapoints(rule), now_seconds=time.time(), before=before)
    if after is before:
        return
    reason = f"{rule.statistic} of {rule.metric_name}: {rule.comparison} {rule.threshold:g} is {after is State.ALARM}"
    alarm |= {"StateValue": after.value, "StateReason": reason, "StateUpdatedTimestamp": int(time.time())}
    cloudwatch._record_history(alarm["AlarmName"], before.value, after.value, reason)
    cloudwatch._dispatch_alarm_actions(alarm, before.value, after.value, reason)
    cloudwatch._evaluate_parent_alarms(alarm)


def _datapoints(rule: AlarmRule) -> list[Datapoint]:
    key = (rule.namespace, rule.metric_name, cloudwatch._dims_key(dict(rule.dimensions)))
    return [
        Datapoint(timestamp_seconds=point["Timestamp"], value=point["Value"])
        for point in cloudwatch._metrics.get(key) or []
    ]
