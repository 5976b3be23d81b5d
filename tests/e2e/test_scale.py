"""Runs at scale, in a size that every `make test` can bear; `make scale` runs the real sizes (scale.py)."""

from __future__ import annotations

import json
import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from local import running
from local.deployment import STACK_NAME
from local.simulator import Fault
from local.simulator.faults import Endpoint, FaultName
from tests.e2e.conftest import KIB, Stack, video

ROOT = Path(__file__).parents[2]
OVERLAPPING = 50
# Less than this before its end, a run starts no transfer any more (run/video.py).
LEAST_USEFUL_SECONDS = 45


def test_two_runs_started_together_archive_each_video_once_and_both_succeed(stack: Stack) -> None:
    stack.put_library(*(video(f"m{number:02}", f"GX01{number:04}.MP4") for number in range(OVERLAPPING)))

    with ThreadPoolExecutor(2) as pool:
        runs = list(pool.map(lambda _: stack.run({"continue_backlog": False}), range(2)))

    outputs = [run.output for run in runs]
    assert [run.error for run in runs] == [None, None], runs
    assert None not in outputs
    assert stack.statuses() == {f"m{number:02}": "COMPLETED" for number in range(OVERLAPPING)}
    assert sum(output["failed"] for output in outputs if output) == 0
    assert sum(output["bytes_transferred"] for output in outputs if output) == sum(
        source.size_bytes for source in stack.gopro.sources()
    ), "no byte is counted twice"
    versions = stack.cloud.client("s3").list_object_versions(
        Bucket=stack.output("ArchiveBucketName"), Prefix="gopro-videos/"
    )["Versions"]
    assert len(versions) == OVERLAPPING, "no object was written twice"


def test_a_deadline_in_mid_run_fails_no_video_and_the_next_run_finishes(stack: Stack) -> None:
    stack.put_library(*(video(f"m{number}", f"GX01{number:04}.MP4") for number in range(30)))
    stack.gopro.set_settings(cdn_bytes_per_second=24 * KIB)  # a video takes four seconds
    lambdas, lister = stack.cloud.client("lambda"), stack.output("MediaListerFunctionName")
    variables = lambdas.get_function_configuration(FunctionName=lister)["Environment"]["Variables"]
    short = {**variables, "RUN_TIME_SECONDS": str(LEAST_USEFUL_SECONDS + 15)}
    lambdas.update_function_configuration(FunctionName=lister, Environment={"Variables": short})
    try:
        cut = stack.run({"continue_backlog": False})
    finally:
        lambdas.update_function_configuration(FunctionName=lister, Environment={"Variables": variables})
        stack.gopro.set_settings(cdn_bytes_per_second=None)
    rest = stack.run()

    assert cut.output is not None
    assert rest.output is not None
    assert (cut.output["status"], cut.output["failed"]) == ("SUCCEEDED", 0)
    assert cut.output["synced"] > 0
    assert cut.output["deferred"] == 30 - cut.output["synced"] > 0
    assert rest.every_video_archived
    assert rest.output["synced"] == cut.output["deferred"]
    assert set(stack.statuses().values()) == {"COMPLETED"}


FAILING = {
    "gone": (Fault(FaultName.NOT_FOUND, endpoint=Endpoint.DOWNLOAD), "MediaGoneError"),
    "proxy-only": (Fault(FaultName.MISSING_SOURCE), "SourceMissingError"),
    "chapter-lost": (Fault(FaultName.FEWER_SOURCES), "IncompleteSourceError"),
    "redirected": (Fault(FaultName.REDIRECT, endpoint=Endpoint.DOWNLOAD), "ItemRefusedError"),
}


def test_videos_that_fail_each_in_its_way_are_reported_in_one_notice_and_a_redrive_brings_them_in(
    stack: Stack, alerts: str
) -> None:
    good = [video(f"good{number}", f"GX02{number:04}.MP4") for number in range(16)]
    bad = [video(media_id, f"GX03{n:04}.MP4", chapters=2) for n, media_id in enumerate(FAILING)]
    stack.put_library(*good, *bad)
    stack.gopro.set_faults(*(replace(fault, media_id=media_id) for media_id, (fault, _) in FAILING.items()))

    night = stack.run()

    assert night.output is not None
    assert (night.output["synced"], night.output["failed"]) == (16, 4)
    failed = {media_id: record for media_id, record in stack.tracker().items() if record["status"] == "FAILED"}
    assert {media_id: record["error_type"] for media_id, record in failed.items()} == {
        media_id: error for media_id, (_, error) in FAILING.items()
    }
    (notice,) = [json.dumps(notice) for notice in stack.take_notices(alerts)]
    assert all(f"({media_id}): {error}" in notice for media_id, (_, error) in FAILING.items())

    stack.gopro.set_faults()
    assert stack.run().output["postponed"] == 4  # type: ignore[index]
    mended = redriven(stack)

    assert mended.every_video_archived
    assert mended.output is not None
    assert mended.output["synced"] == 4
    assert len(stack.dead_letters()) == 4, "a message stays until its video is known to be archived"
    redrive(stack)
    assert stack.dead_letters() == []
    assert set(stack.statuses().values()) == {"COMPLETED"}


def redrive(stack: Stack) -> str:
    command = [str(ROOT / "gopro-sync"), "redrive", "--stack-name", STACK_NAME, "--yes"]
    environment = os.environ | stack.cloud.environment()
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60).stdout


def redriven(stack: Stack) -> running.Execution:
    """Type what an operator types, and wait for the run that it starts."""
    stated = redrive(stack)
    assert "1  SourceMissingError" in stated
    assert "1  IncompleteSourceError" in stated
    (arn,) = re.findall(r"Started (\S+)", stated)
    return running.wait(stack.cloud, arn)


def test_a_video_that_was_deleted_at_gopro_stays_in_the_archive_untouched(stack: Stack) -> None:
    stack.put_library(video("kept"), video("deleted", "GX010002.MP4"))
    stack.run()
    records, keys = stack.tracker(), stack.object_keys()

    stack.put_library(video("kept"))
    again = stack.run()

    assert again.output is not None
    assert (again.output["total_found"], again.output["failed"]) == (1, 0)
    assert stack.tracker() == records
    assert stack.object_keys() == keys
