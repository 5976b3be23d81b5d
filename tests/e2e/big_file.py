"""One file of real size through the local cloud and back: ``make big-file GB=12``.

    python -m tests.e2e.big_file GB

It says before it begins how much disk and time it needs, and prints at the end what it took: time, disk, and the peak
memory of each process. The file itself needs no disk: the simulator computes it. The downloader's time limit is
lowered, so that a file of some gigabytes takes several invocations.

Exit codes: those of ``./gopro-sync local``; 3 if the bytes that were read back are not the source's. make itself ends
with 2 whenever it is not 0.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from gopro_sync_cli.command_end import ended_in_words
from gopro_sync_cli.exit_codes import ExitCode
from gopro_sync_cli.terminal_output import VerbatimConsole, error_console, output_console
from local import cloud as local_cloud
from local import running
from local.cloud import Cloud
from local.disk_space import free_bytes, in_gigabytes, require_space
from local.engine.stored_bytes import StoredFile
from local.errors import LocalCloudError
from local.explanation import explain
from local.interruption import interruptible
from local.progress_display import live_progress
from local.simulator import Library, SimulatedItem, SimulatorAdmin, SourceFile
from local.simulator.content import GeneratedContent
from local.state import StateDirectory, default_state_directory
from local.verification import read_object
from tests.support.peak_memory import PeakMemory
from tests.support.plain_deployment import PlainDeployment

_GIGABYTE = 1_000_000_000
_TIME_LIMIT_SECONDS = 60
_MOST_GIGABYTES = 5_000  # S3's largest object has 5 TB
# Beside the file: packages, logs, and what the disk should have left.
_SPACE_BESIDE_BYTES = 500_000_000
# Bringing the cloud up and down, on a machine that does nothing else.
_SECONDS_BESIDE = 40
_SAMPLE_BYTES = 128 * 1024 * 1024
# How much longer a byte takes from the simulator through function and engine, and back, than into a file.
_WAY_THERE_AND_BACK = 10.0
_SECONDS_BETWEEN_LINES = 5.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Archive a file, read it back, and print what it took; return the exit code.

    Raises:
        SystemExit: wrong use, or an interruption.
    """
    size_bytes = _size_bytes(arguments)
    screen, errors = output_console(), error_console()
    with interruptible(errors.print):
        try:
            is_equal = _archive_and_read_back(size_bytes, default_state_directory() / "big-file", screen)
        except LocalCloudError as error:
            errors.print(str(error))
            return error.exit_code
    return ExitCode.DONE if is_equal else ExitCode.FAILED


def _size_bytes(arguments: Sequence[str] | None) -> int:
    parser = argparse.ArgumentParser(prog="make big-file", description="Archive one large file on the local cloud.")
    parser.add_argument("gigabytes", metavar="GB", type=_gigabytes, help="size of the file; a number from 1")
    return int(parser.parse_args(arguments).gigabytes * _GIGABYTE)


def _gigabytes(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 1 <= number <= _MOST_GIGABYTES:  # also false for what is no number
        raise argparse.ArgumentTypeError(f"GB={text}: it must be a number from 1 to {_MOST_GIGABYTES}, such as GB=12")
    return number


def _archive_and_read_back(size_bytes: int, folder: Path, screen: VerbatimConsole) -> bool:
    """Say what it needs, do it, say what it took; return whether the bytes are the source's."""
    needed_bytes = size_bytes + _SPACE_BESIDE_BYTES
    local_cloud.reclaim(folder, report=screen.print)
    require_space(folder, needed_bytes)
    with TemporaryDirectory() as beside:
        seconds = _SECONDS_BESIDE + size_bytes / _bytes_per_second(Path(beside))
        screen.print(
            f"One file of {in_gigabytes(size_bytes)}: needs {in_gigabytes(needed_bytes)} of disk in {folder} "
            f"({in_gigabytes(free_bytes(folder))} are free) and about {_minutes(seconds)}; all of it is removed again."
        )
        library = Path(beside) / "library.json"
        source = SourceFile(size_bytes=size_bytes, seed="big")
        item = SimulatedItem(media_id="big", filename="GX010001.MP4", chapters=(source,))
        library.write_text(json.dumps(Library([item]).to_json()), encoding="utf-8")
        with local_cloud.running(
            owner="make big-file",
            state_directory=folder,
            library=str(library),
            deployer=PlainDeployment(Path(beside) / "packages"),
            report=screen.print,
        ) as cloud:
            return _measure(cloud, size_bytes, screen)


def _bytes_per_second(folder: Path) -> float:
    """Estimate how fast the file moves there and back, from what this machine writes into a file."""
    blocks = GeneratedContent(seed="sample", size_bytes=_SAMPLE_BYTES).blocks(0, _SAMPLE_BYTES)

    def readinto(block: memoryview) -> int:
        piece = next(blocks, memoryview(b""))[: len(block)]
        block[: len(piece)] = piece
        return len(piece)

    started = time.monotonic()
    size_bytes = StoredFile(folder, readinto).size_bytes
    return size_bytes / (time.monotonic() - started) / _WAY_THERE_AND_BACK


def _measure(cloud: Cloud, size_bytes: int, screen: VerbatimConsole) -> bool:
    state = StateDirectory(cloud.state_directory).read()
    assert state is not None
    with PeakMemory({process.name: process.pid for process in state.processes}) as memory:
        lambdas = cloud.client("lambda")
        lambdas.update_function_configuration(
            FunctionName=cloud.outputs["VideoDownloaderFunctionName"], Timeout=_TIME_LIMIT_SECONDS
        )
        with live_progress(screen) as follow:
            execution = running.run(cloud, {}, follow=follow)
        if not execution.every_video_archived:
            explain(cloud, execution, screen)
            return False
        s3, bucket = cloud.client("s3"), cloud.outputs["ArchiveBucketName"]
        (found,) = s3.list_objects_v2(Bucket=bucket, Prefix="gopro-videos/")["Contents"]
        began = time.monotonic()
        read = read_object(s3, bucket=bucket, key=found["Key"], on_bytes=_lines(size_bytes, screen))
        read_seconds = time.monotonic() - began
        assert cloud.simulator_url is not None
        is_equal = read.sha256 == SimulatorAdmin(cloud.simulator_url).source("big").sha256
        on_disk = _bytes_in(cloud.state_directory)
    screen.print(f"archived   {_rate(size_bytes, execution.duration_seconds)}, {_invocations(cloud, execution.arn)}")
    screen.print(f"read back  {_rate(read.size_bytes, read_seconds)}")
    screen.print(f"disk       {in_gigabytes(on_disk)} in {cloud.state_directory}, until it is removed")
    for name, peak in sorted(memory.peaks.items()):
        of_whom = "largest function" if name == "engine's children" else name
        before = f", {memory.before[name] / 1e6:,.0f} MB before the run" if name in memory.before else ""
        screen.print(f"memory     {peak / 1e6:,.0f} MB at most{before}: {of_whom}")
    screen.print(f"SHA-256    {read.sha256}: {'the same as the source' if is_equal else 'NOT that of the source'}")
    return is_equal


def _lines(size_bytes: int, screen: VerbatimConsole) -> Callable[[int], None]:
    """Return what prints how much was read back, now and then."""
    started = shown_at = time.monotonic()
    done = 0

    def show(count: int) -> None:
        nonlocal done, shown_at
        done += count
        now = time.monotonic()
        if now - shown_at >= _SECONDS_BETWEEN_LINES or done == size_bytes:
            shown_at = now
            part = f"{done / 1e6:,.1f} of {size_bytes / 1e6:,.1f} MB"
            screen.print(f"{now - started:5.0f} s  reading back: {part}")

    return show


def _invocations(cloud: Cloud, execution_arn: str) -> str:
    """Return in how many invocations of the downloader the file went."""
    sfn = cloud.client("stepfunctions")
    (map_run,) = sfn.list_map_runs(executionArn=execution_arn)["mapRuns"]
    (child,) = sfn.list_executions(mapRunArn=map_run["mapRunArn"])["executions"]
    pages = sfn.get_paginator("get_execution_history").paginate(executionArn=child["executionArn"])
    events: list[dict[str, Any]] = [event for page in pages for event in page["events"]]
    count = sum(event["type"] == "TaskSucceeded" for event in events)
    return f"{count} invocation{'s' * (count != 1)} of at most {_TIME_LIMIT_SECONDS} s"


def _bytes_in(folder: Path) -> int:
    return sum(file.stat().st_blocks * 512 for file in folder.rglob("*") if file.is_file() and not file.is_symlink())


def _rate(size_bytes: int, seconds: float) -> str:
    return f"{in_gigabytes(size_bytes)} in {seconds:,.0f} s, {size_bytes / seconds / 1e6:,.0f} MB/s"


def _minutes(seconds: float) -> str:
    minutes = math.ceil(seconds / 60)
    return f"{minutes} minute{'s' * (minutes != 1)}"


if __name__ == "__main__":
    with ended_in_words("make big-file"):
        sys.exit(main())
