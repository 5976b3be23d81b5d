"""What an alarm's e-mail says, and why it says the alarm changed."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from local.engine.alarm_notice import AlarmChange
from local.engine.alarm_reason import reason
from local.engine.alarm_rule import ONLY_METRIC, AlarmRule, Datapoint, State

_NOW = datetime(2026, 5, 1, 18, 2, 44, 123456, tzinfo=UTC)
_TOPIC = "arn:aws:sns:us-east-1:000000000000:gopro-sync-alerts-local"

# The form: the e-mails of real alarms that people have quoted; see local/engine/alarm_notice.py.
_MAIL = """\
You are receiving this email because your Amazon CloudWatch Alarm "GoPro Sync" in the US East (N. Virginia) region has \
entered the ALARM state, because "Threshold Crossed: 1 datapoint [4.0 (01/05/26 17:58:00)] was greater than the \
threshold (3.0)." at "Friday 01 May, 2026 18:02:44 UTC".

View this alarm in the AWS Management Console:
https://us-east-1.console.aws.amazon.com/cloudwatch/deeplink.js?region=us-east-1#alarmsV2:alarm/GoPro%20Sync

Alarm Details:
- Name:                       GoPro Sync
- Description:                More than three videos failed.
- State Change:               OK -> ALARM
- Reason for State Change:    Threshold Crossed: 1 datapoint [4.0 (01/05/26 17:58:00)] was greater than the threshold \
(3.0).
- Timestamp:                  Friday 01 May, 2026 18:02:44 UTC
- AWS Account:                000000000000
- Alarm Arn:                  arn:aws:cloudwatch:us-east-1:000000000000:alarm:GoPro Sync

Threshold:
- The alarm is in the ALARM state when the metric is GreaterThanThreshold 3.0 for at least 1 of the last 1 period(s) \
of 300 seconds.\x20

Monitored Metric:
- MetricNamespace:                     GoProSync
- MetricName:                          SyncFailures
- Dimensions:                          [Environment = local]
- Period:                              300 seconds
- Statistic:                           Sum
- Unit:                                not specified
- TreatMissingData:                    notBreaching


State Change Actions:
- OK:\x20
- ALARM: [arn:aws:sns:us-east-1:000000000000:gopro-sync-alerts-local]
- INSUFFICIENT_DATA:\x20
"""


def alarm(**properties: Any) -> dict[str, Any]:
    return {
        "AlarmName": "GoPro Sync",
        "AlarmArn": "arn:aws:cloudwatch:us-east-1:000000000000:alarm:GoPro Sync",
        "AlarmDescription": "More than three videos failed.",
        "Namespace": "GoProSync",
        "MetricName": "SyncFailures",
        "Dimensions": [{"Name": "Environment", "Value": "local"}],
        "Statistic": "Sum",
        "Unit": None,
        "Period": 300,
        "EvaluationPeriods": 1,
        "DatapointsToAlarm": None,
        "Threshold": 3.0,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",
        "AlarmActions": [_TOPIC],
        "OKActions": [],
        "InsufficientDataActions": [],
        **properties,
    }


def change(**properties: Any) -> AlarmChange:
    rule = AlarmRule.from_properties(alarm(**properties))
    point = Datapoint(timestamp_seconds=_NOW.timestamp() - 10, value=4)
    values = rule.values_by_period({name: [point] for name in rule.metrics}, now_seconds=_NOW.timestamp())
    return AlarmChange(
        alarm=alarm(**properties),
        before="OK",
        after="ALARM",
        reason=reason(rule, values, after=State.ALARM),
        changed_at=_NOW,
    )


def test_an_alarms_mail_reads_like_the_one_that_cloudwatch_sends() -> None:
    assert json.loads(change().message)["email"] == _MAIL


def test_an_alarm_that_says_no_more_than_it_must_sends_its_mail_too() -> None:
    optional = ("AlarmDescription", "Dimensions", "Unit", "DatapointsToAlarm", "TreatMissingData")
    actions = ("AlarmActions", "OKActions", "InsufficientDataActions")
    bare = {name: value for name, value in alarm().items() if name not in (*optional, *actions)}

    message = json.loads(replace(change(), alarm=bare).message)

    assert "- Description:                \n" in message["email"]
    assert "for at least 1 of the last 1 period(s) of" in message["email"]
    assert "- TreatMissingData:                    missing\n" in message["email"]
    assert json.loads(message["default"])["AlarmActions"] == []


@pytest.mark.parametrize(
    ("region", "called"),
    [
        ("us-east-1", "US East (N. Virginia)"),
        ("eu-central-1", "EU (Frankfurt)"),  # CloudWatch still says EU where other services say Europe
        ("xx-nowhere-1", "xx-nowhere-1"),
    ],
)
def test_the_subject_names_the_state_the_alarm_and_the_region_as_people_call_it(region: str, called: str) -> None:
    subject = change(AlarmArn=f"arn:aws:cloudwatch:{region}:000000000000:alarm:GoPro Sync").subject

    assert subject == f'ALARM: "GoPro Sync" in {called}'


def test_a_long_name_is_cut_so_that_the_subject_still_ends_with_the_region() -> None:
    subject = change(AlarmName="a" * 200).subject

    assert len(subject) == 100
    assert subject.startswith('ALARM: "aaa')
    assert subject.endswith('aaa..." in US East (N. Virginia)')


def test_programs_get_the_alarm_as_json() -> None:
    document = json.loads(json.loads(change().message)["default"])

    assert document["AlarmName"] == "GoPro Sync"
    assert (document["OldStateValue"], document["NewStateValue"]) == ("OK", "ALARM")
    assert document["StateChangeTime"] == "2026-05-01T18:02:44.123+0000"
    assert document["Region"] == "US East (N. Virginia)"
    assert document["AWSAccountId"] == "000000000000"
    assert document["Trigger"]["Statistic"] == "SUM"
    assert document["Trigger"]["Dimensions"] == [{"value": "local", "name": "Environment"}]


@pytest.mark.parametrize(
    ("properties", "values", "after", "reported"),
    [
        (
            {"EvaluationPeriods": 2},
            [(10, 4.0), (310, 5.5)],
            State.ALARM,
            "Threshold Crossed: 2 datapoints [5.5 (01/05/26 17:58:00), 4.0 (01/05/26 17:53:00)] were greater than the "
            "threshold (3.0).",
        ),
        (
            {"EvaluationPeriods": 2, "DatapointsToAlarm": 1},
            [(10, 0.0), (310, 5.0)],
            State.ALARM,
            "Threshold Crossed: 1 datapoint [5.0 (01/05/26 17:58:00)] was greater than the threshold (3.0).",
        ),
        (
            {},
            [(310, 3.0)],
            State.OK,
            "Threshold Crossed: 1 datapoint [3.0 (01/05/26 17:58:00)] was not greater than the threshold (3.0).",
        ),
        (
            {"ComparisonOperator": "LessThanOrEqualToThreshold", "Threshold": 1},
            [(310, 0.25)],
            State.ALARM,
            "Threshold Crossed: 1 datapoint [0.25 (01/05/26 17:58:00)] was less than or equal to the threshold (1.0).",
        ),
        (
            {"EvaluationPeriods": 2, "TreatMissingData": "breaching"},
            [],
            State.ALARM,
            "Threshold Crossed: no datapoints were received for 2 periods and 2 missing datapoints were treated as "
            "[Breaching].",
        ),
        (
            {"EvaluationPeriods": 3, "TreatMissingData": "breaching"},
            [(10, 4.0)],
            State.ALARM,
            "Threshold Crossed: 1 datapoint was received for 3 periods and 2 missing datapoints were treated as "
            "[Breaching].",
        ),
        (
            {},
            [],
            State.OK,
            "Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint was treated as "
            "[NonBreaching].",
        ),
        (
            {"EvaluationPeriods": 2, "TreatMissingData": "missing"},
            [],
            State.INSUFFICIENT_DATA,
            "Insufficient Data: 2 datapoints were unknown.",
        ),
    ],
)
def test_the_reason_names_the_values_that_decided(
    properties: dict[str, Any], values: list[tuple[float, float]], after: State, reported: str
) -> None:
    rule = AlarmRule.from_properties(alarm(**properties))
    began = datetime(2026, 5, 1, 17, 55, tzinfo=UTC).timestamp()
    points = [Datapoint(timestamp_seconds=began + seconds, value=value) for seconds, value in values]

    by_period = rule.values_by_period({ONLY_METRIC: points}, now_seconds=_NOW.timestamp())

    assert rule.state({ONLY_METRIC: points}, now_seconds=_NOW.timestamp(), before=State.OK) is after
    assert reason(rule, by_period, after=after) == reported


def test_of_many_values_the_reason_names_the_most_recent_five() -> None:
    rule = AlarmRule.from_properties(alarm(EvaluationPeriods=7))
    points = [Datapoint(timestamp_seconds=_NOW.timestamp() - 300 * ago, value=4 + ago) for ago in range(7)]

    reported = reason(
        rule, rule.values_by_period({ONLY_METRIC: points}, now_seconds=_NOW.timestamp()), after=State.ALARM
    )

    assert reported.startswith(
        "Threshold Crossed: 7 datapoints were greater than the threshold (3.0). The most recent "
    )
    assert reported.endswith(
        "[4.0 (01/05/26 17:58:00), 5.0 (01/05/26 17:53:00), 6.0 (01/05/26 17:48:00), "
        "7.0 (01/05/26 17:43:00), 8.0 (01/05/26 17:38:00)]."
    )


def test_an_alarm_on_metric_math_says_what_it_watches() -> None:
    metric = {"Namespace": "AWS/States", "MetricName": "ExecutionsAborted", "Dimensions": [{"Name": "A", "Value": "b"}]}
    queries = [
        {"Id": "aborted", "MetricStat": {"Metric": metric, "Period": 300, "Stat": "Sum"}, "ReturnData": False},
        {"Id": "all", "Expression": "2 * aborted", "ReturnData": True},
    ]
    one_metric = ("Namespace", "MetricName", "Dimensions", "Statistic", "Unit", "Period")
    properties = {name: value for name, value in alarm(Metrics=queries).items() if name not in one_metric}

    message = json.loads(replace(change(), alarm=properties).message)

    assert "- MetricExpression:                    2 * aborted\n" in message["email"]
    assert "- aborted:                             Sum of AWS/States ExecutionsAborted [A = b]\n" in message["email"]
    assert "for at least 1 of the last 1 period(s) of 300 seconds" in message["email"]
    trigger = json.loads(message["default"])["Trigger"]
    assert trigger["Metrics"] == queries
    assert "MetricName" not in trigger
