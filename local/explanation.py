"""Tell a person what came of a run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

from gopro_sync_cli.exit_codes import ExitCode
from gopro_sync_cli.terminal_output import VerbatimConsole
from local.cloud import Cloud
from local.running import Execution, failed_videos
from local.videos_left import videos_left

_MOST_NAMED: Final = 20


def explain(cloud: Cloud, execution: Execution, screen: VerbatimConsole) -> None:
    """Print the verdict, and name what failed in the run, or what it left, by what the tracker has of each video."""
    verdict = execution.verdict
    screen.print(verdict.headline, style=verdict.colour)
    for line in verdict.lines:
        screen.print_line(f"  {line}")
    if verdict.code is not ExitCode.DONE:
        for line in _read(_failed(cloud, execution)):
            screen.print_line(f"  {line}")
        screen.print_line(f"  {execution.arn}")
    elif not verdict.is_all:
        for line in _read(_left(cloud)):
            screen.print_line(f"  {line}")


def _read(lines: Iterable[str]) -> Iterator[str]:
    try:
        yield from lines
    except (BotoCoreError, ClientError) as error:
        yield f"Which videos these are could not be read from the table: {error}"


def _failed(cloud: Cloud, execution: Execution) -> Iterator[str]:
    for video in failed_videos(cloud, execution):
        yield f"{video.filename} ({video.media_id}): {video.error}: {video.message}"


def _left(cloud: Cloud) -> Iterator[str]:
    videos = iter(videos_left(cloud))
    for video in islice(videos, _MOST_NAMED):
        yield str(video)
    if more := sum(1 for _ in videos):
        yield f"and {more:,} more"
