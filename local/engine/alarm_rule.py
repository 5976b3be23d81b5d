"""When an alarm fires: CloudWatch's rule for fixed thresholds, on one metric or on metric math. Pure.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation-window.html
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Self

from local.engine.metric_math import MetricMath, Series

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
_TREATMENTS: Final = ("breaching", "notBreaching", "ignore", "missing")
_MINUTE_SECONDS: Final = 60
_HOUR_SECONDS: Final = 3600
_DAY_SECONDS: Final = 86_400
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
_LONGEST_SECONDS: Final = 7 * _DAY_SECONDS
_MOST_METRICS: Final = 10
# The id that stands for the metric of an alarm without metric math.
ONLY_METRIC: Final = "metric"


class State(StrEnum):
    """The states of an alarm."""

    OK = "OK"
    ALARM = "ALARM"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


@dataclass(frozen=True, slots=True, kw_only=True)
class Datapoint:
    """One value of a metric, with exactly its dimensions."""

    timestamp_seconds: float
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricOfAlarm:
    """A metric that an alarm looks at; names as in ``AWS::CloudWatch::Alarm``."""

    namespace: str
    metric_name: str
    dimensions: Mapping[str, str]
    statistic: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Properties of CloudWatch's evaluation that its documents leave open, or show only by example.

    Attributes:
        extra_periods: how many more periods it retrieves than the alarm evaluates, so that old data replaces
            missing data. The number is said to depend on the period; the guide's examples have 5 for 3.
        multi_day_step_seconds: an alarm over more than a day is evaluated once an hour, on data up to the full hour.
        fills_empty_series: whether FILL fills a metric that has no data at all.
    """

    extra_periods: int = 2
    multi_day_step_seconds: int = _HOUR_SECONDS
    fills_empty_series: bool = True


AS_DOCUMENTED: Final = Evaluation()


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmRule:
    """The properties of an alarm that decide its state.

    Attributes:
        metrics: by id.
        expression: what the alarm watches, in terms of the ids.
        period_seconds: that of each metric.
        evaluation_periods: N of "M out of N".
        datapoints_to_alarm: M.
        threshold: that of a period's value.
        comparison: as ``ComparisonOperator`` has it.
        missing_data: as ``TreatMissingData`` has it.
    """

    metrics: Mapping[str, MetricOfAlarm]
    expression: str
    period_seconds: int
    evaluation_periods: int
    datapoints_to_alarm: int
    threshold: float
    comparison: str
    missing_data: str

    @classmethod
    def from_properties(cls, properties: Mapping[str, Any]) -> Self:
        """Read the properties of a template's alarm (resolved), or of DescribeAlarms.

        Raises:
            KeyError: a property is missing.
            ValueError: a value that this rule does not know, or that CloudWatch refuses.
        """
        metrics, expression, periods = _watched(properties)
        if len(set(periods)) != 1:
            raise ValueError("an alarm's metrics have one period")
        count = int(properties["EvaluationPeriods"])
        rule = cls(
            metrics=metrics,
            expression=expression,
            period_seconds=periods[0],
            evaluation_periods=count,
            datapoints_to_alarm=int(properties.get("DatapointsToAlarm") or count),
            threshold=float(properties["Threshold"]),
            comparison=properties["ComparisonOperator"],
            missing_data=properties.get("TreatMissingData") or "missing",
        )
        rule._refuse_what_cloudwatch_refuses()
        return rule

    @property
    def is_multi_day(self) -> bool:
        """Whether it looks at more than a day, and is evaluated once an hour therefore."""
        return self.period_seconds * self.evaluation_periods > _DAY_SECONDS

    @property
    def fires_within_seconds(self) -> int:
        """How long after the last value that raises it the alarm fires at the latest.

        For an alarm raised by silence, this counts from the last value that kept it quiet: first the periods have to
        pass, then the rest of the open minute or hour, then the time until CloudWatch evaluates again. The time that
        a value needs to reach CloudWatch is not included.
        """
        step = _HOUR_SECONDS if self.is_multi_day else _MINUTE_SECONDS
        goes_off_in_silence = self.state({}, now_seconds=0, before=State.OK) is State.ALARM
        return 2 * step + (self.datapoints_to_alarm * self.period_seconds if goes_off_in_silence else 0)

    def state(
        self,
        points: Mapping[str, Iterable[Datapoint]],
        *,
        now_seconds: float,
        before: State,
        evaluation: Evaluation = AS_DOCUMENTED,
    ) -> State:
        """Return the state at a moment.

        Args:
            points: by the metric's id, in any order, from any time.
            now_seconds: since the epoch.
            before: the state so far, in which missing data may leave the alarm.
            evaluation: how CloudWatch does what is not documented.
        """
        values = self._retrieved(points, now_seconds, evaluation)
        looked_at = self._looked_at(values)
        known = [value for value in looked_at.values() if value is not None]
        crossing = sum(map(self.crosses, known))
        missing = len(looked_at) - len(known)
        if crossing + (missing if self.missing_data == "breaching" else 0) >= self.datapoints_to_alarm:
            return State.ALARM
        if not missing or len(known) > crossing or self.missing_data in {"breaching", "notBreaching"}:
            return State.OK
        # Nothing but values that cross the threshold, and too few of them.
        if self.missing_data == "ignore":
            return before
        # A state that has lasted long enough alarms, however few data points show it.
        oldest = next((index for index, value in enumerate(values.values()) if value is not None), len(values))
        return State.ALARM if len(values) - oldest >= self.datapoints_to_alarm else State.INSUFFICIENT_DATA

    def values_by_period(
        self,
        points: Mapping[str, Iterable[Datapoint]],
        *,
        now_seconds: float,
        evaluation: Evaluation = AS_DOCUMENTED,
    ) -> dict[int, float | None]:
        """Return what the alarm looks at: by each period's beginning (in seconds since the epoch), oldest first.

        As many periods as are evaluated. One without data has None; there is none as long as CloudWatch finds enough
        real data further back. The arguments are those of ``state``.
        """
        return self._looked_at(self._retrieved(points, now_seconds, evaluation))

    def crosses(self, value: float) -> bool:
        """Return whether a period with this value counts towards the alarm."""
        return _COMPARISONS[self.comparison](value, self.threshold)

    def _looked_at(self, retrieved: Mapping[int, float | None]) -> dict[int, float | None]:
        """Choose the most recent real values, and periods without data only where there are too few of them."""
        newest_first = sorted(retrieved, reverse=True)
        real = [began_at for began_at in newest_first if retrieved[began_at] is not None]
        empty = [began_at for began_at in newest_first if retrieved[began_at] is None]
        return {began_at: retrieved[began_at] for began_at in sorted([*real, *empty][: self.evaluation_periods])}

    def _retrieved(
        self, points: Mapping[str, Iterable[Datapoint]], now_seconds: float, evaluation: Evaluation
    ) -> dict[int, float | None]:
        end, count = self._end_of_window(now_seconds, evaluation), self.evaluation_periods + evaluation.extra_periods
        series = {
            name: self._series(points.get(name, ()), metric, end=end, count=count)
            for name, metric in self.metrics.items()
        }
        math = MetricMath(text=self.expression, fills_empty_series=evaluation.fills_empty_series)
        values = math.value(series)
        return {end - (count - index) * self.period_seconds: value for index, value in enumerate(values)}

    def _end_of_window(self, now_seconds: float, evaluation: Evaluation) -> int:
        """Return the window that ends now, wherever that is in a period: it slides, and knows no calendar days."""
        if self.is_multi_day:
            return int(now_seconds // evaluation.multi_day_step_seconds) * evaluation.multi_day_step_seconds
        return (int(now_seconds // _MINUTE_SECONDS) + 1) * _MINUTE_SECONDS  # the minute that is not over counts

    def _series(self, points: Iterable[Datapoint], metric: MetricOfAlarm, *, end: int, count: int) -> Series:
        by_period: dict[int, list[float]] = {}
        for point in points:
            periods_ago = int((end - point.timestamp_seconds) // self.period_seconds)
            if point.timestamp_seconds == end - periods_ago * self.period_seconds:
                periods_ago -= 1  # a period begins with its first moment
            by_period.setdefault(count - 1 - periods_ago, []).append(point.value)
        statistic = _STATISTICS[metric.statistic]
        return tuple(float(statistic(by_period[at])) if at in by_period else None for at in range(count))

    def _refuse_what_cloudwatch_refuses(self) -> None:
        longest = _LONGEST_SECONDS if self.period_seconds >= _HOUR_SECONDS else _DAY_SECONDS
        unknown = MetricMath(text=self.expression).names() - self.metrics.keys()
        holds = {
            "a statistic is not known": all(metric.statistic in _STATISTICS for metric in self.metrics.values()),
            f"ComparisonOperator {self.comparison} is not known": self.comparison in _COMPARISONS,
            f"TreatMissingData {self.missing_data} is not known": self.missing_data in _TREATMENTS,
            "DatapointsToAlarm is between 1 and EvaluationPeriods": (
                1 <= self.datapoints_to_alarm <= self.evaluation_periods
            ),
            f"an alarm with this period looks back for at most {longest} seconds": (
                self.period_seconds * self.evaluation_periods <= longest
            ),
            f"an alarm looks at no more than {_MOST_METRICS} metrics": len(self.metrics) <= _MOST_METRICS,
            f"the expression names what is no metric of the alarm: {', '.join(sorted(unknown))}": not unknown,
        }
        for problem, is_right in holds.items():
            if not is_right:
                raise ValueError(problem)
        MetricMath(text=self.expression).value(dict.fromkeys(self.metrics, (None,)))


def _watched(properties: Mapping[str, Any]) -> tuple[dict[str, MetricOfAlarm], str, list[int]]:
    """Return an alarm's metrics by id, its expression, and the metrics' periods."""
    queries = properties.get("Metrics")
    if not queries:
        metric = _metric(properties, properties["Statistic"])
        return {ONLY_METRIC: metric}, ONLY_METRIC, [int(properties["Period"])]
    if properties.get("MetricName"):
        raise ValueError("an alarm has Metrics or a MetricName, not both")
    metrics = {
        query["Id"]: _metric(query["MetricStat"]["Metric"], query["MetricStat"]["Stat"])
        for query in queries
        if "MetricStat" in query
    }
    watched = [query for query in queries if str(query.get("ReturnData", True)).lower() == "true"]
    if len(watched) != 1:
        raise ValueError("exactly one of an alarm's Metrics returns data")
    if "Expression" not in watched[0]:
        raise ValueError("the one of an alarm's Metrics that returns data is no expression")
    periods = [int(query["MetricStat"]["Period"]) for query in queries if "MetricStat" in query]
    return metrics, watched[0]["Expression"], periods


def _metric(properties: Mapping[str, Any], statistic: str) -> MetricOfAlarm:
    return MetricOfAlarm(
        namespace=properties["Namespace"],
        metric_name=properties["MetricName"],
        dimensions={item["Name"]: item["Value"] for item in properties.get("Dimensions") or []},
        statistic=statistic,
    )
