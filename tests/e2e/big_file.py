"""A file of 3 GB that does not fit into one invocation, nor into four: `make big-file`, minutes, some GB of memory.

Not among the tests that pytest finds by itself, for what it costs. The downloader's time limit is lowered to a minute,
and GoPro's connections to a speed at which each worker can send one part in it.
"""

from __future__ import annotations

import hashlib
import json
import time
from typing import Any

import pytest

from local import running
from local.progress import Progress
from local.simulator import SimulatedItem, SourceFile
from tests.e2e.conftest import Stack

SIZE_BYTES = 3 * 1000 * 1000 * 1000
TIME_LIMIT_SECONDS = 60
BYTES_PER_SECOND_AND_CONNECTION = 3_000_000  # a part of 47 MB in 16 s
LEAST_INVOCATIONS = 5
READ_AT_ONCE_BYTES = 64 * 1024 * 1024


@pytest.mark.timeout(1800)
def test_a_file_that_takes_several_invocations_arrives_whole(stack: Stack) -> None:
    source_file = SourceFile(size_bytes=SIZE_BYTES, seed="big")
    stack.put_library(SimulatedItem(media_id="m1", filename="GX010001.MP4", chapters=(source_file,)))
    stack.gopro.set_settings(cdn_bytes_per_second=BYTES_PER_SECOND_AND_CONNECTION)
    lambdas, downloader = stack.cloud.client("lambda"), stack.output("VideoDownloaderFunctionName")
    as_deployed = lambdas.get_function_configuration(FunctionName=downloader)["Timeout"]
    lambdas.update_function_configuration(FunctionName=downloader, Timeout=TIME_LIMIT_SECONDS)
    try:
        execution = running.run(stack.cloud, {}, follow=said_now_and_then())
    finally:
        lambdas.update_function_configuration(FunctionName=downloader, Timeout=as_deployed)
        stack.gopro.set_settings(cdn_bytes_per_second=None)

    statuses = answered_statuses(stack, execution.arn)
    source, (key,) = stack.gopro.source("m1"), stack.object_keys()
    sha256 = sha256_in_s3(stack, key)
    print(f"{SIZE_BYTES} bytes, {len(statuses)} invocations, {execution.duration_seconds:.0f} s, SHA-256 {sha256}")
    assert execution.every_video_archived
    assert stack.statuses() == {"m1": "COMPLETED"}
    assert len(statuses) >= LEAST_INVOCATIONS
    assert statuses == ["IN_PROGRESS"] * (len(statuses) - 1) + ["COMPLETED"]
    assert sha256 == source.sha256
    assert "Uploads" not in stack.cloud.client("s3").list_multipart_uploads(Bucket=stack.output("ArchiveBucketName"))


def said_now_and_then() -> Any:
    """Return what prints how far the run is, every ten seconds."""
    said_at = time.monotonic()

    def say(progress: Progress) -> None:
        nonlocal said_at
        if time.monotonic() - said_at >= 10:
            said_at = time.monotonic()
            print(f"{progress.seconds:5.0f} s: {progress.moved_bytes / SIZE_BYTES:4.0%}", flush=True)

    return say


def answered_statuses(stack: Stack, execution_arn: str) -> list[str]:
    """Return what the invocations of the downloader answered to the state machine, in order."""
    sfn = stack.cloud.client("stepfunctions")
    (map_run,) = sfn.list_map_runs(executionArn=execution_arn)["mapRuns"]
    (child,) = sfn.list_executions(mapRunArn=map_run["mapRunArn"])["executions"]
    pages = sfn.get_paginator("get_execution_history").paginate(executionArn=child["executionArn"])
    return [
        json.loads(event["taskSucceededEventDetails"]["output"])["Payload"]["status"]
        for page in pages
        for event in page["events"]
        if event["type"] == "TaskSucceeded"
    ]


def sha256_in_s3(stack: Stack, key: str) -> str:
    """Return the SHA-256 of an object, which is read piece by piece: the engine holds what it sends in memory."""
    s3, digest = stack.cloud.client("s3"), hashlib.sha256()
    for first_byte in range(0, SIZE_BYTES, READ_AT_ONCE_BYTES):
        piece = f"bytes={first_byte}-{first_byte + READ_AT_ONCE_BYTES - 1}"
        body = s3.get_object(Bucket=stack.output("ArchiveBucketName"), Key=key, Range=piece)["Body"]
        digest.update(body.read())
    return digest.hexdigest()
