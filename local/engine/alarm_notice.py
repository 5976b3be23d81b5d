"""What CloudWatch publishes when an alarm changes its state: JSON for programs, a text for e-mail. Pure.

One SNS message holds both (``MessageStructure`` is json), so that every subscriber gets its own form:
https://docs.aws.amazon.com/sns/latest/dg/sns-send-custom-platform-specific-payloads-mobile-devices.html
AWS does not document the e-mail's form; it comes from e-mails of real alarms quoted in public repositories,
 and from an alarm's action in DescribeAlarmHistory, whose ``publishedMessage`` holds the texts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final
from urllib.parse import quote

from botocore.loaders import create_loader

from local.engine.alarm_rule import AlarmRule

_LONGEST_SUBJECT: Final = 100  # https://docs.aws.amazon.com/sns/latest/api/API_Publish.html


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmChange:
    """One alarm that has changed its state.

    Attributes:
        alarm: its properties, named as DescribeAlarms names them; what is optional there may be missing.
        before: the state so far.
        after: the state from now on.
        reason: why, one sentence.
        changed_at: when, in UTC.
    """

    alarm: Mapping[str, Any]
    before: str
    after: str
    reason: str
    changed_at: datetime

    @property
    def subject(self) -> str:
        """Such as ``ALARM: "Name" in US East (N. Virginia)``; the name of a long one is cut."""
        name, region = self.alarm["AlarmName"], region_name(self._region)
        room = _LONGEST_SUBJECT - len(f'{self.after}: "" in {region}')
        return f'{self.after}: "{name if len(name) <= room else name[: room - 3] + "..."}" in {region}'

    @property
    def message(self) -> str:
        """The SNS message with ``MessageStructure`` json."""
        return json.dumps({"default": json.dumps(self._document()), "sms": self.subject, "email": self._email()})

    @property
    def _region(self) -> str:
        return str(self.alarm["AlarmArn"]).split(":")[3]

    @property
    def _account(self) -> str:
        return str(self.alarm["AlarmArn"]).split(":")[4]

    @property
    def _complete(self) -> dict[str, Any]:
        """The properties with a value for each that is optional."""
        lists = ("Dimensions", "AlarmActions", "OKActions", "InsufficientDataActions")
        given = {name: value for name, value in self.alarm.items() if value is not None}
        defaults = {"AlarmDescription": "", "TreatMissingData": "missing", "Unit": None}
        datapoints = {"DatapointsToAlarm": self.alarm["EvaluationPeriods"]}
        period = {"Period": AlarmRule.from_properties(self.alarm).period_seconds}
        return {**defaults, **datapoints, **period, **dict.fromkeys(lists, ()), **given}

    def _document(self) -> dict[str, Any]:
        """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html ."""
        alarm = self._complete
        kept = ("AlarmName", "AlarmDescription", "AlarmArn", "AlarmActions", "OKActions", "InsufficientDataActions")
        trigger = ("Period", "EvaluationPeriods", "ComparisonOperator", "Threshold", "TreatMissingData")
        return {
            **{name: alarm[name] for name in kept},
            "AWSAccountId": self._account,
            "Region": region_name(self._region),
            "OldStateValue": self.before,
            "NewStateValue": self.after,
            "NewStateReason": self.reason,
            "StateChangeTime": f"{self.changed_at.isoformat(timespec='milliseconds').removesuffix('+00:00')}+0000",
            "Trigger": {
                **({"Metrics": alarm["Metrics"]} if "Metrics" in alarm else _one_metric(alarm)),
                **{name: alarm[name] for name in trigger},
                "EvaluateLowSampleCountPercentile": "",
            },
        }

    def _email(self) -> str:
        alarm, region, name = self._complete, self._region, self.alarm["AlarmName"]
        moment = f"{self.changed_at:%A %d %B, %Y %H:%M:%S} UTC"
        monitored = _monitored_expression(alarm) if "Metrics" in alarm else _monitored_metric(alarm)
        return f"""\
You are receiving this email because your Amazon CloudWatch Alarm "{name}" in the {region_name(region)} region has \
entered the {self.after} state, because "{self.reason}" at "{moment}".

View this alarm in the AWS Management Console:
https://{region}.console.aws.amazon.com/cloudwatch/deeplink.js?region={region}#alarmsV2:alarm/{quote(name, safe="")}

Alarm Details:
- Name:                       {name}
- Description:                {alarm["AlarmDescription"]}
- State Change:               {self.before} -> {self.after}
- Reason for State Change:    {self.reason}
- Timestamp:                  {moment}
- AWS Account:                {self._account}
- Alarm Arn:                  {alarm["AlarmArn"]}

Threshold:
- The alarm is in the ALARM state when the metric is {alarm["ComparisonOperator"]} {float(alarm["Threshold"])!r} for \
at least {alarm["DatapointsToAlarm"]} of the last {alarm["EvaluationPeriods"]} period(s) of {alarm["Period"]} \
seconds.\x20

Monitored Metric:
{monitored}
- TreatMissingData:                    {alarm["TreatMissingData"]}


State Change Actions:
- OK: {_actions(alarm["OKActions"])}
- ALARM: {_actions(alarm["AlarmActions"])}
- INSUFFICIENT_DATA: {_actions(alarm["InsufficientDataActions"])}
"""


@cache
def region_name(region: str) -> str:
    """Return what CloudWatch calls a region, such as ``US East (N. Virginia)``; the region's code if it has no name."""
    for partition in create_loader().load_data("endpoints")["partitions"]:
        if region in partition["regions"]:
            name: str = partition["regions"][region]["description"]
            return name.replace("Europe (", "EU (")  # alarms have kept the name that Europe's regions had before 2020
    return region


def _one_metric(alarm: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **{name: alarm[name] for name in ("MetricName", "Namespace", "Unit")},
        "StatisticType": "Statistic",
        "Statistic": alarm["Statistic"].upper(),
        "Dimensions": [{"value": item["Value"], "name": item["Name"]} for item in alarm["Dimensions"]],
    }


def _monitored_metric(alarm: Mapping[str, Any]) -> str:
    return f"""\
- MetricNamespace:                     {alarm["Namespace"]}
- MetricName:                          {alarm["MetricName"]}
- Dimensions:                          {_dimensions(alarm["Dimensions"])}
- Period:                              {alarm["Period"]} seconds
- Statistic:                           {alarm["Statistic"]}
- Unit:                                {alarm["Unit"] or "not specified"}"""


def _monitored_expression(alarm: Mapping[str, Any]) -> str:
    """Describe the metrics of metric math. Nobody has quoted such an e-mail whole: this has what identifies them."""
    lines: list[str] = []
    for query in alarm["Metrics"]:
        if "Expression" in query:
            lines.insert(0, f"- MetricExpression:                    {query['Expression']}")
            continue
        metric, statistic = query["MetricStat"]["Metric"], query["MetricStat"]["Stat"]
        found = f"{statistic} of {metric['Namespace']} {metric['MetricName']}"
        lines.append(f"- {query['Id'] + ':':<36} {found} {_dimensions(metric.get('Dimensions', ()))}")
    return "\n".join([*lines, f"- Period:                              {alarm['Period']} seconds"])


def _dimensions(dimensions: Sequence[Mapping[str, str]]) -> str:
    return ", ".join(f"[{item['Name']} = {item['Value']}]" for item in dimensions)


def _actions(arns: Sequence[str]) -> str:
    return f"[{', '.join(arns)}]" if arns else ""
