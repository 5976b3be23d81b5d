"""The table "Differs from the specification, because" says what the template says: no more, and no less."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from gates.template import Stack, resource, resources_of, roles_with_permissions, states

DOCUMENT: Final = (Path(__file__).parents[2] / "docs" / "architecture.md").read_text(encoding="utf-8")
HEADING: Final = "## Differs from the specification, because"
ACTION: Final = re.compile(r"`([a-z0-9]+:[A-Za-z]+)`")

# The specification's policies ("Security & IAM Policies"), by the name of the role. Where it ends in the middle of a
# line, so does this.
SPECIFIED_ACTIONS: Final[dict[str, set[str]]] = {
    "gopro-authenticator-role": {
        "secretsmanager:GetSecretValue",
        "secretsmanager:UpdateSecretValue",
        "logs:CreateLogGroup",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "xray:PutTraceSegments",
        "xray:PutTelemetryRecords",
    },
    "gopro-media-lister-role": {
        "dynamodb:GetItem",
        "dynamodb:BatchGetItem",
        "dynamodb:Query",
        "logs:CreateLogGroup",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
    },
    "gopro-video-downloader-role": {
        "s3:PutObject",
        "s3:PutObjectTagging",
        "s3:AbortMultipartUpload",
        "s3:ListMultipartUploadParts",
        "dynamodb:UpdateItem",
        "dynamodb:PutItem",
        "logs:CreateLogGroup",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "cloudwatch:PutMetricData",
    },
    "gopro-stepfunctions-role": {"lambda:InvokeFunction"},
}
# Name, metric, threshold ("more than"), seconds ("CloudWatch Alarms").
SPECIFIED_ALARMS: Final = {
    "GoPro-Sync-HighFailureRate": ("SyncFailures", 3, 300),
    "GoPro-Auth-Failure": ("AuthenticationFailure", 1, 300),
    "GoPro-Lambda-Errors": ("Errors", 5, 300),
    "GoPro-Lambda-Throttles": ("Throttles", 1, 300),
    "GoPro-StepFunction-Failed": ("ExecutionsFailed", 1, 300),
}
# The types of the states and their retries ("Step Functions State Machine").
SPECIFIED_STATES: Final = {
    **dict.fromkeys(
        ("AuthenticateGoPro", "ListMedia", "DownloadVideo", "NotifyPartialFailure", "NotifyFailure"), "Task"
    ),
    **dict.fromkeys(("CheckNewVideos", "CheckForFailures"), "Choice"),
    **dict.fromkeys(("MarkVideoComplete", "MarkVideoFailed", "GenerateSummary"), "Pass"),
    **dict.fromkeys(("NoNewVideos", "SyncComplete"), "Succeed"),
    "DownloadVideos": "Map",
    "SyncFailed": "Fail",
}
SPECIFIED_RETRIES: Final = {
    ("AuthenticateGoPro", "Lambda.ServiceException"): (2, 3, 2.0),
    ("AuthenticateGoPro", "Lambda.TooManyRequestsException"): (2, 3, 2.0),
    ("ListMedia", "Lambda.ServiceException"): (2, 3, 2.0),
    ("DownloadVideo", "NetworkError"): (30, 3, 2.0),
    ("DownloadVideo", "TimeoutError"): (30, 3, 2.0),
}


class Row(NamedTuple):
    where: str
    specified: str
    here: str
    because: str


def rows() -> Iterator[Row]:
    section = DOCUMENT.partition(HEADING)[2].partition("\n## ")[0]
    for line in section.splitlines():
        if line.startswith("|"):
            yield Row(*(cell.strip() for cell in line.strip("|").split("|")))


def said_of(where: str) -> list[Row]:
    return [row for row in rows() if row.where == where]


def granted() -> dict[str, set[str]]:
    """Return the actions that each role may use, by the role's name."""
    stack = Stack(region="us-east-1")  # where the names are the specification's
    actions: dict[str, set[str]] = {}
    for logical_id in roles_with_permissions():
        role: dict[str, Any] = stack.resolve(resource(logical_id))
        statements = [statement for policy in role["Policies"] for statement in policy["PolicyDocument"]["Statement"]]
        found = actions.setdefault(role["RoleName"], set())
        for statement in statements:
            found |= {statement["Action"]} if isinstance(statement["Action"], str) else set(statement["Action"])
    return actions


def test_every_row_has_a_reason() -> None:
    table = list(rows())[2:]
    assert len(table) > 50
    assert [row for row in table if not all(row)] == []


@pytest.mark.parametrize("role", sorted(granted()))
def test_each_permission_that_is_wider_or_narrower_is_a_row(role: str) -> None:
    specified = SPECIFIED_ACTIONS.get(role, set())
    stated = said_of(f"`{role}`")
    narrower = {action for row in stated for action in ACTION.findall(row.specified)}
    wider = {action for row in stated for action in ACTION.findall(row.here)}
    assert (narrower, wider) == (specified - granted()[role], granted()[role] - specified)


def test_every_role_of_the_specification_is_there() -> None:
    assert set(SPECIFIED_ACTIONS) <= set(granted())


def test_each_alarm_that_fires_otherwise_is_a_row() -> None:
    alarms = {
        alarm["AlarmName"]: alarm for alarm in map(Stack().resolve, resources_of("AWS::CloudWatch::Alarm").values())
    }
    others = {
        name
        for name, (metric, threshold, seconds) in SPECIFIED_ALARMS.items()
        if (metric, threshold, seconds, "GreaterThanThreshold")
        != (
            alarms[name].get("MetricName"),
            alarms[name]["Threshold"],
            alarms[name].get("Period"),
            alarms[name]["ComparisonOperator"],
        )
    }
    assert {name for row in said_of("alarm") for name in re.findall(r"`([A-Za-z-]+)`", row.specified)} == others


def test_each_state_of_another_type_and_each_retry_with_other_numbers_is_a_row() -> None:
    reported = " ".join(row.specified for row in said_of("the run"))
    found = dict(states())
    others = {name for name, kind in SPECIFIED_STATES.items() if found[name]["Type"] != kind}
    for (name, error), numbers in SPECIFIED_RETRIES.items():
        rule = next(rule for rule in found[name]["Retry"] if error in rule["ErrorEquals"])
        if (rule["IntervalSeconds"], rule["MaxAttempts"], rule["BackoffRate"]) != numbers:
            others.add(error)
    assert others
    assert [name for name in sorted(others) if f"`{name}`" not in reported] == []


def test_the_specified_lifecycle_rule_is_reported_to_be_several() -> None:
    rules = resource("ArchiveBucket")["LifecycleConfiguration"]["Rules"]
    ids = [rule["Id"] for rule in rules if "Id" in rule] + [
        rule["Fn::If"][1]["Id"] for rule in rules if "Fn::If" in rule
    ]
    assert "transition-to-glacier" not in ids
    assert any("`transition-to-glacier`" in row.specified for row in said_of("the bucket"))
