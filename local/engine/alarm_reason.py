"""Why an alarm changed its state, in CloudWatch's words, as far as fixed thresholds go. Pure.

The words are those of real alarms:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html and, for missing data,
"no datapoints were received for 2 periods and 2 missing datapoints were treated as [Breaching]".
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from local.engine.alarm_rule import AlarmRule, State

_COMPARISONS: Final = {
    "GreaterThanThreshold": "greater than",
    "GreaterThanOrEqualToThreshold": "greater than or equal to",
    "LessThanThreshold": "less than",
    "LessThanOrEqualToThreshold": "less than or equal to",
}
_MOST_LISTED: Final = 5
# What missing data is called, and the state that it speaks for.
_TREATMENTS: Final = {"breaching": ("Breaching", State.ALARM), "notBreaching": ("NonBreaching", State.OK)}


def reason(rule: AlarmRule, values: Mapping[int, float | None], *, after: State) -> str:
    """Return the reason as one sentence.

    Args:
        rule: that of the alarm.
        values: those of the evaluated periods, as ``AlarmRule.values_by_period`` returns them.
        after: the state that the alarm is in now.
    """
    known = {began_at: value for began_at, value in values.items() if value is not None}
    missing = len(values) - len(known)
    if after is State.INSUFFICIENT_DATA:
        return f"Insufficient Data: {_counted(missing, 'datapoint')} {_were(missing)} unknown."
    crossed = after is State.ALARM
    deciding = {began_at: float(value) for began_at, value in known.items() if rule.crosses(value) is crossed}
    treatment, speaks_for = _TREATMENTS.get(rule.missing_data, ("Missing", None))
    if missing and (speaks_for is after or not deciding):
        received = _counted(len(known), "datapoint") if known else "no datapoints"
        return (
            f"Threshold Crossed: {received} {_were(len(known))} received for {_counted(len(values), 'period')} and "
            f"{_counted(missing, 'missing datapoint')} {_were(missing)} treated as [{treatment}]."
        )
    newest_first = sorted(deciding.items(), reverse=True)
    listed = ", ".join(f"{value!r} ({_moment(began_at)})" for began_at, value in newest_first[:_MOST_LISTED])
    compared = f"{'' if crossed else 'not '}{_COMPARISONS[rule.comparison]} the threshold ({rule.threshold!r})"
    reason = f"Threshold Crossed: {_counted(len(deciding), 'datapoint')}"
    if len(deciding) > _MOST_LISTED:
        return f"{reason} were {compared}. The most recent datapoints which crossed the threshold: [{listed}]."
    return f"{reason} [{listed}] {_were(len(deciding))} {compared}."


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _were(number: int) -> str:
    return "was" if number == 1 else "were"


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, tz=UTC).strftime("%d/%m/%y %H:%M:%S")
