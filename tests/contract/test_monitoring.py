"""Metrics, alarms, dashboard and saved queries name the same things as the code that writes them."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import pytest

from docs.tools.logs_insights import run_query
from gates.template import Stack, dashboard_body, resource, resources_of, template
from gopro_sync.settings import ALERT_CHANNELS
from gopro_sync.telemetry.logs import EventType
from gopro_sync.telemetry.metrics import NAMESPACE, Metric, emit, emit_failures, emit_video_archived
from local.engine.alarm_rule import AS_DOCUMENTED, ONLY_METRIC, AlarmRule, Datapoint, Evaluation, State
from local.engine.embedded_metrics import embedded_metrics
from tests.support.source_code import nodes

ALARMS: Final = sorted(resources_of("AWS::CloudWatch::Alarm"))
QUERIES: Final = sorted(resources_of("AWS::Logs::QueryDefinition"))
DAY_SECONDS: Final = 86_400
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
    return {(reported.name, frozenset(reported.dimensions)) for line in lines for reported in embedded_metrics(line)}


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


def test_every_metric_is_reported_somewhere_and_only_by_this_one_way() -> None:
    reported = set()
    for _, node in nodes():
        match node:
            case ast.Call(func=ast.Name("emit"), args=[ast.Attribute(value=ast.Name("Metric"), attr=metric), *_]):
                reported.add(metric)
    assert reported == {metric.name for metric in Metric}
    # The other ways that the libraries have: Powertools' and CloudWatch's own.
    other_ways = {"single_metric", "Metrics", "put_metric_data"}
    names = {
        (file, name)
        for file, node in nodes()
        if (name := getattr(node, "id", None) or getattr(node, "attr", None)) in other_ways
    }
    assert names == {("telemetry/metrics.py", "single_metric")}


def test_every_emitted_metric_is_on_the_dashboard_with_its_dimensions(capsys: pytest.CaptureFixture[str]) -> None:
    assert emitted(capsys) <= shown()


def test_every_metric_of_ours_on_the_dashboard_is_emitted(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown() <= emitted(capsys)


@pytest.mark.parametrize("name", ALARMS)
def test_every_alarm_looks_at_metrics_that_there_are(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    ours = emitted(capsys)
    for metric in AlarmRule.from_properties(alarm(name)).metrics.values():
        if metric.namespace == NAMESPACE:
            assert (metric.metric_name, frozenset(metric.dimensions)) in ours
            assert metric.dimensions["Environment"] == "prod"
            continue
        # https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/aws-services-cloudwatch-metrics.html
        assert (metric.namespace, metric.metric_name, *metric.dimensions) in {
            ("AWS/Lambda", "Errors", "FunctionName"),
            ("AWS/Lambda", "Throttles", "FunctionName"),
            ("AWS/States", "ExecutionsFailed", "StateMachineArn"),
            ("AWS/States", "ExecutionsTimedOut", "StateMachineArn"),
            ("AWS/States", "ExecutionsAborted", "StateMachineArn"),
            ("AWS/States", "ExecutionsStarted", "StateMachineArn"),
            ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName"),
        }


@pytest.mark.parametrize("name", ALARMS)
def test_every_alarm_says_what_it_means_goes_to_the_topic_and_may_publish_there(name: str) -> None:
    properties = alarm(name)
    meaning, _, action = properties["AlarmDescription"].partition(" What to do: ")
    assert len(meaning) > 80
    assert action
    assert len(properties["AlarmDescription"]) <= 1024
    assert not re.search(r"-\s", properties["AlarmDescription"]), "a command that the YAML has torn apart"
    assert properties["AlarmActions"] == ["gopro-sync-alerts"]
    assert "OKActions" not in properties, "it is said once"
    # The policies of topic and key let alarms of this name through.
    assert properties["AlarmName"].startswith("GoPro-")


OF_THE_SPECIFICATION: Final = {
    "GoPro-Sync-HighFailureRate": ("SyncFailures", "GreaterThan", 3),
    "GoPro-Auth-Failure": ("AuthenticationFailure", "GreaterThan", 1),
    "GoPro-Lambda-Errors": ("Errors", "GreaterThan", 5),
    "GoPro-Lambda-Throttles": ("Throttles", "GreaterThan", 1),
    # Its "more than one in five minutes" cannot happen to a run a day, and this is the one alarm of a run that failed.
    "GoPro-StepFunction-Failed": ("ExecutionsFailed", "GreaterThanOrEqualTo", 1),
}


@pytest.mark.parametrize("name", OF_THE_SPECIFICATION)
def test_an_alarm_of_the_specification_has_its_numbers_and_says_that_it_is_a_net(name: str) -> None:
    (properties,) = [found for found in map(alarm, ALARMS) if found["AlarmName"] == name]
    rule = AlarmRule.from_properties(properties)
    (metric,) = {metric.metric_name for metric in rule.metrics.values()}
    assert (metric, rule.comparison.removesuffix("Threshold"), rule.threshold) == OF_THE_SPECIFICATION[name]
    assert (rule.period_seconds, rule.evaluation_periods) == (300, 1)
    assert properties["AlarmDescription"].startswith("A notice with the cause should have arrived")


@pytest.mark.parametrize("name", ["LambdaErrorsAlarm", "LambdaThrottlesAlarm"])
def test_what_lambda_tells_is_watched_for_all_functions(name: str) -> None:
    metrics = AlarmRule.from_properties(alarm(name)).metrics.values()
    watched = sorted(metric.dimensions["FunctionName"] for metric in metrics)
    assert watched == sorted(Stack().name_of(function) for function in resources_of("AWS::Serverless::Function"))


# --- the smallest series of points that drives each alarm to ALARM and back ------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What an alarm is after some values.

    Attributes:
        told: hours, the metric's id, the value.
        becomes: what the alarm is then; it was the opposite before, unless ``before`` says otherwise.
        at_hours: when; None for the time in which it has to have gone off, counted from the last value.
        before: what it was; None for the opposite of ``becomes``.
    """

    reported: Sequence[tuple[float, str, float]]
    becomes: State
    at_hours: float | None = None
    before: State | None = None


def values(*values_of_a_night: float, metric: str = ONLY_METRIC) -> list[tuple[float, str, float]]:
    """Return values that are told one a night."""
    return [(24 * night, metric, value) for night, value in enumerate(values_of_a_night)]


def nights(*partial: float | None) -> list[tuple[float, str, float]]:
    """Return runs that start at one hour of each night and take up to two; None: no run in that night."""
    runs = [(24 * night, value) for night, value in enumerate(partial) if value is not None]
    lasting = [0.2, 1.9, 0.7]
    starts = [(begun, "started", 1.0) for begun, _ in runs]
    return starts + [(begun + lasting[number % 3], "partial", value) for number, (begun, value) in enumerate(runs)]


ALARMED, OK = State.ALARM, State.OK
# Each goes off, misses it by one point, and comes back: by data, by missing data, and without any data at all.
STORIES: Final[Mapping[str, Sequence[Step]]] = {
    "HighFailureRateAlarm": [
        Step(reported=values(4), becomes=ALARMED),
        Step(reported=values(3), becomes=OK),
        Step(reported=[(0, ONLY_METRIC, 4), (0.2, ONLY_METRIC, 0)], becomes=OK, at_hours=0.21),
        Step(reported=values(4), becomes=OK, at_hours=0.5),
        Step(reported=[], becomes=OK, at_hours=0),
    ],
    "AuthFailureAlarm": [
        Step(reported=[(0, ONLY_METRIC, 1), (0.05, ONLY_METRIC, 1)], becomes=ALARMED),
        Step(reported=values(1), becomes=OK, at_hours=0.05),
        Step(reported=[(0, ONLY_METRIC, 1), (0.05, ONLY_METRIC, 1)], becomes=OK, at_hours=0.5),
        Step(reported=[], becomes=OK, at_hours=0),
    ],
    "LambdaErrorsAlarm": [
        Step(reported=[(0, "authenticator", 1), (0.01, "lister", 1), (0.02, "downloader", 4)], becomes=ALARMED),
        Step(
            reported=[(0, "authenticator", 1), (0.01, "lister", 1), (0.02, "downloader", 3)], becomes=OK, at_hours=0.03
        ),
        Step(reported=[(0, "downloader", 6), (0.2, "downloader", 0)], becomes=OK, at_hours=0.21),
        Step(reported=[(0, "downloader", 6)], becomes=OK, at_hours=0.5),
        Step(reported=[], becomes=OK, at_hours=0),
    ],
    "LambdaThrottlesAlarm": [
        Step(reported=[(0, "lister", 1), (0.02, "downloader", 1)], becomes=ALARMED),
        Step(reported=[(0, "downloader", 1)], becomes=OK, at_hours=0.02),
        Step(reported=[(0, "downloader", 2), (0.2, "downloader", 0)], becomes=OK, at_hours=0.21),
        Step(reported=[(0, "downloader", 2)], becomes=OK, at_hours=0.5),
        Step(reported=[], becomes=OK, at_hours=0),
    ],
    "ExecutionFailedAlarm": [
        Step(reported=values(1), becomes=ALARMED),
        Step(reported=values(1), becomes=OK, at_hours=0.5),
        Step(reported=[], becomes=OK, at_hours=0),
    ],
    "RunStoppedAlarm": [
        Step(reported=[(0, "timed_out", 1)], becomes=ALARMED),
        Step(reported=[(0, "aborted", 1)], becomes=ALARMED),
        Step(reported=[(0, "timed_out", 1)], becomes=OK, at_hours=0.5),
        Step(reported=[], becomes=OK, at_hours=0),
    ],
    "NoSuccessfulRunAlarm": [
        Step(reported=values(1, metric="completed"), becomes=ALARMED),
        # One night may fail.
        Step(reported=values(1, metric="completed"), becomes=OK, at_hours=47),
        Step(reported=values(1, 0, 0, metric="completed"), becomes=ALARMED, at_hours=49),
        Step(reported=values(1, 0, 0, 1, metric="completed"), becomes=OK, at_hours=73),
        # A new stack whose first run never comes, or fails.
        Step(reported=[(0, "deployed", 1)], becomes=OK, at_hours=2, before=OK),
        Step(reported=[(0, "deployed", 1), (1, "completed", 0)], becomes=ALARMED, at_hours=49),
        Step(reported=[], becomes=ALARMED, at_hours=0),
    ],
    "NotStartedAlarm": [
        Step(reported=values(1, metric="started"), becomes=ALARMED),
        # The night in which the clocks go back is an hour longer, and a start is tried again for an hour.
        Step(reported=values(1, metric="started"), becomes=OK, at_hours=26),
        Step(reported=[(0, "started", 1), (40, "started", 1)], becomes=OK, at_hours=41),
        Step(reported=[(0, "deployed", 1)], becomes=OK, at_hours=2, before=OK),
        Step(reported=[(0, "deployed", 1)], becomes=ALARMED, at_hours=29),
        Step(reported=[], becomes=ALARMED, at_hours=0),
    ],
    "PartialForAWeekAlarm": [
        Step(reported=nights(1, 1, 1, 1, 1, 1, 1), becomes=ALARMED),
        Step(reported=nights(1, 1, 1, 1, 1, 1), becomes=OK, at_hours=5 * 24 + 4),
        Step(reported=nights(1, 1, 1, 0, 1, 1, 1), becomes=OK, at_hours=6 * 24 + 4),
        Step(reported=nights(1, 1, 1, 1, 1, 1, 1, 0), becomes=OK, at_hours=8 * 24 + 4),
        # Silence is the cause of other alarms.
        Step(reported=nights(1), becomes=OK, at_hours=6 * 24 + 4),
        Step(reported=nights(1, 1, 1, 1, 1, 1, 1, None), becomes=OK, at_hours=8 * 24 + 4),
        Step(reported=[], becomes=OK, at_hours=0),
    ],
    "PendingTooLongAlarm": [
        Step(reported=values(337), becomes=ALARMED),
        Step(reported=values(336), becomes=OK),
        Step(reported=values(337, 0), becomes=OK, at_hours=24.1),
        # Told once a night: what is between changes nothing, so that it is said once and not every night.
        Step(reported=values(337), becomes=ALARMED, at_hours=23, before=ALARMED),
        Step(reported=values(337, 361), becomes=ALARMED, at_hours=24.1, before=ALARMED),
        Step(reported=[], becomes=OK, at_hours=0, before=OK),
    ],
    "DeadLettersAlarm": [
        Step(reported=values(1), becomes=ALARMED),
        Step(reported=[(0, ONLY_METRIC, 1), (0.2, ONLY_METRIC, 0)], becomes=OK, at_hours=0.21),
        Step(reported=values(1), becomes=OK, at_hours=0.5),
        Step(reported=[], becomes=OK, at_hours=0),
    ],
    "CredentialExpiringAlarm": [
        Step(reported=values(47), becomes=ALARMED),
        Step(reported=values(48), becomes=OK),
        Step(reported=values(47, 168), becomes=OK, at_hours=24.1),
        Step(reported=values(47), becomes=OK, at_hours=4 * 24),
        Step(reported=[], becomes=OK, at_hours=0),
    ],
    "ApiDriftAlarm": [
        Step(reported=values(1), becomes=ALARMED),
        Step(reported=values(1, 0), becomes=OK, at_hours=24.1),
        # One message for a change that stays, not one a night.
        Step(reported=values(2, 2), becomes=ALARMED, at_hours=24.1, before=ALARMED),
        Step(reported=values(1), becomes=ALARMED, at_hours=8 * 24, before=ALARMED),
        Step(reported=[], becomes=OK, at_hours=0, before=OK),
    ],
}
# Wherever in an hour the first value falls.
PHASES: Final = (0, 60, 1799, 3540, 3599)
# What CloudWatch's documents leave open.
EVALUATIONS: Final = [
    Evaluation(extra_periods=extra, multi_day_step_seconds=step, fills_empty_series=fills)
    for extra in (1, 2, 3, 6)
    for step in (60, 3600)
    for fills in (True, False)
]


def state_after(name: str, step: Step, *, phase_seconds: float = 0, evaluation: Evaluation = AS_DOCUMENTED) -> State:
    rule = AlarmRule.from_properties(alarm(name))
    began = NOON_SECONDS + phase_seconds
    reported: dict[str, list[Datapoint]] = {}
    for hours, metric, value in step.reported:
        assert metric in rule.metrics
        reported.setdefault(metric, []).append(Datapoint(timestamp_seconds=began + hours * 3600, value=value))
    opposite = {State.ALARM: State.OK, State.OK: State.ALARM}
    before = step.before or opposite[step.becomes]

    def state(hours: float) -> State:
        return rule.state(reported, now_seconds=began + hours * 3600, before=before, evaluation=evaluation)

    if step.at_hours is not None:
        return state(step.at_hours)
    # CloudWatch looks once a minute, or once an hour; by its latest look the alarm has gone off, or it does not.
    latest = max(hours for hours, _, _ in step.reported) + rule.fires_within_seconds / 3600
    every = 1 if rule.is_multi_day else 1 / 60
    return State.ALARM if State.ALARM in {state(latest - ago * every) for ago in range(3)} else State.OK


def test_every_alarm_has_a_story_of_going_off_ending_and_having_no_data() -> None:
    assert sorted(STORIES) == ALARMS
    for name, steps in STORIES.items():
        assert steps[0].becomes is State.ALARM, name
        assert steps[0].at_hours is None, name
        assert any(step.becomes is State.OK and step.reported for step in steps), name
        assert not steps[-1].reported, name


@pytest.mark.parametrize("phase_seconds", PHASES)
@pytest.mark.parametrize(("name", "step"), [(name, step) for name, steps in STORIES.items() for step in steps])
def test_every_alarm_goes_off_by_its_smallest_series_and_comes_back(
    name: str, step: Step, phase_seconds: float
) -> None:
    assert state_after(name, step, phase_seconds=phase_seconds) is step.becomes


@pytest.mark.parametrize("name", STORIES)
def test_every_alarm_goes_off_in_time_whatever_cloudwatchs_documents_leave_open(name: str) -> None:
    for step in STORIES[name]:
        if step.at_hours is None and step.becomes is State.ALARM:
            for phase_seconds in PHASES:
                states = {state_after(name, step, phase_seconds=phase_seconds, evaluation=each) for each in EVALUATIONS}
                assert states == {State.ALARM}


def test_silence_is_noticed_at_the_latest_49_hours_after_the_last_success_and_not_before_47() -> None:
    reported = [(0.0, "completed", 1.0)]
    assert AlarmRule.from_properties(alarm("NoSuccessfulRunAlarm")).fires_within_seconds == 49 * 3600
    for phase_seconds in range(0, 3600, 60):
        for evaluation in EVALUATIONS:
            for hours, expected in ((47, State.OK), (49, State.ALARM)):
                step = Step(reported=reported, becomes=expected, at_hours=hours, before=State.OK)
                found = state_after("NoSuccessfulRunAlarm", step, phase_seconds=phase_seconds, evaluation=evaluation)
                assert found is expected, (phase_seconds, evaluation, hours)


def test_a_schedule_that_is_switched_off_is_reported_a_day_before_the_net_under_it_and_both_are_all() -> None:
    last_night = {"started": [(0.0, 1.0)], "completed": [(0.2, 1.0)], "partial": [(0.2, 0.0)], ONLY_METRIC: []}
    went_off: dict[str, int] = {}
    for name in ALARMS:
        rule, state = AlarmRule.from_properties(alarm(name)), State.OK
        reported = {
            metric: [
                Datapoint(timestamp_seconds=NOON_SECONDS + hours * 3600, value=v) for hours, v in last_night[metric]
            ]
            for metric in rule.metrics
            if metric in last_night
        }
        for hour in range(1, 9 * 24):
            state = rule.state(reported, now_seconds=NOON_SECONDS + hour * 3600, before=state)
            if state is State.ALARM:
                went_off.setdefault(name, hour)
    assert sorted(went_off) == ["NoSuccessfulRunAlarm", "NotStartedAlarm"]
    assert went_off["NotStartedAlarm"] <= 29
    assert went_off["NoSuccessfulRunAlarm"] - went_off["NotStartedAlarm"] >= 18


def test_partial_nights_that_go_on_are_reported_once_however_long_each_run_takes() -> None:
    rule, state, changes = AlarmRule.from_properties(alarm("PartialForAWeekAlarm")), State.OK, []
    reported: dict[str, list[Datapoint]] = {}
    for hours, metric, value in nights(*[0.0] * 3, *[1.0] * 20):
        reported.setdefault(metric, []).append(Datapoint(timestamp_seconds=NOON_SECONDS + hours * 3600, value=value))
    for hour in range(23 * 24):
        now = NOON_SECONDS + hour * 3600
        known = {
            name: [point for point in points if point.timestamp_seconds < now] for name, points in reported.items()
        }
        after = rule.state(known, now_seconds=now, before=state)
        if after is not state:
            changes.append((hour, after))
        state = after
    ((hour, after),) = changes
    assert after is State.ALARM
    assert 9 * 24 < hour <= 9 * 24 + 4


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


@cache
def logged_fields() -> set[str]:
    """Return every field that a log line of the code can have."""
    fields = {"level", "message", "correlation_id", "function_name", "timestamp"}
    for _, node in nodes():
        if isinstance(node, ast.Dict):
            fields |= {str(key.value) for key in node.keys if isinstance(key, ast.Constant)}
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "append_keys":
            fields |= {str(keyword.arg) for keyword in node.keywords}
    return fields


@pytest.mark.parametrize("query", query_texts())
def test_a_query_asks_for_event_types_and_fields_that_there_are(query: str) -> None:
    named = set(re.findall(r'event_type = "(\w+)"', query))
    assert named <= {str(event) for event in EventType}
    words = set(re.findall(r"@?[A-Za-z_]+", re.sub(r'"[^"]*"', "", query)))
    made = set(re.findall(r" as (\w+)", query))
    language = set(
        re.findall(r"\w+", "fields filter sort limit stats desc asc and or like as by avg max min ispresent coalesce")
    )
    assert {word for word in words - made - language if not word.startswith("@")} <= logged_fields()


def saved_query(name: str) -> str:
    texts = {Stack().resolve(resource(query))["Name"]: resource(query)["QueryString"] for query in QUERIES}
    return str(texts[f"GoProSync/{name}"])


# As Lambda writes them around and instead of ours:
# https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html
# https://docs.aws.amazon.com/lambda/latest/dg/troubleshooting-invocation.html
REQUEST: Final = "8f5e9d3a-4b1c-4f27-9d0e-2f6a0f3b7c11"
AROUND_EVERY_CALL: Final = (
    "INIT_START Runtime Version: python:3.12.v58\tRuntime Version ARN: arn:aws:lambda:eu-west-1::runtime:1f2e",
    f"START RequestId: {REQUEST} Version: $LATEST",
    f"END RequestId: {REQUEST}",
    f"REPORT RequestId: {REQUEST}\tDuration: 900000.00 ms\tBilled Duration: 900000 ms\tMemory Size: 512 MB\t"
    "Max Memory Used: 141 MB\tStatus: timeout",
    "[ERROR] NetworkError: cdn.example answered 500 (media item m1).\nTraceback (most recent call last):\n"
    '  File "/var/task/gopro_sync/handlers/entry_point.py", line 62, in handler\n    raise failure',
)
OF_KILLED_FUNCTIONS: Final = (
    f"2026-11-28T01:15:00.123Z {REQUEST} Task timed out after 900.00 seconds",
    f"RequestId: {REQUEST} Error: Runtime exited with error: signal: killed\nRuntime.ExitError",
    f"RequestId: {REQUEST} Process exited before completing request",
    "[ERROR] Runtime.ImportModuleError: Unable to import module 'gopro_sync.handlers.video_downloader': "
    "/var/task/_awscrt.abi3.so: cannot open shared object file\nTraceback (most recent call last):",
)


def logged(*messages: str) -> list[dict[str, str]]:
    return [{"@timestamp": f"2026-11-28 01:15:{n:02}.000", "@message": text} for n, text in enumerate(messages)]


def test_a_killed_function_is_among_the_failed_downloads_and_lambda_s_other_lines_are_not() -> None:
    reported = {"level": "ERROR", "event_type": "video_download_failed", "media_id": "m1", "error_message": "It broke."}
    lines = logged(*AROUND_EVERY_CALL, json.dumps(reported), *OF_KILLED_FUNCTIONS)
    found = run_query(saved_query("failed-downloads"), lines)
    assert [row["what_happened"] for row in found] == [*reversed(OF_KILLED_FUNCTIONS), "It broke."]
    assert [row.get("media_id") for row in found] == [None, None, None, None, "m1"]


@pytest.mark.parametrize("query", query_texts())
def test_no_query_stumbles_over_the_lines_around_every_call(query: str) -> None:
    lines = logged(*AROUND_EVERY_CALL, json.dumps({"event_type": "x", "count": 1}))
    rows = run_query(query.replace("PUT-THE-MEDIA-ID-HERE", "m1"), lines)
    assert [row for row in rows if row] == []


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
def test_the_stack_says_who_is_reported(parameters: dict[str, str], channel: str, output: str) -> None:
    stack = Stack(**parameters)
    reported = stack.resolve(template()["Globals"]["Function"]["Environment"]["Variables"]["ALERTS_GO_TO"])
    assert reported == channel
    assert reported in ALERT_CHANNELS
    assert stack.resolve(template()["Outputs"]["AlertsGoTo"]["Value"]) == output


def test_a_stack_that_tells_nobody_says_so_and_what_changes_it() -> None:
    stack = Stack()
    assert stack.resolve(template()["Globals"]["Function"]["Environment"]["Variables"]["ALERTS_GO_TO"]) == "nobody"
    output = stack.resolve(template()["Outputs"]["AlertsGoTo"]["Value"])
    assert output.startswith("nobody: ")
    assert "AlertEmail=" in output
    assert "samconfig.toml" in output
    assert output.endswith("sam deploy")
