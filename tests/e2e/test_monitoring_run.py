"""A night with a video that fails, as those see it who were told: metrics, alarms, notices and saved queries."""

from __future__ import annotations

import json
import time
from collections import Counter
from typing import Any

from local.simulator import Fault
from local.simulator.faults import FaultName
from tests.e2e.conftest import Stack, video


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
    asked = logs.start_query(
        logGroupNames=saved["logGroupNames"], startTime=int(since), endTime=int(time.time()) + 60, queryString=text
    )
    rows = logs.get_query_results(queryId=asked["queryId"])["results"]
    return [{cell["field"]: cell["value"] for cell in row} for row in rows]


def alarm_states(stack: Stack) -> dict[str, str]:
    alarms = stack.cloud.client("cloudwatch").describe_alarms()["MetricAlarms"]
    return {alarm["AlarmName"].removesuffix("-local"): alarm["StateValue"] for alarm in alarms}


def test_a_night_with_a_failing_video_is_seen_and_told(stack: Stack, alerts: str) -> None:
    since = time.time()
    stack.put_library(
        *(video(f"good{number}", f"GX02{number:04}.MP4") for number in range(3)), video("bad", chapters=2)
    )
    stack.gopro.set_faults(Fault(FaultName.FEWER_SOURCES, media_id="bad"))
    before = {
        name: metric_sum(stack, since - 120, name) for name in ("VideosSynced", "BytesTransferred", "SyncFailures")
    }

    night = stack.run()

    # Metrics, read back, are what the tracker says.
    records = stack.tracker().values()
    statuses = Counter(record["status"] for record in records)
    told = {name: metric_sum(stack, since - 120, name) - value for name, value in before.items()}
    assert told == {
        "VideosSynced": statuses["COMPLETED"],
        "BytesTransferred": sum(int(record["file_size"]) for record in records if record["status"] == "COMPLETED"),
        "SyncFailures": statuses["FAILED"],
    }
    assert night.output is not None
    assert night.output["videos_pending"] == 1
    assert night.output["cost_usd"] > 0
    assert metric_sum(stack, since, "SyncFailures", ErrorType="SourceMissingError") >= 1

    # The summary is kept.
    key = f"runs/{night.arn.rsplit(':', 1)[-1]}/summary.json"
    assert json.loads(stack.read(key)) == night.output

    # The alarm for what GoPro did differently, and the two messages that a person gets.
    assert alarm_states(stack)["GoPro-Api-Changed"] == "ALARM"
    assert alarm_states(stack)["GoPro-Sync-NoSuccessfulRun"] == "OK"
    messages = stack.take_messages(alerts)
    subjects = [message["Subject"] for message in messages]
    assert "GoPro Sync Partial Failure (local): 1 of 4 videos" in subjects
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


def test_four_failures_raise_the_alarm_for_a_high_failure_rate_once(stack: Stack, alerts: str) -> None:
    stack.put_library(*(video(f"bad{number}", f"GX02{number:04}.MP4") for number in range(4)))
    stack.gopro.set_faults(Fault(FaultName.MISSING_SOURCE))

    stack.run()
    stack.run()

    assert alarm_states(stack)["GoPro-Sync-HighFailureRate"] == "ALARM"
    subjects = [message["Subject"] for message in stack.take_messages(alerts)]
    assert len([subject for subject in subjects if "HighFailureRate" in subject]) == 1
