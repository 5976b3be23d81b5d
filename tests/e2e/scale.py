"""Runs at their real sizes: `make scale`, half an hour. What they measured is in docs/performance.md.

Not among the tests that pytest finds by itself, for the time that they take.
"""

from __future__ import annotations

import base64
import io
import json
import re
import threading
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from itertools import batched
from typing import Any, Final

import pytest
from botocore.exceptions import ClientError

from local import cloud as local_cloud
from local import engine_process, running
from local.engine import environment
from local.simulator import Fault, SimulatedItem, SimulatorAdmin, SourceFile
from local.simulator.faults import Endpoint, FaultName
from tests.e2e.conftest import KIB, REGION, Stack, packages, video
from tests.support.plain_deployment import PlainDeployment

# What Step Functions allows: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
LONGEST_HISTORY_EVENTS: Final = 25_000
LARGEST_PAYLOAD_BYTES: Final = 256 * 1024


def small_videos(count: int) -> list[SimulatedItem]:
    return [
        SimulatedItem(
            media_id=f"m{number:05}",
            filename=f"GX01{number % 10_000:04}.MP4",
            created_at=f"2026-{1 + number // 2000:02}-01T{number // 60 % 24:02}:{number % 60:02}:00Z",
            chapters=(SourceFile(size_bytes=20 * KIB + number, seed=f"small/{number}"),),
        )
        for number in range(count)
    ]


def history(stack: Stack, arn: str) -> list[Any]:
    pages = stack.cloud.client("stepfunctions").get_paginator("get_execution_history").paginate(executionArn=arn)
    return [event for page in pages for event in page["events"]]


def largest_payload_bytes(events: list[Any]) -> int:
    texts = [
        details[part]
        for event in events
        for details in event.values()
        if isinstance(details, dict)
        for part in ("input", "output", "parameters")
        if part in details
    ]
    return max(len(text.encode()) for text in texts)


def size_of_all_outcomes(stack: Stack, arn: str) -> int:
    """Return how many bytes the map's result has, which is all its children's outputs."""
    sfn = stack.cloud.client("stepfunctions")
    (map_run,) = sfn.list_map_runs(executionArn=arn)["mapRuns"]
    pages = sfn.get_paginator("list_executions").paginate(mapRunArn=map_run["mapRunArn"])
    children = [child["executionArn"] for page in pages for child in page["executions"]]
    return sum(len(sfn.describe_execution(executionArn=child)["output"]) + 1 for child in children)


def assert_tracker_and_bucket_agree(stack: Stack, count: int) -> None:
    records = stack.tracker()
    assert {record["status"] for record in records.values()} == {"COMPLETED"}
    assert len(records) == count
    assert sorted(record["s3_key"] for record in records.values()) == sorted(stack.object_keys())


@pytest.mark.timeout(1800)
def test_a_thousand_videos_in_one_run(stack: Stack) -> None:
    stack.put_library(*small_videos(1000))

    night = stack.run()

    assert night.every_video_archived
    assert night.output is not None
    assert night.output["synced"] == 1000
    assert_tracker_and_bucket_agree(stack, 1000)
    events = history(stack, night.arn)
    payload = max(largest_payload_bytes(events), size_of_all_outcomes(stack, night.arn))
    assert len(events) < LONGEST_HISTORY_EVENTS
    assert payload < LARGEST_PAYLOAD_BYTES
    print(
        f"\n1,000 videos, one run: {night.duration_seconds:.0f} s; per video, five at once: "
        f"{night.duration_seconds * 5 / 1000:.3f} s, of which {night.output['downloader_seconds'] / 1000:.3f} s in the "
        f"function; {len(events)} history events, largest payload {payload} bytes"
    )


def wait_for_start(stack: Stack, arn: str) -> None:
    sfn, deadline = stack.cloud.client("stepfunctions"), time.monotonic() + 30
    while True:
        try:
            sfn.describe_execution(executionArn=arn)
        except sfn.exceptions.ExecutionDoesNotExist:
            assert time.monotonic() < deadline, f"{arn} was not started"
            time.sleep(0.5)
        else:
            return


@pytest.mark.timeout(3000)
def test_2500_videos_drain_in_three_chained_runs(stack: Stack) -> None:
    stack.put_library(*small_videos(2500))
    sfn = stack.cloud.client("stepfunctions")

    first = stack.run({"continue_backlog": True})
    runs = [first.output]
    name = first.arn.rsplit(":", 1)[-1]
    for link in (2, 3):
        arn = first.arn.removesuffix(name) + f"{name}-{link}"
        wait_for_start(stack, arn)
        runs.append(running.wait(stack.cloud, arn).output)

    assert None not in runs
    assert [output["synced"] for output in runs if output] == [1000, 1000, 500]
    assert [output["deferred"] for output in runs if output] == [1500, 500, 0]
    assert_tracker_and_bucket_agree(stack, 2500)
    executions = sfn.list_executions(stateMachineArn=stack.output("StateMachineArn"))["executions"]
    assert not [execution for execution in executions if execution["name"] == f"{name}-4"]
    print("\n2,500 videos:", [output["duration_seconds"] for output in runs if output], "s")


@pytest.mark.parametrize(("count", "synced", "limit_seconds"), [(10_000, 2_000, 10), (100_000, 2_000, 100)])
@pytest.mark.timeout(1800)
def test_discovery_of_a_large_library(stack: Stack, count: int, synced: int, limit_seconds: float) -> None:
    rows = [
        SimulatedItem(media_id=f"m{number:06}", filename=f"GX01{number % 10_000:04}.MP4") for number in range(count)
    ]
    stack.put_library(*rows)
    put_completed(stack, [row.media_id for row in rows[:synced]])
    stack.gopro.set_settings(api_latency_seconds=0.02)
    event = {"execution_id": f"discovery-{count}", "run_started_at": "2026-05-02T02:00:00Z"}
    client = stack.cloud.client("lambda")
    client.invoke(FunctionName=stack.output("MediaListerFunctionName"), Payload=b'{"dry_run": true, "max_videos": 0}')

    try:
        began = time.monotonic()
        answer = client.invoke(
            FunctionName=stack.output("MediaListerFunctionName"), Payload=json.dumps(event).encode(), LogType="Tail"
        )
        seconds = time.monotonic() - began
    finally:
        stack.gopro.set_settings(api_latency_seconds=0)

    listing = json.loads(answer["Payload"].read())
    peak_mb = int(re.findall(r"Max Memory Used: (\d+) MB", base64.b64decode(answer["LogResult"]).decode())[-1])
    print(f"\n{count} items, {synced} archived: {seconds:.1f} s, peak memory {peak_mb} MB")
    assert (listing["total_found"], listing["already_synced"]) == (count, synced)
    assert listing["new_count"] + listing["remaining"] == count - synced
    assert seconds < limit_seconds
    assert peak_mb < 200


def put_completed(stack: Stack, media_ids: list[str]) -> None:
    table = stack.output("TrackerTableName")
    for batch in batched(media_ids, 25):
        items = [
            {"media_id": {"S": media_id}, "status": {"S": "COMPLETED"}, "sync_timestamp": {"S": "2026-01-01T00:00:00Z"}}
            for media_id in batch
        ]
        stack.cloud.client("dynamodb").batch_write_item(
            RequestItems={table: [{"PutRequest": {"Item": item}} for item in items]}
        )


IN_THE_SOURCE: Final = {
    "gone-1": (Fault(FaultName.NOT_FOUND, endpoint=Endpoint.DOWNLOAD), "MediaGoneError"),
    "gone-2": (Fault(FaultName.NOT_FOUND, endpoint=Endpoint.DOWNLOAD), "MediaGoneError"),
    "proxy-only-1": (Fault(FaultName.MISSING_SOURCE), "SourceMissingError"),
    "proxy-only-2": (Fault(FaultName.MISSING_SOURCE), "SourceMissingError"),
    "chapter-lost": (Fault(FaultName.FEWER_SOURCES), "IncompleteSourceError"),
    "changed-api": (Fault(FaultName.REDIRECT, endpoint=Endpoint.DOWNLOAD), "GoProApiChangedError"),
    "damaged": (Fault(FaultName.CORRUPT_BODY), "IntegrityError"),
    "web-page": (Fault(FaultName.HTML_PAGE, endpoint=Endpoint.CDN), "SourceResponseError"),
    "down": (Fault(FaultName.SERVER_ERROR, endpoint=Endpoint.DOWNLOAD), "NetworkError"),
}
FORBIDDEN: Final = "forbidden"


@pytest.mark.timeout(1800)
def test_a_hundred_videos_of_which_ten_fail_each_in_its_way(stack: Stack, alerts: str) -> None:
    good = [video(f"good{number:02}", f"GX02{number:04}.MP4") for number in range(90)]
    bad = [video(media_id, f"GX03{n:04}.MP4", chapters=2) for n, media_id in enumerate(IN_THE_SOURCE)]
    stack.put_library(*good, *bad, video(FORBIDDEN, "GX049999.MP4"))
    stack.gopro.set_faults(*(replace(fault, media_id=media_id) for media_id, (fault, _) in IN_THE_SOURCE.items()))
    iam, role = stack.cloud.client("iam"), "gopro-video-downloader-role-local"
    statement = {
        "Effect": "Deny",
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{stack.output('ArchiveBucketName')}/gopro-videos/2026/05/GX049999.MP4",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_role_policy(RoleName=role, PolicyName="forbid-one", PolicyDocument=policy)
    expected = {media_id: error for media_id, (_, error) in IN_THE_SOURCE.items()} | {FORBIDDEN: "ObjectRefusedError"}
    try:
        night = stack.run()
    finally:
        iam.delete_role_policy(RoleName=role, PolicyName="forbid-one")

    assert night.output is not None
    assert (night.status, night.output["status"]) == ("SUCCEEDED", "PARTIAL_FAILURE")
    assert (night.output["synced"], night.output["failed"]) == (90, 10)
    failed = {media_id: record for media_id, record in stack.tracker().items() if record["status"] == "FAILED"}
    assert {media_id: record["error_type"] for media_id, record in failed.items()} == expected
    (notice,) = [json.dumps(notice) for notice in stack.take_notices(alerts)]
    assert all(f"{media_id}: {error}" in notice for media_id, error in expected.items())
    print(f"\n100 videos, 10 failing: {night.duration_seconds:.0f} s")

    stack.gopro.set_faults()
    mended = stack.run({"redrive": True})

    assert mended.every_video_archived
    assert set(stack.statuses().values()) == {"COMPLETED"}


@pytest.mark.timeout(900)
def test_a_throttled_night_waits_and_then_goes_on(stack: Stack) -> None:
    stack.put_library(*(video(f"m{number}", f"GX01{number:04}.MP4") for number in range(12)))
    stack.gopro.set_faults(Fault(FaultName.THROTTLED, endpoint=Endpoint.DOWNLOAD, retry_after="2", count=22))

    night = stack.run()

    assert night.every_video_archived
    assert set(stack.statuses().values()) == {"COMPLETED"}
    print(f"\nThrottled: {night.duration_seconds:.0f} s")


# What a new AWS account has: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
EXECUTIONS_OF_A_NEW_ACCOUNT: Final = 10
FULL_SECONDS: Final = 15 * 60
NEIGHBOUR: Final = """\
import time


def handler(event, context):
    time.sleep(event["seconds"])
"""


@pytest.fixture
def new_account(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    """The stack in an account that runs ten functions at once and no more."""

    def with_few_places(**options: Any) -> dict[str, str]:
        places = {"LAMBDA_ACCOUNT_CONCURRENCY": str(EXECUTIONS_OF_A_NEW_ACCOUNT)}
        return environment.engine_environment(**options) | places

    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setattr(engine_process, "engine_environment", with_few_places)
    deployer, directory = PlainDeployment(packages(tmp_path_factory)), tmp_path_factory.mktemp("new-account")
    with local_cloud.running(owner="test", state_directory=directory, region=REGION, deployer=deployer) as cloud:
        assert cloud.simulator_url is not None
        yield Stack(cloud=cloud, gopro=SimulatorAdmin(cloud.simulator_url))


@contextmanager
def neighbours(stack: Stack, places: int) -> Iterator[None]:
    """Let another function of the account take so many of its places; where all are meant, others wait for each."""
    lambdas, over = stack.cloud.client("lambda"), threading.Event()

    def occupy() -> None:
        while not over.is_set():
            try:
                lambdas.invoke(FunctionName="neighbour", Payload=b'{"seconds": 5}')
            except ClientError:  # somebody was faster
                time.sleep(0.05)

    callers = 2 * places if places == EXECUTIONS_OF_A_NEW_ACCOUNT else places
    with ThreadPoolExecutor(callers) as pool:
        for _ in range(callers):
            pool.submit(occupy)
        time.sleep(2)
        try:
            yield
        finally:
            over.set()


def add_neighbour(stack: Stack) -> None:
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("neighbour.py", NEIGHBOUR)
    lambdas = stack.cloud.client("lambda")
    downloader = lambdas.get_function(FunctionName=stack.output("VideoDownloaderFunctionName"))["Configuration"]
    lambdas.create_function(
        FunctionName="neighbour",
        Runtime="python3.12",
        Handler="neighbour.handler",
        Role=downloader["Role"],
        Timeout=30,
        Code={"ZipFile": package.getvalue()},
    )


def wait_until_videos_are_recorded(stack: Stack) -> None:
    deadline = time.monotonic() + 120
    while not stack.tracker():
        assert time.monotonic() < deadline, "the run got no place to begin"
        time.sleep(0.2)


@pytest.mark.timeout(FULL_SECONDS + 900)
def test_a_quarter_of_an_hour_of_a_full_account_fails_nothing(new_account: Stack) -> None:
    stack = new_account
    stack.put_library(*small_videos(200))
    add_neighbour(stack)
    began = time.monotonic()

    with ThreadPoolExecutor(1) as pool:
        with neighbours(stack, EXECUTIONS_OF_A_NEW_ACCOUNT):
            run = pool.submit(stack.run)
            time.sleep(FULL_SECONDS / 3)
        with neighbours(stack, EXECUTIONS_OF_A_NEW_ACCOUNT - 1):
            wait_until_videos_are_recorded(stack)
        with neighbours(stack, EXECUTIONS_OF_A_NEW_ACCOUNT):
            time.sleep(FULL_SECONDS * 2 / 3)
            statuses = stack.statuses()
        night = run.result()

    refused = [event for event in history(stack, night.arn) if "TooManyRequests" in json.dumps(event, default=str)]
    assert refused, "the run itself had no place at first"
    assert night.every_video_archived
    assert night.output is not None
    assert (night.output["synced"], night.output["failed"]) == (200, 0)
    assert "PENDING" in statuses.values()
    assert "FAILED" not in statuses.values()
    assert {record.get("retry_count", "0") for record in stack.tracker().values()} == {"0"}
    assert not stack.dead_letters()
    print(
        f"\nA full account for {FULL_SECONDS} s: {time.monotonic() - began:.0f} s, 200 videos archived; the run's own "
        f"calls were refused {len(refused)} times"
    )
