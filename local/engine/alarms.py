"""Alarms that look at their own metric: the engine as published takes all values of all dimensions, and no periods.

It also tells people and programs the same, in a form of its own; here e-mail gets a text and programs get JSON, as
CloudWatch writes them.
"""

# ruff: noqa: SLF001  # a patch has to use the engine's private names
from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from ministack.core.responses import new_uuid
from ministack.services import cloudwatch, sns

from local.engine.alarm_notice import AlarmChange
from local.engine.alarm_reason import reason
from local.engine.alarm_rule import AlarmRule, Datapoint, State
from local.engine.patching import replace

_ACTIONS: Final = {
    State.ALARM: "AlarmActions",
    State.OK: "OKActions",
    State.INSUFFICIENT_DATA: "InsufficientDataActions",
}


def apply() -> None:
    """Evaluates alarms by CloudWatch's rule, also when somebody asks for their state, since time passes."""
    stock_describe = cloudwatch._describe_alarms

    def describe(*arguments: Any, **named: Any) -> Any:
        cloudwatch._evaluate_all_alarms()
        return stock_describe(*arguments, **named)

    replace(cloudwatch, "_evaluate_alarm", _evaluate)
    replace(cloudwatch, "_describe_alarms", describe)
    replace(cloudwatch, "_dispatch_alarm_actions", _notifying(cloudwatch._dispatch_alarm_actions))


def _evaluate(alarm: dict[str, Any]) -> None:
    rule = AlarmRule.from_properties(alarm)
    before, now_seconds = State(alarm["StateValue"]), time.time()
    datapoints = _datapoints(rule)
    after = rule.state(datapoints, now_seconds=now_seconds, before=before)
    if after is before:
        return
    why = reason(rule, rule.values_by_period(datapoints, now_seconds=now_seconds), after=after)
    alarm |= {"StateValue": after.value, "StateReason": why, "StateUpdatedTimestamp": int(now_seconds)}
    cloudwatch._record_history(alarm["AlarmName"], before.value, after.value, why)
    cloudwatch._dispatch_alarm_actions(alarm, before.value, after.value, why)
    cloudwatch._evaluate_parent_alarms(alarm)


def _notifying(stock: Callable[..., None]) -> Callable[..., None]:
    def dispatch(alarm: dict[str, Any], before: str, after: str, why: str) -> None:
        if not alarm.get("MetricName"):  # a composite alarm or one with metric math; the template has neither
            stock(alarm, before, after, why)
            return
        change = AlarmChange(alarm=alarm, before=before, after=after, reason=why, changed_at=datetime.now(UTC))
        for action in alarm[_ACTIONS[State(after)]] if alarm["ActionsEnabled"] else ():
            if cloudwatch._is_sns_action_arn(action):
                sns._fanout(action, new_uuid(), change.message, change.subject, "json")

    return dispatch


def _datapoints(rule: AlarmRule) -> list[Datapoint]:
    key = (rule.namespace, rule.metric_name, cloudwatch._dims_key(dict(rule.dimensions)))
    return [
        Datapoint(timestamp_seconds=point["Timestamp"], value=point["Value"])
        for point in cloudwatch._metrics.get(key) or []
    ]
