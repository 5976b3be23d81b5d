"""Nights with something wrong, as those see it who were told: metrics, alarms, notices and saved queries."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from docs.tools.log_lines import read_lines
from docs.tools.logs_insights import run_query
from docs.tools.readings import Reading, moved, read_metrics
from local import mails, running
from local.engine.alarm_rule import AlarmRule, Datapoint, State
from local.engine.mailbox import Mail
from local.progress import Progress
from local.simulator import Fault
from local.simulator.faults import Endpoint, FaultName
from tests.e2e.conftest import LOGIN, Stack, video

MINUTE_SECONDS = 60
HOUR_SECONDS = 3600
DAY_SECONDS = 86400
# CloudWatch finds a value until it is older than all the periods that it looks at.
ENDED_SECONDS = 30 * MINUTE_SECONDS
FOR_SILENCE = ("GoPro-Sync-NoSuccessfulRun", "GoPro-Sync-NotStarted")


def new_second() -> float:
    """Wait for the next full second, and return it.

    Metrics are kept by the second: one that has begun may hold what an earlier test's run told.
    """
    time.sleep(1.01 - time.time() % 1)
    return float(int(time.time()))


def metric_sum(stack: Stack, since: float, name: str, **dimensions: str) -> float:
    """Return the sum of what was told since then."""
    answer = stack.cloud.client("cloudwatch").get_metric_statistics(
        Namespace="GoProSync",
        MetricName=name,
        Dimensions=[{"Name": key, "Value": value} for key, value in {"Environment": "local", **dimensions}.items()],
        StartTime=since,
        EndTime=time.time() + 60,
        Period=60,
        Statistics=["Sum"],
    )
    return float(sum(point["Sum"] for point in answer["Datapoints"]))


def query(stack: Stack, name: str, since: float, **filled: str) -> list[dict[str, str]]:
    """Run a saved query over what was logged since then."""
    logs = stack.cloud.client("logs")
    (saved,) = logs.describe_query_definitions(queryDefinitionNamePrefix=f"GoProSync/{name}")["queryDefinitions"]
    text = saved["queryString"]
    for placeholder, value in filled.items():
        assert placeholder.replace("_", "-") in text
        text = text.replace(placeholder.replace("_", "-"), value)
    return run_query(text, read_lines(stack.cloud, saved["logGroupNames"], since=since))


def alarm_states(stack: Stack) -> dict[str, str]:
    alarms = stack.cloud.client("cloudwatch").describe_alarms()["MetricAlarms"]
    return {alarm["AlarmName"].removesuffix("-local"): alarm["StateValue"] for alarm in alarms}


def test_a_night_with_a_failing_video_is_seen_and_told(stack: Stack, alerts: str) -> None:
    since = new_second()
    stack.put_library(
        *(video(f"good{number}", f"GX02{number:04}.MP4") for number in range(3)), video("bad", chapters=2)
    )
    stack.gopro.set_faults(Fault(FaultName.MISSING_SOURCE, media_id="bad"))
    before = {
        name: metric_sum(stack, since - 120, name) for name in ("VideosSynced", "BytesTransferred", "SyncFailures")
    }

    night = stack.run()

    # Metrics, read back, are what the tracker says.
    records = stack.tracker().values()
    statuses = Counter(record["status"] for record in records)
    reported = {name: metric_sum(stack, since - 120, name) - value for name, value in before.items()}
    assert reported == {
        "VideosSynced": statuses["COMPLETED"],
        "BytesTransferred": sum(int(record["file_size"]) for record in records if record["status"] == "COMPLETED"),
        "SyncFailures": statuses["FAILED"],
    }
    assert night.output is not None
    assert night.output["videos_pending"] == 1
    assert night.output["cost_usd"] > 0
    assert metric_sum(stack, since, "SyncFailures", ErrorType="SourceMissingError") >= 1

    # The summary is kept.
    (key,) = (key for key in stack.object_keys("summaries/") if key.endswith(f"-{night.arn.rsplit(':', 1)[-1]}.json"))
    assert json.loads(stack.read(key)) == night.output

    # The alarm for what GoPro did differently, and the two messages that a person gets.
    assert alarm_states(stack)["GoPro-Api-Changed"] == "ALARM"
    # Alarms over more than a day look at data up to the full hour.
    silence = [state(stack, name, readings_since(stack, since), in_seconds=HOUR_SECONDS) for name in FOR_SILENCE]
    assert silence == [State.OK, State.OK]
    messages = stack.take_messages(alerts)
    subjects = [message["Subject"] for message in messages]
    assert "GoPro Sync Partial Failure (local): 1 of 4 videos" in subjects
    assert not [subject for subject in subjects if "Dead-Letters" in subject], "the notice has named the video"
    (alarm,) = [message for message in messages if message["Subject"].startswith('ALARM: "GoPro-Api-Changed')]
    told_alarm: dict[str, Any] = json.loads(alarm["Message"])
    assert told_alarm["NewStateValue"] == "ALARM"
    assert "look for a newer release" in told_alarm["AlarmDescription"]

    # The saved queries find it.
    (failed,) = query(stack, "failed-downloads", since)
    assert (failed["media_id"], failed["error_type"]) == ("bad", "SourceMissingError")
    assert failed["filename"] == "GX010001.MP4"
    (throughput,) = query(stack, "throughput", since)
    assert float(throughput["max_throughput"]) >= float(throughput["avg_throughput"]) > 0
    assert query(stack, "slow-transfers", since) == []
    story = [row["event_type"] for row in query(stack, "one-video", since, PUT_THE_MEDIA_ID_HERE="good1")]
    assert story == ["video_download_start", "video_download_complete"]
    timeline = query(stack, "one-run", since, PUT_THE_EXECUTION_NAME_HERE=night.arn.rsplit(":", 1)[-1])
    events = [row["event_type"] for row in timeline]
    assert events[:2] == ["session_ready", "library_listed"]
    assert events[-1] == "run_reported"
    assert {row["function_name"].removesuffix("-local") for row in timeline} == {
        "gopro-authenticator",
        "gopro-media-lister",
        "gopro-video-downloader",
    }
    (drift,) = query(stack, "api-drift", since)
    assert (drift["kind"], drift["count"]) == ("sources_missing", "1")

    # The next night GoPro's answers are as they were.
    stack.gopro.set_faults()
    next_began = new_second()
    stack.run({"dry_run": True})
    next_night = moved(readings_since(stack, next_began), began_at=0, to=DAY_SECONDS)
    assert [reading.most for reading in next_night if reading.name == "ApiDrift"] == [0]
    assert state(stack, "GoPro-Api-Changed", next_night, in_seconds=DAY_SECONDS) is State.OK


# --- every alarm, on the metrics that what it is for leaves behind ----------------------------------------------------


def readings_since(stack: Stack, since: float) -> list[Reading]:
    """Return what was told since then."""
    began, now = datetime.fromtimestamp(since, tz=UTC), datetime.now(UTC) + timedelta(seconds=2)
    return list(read_metrics(stack.cloud, since=began, until=now))


def state(stack: Stack, alarm: str, readings: Iterable[Reading], *, in_seconds: float = 0) -> State:
    """Return what CloudWatch's rule says of an alarm, now or later, if nothing else is told until then."""
    found = stack.cloud.client("cloudwatch").describe_alarms(AlarmNames=[f"{alarm}-local"])["MetricAlarms"]
    rule, reported = AlarmRule.from_properties(found[0]), list(readings)
    values = {"Sum": lambda r: r.total, "Maximum": lambda r: r.most, "Minimum": lambda r: r.least}
    points = {
        name: [
            Datapoint(timestamp_seconds=reading.at, value=values[metric.statistic](reading))
            for reading in reported
            if (reading.namespace, reading.name, reading.dimensions)
            == (metric.namespace, metric.metric_name, metric.dimensions)
        ]
        for name, metric in rule.metrics.items()
    }
    return rule.state(points, now_seconds=time.time() + in_seconds, before=State.OK)


def test_six_videos_that_fail_raise_two_alarms_once_and_they_end_by_themselves(stack: Stack, alerts: str) -> None:
    stack.put_library(*(video(f"bad{number}", f"GX02{number:04}.MP4") for number in range(6)))
    stack.gopro.set_faults(Fault(FaultName.MISSING_SOURCE))
    since = new_second()

    stack.run()
    stack.run()

    raised = {"GoPro-Sync-HighFailureRate", "GoPro-Lambda-Errors"}
    readings = readings_since(stack, since)
    assert {alarm: state(stack, alarm, readings) for alarm in raised} == dict.fromkeys(raised, State.ALARM)
    states = alarm_states(stack)
    assert {alarm: states[alarm] for alarm in raised} == dict.fromkeys(raised, "ALARM"), "the engine followed the rule"
    assert states["GoPro-Dead-Letters"] == "OK", "the videos lie in the queue that redrive reads, and are in the notice"
    subjects = [message["Subject"] for message in stack.take_messages(alerts)]
    assert len([subject for subject in subjects if "HighFailureRate" in subject]) == 1

    assert len(stack.dead_letters()) == 6
    ended = {alarm: state(stack, alarm, readings, in_seconds=ENDED_SECONDS) for alarm in raised}
    assert ended == dict.fromkeys(raised, State.OK)


@pytest.mark.usefixtures("secret")
def test_a_wrong_password_raises_the_alarm_for_runs_that_fail_and_in_time_the_one_for_silence(
    stack: Stack, alerts: str
) -> None:
    stack.put_library(video("m1"))
    stack.put_secret(json.dumps({**LOGIN, "password": "not-the-password"}))
    since = new_second()

    failed = stack.run()

    assert failed.error == "AuthenticationError"
    (notice,) = stack.take_notices(alerts)
    assert notice["Subject"] == "GoPro Sync Critical Failure (local)"
    timeline = query(stack, "one-run", since, PUT_THE_EXECUTION_NAME_HERE=failed.arn.rsplit(":", 1)[-1])
    assert [row["event_type"] for row in timeline] == ["session_failed", "run_reported"]
    readings = readings_since(stack, since)
    assert state(stack, "GoPro-StepFunction-Failed", readings) is State.ALARM
    assert state(stack, "GoPro-StepFunction-Failed", readings, in_seconds=ENDED_SECONDS) is State.OK
    assert state(stack, "GoPro-Auth-Failure", readings) is State.OK, "one has its notice and the failed run's alarm"
    # The same night twice more; then one that succeeds.
    later = [moved(readings, began_at=0, to=days * DAY_SECONDS) for days in (1, 2)]
    all_three = [*readings, *later[0], *later[1]]
    assert state(stack, "GoPro-Sync-NoSuccessfulRun", all_three, in_seconds=2 * DAY_SECONDS) is State.ALARM
    assert state(stack, "GoPro-Sync-NotStarted", all_three, in_seconds=2 * DAY_SECONDS + HOUR_SECONDS) is State.OK

    stack.put_secret(stack.sign_in())
    since = new_second()
    assert stack.run().every_video_archived

    night = readings_since(stack, since)
    net = "GoPro-Sync-NoSuccessfulRun"
    in_hours = {hours: state(stack, net, night, in_seconds=hours * HOUR_SECONDS) for hours in (1, 46, 49)}
    assert in_hours == {1: State.OK, 46: State.OK, 49: State.ALARM}


@pytest.fixture
def address(stack: Stack) -> Iterator[str]:
    """An e-mail address that gets what the alerts topic publishes."""
    owner = "camera-owner@example.com"
    stack.cloud.client("sns").subscribe(TopicArn=stack.output("AlertsTopicArn"), Protocol="email", Endpoint=owner)
    mails.confirm(stack.cloud)
    yield owner
    sns = stack.cloud.client("sns")
    for found in sns.list_subscriptions_by_topic(TopicArn=stack.output("AlertsTopicArn"))["Subscriptions"]:
        if found["Endpoint"] == owner:
            sns.unsubscribe(SubscriptionArn=found["SubscriptionArn"])


def new_mails(stack: Stack, address: str, since: float) -> list[Mail]:
    """Return what has come to an address since then."""
    began = datetime.fromtimestamp(since, tz=UTC)
    came = [mail for mail in mails.read(stack.cloud).mails if address in mail.to]
    return [mail for mail in came if datetime.fromisoformat(mail.published_at) >= began]


@pytest.mark.parametrize("switched_off", ["before the run", "while videos are downloaded"])
def test_a_key_that_is_disabled_in_the_night_is_reported_once_and_nothing_is_lost(
    stack: Stack, address: str, switched_off: str
) -> None:
    kms, key = stack.cloud.client("kms"), stack.output("EncryptionKeyArn")
    stack.put_library(*(video(f"m{number}", f"GX02{number:04}.MP4") for number in range(3)))
    since = new_second()
    try:
        if switched_off == "before the run":
            kms.disable_key(KeyId=key)
        else:
            stack.gopro.set_faults(Fault(FaultName.STALL, endpoint=Endpoint.CDN, delay_seconds=2.0))

        def switch_off(_progress: Progress) -> None:
            if stack.gopro.requests(Endpoint.CDN):
                kms.disable_key(KeyId=key)

        night = running.run(stack.cloud, {}, follow=switch_off)

        assert (night.status, night.error) == ("FAILED", "ConfigurationError")
        came = new_mails(stack, address, since)
        (notice,) = [mail for mail in came if not mail.subject.startswith("ALARM")]
        assert notice.subject == "GoPro Sync Critical Failure (local)"
        assert "cannot use the stack's key: enable it in KMS, or cancel its deletion" in notice.text
        # The net under it, and what fails of the functions, are AWS's own metrics: the system's are lost with its logs.
        alarms = {mail.subject.split('"')[1].removesuffix("-local") for mail in came if mail is not notice}
        assert alarms <= {"GoPro-StepFunction-Failed", "GoPro-Lambda-Errors"}, "or they were on already"
        assert state(stack, "GoPro-StepFunction-Failed", readings_since(stack, since)) is State.ALARM
        assert metric_sum(stack, since, "RunCompleted") == 0
    finally:
        kms.enable_key(KeyId=key)
        stack.gopro.set_faults()

    # A day later what the first night had claimed is free again.
    dynamodb, table = stack.cloud.client("dynamodb"), stack.output("TrackerTableName")
    for media_id in stack.tracker():
        dynamodb.update_item(
            TableName=table,
            Key={"media_id": {"S": media_id}},
            UpdateExpression="SET lease_expires_at = :over",
            ExpressionAttributeValues={":over": {"N": "0"}},
        )
    assert stack.run().every_video_archived
    assert stack.statuses() == {"m0": "COMPLETED", "m1": "COMPLETED", "m2": "COMPLETED"}
    assert stack.dead_letters() == []


@pytest.mark.usefixtures("secret")
def test_a_pasted_token_near_its_end_raises_its_alarm_and_a_new_one_ends_it(stack: Stack) -> None:
    def readings_with_a_token_for(hours: float) -> list[Reading]:
        since = new_second()
        ends = (datetime.now(UTC) + timedelta(hours=hours)).isoformat()
        stack.put_secret(json.dumps({**json.loads(stack.sign_in()), "expires_at": ends}))
        stack.invoke("Authenticator", {"action": "ensure_session"})
        return readings_since(stack, since)

    soon = readings_with_a_token_for(24)
    assert state(stack, "GoPro-Credential-Expiring", soon) is State.ALARM
    time.sleep(1)  # what is told in one second is one reading
    new = moved(readings_with_a_token_for(24 * 7), began_at=0, to=DAY_SECONDS)
    reported = [*soon, *new]
    assert state(stack, "GoPro-Credential-Expiring", reported, in_seconds=DAY_SECONDS + MINUTE_SECONDS) is State.OK


def test_an_account_that_runs_too_many_functions_raises_the_alarm_for_throttles(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    lambdas, name = stack.cloud.client("lambda"), stack.output("VideoDownloaderFunctionName")
    since = new_second()
    lambdas.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    try:
        for _ in range(2):
            with pytest.raises(lambdas.exceptions.TooManyRequestsException):
                lambdas.invoke(FunctionName=name, Payload=b"{}")
    finally:
        lambdas.delete_function_concurrency(FunctionName=name)

    readings = readings_since(stack, since)
    assert state(stack, "GoPro-Lambda-Throttles", readings) is State.ALARM
    assert state(stack, "GoPro-Lambda-Throttles", readings, in_seconds=ENDED_SECONDS) is State.OK


def test_a_run_that_somebody_stops_is_reported_by_its_alarm_which_is_the_only_message(
    stack: Stack, alerts: str
) -> None:
    sfn, since = stack.cloud.client("stepfunctions"), new_second()
    stack.put_library(video("m1"))
    arn = sfn.start_execution(stateMachineArn=stack.output("StateMachineArn"), input="{}")["executionArn"]
    sfn.stop_execution(executionArn=arn)

    messages: list[dict[str, Any]] = []
    deadline = time.monotonic() + 20
    while not messages:
        assert time.monotonic() < deadline
        time.sleep(0.2)
        messages = stack.take_messages(alerts)
    (message,) = messages
    assert message["Subject"].startswith('ALARM: "GoPro-Sync-RunStopped-local"')
    assert "start a run by hand" in json.loads(message["Message"])["AlarmDescription"]
    assert state(stack, "GoPro-StepFunction-Failed", readings_since(stack, since)) is State.OK
