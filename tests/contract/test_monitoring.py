"""Metrics, alarms, dashboard and saved queries name the same things as the code that writes them."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from gopro_sync.settings import ALERT_CHANNELS
from gopro_sync.telemetry.logs import EventType
from gopro_sync.telemetry.metrics import NAMESPACE, Metric, emit, emit_failures, emit_video_archived
from local.engine.alarm_rule import AlarmRule, Datapoint, State
from local.engine.embedded_metrics import embedded_metrics
from tests.support.deployment import Stack, dashboard_body, resource, resources_of, template

SOURCES: Final = Path(__file__).parents[2] / "src" / "gopro_sync"
ALARMS: Final = sorted(resources_of("AWS::CloudWatch::Alarm"))
QUERIES: Final = sorted(resources_of("AWS::Logs::QueryDefinition"))
DAY_SECONDS: Final = 86400
NOON_SECONDS: Final = 1_790_000_000 // DAY_SECONDS * DAY_SECONDS + DAY_SECONDS // 2

type Series = tuple[str, frozenset[str]]


def alarm(logical_id: str) -> dict[str, Any]:
    properties: dict[str, Any] = Stack().resolve(resource(logical_id))
    return properties


@pytest.fixture(autouse=True)
def variables_of_the_functions(monkeypatch: pytest.MonkeyPatch) -> None:
    # Powertools makes dimensions of some of them, of which an alarm knows nothing.
    for name, value in Stack().resolve(template()["Globals"]["Function"]["Environment"]["Variables"]).items():
        monkeypatch.setenv(name, str(value))


def emitted(capsys: pytest.CaptureFixture[str]) -> set[Series]:
    """Return the metrics that the code can tell, with the names of their dimensions."""
    for metric in Metric:
        emit(metric, 1, environment="prod")
    emit_video_archived(1, 1, environment="prod")
    emit_failures({"NetworkError": 1}, environment="prod")
    lines = capsys.readouterr().out.splitlines()
    return {(told.name, frozenset(told.dimensions)) for line in lines for told in embedded_metrics(line)}


def dashboard() -> list[dict[str, Any]]:
    widgets: list[dict[str, Any]] = dashboard_body()["widgets"]
    return widgets


def shown() -> set[Series]:
    """Return our metrics that are on the dashboard, with the names of their dimensions."""
    series: set[Series] = set()
    for widget in dashboard():
        for row in widget["properties"].get("metrics", []):
            names = [part for part in row if isinstance(part, str)]
            if names[:1] == [NAMESPACE]:
                series.add((names[1], frozenset(names[2::2])))
            for part in row:
                if isinstance(part, dict) and "SEARCH" in part.get("expression", ""):
                    (schema,) = re.findall(r"{([^}]+)}", part["expression"])
                    (name,) = re.findall(r'MetricName="(\w+)"', part["expression"])
                    series.add((name, frozenset(schema.split(",")[1:])))
    return series


def test_every_metric_is_told_somewhere_and_only_by_this_one_way() -> None:
    texts = {file.name: file.read_text(encoding="utf-8") for file in SOURCES.rglob("*.py")}
    elsewhere = "".join(text for name, text in texts.items() if name != "metrics.py")
    own = texts["metrics.py"].partition("def emit(")[2]
    assert not [metric.name for metric in Metric if f"Metric.{metric.name}" not in elsewhere + own]
    assert "single_metric" not in elsewhere
    assert "put_metric_data" not in elsewhere + own


def test_every_emitted_metric_is_on_the_dashboard_with_its_dimensions(capsys: pytest.CaptureFixture[str]) -> None:
    assert emitted(capsys) <= shown()


def test_every_metric_of_ours_on_the_dashboard_is_emitted(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown() <= emitted(capsys)


@pytest.mark.parametrize("name", ALARMS)
def test_every_alarm_looks_at_a_metric_that_there_is(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    rule = AlarmRule.from_properties(alarm(name))
    if rule.namespace == NAMESPACE:
        assert (rule.metric_name, frozenset(rule.dimensions)) in emitted(capsys)
        assert rule.dimensions["Environment"] == "prod"
        return
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/aws-services-cloudwatch-metrics.html
    assert (rule.namespace, rule.metric_name, *rule.dimensions) in {
        ("AWS/Lambda", "Errors", "FunctionName"),
        ("AWS/Lambda", "Throttles", "FunctionName"),
        ("AWS/States", "ExecutionsFailed", "StateMachineArn"),
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName"),
    }


@pytest.mark.parametrize("name", ALARMS)
def test_every_alarm_says_what_it_means_goes_to_the_topic_and_may_publish_there(name: str) -> None:
    properties = alarm(name)
    assert len(properties["AlarmDescription"]) > 80
    assert len(properties["AlarmDescription"]) <= 1024
    assert not re.search(r"-\s", properties["AlarmDescription"]), "a command that the YAML has torn apart"
    assert properties["AlarmActions"] == ["gopro-sync-alerts"]
    assert "OKActions" not in properties, "it is said once"
    # The policies of topic and key let alarms of this name through.
    assert properties["AlarmName"].startswith("GoPro-")
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
    assert properties["Period"] * properties["EvaluationPeriods"] <= 7 * DAY_SECONDS


def test_the_alarms_of_the_specification_have_its_names_and_numbers() -> None:
    by_name = {
        alarm(name)["AlarmName"]: (
            alarm(name)["MetricName"],
            alarm(name)["ComparisonOperator"].removesuffix("Threshold"),
            alarm(name)["Threshold"],
            alarm(name)["Period"],
        )
        for name in ALARMS
    }
    assert (
        by_name.items()
        >= {
            "GoPro-Sync-HighFailureRate": ("SyncFailures", "GreaterThan", 3, 300),
            "GoPro-Auth-Failure": ("AuthenticationFailure", "GreaterThanOrEqualTo", 1, 300),
            "GoPro-Lambda-Errors": ("Errors", "GreaterThan", 5, 300),
            "GoPro-Lambda-Throttles": ("Throttles", "GreaterThan", 1, 300),
            "GoPro-StepFunction-Failed": ("ExecutionsFailed", "GreaterThanOrEqualTo", 1, 300),
        }.items()
    )


# By alarm: the values of days (or moments) in a row, the last one now, and what the alarm is then.
type Story = list[tuple[Sequence[Sequence[float]], State]]
STORIES: Final[Mapping[str, Story]] = {
    "HighFailureRateAlarm": [([[3]], State.OK), ([[4]], State.ALARM), ([[4], []], State.OK), ([[4], [0]], State.OK)],
    "AuthFailureAlarm": [([[1]], State.ALARM), ([[1], []], State.OK)],
    "LambdaErrorsAlarm": [([[1] * 5], State.OK), ([[1] * 6], State.ALARM), ([[1] * 6, []], State.OK)],
    "LambdaThrottlesAlarm": [([[1]], State.OK), ([[2]], State.ALARM), ([[2], []], State.OK)],
    "ExecutionFailedAlarm": [([[0]], State.OK), ([[1]], State.ALARM), ([[1], []], State.OK)],
    "ThreeFailedRunsAlarm": [
        ([[0], [0]], State.OK),
        ([[0], [0], [0]], State.ALARM),
        ([[0], [0, 1], [0]], State.OK),
        ([[0], [0], [0], [1]], State.OK),
    ],
    "NoSuccessfulRunAlarm": [
        ([[1]], State.OK),
        ([[1], []], State.OK),
        ([[1], [], []], State.ALARM),
        ([[1], [0], [0]], State.ALARM),
        ([[], [], [1]], State.OK),
        ([[]], State.ALARM),
    ],
    "DeadLettersAlarm": [([[0]], State.OK), ([[1]], State.ALARM), ([[1], [0]], State.OK)],
    "CredentialExpiringAlarm": [([[49]], State.OK), ([[47]], State.ALARM), ([[47], [168]], State.OK), ([[]], State.OK)],
    # One message for a change that stays, not one a night.
    "ApiDriftAlarm": [([[0, 1]], State.ALARM), ([[2], [2], [2]], State.ALARM), ([[2], [0]], State.OK)],
}


def test_every_alarm_has_a_story() -> None:
    assert sorted(STORIES) == ALARMS


@pytest.mark.parametrize("name", ALARMS)
def test_every_alarm_is_raised_by_what_it_is_for_and_ends_by_itself(name: str) -> None:
    rule = AlarmRule.from_properties(alarm(name))
    for periods, expected in STORIES[name]:
        points = [
            Datapoint(timestamp_seconds=NOON_SECONDS - rule.period_seconds * ago, value=value)
            for ago, values in enumerate(reversed(periods))
            for value in values
        ]
        # A period without data is looked at once it is over.
        now = NOON_SECONDS + (rule.period_seconds if not periods[-1] else 0)
        assert rule.state(points, now_seconds=now, before=State.OK) is expected, (name, periods)


# --- dashboard -------------------------------------------------------------------------------------------------------


def test_the_widgets_fit_into_the_grid_and_none_covers_another() -> None:
    taken: set[tuple[int, int]] = set()
    for widget in dashboard():
        cells = {
            (x, y)
            for x in range(widget["x"], widget["x"] + widget["width"])
            for y in range(widget["y"], widget["y"] + widget["height"])
        }
        assert widget["x"] + widget["width"] <= 24
        assert not cells & taken, widget["properties"]
        taken |= cells


def test_every_alarm_is_on_the_dashboard() -> None:
    (widget,) = [widget for widget in dashboard() if widget["type"] == "alarm"]
    assert sorted(arn.removesuffix(".Arn") for arn in widget["properties"]["alarms"]) == ALARMS


def test_every_widget_has_a_title_and_the_region() -> None:
    for widget in dashboard():
        if widget["type"] != "text":
            assert widget["properties"]["title"]
        if widget["type"] in {"metric", "log"}:
            assert widget["properties"]["region"] == "eu-west-1"


# --- saved queries ---------------------------------------------------------------------------------------------------


def query_texts() -> list[str]:
    texts = [Stack().resolve(resource(name))["QueryString"] for name in QUERIES]
    return texts + [w["properties"]["query"].partition("|")[2] for w in dashboard() if w["type"] == "log"]


def logged_fields() -> set[str]:
    """Return every field that a log line of the code can have."""
    fields = {"level", "message", "correlation_id", "function_name", "timestamp"}
    for file in SOURCES.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Dict):
                fields |= {str(key.value) for key in node.keys if isinstance(key, ast.Constant)}
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "append_keys":
                fields |= {str(keyword.arg) for keyword in node.keywords}
    return fields


@pytest.mark.parametrize("query", query_texts())
def test_a_query_asks_for_event_types_and_fields_that_there_are(query: str) -> None:
    named = set(re.findall(r'event_type = "(\w+)"', query))
    assert named <= {str(event) for event in EventType}
    words = set(re.findall(r"@?[a-z_]+", re.sub(r'"[^"]*"', "", query)))
    made = set(re.findall(r" as (\w+)", query))
    language = set(
        re.findall(r"\w+", "fields filter sort limit stats desc asc and or like as by avg max min ispresent")
    )
    assert {word for word in words - made - language if not word.startswith("@")} <= logged_fields()


def test_each_query_looks_at_the_functions_log_groups() -> None:
    for name in QUERIES:
        groups = Stack().resolve(resource(name))["LogGroupNames"]
        assert groups
        assert set(groups) <= {"AuthenticatorLogGroup", "MediaListerLogGroup", "VideoDownloaderLogGroup"}


def test_operational_logs_are_kept_for_30_days_and_the_audit_trail_for_a_year() -> None:
    for name in resources_of("AWS::Logs::LogGroup"):
        assert Stack().resolve(resource(name))["RetentionInDays"] == "30"
    lock = resource("AuditBucket")["ObjectLockConfiguration"]["Rule"]["DefaultRetention"]
    assert lock["Days"] == 365


# --- Slack -----------------------------------------------------------------------------------------------------------


def test_what_delivers_to_slack_may_do_nothing_else() -> None:
    assert "Policies" not in resource("SlackRole")
    assert "ManagedPolicyArns" not in resource("SlackRole")
    channel = Stack(SlackWorkspaceId="T012ABCDEFG", SlackChannelId="C012ABCDEFG").resolve(resource("SlackChannel"))
    assert channel["SnsTopicArns"] == ["gopro-sync-alerts"]
    assert channel["GuardrailPolicies"] == ["arn:aws:iam::aws:policy/AWSDenyAll"]


# --- who is told -----------------------------------------------------------------------------------------------------

EMAIL: Final = {"AlertEmail": "ops-team@company.com"}
SLACK: Final = {"SlackWorkspaceId": "T012ABCDEFG", "SlackChannelId": "C012ABCDEFG"}


@pytest.mark.parametrize(
    ("parameters", "channel", "output"),
    [
        (EMAIL, "e-mail", "ops-team@company.com"),
        (SLACK, "Slack", "Slack"),
        (EMAIL | SLACK, "e-mail and Slack", "ops-team@company.com and Slack"),
    ],
)
def test_the_stack_says_who_is_told(parameters: dict[str, str], channel: str, output: str) -> None:
    stack = Stack(**parameters)
    told = stack.resolve(template()["Globals"]["Function"]["Environment"]["Variables"]["ALERTS_GO_TO"])
    assert told == channel
    assert told in ALERT_CHANNELS
    assert stack.resolve(template()["Outputs"]["AlertsGoTo"]["Value"]) == output


def test_a_stack_that_tells_nobody_says_so_and_what_changes_it() -> None:
    stack = Stack()
    assert stack.resolve(template()["Globals"]["Function"]["Environment"]["Variables"]["ALERTS_GO_TO"]) == "nobody"
    output = stack.resolve(template()["Outputs"]["AlertsGoTo"]["Value"])
    assert output.startswith("nobody: ")
    assert "AlertEmail=" in output
    assert "samconfig.toml" in output
    assert output.endswith("sam deploy")
