"""The downloader's process is killed in mid-transfer, and the state machine's own retry ends the work."""

from __future__ import annotations

import hashlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local import running
from local.progress import Progress
from local.simulator import Endpoint, Fault, FaultName, SimulatedItem, SourceFile
from local.state import StateDirectory
from tests.e2e.conftest import Stack

SIZE_BYTES = 101 * 1000 * 1000  # just over the multipart threshold: one part for each of the eight workers
PARTS = 8


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds the function's process in Linux's /proc")
def test_a_function_that_is_killed_in_mid_transfer_costs_its_unfinished_parts_and_nothing_else(stack: Stack) -> None:
    item = SimulatedItem(
        media_id="m1",
        filename="GX010001.MP4",
        created_at="2026-05-01T18:02:44Z",
        # Without an S3-style ETag, to whose parts ours would be aligned: this file would be a single one.
        chapters=(SourceFile(size_bytes=SIZE_BYTES, seed="killed", etag_part_size_bytes=None),),
    )
    stack.put_library(item)
    # The first request asks for the size. Three parts crawl, so that there is time to kill while others have arrived.
    stack.gopro.set_faults(Fault(FaultName.SLOW, endpoint=Endpoint.CDN, skip=PARTS - 3 + 1, count=3))
    held: list[dict[str, Any]] = []

    def kill_when_parts_have_arrived(progress: Progress) -> None:
        if held or progress.moved_bytes < 2 * SIZE_BYTES / PARTS:
            return
        (process_id,) = downloader_processes(stack)
        os.kill(process_id, signal.SIGKILL)
        held.extend(parts_of_open_uploads(stack))

    execution = running.run(stack.cloud, {}, follow=kill_when_parts_have_arrived)

    assert len(held) >= 2
    assert execution.every_video_archived
    assert stack.statuses() == {"m1": "COMPLETED"}
    assert "Runtime.ExitError" in child_history(stack, execution.arn)
    (key,) = stack.object_keys()
    assert hashlib.sha256(stack.read(key)).hexdigest() == stack.gopro.source("m1").sha256
    s3, bucket = stack.cloud.client("s3"), stack.output("ArchiveBucketName")
    assert len(s3.list_object_versions(Bucket=bucket, Prefix=key)["Versions"]) == 1
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)
    part_size = max(part["Size"] for part in held)
    asked = [request.range for request in stack.gopro.requests(Endpoint.CDN)]
    # Nobody knows what a killed function had read: what S3 holds of it is read once more, and not sent again.
    assert [asked.count(range_of(part, part_size)) for part in held] == [2] * len(held)


def downloader_processes(stack: Stack) -> Iterator[int]:
    """Yields the processes in which this cloud's own engine runs the downloader."""
    state = StateDirectory(stack.cloud.state_directory).read()
    assert state is not None
    (engine,) = [process for process in state.processes if process.name == "engine"]
    variable = f"AWS_LAMBDA_FUNCTION_NAME={stack.output('VideoDownloaderFunctionName')}".encode()
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            parent = (directory / "stat").read_text().rpartition(")")[2].split()[1]
            environment = (directory / "environ").read_bytes().split(b"\0") if int(parent) == engine.pid else []
        except OSError:  # ended meanwhile
            continue
        if variable in environment:
            yield int(directory.name)


def parts_of_open_uploads(stack: Stack) -> list[dict[str, Any]]:
    """Return what S3 holds of uploads that are not completed."""
    s3, bucket = stack.cloud.client("s3"), stack.output("ArchiveBucketName")
    uploads = s3.list_multipart_uploads(Bucket=bucket)["Uploads"]
    return [
        part
        for upload in uploads
        for part in s3.list_parts(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])["Parts"]
    ]


def range_of(part: dict[str, Any], part_size: int) -> str:
    """Return the Range header that asks for a part."""
    first_byte = (part["PartNumber"] - 1) * part_size
    return f"bytes={first_byte}-{first_byte + part['Size'] - 1}"


def child_history(stack: Stack, execution_arn: str) -> str:
    """Return the history of the video's own execution."""
    sfn = stack.cloud.client("stepfunctions")
    (map_run,) = sfn.list_map_runs(executionArn=execution_arn)["mapRuns"]
    (child,) = sfn.list_executions(mapRunArn=map_run["mapRunArn"])["executions"]
    return str(sfn.get_execution_history(executionArn=child["executionArn"]))
