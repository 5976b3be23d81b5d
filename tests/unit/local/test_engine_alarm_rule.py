"""When an alarm fires by CloudWatch's rule: its guide's tables, its windows, and what it refuses."""

from __future__ import annotations

from typing import Any, Final

import pytest

from local.engine.alarm_rule import ONLY_METRIC, AlarmRule, Datapoint, Evaluation, State

NOW: Final = 1_790_000_000 // 3600 * 3600
HOUR: Final = 3600
DAY: Final = 24 * HOUR
INSUFFICIENT: Final = State.INSUFFICIENT_DATA
TREATMENTS: Final = ("missing", "ignore", "breaching", "notBreaching")


def rule(**properties: Any) -> AlarmRule:
    """Return the rule of an alarm on one metric that goes off at 1."""
    return AlarmRule.from_properties(
        {
            "Namespace": "N",
            "MetricName": "M",
            "Statistic": "Maximum",
            "Period": 300,
            "EvaluationPeriods": 3,
            "Threshold": 1,
            "ComparisonOperator": "GreaterThanOrEqualToThreshold",
            **properties,
        }
    )


def math_rule(expression: str, *, period: int = HOUR, **properties: Any) -> AlarmRule:
    """Return the rule of an alarm on an expression over the metric ``m``, which goes off below 1."""
    metric = {"Namespace": "N", "MetricName": "M", "Dimensions": []}
    return AlarmRule.from_properties(
        {
            "Metrics": [
                {"Id": "watched", "Expression": expression},
                {"Id": "m", "MetricStat": {"Metric": metric, "Period": period, "Stat": "Sum"}, "ReturnData": "false"},
            ],
            "EvaluationPeriods": 3,
            "Threshold": 1,
            "ComparisonOperator": "LessThanThreshold",
            **properties,
        }
    )


def points(*reported: tuple[float, float]) -> list[Datapoint]:
    return [Datapoint(timestamp_seconds=at, value=value) for at, value in reported]


def drawn(text: str, *, period: int = 300) -> list[Datapoint]:
    """Read a row of the guide's tables: the periods up to now, X breaching, 0 not, - missing."""
    values = {"X": 1.0, "0": 0.0}
    return points(*((NOW - period * ago, values[mark]) for ago, mark in enumerate(reversed(text)) if mark in values))


# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
# The state by treatment, in the order of TREATMENTS; None: as it was.
ALL_OF_THREE: Final = {
    "0-X-X": (State.OK, State.OK, State.OK, State.OK),
    "0----": (State.OK, State.OK, State.OK, State.OK),
    "----0": (State.OK, State.OK, State.OK, State.OK),
    "-----": (INSUFFICIENT, None, State.ALARM, State.OK),
    "0XX-X": (State.ALARM, State.ALARM, State.ALARM, State.ALARM),
    "----X": (INSUFFICIENT, None, State.ALARM, State.OK),
    "X----": (State.ALARM, None, State.ALARM, State.OK),
    "--X--": (State.ALARM, None, State.ALARM, State.OK),
}
TWO_OF_THREE: Final = {
    "0-X-X": (State.ALARM, State.ALARM, State.ALARM, State.ALARM),
    "00X0X": (State.ALARM, State.ALARM, State.ALARM, State.ALARM),
    "0-X--": (State.OK, State.OK, State.ALARM, State.OK),
    "----0": (State.OK, State.OK, State.ALARM, State.OK),
    "----X": (INSUFFICIENT, None, State.ALARM, State.OK),
}
ROWS: Final = [(3, *row) for row in ALL_OF_THREE.items()] + [(2, *row) for row in TWO_OF_THREE.items()]


@pytest.mark.parametrize("before", list(State))
@pytest.mark.parametrize(("needed", "row", "expected"), ROWS)
def test_missing_data_is_treated_as_in_the_guides_tables(
    needed: int, row: str, expected: tuple[State | None, ...], before: State
) -> None:
    for treatment, state in zip(TREATMENTS, expected, strict=True):
        found = rule(TreatMissingData=treatment, DatapointsToAlarm=needed).state(
            {ONLY_METRIC: drawn(row)}, now_seconds=NOW, before=before
        )
        assert found is (state or before), (row, treatment)


def test_with_missing_is_breaching_and_periods_of_a_day_silence_alarms_days_late() -> None:
    """What https://stackoverflow.com/questions/72093282 saw: old data stands in for what is missing."""
    daily = rule(Period=DAY, EvaluationPeriods=2, TreatMissingData="breaching", ComparisonOperator="LessThanThreshold")
    reported = {ONLY_METRIC: points(*((NOW - nights * DAY, 1) for nights in range(7)))}

    def state_after(hours: int) -> State:
        return daily.state(reported, now_seconds=NOW + hours * HOUR, before=State.OK)

    assert state_after(49) is State.OK
    assert state_after(4 * 24) is State.OK
    assert state_after(4 * 24 + 1) is State.ALARM
    filled = math_rule("FILL(m, 0)", EvaluationPeriods=47)
    assert filled.state({"m": reported[ONLY_METRIC]}, now_seconds=NOW + 49 * HOUR, before=State.OK) is State.ALARM


def test_a_window_of_a_day_slides_and_does_not_end_at_midnight() -> None:
    daily, reported = (
        rule(Period=DAY, EvaluationPeriods=1, TreatMissingData="notBreaching"),
        {ONLY_METRIC: points((NOW, 1))},
    )
    nothing_further_back = Evaluation(extra_periods=0)

    def state_after(minutes: int) -> State:
        return daily.state(reported, now_seconds=NOW + minutes * 60, before=State.OK, evaluation=nothing_further_back)

    assert [state_after(0), state_after(24 * 60 - 1), state_after(24 * 60)] == [State.ALARM, State.ALARM, State.OK]


def test_two_values_on_both_sides_of_midnight_are_in_one_window_of_a_day() -> None:
    midnight = NOW // DAY * DAY
    daily = rule(Period=DAY, EvaluationPeriods=1, Statistic="Sum", Threshold=2, TreatMissingData="notBreaching")
    reported = {ONLY_METRIC: points((midnight - 60, 1), (midnight + 60, 1))}
    assert daily.state(reported, now_seconds=midnight + HOUR, before=State.OK) is State.ALARM


def test_an_alarm_over_more_than_a_day_looks_at_data_up_to_the_full_hour() -> None:
    alarm, reported = math_rule("FILL(m, 0)", EvaluationPeriods=25), {"m": points((NOW + 120, 1))}
    assert alarm.state(reported, now_seconds=NOW + 3599, before=State.OK) is State.ALARM
    assert alarm.state(reported, now_seconds=NOW + 3600, before=State.ALARM) is State.OK


def test_an_alarm_within_a_day_sees_what_was_reported_in_this_minute() -> None:
    reported = {ONLY_METRIC: points((NOW + 10, 1))}
    assert rule(EvaluationPeriods=1).state(reported, now_seconds=NOW + 11, before=State.OK) is State.ALARM


@pytest.mark.parametrize(
    ("properties", "problem"),
    [
        ({"Period": DAY, "EvaluationPeriods": 8}, "604800 seconds"),
        ({"Period": 300, "EvaluationPeriods": 289}, "86400 seconds"),
        ({"DatapointsToAlarm": 4}, "DatapointsToAlarm"),
        ({"TreatMissingData": "bad"}, "TreatMissingData"),
        ({"ComparisonOperator": "Near"}, "ComparisonOperator"),
        ({"Statistic": "p99"}, "statistic"),
        ({"Metrics": [{"Id": "e", "Expression": "1"}]}, "not both"),
    ],
)
def test_what_cloudwatch_refuses_and_what_is_not_known_is_an_error(properties: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        rule(**properties)


def query(name: str, *, period: int = 300, **properties: Any) -> dict[str, Any]:
    metric = {"Namespace": "N", "MetricName": name}
    stat = {"MetricStat": {"Metric": metric, "Period": period, "Stat": "Sum"}}
    return {"Id": name, "ReturnData": False, **stat, **properties}


@pytest.mark.parametrize(
    ("queries", "problem"),
    [
        ([query("a"), query("b", period=60), {"Id": "e", "Expression": "a + b"}], "one period"),
        ([query("a"), {"Id": "e", "Expression": "a + c"}], "no metric of the alarm: c"),
        ([query("a"), {"Id": "e", "Expression": "a + a"}, {"Id": "f", "Expression": "a"}], "exactly one"),
        ([query("a")], "exactly one"),
        ([query("a", ReturnData=True)], "no expression"),
        ([*map(query, "abcdefghijk"), {"Id": "e", "Expression": "a"}], "10 metrics"),
        ([query("a"), {"Id": "e", "Expression": "SUM(METRICS())"}], "not known as metric math"),
    ],
)
def test_metric_math_that_cloudwatch_refuses_is_an_error(queries: list[dict[str, Any]], problem: str) -> None:
    properties = {"EvaluationPeriods": 1, "Threshold": 1, "ComparisonOperator": "GreaterThanThreshold"}
    with pytest.raises(ValueError, match=problem):
        AlarmRule.from_properties({"Metrics": queries, **properties})


def test_an_alarm_on_metric_math_looks_at_all_its_metrics() -> None:
    alarm = AlarmRule.from_properties(
        {
            "Metrics": [{"Id": "sum", "Expression": "a + b"}, query("a"), query("b")],
            "EvaluationPeriods": 1,
            "Threshold": 5,
            "ComparisonOperator": "GreaterThanThreshold",
            "TreatMissingData": "notBreaching",
        }
    )
    reported = {"a": points((NOW, 3)), "b": points((NOW + 1, 3))}
    assert alarm.state(reported, now_seconds=NOW + 2, before=State.OK) is State.ALARM
    assert alarm.state({"a": reported["a"]}, now_seconds=NOW + 2, before=State.OK) is State.OK
    assert alarm.state({}, now_seconds=NOW + 2, before=State.ALARM) is State.OK
