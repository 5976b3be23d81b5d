"""Explain the outcome of a run to a person."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from itertools import islice
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

from gopro_sync_cli.exit_codes import ExitCode
from gopro_sync_cli.terminal_output import VerbatimConsole
from local.cloud import Cloud
from local.running import Execution, failed_videos
from local.videos_left import videos_left

_MOST_NAMED: Final = 20


def explain(cloud: Cloud, execution: Execution, screen: VerbatimConsole, *, was_resumed: bool = False) -> None:
    """Print the verdict, and name what failed or was left, according to the tracker's record of each video.

    Args:
        cloud: where.
        execution: the run, which has ended.
        screen: where to print.
        was_resumed: whether another run has resumed its backlog since, so that nothing of it is left any more.
    """
    verdict = execution.verdict
    screen.print(verdict.headline, style=verdict.colour)
    for line in verdict.lines:
        screen.print_line(f"  {line}")
    if verdict.is_about_videos:
        failed: set[str] = set()
        for line in _read(_failed(cloud, execution, failed)):
            screen.print_line(f"  {line}")
        if not was_resumed:
            for line in _read(_left(cloud, besides=failed)):
                screen.print_line(f"  {line}")
    if verdict.code is not ExitCode.DONE:
        screen.print_line(f"  {execution.arn}")


def _read(lines: Iterable[str]) -> Iterator[str]:
    try:
        yield from lines
    except (BotoCoreError, ClientError) as error:
        yield f"Which videos these are could not be read from the table: {error}"


def _failed(cloud: Cloud, execution: Execution, named: set[str]) -> Iterator[str]:
    for video in failed_videos(cloud, execution):
        named.add(video.media_id)
        due = f" Tried again from {video.due_at}." if video.due_at else ""
        yield f"{video.filename} ({video.media_id}): {video.error}: {video.message}{due}"


def _left(cloud: Cloud, *, besides: Container[str]) -> Iterator[str]:
    videos = (video for video in videos_left(cloud) if video.media_id not in besides)
    for video in islice(videos, _MOST_NAMED):
        yield str(video)
    if more := sum(1 for _ in videos):
        yield f"and {more:,} more"
