"""When an alarm fires: CloudWatch's rule, as far as single metrics with a fixed threshold go. Pure.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Self

_COMPARISONS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}
_STATISTICS: Final[Mapping[str, Callable[[Sequence[float]], float]]] = {
    "Sum": sum,
    "Minimum": min,
    "Maximum": max,
    "Average": lambda values: sum(values) / len(values),
    "SampleCount": len,
}


class State(StrEnum):
    """What an alarm can be in."""

    OK = "OK"
    ALARM = "ALARM"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


@dataclass(frozen=True, slots=True, kw_only=True)
class Datapoint:
    """One value of the alarm's metric, with exactly its dimensions."""

    timestamp_seconds: float
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmRule:
    """The properties of an alarm that decide its state; names as in ``AWS::CloudWatch::Alarm``."""

    namespace: str
    metric_name: str
    dimensions: Mapping[str, str]
    statistic: str
    period_seconds: int
    evaluation_periods: int
    datapoints_to_alarm: int
    threshold: float
    comparison: str
    missing_data: str

    @classmethod
    def from_properties(cls, properties: Mapping[str, Any]) -> Self:
        """Reads the properties of a template's alarm (resolved), or of DescribeAlarms.

        Raises:
            KeyError: a property is missing, or has a value that this rule does not know.
        """
        periods = int(properties["EvaluationPeriods"])
        rule = cls(
            namespace=properties["Namespace"],
            metric_name=properties["MetricName"],
            dimensions={item["Name"]: item["Value"] for item in properties.get("Dimensions") or []},
            statistic=properties["Statistic"],
            period_seconds=int(properties["Period"]),
            evaluation_periods=periods,
            datapoints_to_alarm=int(properties.get("DatapointsToAlarm") or periods),
            threshold=float(properties["Threshold"]),
            comparison=properties["ComparisonOperator"],
            missing_data=properties.get("TreatMissingData") or "missing",
        )
        _ = _COMPARISONS[rule.comparison], _STATISTICS[rule.statistic]
        return rule

    def state(self, datapoints: Iterable[Datapoint], *, now_seconds: float, before: State) -> State:
        """The state at a moment.

        Args:
            datapoints: of the metric, in any order, from any time.
            now_seconds: since the epoch.
            before: the state so far, in which missing data may leave the alarm.
        """
        values = list(self.values_by_period(datapoints, now_seconds=now_seconds).values())
        known = [value for value in values if value is not None]
        if not known and self.missing_data == "missing":
            return State.INSUFFICIENT_DATA
        if not known and self.missing_data == "ignore":
            return before
        verdicts = [self._breaches(value, before) for value in values]
        return State.ALARM if verdicts.count(True) >= self.datapoints_to_alarm else State.OK

    def values_by_period(self, datapoints: Iterable[Datapoint], *, now_seconds: float) -> dict[int, float | None]:
        """What the alarm looks at: by each period's beginning (in seconds since the epoch), oldest first.

        A period without data has None. The arguments are those of ``state``.
        """
        # Periods are aligned to the clock; the one that is not over counts, as it does for CloudWatch once it has data.
        last = int(now_seconds // self.period_seconds)
        by_period: dict[int, list[float]] = {}
        for point in datapoints:
            by_period.setdefault(int(point.timestamp_seconds // self.period_seconds), []).append(point.value)
        if last not in by_period:
            last -= 1
        return {
            at * self.period_seconds: _STATISTICS[self.statistic](by_period[at]) if at in by_period else None
            for at in range(last - self.evaluation_periods + 1, last + 1)
        }

    def crosses(self, value: float) -> bool:
        """Whether a period with this value counts towards the alarm."""
        return _COMPARISONS[self.comparison](value, self.threshold)

    def _breaches(self, value: float | None, before: State) -> bool:
        if value is not None:
            return self.crosses(value)
        if self.missing_data == "ignore":
            return before is State.ALARM
        return self.missing_data == "breaching"
